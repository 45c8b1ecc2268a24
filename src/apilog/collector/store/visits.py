"""Visits to the days that a query is about, one after the other, under one deadline."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from apilog.collector.query import Query
from apilog.collector.store.day import DayGone, DayReader
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.schema import MICROSECONDS_A_DAY


class Visit(NamedTuple):
    """A day, and the part of it that is asked for: from *low* on and before *high*."""

    day: DayReader
    low: int
    high: int

    @property
    def whole(self) -> bool:
        """Return whether the whole day is asked for."""
        return self.high - self.low == MICROSECONDS_A_DAY


def visits(
    days: Days, query: Query, deadline: Deadline, *, newest_first: bool = True
) -> Generator[Visit]:
    """Yield each day that *query* is about; it is open until the next one is asked for.

    Days that are removed meanwhile are left out. To be closed if it is not read to its end.
    """
    for number in sorted(days.numbers(), reverse=newest_first):
        low, high = _part(number, query)
        if low >= high:
            continue
        try:
            with days.reading(number) as day, deadline.over(day.db):
                yield Visit(day, low, high)
        except DayGone:
            continue


@contextmanager
def together(days: Days, query: Query, deadline: Deadline) -> Iterator[list[Visit]]:
    """Open all days that *query* is about at once, for a block."""
    with ExitStack() as open_days:
        found = []
        for number in days.numbers():
            low, high = _part(number, query)
            if low >= high:
                continue
            try:
                day = open_days.enter_context(days.reading(number))
            except DayGone:
                continue
            open_days.enter_context(deadline.over(day.db))
            found.append(Visit(day, low, high))
        yield found


def _part(number: int, query: Query) -> tuple[int, int]:
    low, high = number * MICROSECONDS_A_DAY, (number + 1) * MICROSECONDS_A_DAY
    if query.since is not None:
        low = max(low, query.since)
    if query.until is not None:
        high = min(high, query.until)
    return low, high

"""The list of calls, the newest first, a page at a time.

A page is looked for in spans of time that grow, from the newest on. So a list that is found at once
costs nothing, and one that takes long ends its page where it got to: with fewer calls than asked
for, perhaps none, and a place where it goes on.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Final

from apilog.collector.query import Query
from apilog.collector.store.clauses import EVERYTHING, Clause, all_of, asked
from apilog.collector.store.conditions import holding, phrases, plain
from apilog.collector.store.day import DayReader
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.phrases import Phrase
from apilog.collector.store.protocol import Page, Row, StoreBusy
from apilog.collector.store.rows import Place, rows
from apilog.collector.store.search import AT_ONCE, Search, kept
from apilog.collector.store.streams import ALL_CALLS, Stream, streams
from apilog.collector.store.visits import Visit, visits

FIRST_SPAN: Final = 900_000_000
"""Microseconds, 15 minutes: what is looked through first."""

GROWTH: Final = 4

LONG_SPAN: Final = 14_400_000_000
"""Microseconds, 4 hours: the numbers of its calls are not worth finding out."""

ENOUGH: Final = 0.5
"""The part of the deadline after which a page ends where it got to."""


class Listing:
    """One page in the making."""

    def __init__(self, days: Days, query: Query, deadline: Deadline, place: Place | None) -> None:
        self._days = days
        self._conditions = plain(query)
        self._search = Search(phrases(query), deadline)
        self._query = query if place is None else _up_to(query, place)
        self._place = place
        self._deadline = deadline
        self._span = FIRST_SPAN

    def page(self, limit: int) -> Page:
        """Return at most *limit* calls.

        Raises:
            StoreBusy: not even the first span could be looked through in time.
        """
        found: list[Row] = []
        reached: Place | None = None
        with closing(self._spans()) as spans:
            try:
                for span in spans:
                    found += span.rows(limit + 1 - len(found))
                    if len(found) > limit:
                        return Page(found[:limit], found[limit - 1].place)
                    reached = span.reached
                    if self._deadline.spent() > ENOUGH:
                        break
                else:
                    reached = None
            except (StoreBusy, sqlite3.OperationalError):
                if reached is None or not self._deadline.passed():
                    raise
        return Page(found, None if reached is None else reached.written())

    def _spans(self) -> Generator[Span]:
        with closing(visits(self._days, self._query, self._deadline)) as visited:
            for visit in visited:
                yield from self._spans_of(visit)

    def _spans_of(self, visit: Visit) -> Iterator[Span]:
        day, low, high = visit
        if self._search.is_rare(day):
            candidates = Stream(self._search.candidates(leading=True))
            yield self._span_of(day, low, high, [candidates])
            return
        (newest,) = day.db.execute("SELECT max(time) FROM call").fetchone()
        found = streams(day, self._conditions)
        high = low if newest is None else min(high, newest + 1)
        while high > low:
            begin = max(low, high - self._span)
            yield self._span_of(day, begin, high, found)
            self._span *= GROWTH
            high = begin

    def _span_of(self, day: DayReader, low: int, high: int, found: Sequence[Stream]) -> Span:
        clause, left = EVERYTHING, self._search.phrases
        if left and ALL_CALLS in found:
            within = _numbers(day, low, high) if high - low <= LONG_SPAN else None
            clause, left = self._search.decide(day, within)
        # Else the texts of the few calls that are led to are sooner looked at than the index.
        rest = all_of([self._rest, clause])
        return Span(day, low, high, found, rest, left, self._deadline)

    @property
    def _rest(self) -> Clause:
        clause = holding(self._conditions)
        if self._place is None:
            return clause
        time, seq = self._place
        before = Clause("(+time < ? OR +seq < ?)", (time, seq))
        return all_of([before, clause])


class Span:
    """A span of time of one day, from *low* on and before *high*, to be looked through.

    *streams* lead to its calls, *rest* is what else has to hold, *left* what only texts can tell.
    """

    def __init__(
        self,
        day: DayReader,
        low: int,
        high: int,
        streams: Sequence[Stream],
        rest: Clause,
        left: Sequence[Phrase],
        deadline: Deadline,
    ) -> None:
        self.reached = Place(low, 0)
        """Where the search ended: at its beginning, unless there was no time for more."""
        self._day = day
        self._low = low
        self._high = high
        self._streams = streams
        self._rest = rest
        self._left = left
        self._deadline = deadline

    def rows(self, limit: int) -> Iterator[Row]:
        """Yield the newest calls, at most *limit*."""
        return rows(self._day, list(islice(self._numbers(limit), limit)))

    def _numbers(self, limit: int) -> Iterator[int]:
        merged = heapq.merge(*(self._found(each, limit) for each in self._streams), reverse=True)
        if not self._left:
            yield from (seq for _, seq in merged)
        while some := list(islice(merged, AT_ONCE)):
            good = kept(self._day, [seq for _, seq in some], self._left)
            yield from (seq for _, seq in some if seq in good)
            if self._deadline.spent() > ENOUGH:
                self.reached = Place(*some[-1])
                return

    def _found(self, stream: Stream, limit: int) -> Iterator[tuple[int, int]]:
        clause = all_of([stream.within(self._low, self._high), self._rest])
        # Those whose texts are looked at are read one by one, for nobody knows how many it takes.
        most = -1 if self._left else limit
        newest_first = "ORDER BY time DESC, seq DESC LIMIT ?"
        return asked(self._day.db, "SELECT time, seq FROM call", clause, newest_first, most)


def _up_to(query: Query, place: Place) -> Query:
    """Leave out what has a later time than the place; of the same time, some may come still.

    None does at the place where a span ended, which has the number 0.
    """
    until = place.time + (place.seq > 0)
    return replace(query, until=until if query.until is None else min(query.until, until))


def _numbers(day: DayReader, low: int, high: int) -> range:
    query = "SELECT min(seq), max(seq) FROM call WHERE time >= ? AND time < ?"
    first, last = day.db.execute(query, (low, high)).fetchone()
    return range(first or 0, (last or 0) + 1)

"""The reading side of a store in SQLite: each answer under one deadline, over all days it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from apilog.collector.query import Query
from apilog.collector.store import arrivals, charts, endpoints, facets
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.lists import Listing
from apilog.collector.store.lookup import lookup
from apilog.collector.store.protocol import Endpoint, News, Page, Point, Subject, Value, Whole
from apilog.collector.store.rows import Place

SECONDS: Final = 2.0
"""What an answer may take; who asks is a person, looking at a page."""


class Reading:
    """Answers of the files of *days*, each within so many *seconds* of the *stopwatch*.

    Usable from any thread.

    All methods raise StoreUnavailable where a file cannot be read, and ValueError for a limit, a
    step, a field, a place or a position that cannot be.
    """

    def __init__(
        self,
        days: Days,
        *,
        seconds: float = SECONDS,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._days = days
        self._seconds = seconds
        self._stopwatch = stopwatch

    @contextmanager
    def _answering(self) -> Iterator[Deadline]:
        deadline = Deadline(self._seconds, clock=self._stopwatch)
        with deadline.answering():
            yield deadline

    def page(self, query: Query, *, limit: int, place: str | None = None) -> Page:
        """Return calls, the newest first, from *place* on.

        Where they are too few among too many to be found at once, there are less than *limit* of
        them, perhaps none, and ``next`` is where it goes on.

        Raises:
            StoreBusy: not even a part of them was found in time.
        """
        wanted = None if place is None else Place.read(place)
        _check(limit)
        with self._answering() as deadline:
            return Listing(self._days, query, deadline, wanted).page(limit)

    def position(self) -> str:
        """Return the position after everything that has arrived."""
        with self._answering():
            return arrivals.position_written(arrivals.latest(self._days))

    def news(self, position: str, query: Query, *, limit: int) -> News:
        """Return what arrived after *position*, also through another process, oldest first.

        At most 20,000 arrivals are looked at, or 1,000 where their bodies are searched; then there
        is *more*, even if none of them was wanted.
        """
        since = arrivals.position_read(position)
        _check(limit)
        with self._answering() as deadline:
            return arrivals.Arrivals(self._days, query, deadline).news(since, limit)

    def get(self, key: str) -> Whole | None:
        """Return one call by its id."""
        with self._answering():
            return lookup(self._days, key)

    def series(self, query: Query, *, step: int) -> list[Point]:
        """Return a chart in steps of so many microseconds; empty steps are left out.

        Steps begin at multiples of *step* since 1970. Raises StoreBusy if it takes too long.
        """
        with self._answering() as deadline:
            return charts.series(self._days, query, deadline, step)

    def endpoints(self, query: Query, *, limit: int) -> list[Endpoint]:
        """Return what each method and route did, the busiest first.

        Raises StoreBusy if it takes too long.
        """
        _check(limit)
        with self._answering() as deadline:
            return endpoints.endpoints(self._days, query, deadline, limit)

    def values(self, field: str, query: Query, *, beginning: str, limit: int) -> list[Value]:
        """Return the values of a field that begin so, the most frequent first.

        Raises StoreBusy if it takes too long.
        """
        _check(limit)
        with self._answering() as deadline:
            return facets.values(self._days, query, deadline, field, beginning, limit)

    def subjects(self, field: str, query: Query, *, limit: int) -> list[Subject]:
        """Return the ``user``, ``company`` or ``session`` that called most.

        Raises StoreBusy if it takes too long.
        """
        _check(limit)
        with self._answering() as deadline:
            return facets.subjects(self._days, query, deadline, field, limit)


def _check(limit: int) -> None:
    if limit < 1:
        raise ValueError(f"a limit is at least 1, not {limit}")

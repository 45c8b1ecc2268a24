"""A batch of calls: into the files of all its days, or into none."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from apilog.collector.call import Call
from apilog.collector.store import removal
from apilog.collector.store.days import DayGone, Days
from apilog.collector.store.protocol import Prepared
from apilog.collector.store.schema import day_of, made_on, packed
from apilog.collector.store.writing import known, write

AHEAD: Final = 3_600_000_000
"""Microseconds by which the clock of a sender may be fast without its calls being stored twice."""

MOST_DAYS: Final = 16
"""Days that are committed together; each takes some file descriptors."""


class Batch:
    """Calls that arrived together, at the time *received*, microseconds since 1970.

    SQLite commits one file after the other. Where a later one fails, what the earlier ones took is
    taken back; where the process is killed in between, nobody was told that all is stored, and what
    comes again is known.
    """

    def __init__(self, days: Days, received: int) -> None:
        self._days = days
        self._received = received
        self._stored: dict[int, list[int]] = {}

    def add(self, calls: Sequence[Prepared]) -> int:
        """Store all or none; return how many were new."""
        parts = iter(sorted(self._new(calls).items()))
        try:
            while group := dict(islice(parts, MOST_DAYS)):
                self._commit(group)
                self._days.rest()
        except BaseException:
            self._take_back()
            raise
        return sum(map(len, self._stored.values()))

    def _new(self, calls: Sequence[Prepared]) -> dict[int, list[Prepared]]:
        """Return calls by their day, without those of which a day beside it knows."""
        unique: dict[str, Prepared] = {}
        for each in calls:
            unique.setdefault(each.call.id, each)
        parts: dict[int, list[Prepared]] = {}
        for each in unique.values():
            parts.setdefault(day_of(each.call.time), []).append(each)
        present = set(self._days.numbers())
        for number, part in parts.items():
            for beside in present & {number - 1, number + 1}:
                if found := self._known(beside, _doubtful(number, part)):
                    part[:] = [each for each in part if packed(each.call.id) not in found]
        return {number: part for number, part in parts.items() if part}

    def _known(self, number: int, calls: Sequence[Call]) -> set[bytes]:
        if not calls:
            return set()
        try:
            with self._days.reading(number) as day:
                return known(day, calls)
        except DayGone:
            return set()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # The file is damaged. It knows nothing, and must not keep other days from being stored.
            return set()

    def _commit(self, group: Mapping[int, Sequence[Prepared]]) -> None:
        open_days: list[int] = []
        new: dict[int, list[int]] = {}
        try:
            for number, calls in group.items():
                day = self._days.writer(number)
                open_days.append(number)
                day.db.execute("BEGIN IMMEDIATE")
                new[number] = write(day, calls, received=self._received)
            while open_days:
                self._days.writer(open_days[-1]).db.execute("COMMIT")
                number = open_days.pop()
                self._stored[number] = new[number]
        except BaseException:
            # Closed, so that nothing remembers what is not there.
            for number in open_days:
                self._days.abandon(number)
            raise

    def _take_back(self) -> None:
        for number, stored in self._stored.items():
            # Where that fails as well they stay, and are known when they come again.
            with suppress(sqlite3.Error, OSError):
                removal.take_back(self._days.writer(number), stored)
            self._days.abandon(number)


def _doubtful(number: int, calls: Sequence[Prepared]) -> list[Call]:
    """Return those calls of a day which a day beside it may know.

    A protocol without times has a call that is sent again after midnight begin anew. An id that was
    made on the day that the call is said to have begun on is of none such, unless it was made so
    soon after midnight that a fast clock may have made it before.
    """
    found = (each.call for each in calls)
    return [call for call in found if made_on(packed(call.id), ahead=AHEAD) != number]

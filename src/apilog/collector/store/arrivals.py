"""What arrived after a position: the same for every process that reads the files.

A position says for each day the number of the last call that had arrived. Numbers of a day are
never given twice, so a position stays true across restarts, and while days come and go.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Final, NamedTuple

from apilog.collector.query import Query
from apilog.collector.store.clauses import Clause, all_of, asked
from apilog.collector.store.conditions import LARGEST, holding, phrases, plain
from apilog.collector.store.day import DayGone, DayReader
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.protocol import News, Row
from apilog.collector.store.rows import SELECT, row
from apilog.collector.store.search import AT_ONCE, Search, kept

MOST_EXAMINED: Final = 20_000
"""Numbers of calls that are looked at for one answer, a day: the next one goes on after them."""

MOST_READ: Final = 1_000
"""The same where texts have to be looked at."""

MOST_DAYS: Final = 10_000

_POSITION: Final = re.compile(r"(?:-?[0-9]{1,9}:[0-9]{1,18}(?:,-?[0-9]{1,9}:[0-9]{1,18})*)?")


def position_read(text: str) -> dict[int, int]:
    """Return for each day the last number.

    Raises:
        ValueError: it is no position.
    """
    if len(text) > 32 * MOST_DAYS or not _POSITION.fullmatch(text):
        raise ValueError("This is no position in the arrival of calls: begin without one")
    pairs = (pair.split(":") for pair in text.split(",") if pair)
    return {int(day): int(last) for day, last in pairs}


def position_written(position: Mapping[int, int]) -> str:
    """Return it as a text of digits, colons and commas."""
    return ",".join(f"{day}:{last}" for day, last in sorted(position.items()))


def latest(days: Days) -> dict[int, int]:
    """Return the position after everything that has arrived."""
    found = {}
    for number in days.numbers():
        try:
            with days.reading(number) as day:
                found[number] = _last(day)
        except DayGone:
            continue
    return found


class _Arrival(NamedTuple):
    """When and where a call arrived; the time never goes back within a day, as clocks may do."""

    received: int
    day: int
    seq: int


class _Part(NamedTuple):
    """What is new in a day: its *rows*, and the last arrival looked at, whether wanted or not.

    *more* says that there are later ones.
    """

    rows: list[tuple[_Arrival, Row]]
    end: _Arrival
    more: bool


class Arrivals:
    """One look at what is new."""

    def __init__(self, days: Days, query: Query, deadline: Deadline) -> None:
        self._days = days
        self._query = query
        self._conditions = holding(plain(query))
        self._search = Search(phrases(query), deadline)
        self._deadline = deadline

    def news(self, position: Mapping[int, int], limit: int) -> News:
        """Return at most *limit* calls, in the order of arrival."""
        parts = []
        for number in self._days.numbers():
            try:
                with self._days.reading(number) as day, self._deadline.over(day.db):
                    parts.append(self._part(day, position.get(number, 0), limit))
            except DayGone:
                continue
        return _merged(parts, limit)

    def _part(self, day: DayReader, since: int, limit: int) -> _Part:
        last = _last(day)
        examined = MOST_READ if self._search.phrases else MOST_EXAMINED
        (end,) = day.db.execute(
            "SELECT max(seq) FROM (SELECT seq FROM call WHERE seq > ? ORDER BY seq LIMIT ?)",
            (since, examined),
        ).fetchone()
        if end is None:
            return _Part([], _Arrival(0, day.number, max(since, last)), more=False)
        rows: list[tuple[_Arrival, Row]] = []
        received = 0
        for seq, found in self._found(day, since, end):
            if len(rows) == limit:
                return _Part(rows, rows[-1][0], more=True)
            received = max(received, found.received)
            rows.append((_Arrival(received, day.number, seq), found))
        query = "SELECT received FROM call WHERE seq = ?"
        received = max(received, *day.db.execute(query, (end,)).fetchone())
        return _Part(rows, _Arrival(received, day.number, end), more=end < last)

    def _found(self, day: DayReader, since: int, end: int) -> Iterator[tuple[int, Row]]:
        new = range(since + 1, end + 1)
        clause, left = self._search.decide(day, new)
        numbered = Clause("(seq BETWEEN ? AND ?)", (new.start, new.stop - 1))
        clause = all_of([numbered, _span(self._query), self._conditions, clause])
        found = asked(day.db, SELECT, clause, "ORDER BY seq")
        while some := [(values[0], row(values)) for values in islice(found, AT_ONCE)]:
            good = kept(day, [seq for seq, _ in some], left) if left else None
            yield from (each for each in some if good is None or each[0] in good)


def _merged(parts: Sequence[_Part], limit: int) -> News:
    # What arrived after the end of a part that goes on has to wait for the rest of it.
    horizon = min((part.end for part in parts if part.more), default=None)
    merged = list(heapq.merge(*(part.rows for part in parts), key=itemgetter(0)))
    taken = merged[:limit]
    if horizon is not None:
        taken = [each for each in taken if each[0] <= horizon]
    left = merged[len(taken) :]
    after = {part.end.day: part.end.seq for part in parts}
    for arrival, _ in reversed(left):
        # The first that is left of a day comes here last.
        after[arrival.day] = arrival.seq - 1
    more = bool(left) or horizon is not None
    return News([found for _, found in taken], position_written(after), more)


def _last(day: DayReader) -> int:
    (last,) = day.db.execute("SELECT max(seq) FROM call").fetchone()
    return last or 0


def _span(query: Query) -> Clause:
    clauses = []
    if query.since is not None:
        clauses.append(Clause("(+time >= ?)", (_clamped(query.since),)))
    if query.until is not None:
        clauses.append(Clause("(+time < ?)", (_clamped(query.until),)))
    return all_of(clauses)


def _clamped(time: int) -> int:
    return max(-LARGEST, min(time, LARGEST))

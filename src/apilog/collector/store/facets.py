"""The values of a field and the subjects of calls, with how often they come."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, groupby
from operator import itemgetter
from typing import Final, TypeAlias

from apilog.collector.query import NUMBERS, TEXTS, Query
from apilog.collector.store.clauses import EVERYTHING, Clause, all_of, any_of, asked
from apilog.collector.store.conditions import IDENTIFIER, ROLLED, holding, phrases, plain, sound
from apilog.collector.store.counting import parts
from apilog.collector.store.day import DIM_COLUMNS
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.endpoints import Texts
from apilog.collector.store.protocol import Subject, Value
from apilog.collector.store.schema import BLOCK
from apilog.collector.store.search import Search
from apilog.collector.store.spans import ROLLS
from apilog.collector.store.streams import BLOCKED, Stream, blocks_of, by_text
from apilog.collector.store.visits import Visit, together

SUBJECTS: Final = frozenset({"user", "company", "session"})

Wanted: TypeAlias = Sequence[tuple[Visit, Clause]]
"""Days, each with what has to hold there."""

_COUNTS: Final = "SELECT {}, count(*) FROM call"
_COUNTS_OF_BLOCKS: Final = "SELECT value, sum(n) FROM (SELECT {} AS value, count(*) AS n FROM call"
_DOINGS: Final = (
    "SELECT count(*) FILTER (WHERE status >= 400 OR error <> 0), min(time), max(time) FROM call"
)

AT_ONCE: Final = 1_000
"""Values between two looks at the clock."""


def values(
    days: Days, query: Query, deadline: Deadline, field: str, beginning: str, limit: int
) -> list[Value]:
    """Return the values of a field that begin so, the most frequent first.

    Numbers are returned as their digits; calls without a value are not counted.

    Raises:
        ValueError: there is no such field.
        StoreBusy: it takes too long.
    """
    if field not in TEXTS | NUMBERS:
        raise ValueError(f"there is no field {field!r}: {', '.join(sorted(TEXTS | NUMBERS))}")
    if not sound(beginning):
        return []
    if field == "method":
        beginning = beginning.upper()
    if field in DIM_COLUMNS or field in NUMBERS:
        counted: Iterable[tuple[str, int]] = _few(days, query, deadline, field).items()
        counted = ((value, n) for value, n in counted if value.startswith(beginning))
        return _most(counted, limit)
    with together(days, query, deadline) as visited:
        search = Search(phrases(query), deadline)
        wanted = [(each, _wanted(each, query, field, search)) for each in visited]
        streams = [_grouped(visit, clause, field, beginning) for visit, clause in wanted]
        return _most(_summed(streams, deadline), limit)


def _few(days: Days, query: Query, deadline: Deadline, field: str) -> Counter[str]:
    """Count the values of which there are few, as roll-ups have them, or else by the rows."""
    found: Counter[str] = Counter()
    with closing(parts(days, query, deadline, ROLLS if field in ROLLED else ())) as counted:
        for part in counted:
            texts = Texts(part.day)
            for value, n in part.counts(field):
                if field in DIM_COLUMNS and value:
                    found[texts[value]] += n
                elif field in NUMBERS and value is not None and value >= 0:
                    found[str(value)] += n
    return found


def _grouped(visit: Visit, clause: Clause, field: str, beginning: str) -> Iterator[tuple[str, int]]:
    """Yield the values of a day in their order, and how many calls have them."""
    if field in BLOCKED:
        # Block by block they stand in the index as they are counted; few are left to be sorted.
        select = _COUNTS_OF_BLOCKS.format(field)
        clause = all_of([_present(field, beginning), clause])
        then = f"GROUP BY {BLOCK}, {field}) GROUP BY 1 ORDER BY 1"
        return asked(visit.day.db, select, clause, then)
    column = IDENTIFIER if field == "id" else field
    select, clause = _COUNTS.format(column), all_of([_present(column, beginning), clause])
    return asked(visit.day.db, select, clause, "GROUP BY 1 ORDER BY 1")


def _summed(
    streams: Sequence[Iterator[tuple[str, int]]], deadline: Deadline
) -> Iterator[tuple[str, int]]:
    """Add up what several days have of a value."""
    merged = heapq.merge(*streams, key=itemgetter(0)) if len(streams) > 1 else chain(*streams)
    for counted, (value, some) in enumerate(groupby(merged, key=itemgetter(0))):
        if counted % AT_ONCE == 0:
            deadline.check()
        yield value, sum(n for _, n in some)


def _present(column: str, beginning: str) -> Clause:
    present = Clause(f"{column} IS NOT NULL")
    if not beginning:
        return present
    first = Clause(f"{column} >= ?", (beginning,))
    begins = Clause(f"substr({column}, 1, ?) = ?", (len(beginning), beginning))
    after = _after(beginning)
    last = [] if after is None else [Clause(f"{column} < ?", (after,))]
    return all_of([present, first, *last, begins])


def _after(beginning: str) -> str | None:
    """Return the first text after all that begin so, or None where there is none."""
    kept = beginning.rstrip("\U0010ffff")
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)


def _wanted(visit: Visit, query: Query, field: str, search: Search) -> Clause:
    clause = all_of([_leading(visit, query, field), holding(plain(query))])
    return all_of([clause, search.clause(visit.day, clause)])


def _leading(visit: Visit, query: Query, field: str) -> Clause:
    """Return the clause for the calls of the visit, as they are found soonest."""
    _, low, high = visit
    if led := by_text(plain(query)):
        return any_of([stream.within(low, high) for stream in led])
    if field in BLOCKED:
        # With a plus, the index of the field is read, which has the time in it too.
        return all_of([blocks_of(low, high), Clause("(+time >= ? AND +time < ?)", (low, high))])
    return EVERYTHING if visit.whole else Clause("(time >= ? AND time < ?)", (low, high))


def subjects(days: Days, query: Query, deadline: Deadline, field: str, limit: int) -> list[Subject]:
    """Return the ``user``, ``company`` or ``session`` that called most.

    Raises:
        ValueError: *field* is none of these.
        StoreBusy: it takes too long.
    """
    if field not in SUBJECTS:
        raise ValueError(f"a subject is a user, a company or a session, not {field!r}")
    with together(days, query, deadline) as visited:
        search = Search(phrases(query), deadline)
        wanted = [(each, _wanted(each, query, field, search)) for each in visited]
        streams = [_grouped(visit, clause, field, "") for visit, clause in wanted]
        # Counted first, for errors and times are told sooner of a few than of all.
        return [
            _subject(field, each.value, each.count, wanted)
            for each in _most(_summed(streams, deadline), limit)
        ]


def _subject(field: str, name: str, count: int, wanted: Wanted) -> Subject:
    found = []
    for visit, clause in wanted:
        own = Stream(Clause(f"{field} = ?", (name,)), blocked=True).within(visit.low, visit.high)
        found.append(asked(visit.day.db, _DOINGS, all_of([own, clause])).fetchone())
    errors, firsts, lasts = zip(*(each for each in found if each[1] is not None), strict=True)
    return Subject(name, count, sum(errors), min(firsts), max(lasts))


def _most(counted: Iterable[tuple[str, int]], limit: int) -> list[Value]:
    most = heapq.nsmallest(limit, counted, key=lambda each: (-each[1], each[0]))
    return [Value(value, n) for value, n in most]

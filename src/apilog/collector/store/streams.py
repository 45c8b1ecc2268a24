"""The streams in which the calls of a query leave a day's file.

Each stream follows one index that has the time after what leads to it; together the streams of a
query hold all its calls, each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apilog.collector.query import Between, Condition, Either, Exact
from apilog.collector.store.clauses import EVERYTHING, Clause, all_of, asked
from apilog.collector.store.conditions import sound
from apilog.collector.store.day import DayReader
from apilog.collector.store.schema import BLOCK, packed

BLOCKED: Final = ("trace", "session", "user", "company")
"""The fields whose indexes begin with the block of a call; the one of which few have the same value
comes first."""

MOST_STREAMS: Final = 16
"""Streams that are merged; with more, one in the order of time is followed instead."""

FEW_FAILURES: Final = 2_000
"""Failed calls of a day, up to which they lead to the ones wanted better than a route does."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Calls that *leading* leads to, by an index that is *blocked* or not."""

    leading: Clause = EVERYTHING
    blocked: bool = False

    def within(self, low: int, high: int) -> Clause:
        """Return the clause for its calls from *low* on and before *high*."""
        if not self.blocked:
            return all_of([self.leading, Clause("(time >= ? AND time < ?)", (low, high))])
        # With a plus, for the index of the time would be preferred.
        span = Clause("(+time >= ? AND +time < ?)", (low, high))
        return all_of([blocks_of(low, high), self.leading, span])


ALL_CALLS: Final = Stream()
"""In the order of time."""


def blocks_of(low: int, high: int) -> Clause:
    """Return the clause for the blocks that may hold calls from *low* on and before *high*."""
    # With a plus it is no column, and so is compared as the expression in the index is.
    found = "SELECT +number FROM block WHERE most >= ? AND least < ?"
    return Clause(f"({BLOCK} IN ({found}))", (low, high))


def streams(day: DayReader, conditions: Sequence[Condition | Either]) -> list[Stream]:
    """Return what leads to the calls for which all *conditions* hold; they have to be told still.

    Where nothing does, it is the stream of all calls.
    """
    return by_text(conditions) or [Stream(each) for each in _by_number(day, conditions)]


def _by_number(day: DayReader, conditions: Sequence[Condition | Either]) -> list[Clause]:
    chosen = _chosen(conditions)
    failed = _failed(day, chosen.get("status"))
    routes = _texts(chosen.get("route"))
    if failed and (not routes or _are_few(day, failed)):
        return failed
    return _by_route(routes) or failed or [EVERYTHING]


def by_text(conditions: Sequence[Condition | Either]) -> list[Stream]:
    """Return the streams that a text with an index leads to: a small part of all, or none."""
    chosen = _chosen(conditions)
    for field in ("id", *BLOCKED):
        texts = _texts(chosen.get(field))
        if texts:
            return _by_text(field, texts)
    return []


def _chosen(conditions: Sequence[Condition | Either]) -> dict[str, Condition]:
    return {
        condition.field: condition
        for condition in conditions
        if isinstance(condition, Condition) and not condition.negated
    }


def _texts(condition: Condition | None) -> list[str]:
    """Return the few texts that the condition asks for, if it asks for nothing else."""
    if condition is None:
        return []
    texts = {each.text for each in condition.alternatives if isinstance(each, Exact)}
    only = all(isinstance(each, Exact) for each in condition.alternatives)
    return sorted(texts) if only and len(texts) <= MOST_STREAMS and all(map(_stored, texts)) else []


def _stored(text: str) -> bool:
    return bool(text) and sound(text)


def _by_text(field: str, texts: Sequence[str]) -> list[Stream]:
    if field == "id":
        marks = ", ".join("?" * len(texts))
        return [Stream(Clause(f"id IN ({marks})", tuple(map(packed, texts))))]
    return [Stream(Clause(f"{field} = ?", (text,)), blocked=True) for text in texts]


def _by_route(routes: Sequence[str]) -> list[Clause]:
    dim = "SELECT id FROM dim WHERE kind = 'route' AND text = ?"
    return [Clause(f"route = ({dim})", (route,)) for route in routes]


def _failed(day: DayReader, condition: Condition | None) -> list[Clause]:
    """Return a stream for each status of the day that may be wanted, if all those are failures."""
    if condition is None:
        return []
    found: set[int] = set()
    for wanted in condition.alternatives:
        if not isinstance(wanted, Between) or wanted.low is None or not 400 <= wanted.low < 2**31:
            return []
        high = 2**31 if wanted.high is None else min(wanted.high, 2**31)
        found.update(_statuses(day, wanted.low, high, MOST_STREAMS + 1))
    if len(found) > MOST_STREAMS:
        return []
    # "status >= 400" as it stands there makes SQLite see that its index of failures will do.
    return [Clause("(status >= 400 AND status = ?)", (status,)) for status in sorted(found)] or [
        Clause("(status >= 400 AND status = ?)", (-1,))
    ]


def _statuses(day: DayReader, low: int, high: int, most: int) -> list[int]:
    """Return the first statuses that the day has, by leaps through the index."""
    # In this order, for SQLite begins at the first bound that it reads.
    query = "SELECT min(status) FROM call WHERE status >= ? AND status <= ? AND status >= 400"
    found: list[int] = []
    while len(found) < most:
        (status,) = day.db.execute(query, (low, high)).fetchone()
        if status is None:
            break
        found.append(status)
        low = status + 1
    return found


def _are_few(day: DayReader, failed: Sequence[Clause]) -> bool:
    count = 0
    for clause in failed:
        found = asked(day.db, "SELECT 1 FROM call", clause, "LIMIT ?", FEW_FAILURES + 1)
        count += len(found.fetchall())
    return count <= FEW_FAILURES

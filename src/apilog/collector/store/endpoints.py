"""The endpoints: what each method and route did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from apilog.collector.query import Query
from apilog.collector.store.clauses import Clause, all_of, asked
from apilog.collector.store.conditions import CALL, holding, plain
from apilog.collector.store.counting import Part, Tally, parts
from apilog.collector.store.day import DayGone, DayReader
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.protocol import Endpoint
from apilog.collector.store.quantiles import quantiles
from apilog.collector.store.schema import day_of
from apilog.collector.store.spans import ROLLS

LAST: Final = (
    "(route = coalesce((SELECT id FROM dim WHERE kind = 'route' AND text = ?), 0)"
    " AND +method = coalesce((SELECT id FROM dim WHERE kind = 'method' AND text = ?), 0)"
    " AND time >= ? AND time < ?)"
)


@dataclass(slots=True)
class _Doings:
    """What an endpoint did, and the span of time in which it was last called."""

    tally: Tally = field(default_factory=Tally)
    last: tuple[int, int] = (-(2**63), -(2**63))

    @property
    def is_exact(self) -> bool:
        """Return whether the span has just one microsecond."""
        return self.last[1] - self.last[0] == 1


def endpoints(days: Days, query: Query, deadline: Deadline, limit: int) -> list[Endpoint]:
    """Return what each method and route did, the busiest first.

    Raises:
        StoreBusy: it takes too long.
    """
    doings: dict[tuple[str, str], _Doings] = defaultdict(_Doings)
    with closing(parts(days, query, deadline, ROLLS)) as found:
        for part in found:
            _count(part, doings)
    ranked = sorted(doings.items(), key=lambda each: (-each[1].tally.count, each[0]))[:limit]
    _find_last(days, query, deadline, ranked)
    return [
        Endpoint(
            *key,
            done.tally.count,
            done.tally.clients,
            done.tally.servers,
            *quantiles(done.tally.histogram),
            done.last[0],
        )
        for key, done in ranked
    ]


def _count(part: Part, doings: dict[tuple[str, str], _Doings]) -> None:
    texts = Texts(part.day)
    for method, route, *counted, newest in part.tallies("method", "route", newest=True):
        done = doings[texts[method], texts[route]]
        done.tally.add(*counted)
        done.last = max(done.last, (newest, newest + part.span.size))


def _find_last(
    days: Days,
    query: Query,
    deadline: Deadline,
    ranked: Iterable[tuple[tuple[str, str], _Doings]],
) -> None:
    """Find out when exactly those were last called of which only a step is known."""
    by_day: dict[int, list[tuple[tuple[str, str], _Doings]]] = defaultdict(list)
    for key, done in ranked:
        if not done.is_exact:
            by_day[day_of(done.last[0])].append((key, done))
    conditions = holding(plain(query), CALL)
    for number, some in by_day.items():
        try:
            with days.reading(number) as day, deadline.over(day.db):
                for (method, route), done in some:
                    clause = Clause(LAST, (route, method, *done.last))
                    time = _newest(day, all_of([clause, conditions]))
                    if time is not None:
                        done.last = (time, time + 1)
        except DayGone:
            continue


def _newest(day: DayReader, clause: Clause) -> int | None:
    found = asked(day.db, "SELECT time FROM call", clause, "ORDER BY time DESC LIMIT 1").fetchone()
    return None if found is None else found[0]


class Texts(dict[int, str]):
    """The texts of a day's ``dim``, each looked up once."""

    def __init__(self, day: DayReader) -> None:
        super().__init__()
        self._db = day.db

    def __missing__(self, number: int) -> str:
        query = "SELECT text FROM dim WHERE id = ?"
        text: str = self._db.execute(query, (number,)).fetchone()[0]
        self[number] = text
        return text

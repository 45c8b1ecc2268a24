"""What is counted of calls: in each part of each day, by groups and by how long they took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from apilog.collector.query import Query
from apilog.collector.store.clauses import Clause, all_of, asked
from apilog.collector.store.conditions import CALL, ROLLED, holding, phrases, plain, rollable
from apilog.collector.store.day import DayReader
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.search import Search
from apilog.collector.store.spans import Span, equipped, spans
from apilog.collector.store.streams import by_text
from apilog.collector.store.visits import visits


@dataclass(slots=True)
class Tally:
    """What was counted of one group."""

    count: int = 0
    clients: int = 0
    servers: int = 0
    histogram: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, bucket: int, count: int, clients: int | None, servers: int | None) -> None:
        """Add what was counted of one bucket."""
        self.count += count
        self.clients += clients or 0
        self.servers += servers or 0
        self.histogram[bucket] += count


class Part(NamedTuple):
    """A part of a day that one table counts, and what has to hold there."""

    day: DayReader
    span: Span
    clause: Clause

    def tallies(
        self, *groups: str, by: str = "", newest: bool = False
    ) -> Iterator[tuple[Any, ...]]:
        """Return, by *groups* (SQL) and buckets, the groups and what `Tally.add` takes.

        Then comes, if it is wanted, the time of the newest call, or of the step it is in. *by* is
        a column that tells the groups apart as well, and by which the table is sorted.
        """
        span = self.span
        counted = (span.bucket, span.count, span.clients, span.servers)
        last = (f"max({span.time})",) if newest else ()
        columns = ", ".join((*groups, *counted, *last))
        order = (by, "bucket") if by else map(str, range(1, len(groups) + 2))
        select = " ".join(("SELECT", columns, "FROM", span.table))
        return asked(self.day.db, select, self.clause, f"GROUP BY {', '.join(order)}")

    def counts(self, group: str) -> Iterator[tuple[Any, int]]:
        """Yield each value of *group* (SQL) and how many calls have it."""
        select = " ".join(("SELECT", group, ",", self.span.count, "FROM", self.span.table))
        return asked(self.day.db, select, self.clause, "GROUP BY 1")


def parts(
    days: Days, query: Query, deadline: Deadline, rolls: Sequence[tuple[int, str]]
) -> Generator[Part]:
    """Yield the parts that hold the calls of a query, each call in one; the newest day first.

    *rolls* are the roll-ups that are fine enough for the question; a query that they cannot
    decide goes without.
    """
    search = Search(phrases(query), deadline)
    conditions = plain(query)
    usable = rolls if rollable(query) else ()
    with closing(visits(days, query, deadline)) as visited:
        for visit in visited:
            equipped(visit.day.db)
            for span in spans(visit.low, visit.high, usable):
                columns = ROLLED if span.rolled else CALL
                led = () if span.rolled else by_text(conditions)
                for clause in [each.within(span.low, span.high) for each in led] or [span.clause]:
                    clause = all_of([clause, holding(conditions, columns)])
                    found = search.clause(visit.day, clause)
                    yield Part(visit.day, span, all_of([clause, found]))

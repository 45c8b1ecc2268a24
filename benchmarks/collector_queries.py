"""How long the answers of a store take that holds many calls.

Prints a Markdown table: p50 and p95 in milliseconds over questions with changing values, this with
its goal, and what of the p50 a processor was busy: less, if others use it too. The folder is filled
first unless it holds calls already.

    python benchmarks/collector_queries.py [--events 300000] [--days 3] [--random-ids] [--data DIR]
                                           [--rounds 20]
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tables
import traffic

from apilog.collector.filter_language import parse
from apilog.collector.query import Query
from apilog.collector.store.protocol import Row, Store, StoreUnavailable
from apilog.collector.store.sqlite import SqliteStore

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
PAGE = 100


@dataclass(frozen=True, slots=True)
class Question:
    """A question, asked with another value each time; its goal is in milliseconds."""

    name: str
    goal: int
    ask: Callable[[Row], object]
    """The row is one of the calls, anywhere in the store."""


def questions(store: Store) -> list[Question]:
    """Return what a viewer asks of *store*."""
    newest = store.size().newest or 0
    end = newest + 1

    def listed(text: Callable[[Row], str]) -> Callable[[Row], object]:
        return lambda row: store.page(Query(parse(text(row))), limit=PAGE)

    def within(span: int, text: str = "") -> Query:
        return Query(parse(text), since=end - span, until=end)

    def token(row: Row) -> str:
        whole = store.get(row.id)
        assert whole is not None
        found = re.search(rb'"reference": ?"(.{16})', whole.event)
        assert found is not None
        return found[1].decode()

    def one(text: Callable[[Row], str]) -> Callable[[Row], object]:
        return lambda row: store.page(Query(parse(text(row))), limit=50)

    return [
        Question("list", 50, listed(lambda row: "")),
        Question("list, 5xx", 50, listed(lambda row: "status:5xx")),
        Question("list, status 502", 50, listed(lambda row: "status:502")),
        Question("list, is:error", 50, listed(lambda row: "is:error")),
        Question("list, slow", 50, listed(lambda row: "duration:>200ms")),
        Question("list, route", 50, listed(lambda row: f'route:"{row.route}"')),
        Question("list, route and 5xx", 50, listed(lambda row: f'route:"{row.route}" status:5xx')),
        Question("list, word in the path", 50, listed(lambda row: row.path.split("/")[2])),
        Question("list, user", 400, listed(lambda row: f"user:{row.user or 'user-1'}")),
        Question(
            "list, company and 4xx", 400, listed(lambda row: f"company:{row.company} status:4xx")
        ),
        Question("session", 400, listed(lambda row: f"session:{row.session}")),
        Question(
            "list, a page far down",
            50,
            lambda row: store.page(Query(), limit=PAGE, place=row.place),
        ),
        Question("one call", 30, lambda row: store.get(row.id)),
        Question(
            "news, nothing new", 50, lambda row: store.news(store.position(), Query(), limit=200)
        ),
        Question(
            "chart, 1 h by 15 s",
            100,
            lambda row: store.series(within(HOUR), step=15 * SECOND),
        ),
        Question(
            "chart, 24 h by 15 min", 100, lambda row: store.series(within(DAY), step=15 * MINUTE)
        ),
        Question(
            "chart, 24 h, a route",
            100,
            lambda row: store.series(within(DAY, f'route:"{row.route}"'), step=15 * MINUTE),
        ),
        Question(
            "chart, 24 h, a user",
            100,
            lambda row: store.series(within(DAY, f"user:{row.user or 'user-1'}"), step=15 * MINUTE),
        ),
        Question("chart, 7 days by 1 h", 500, lambda row: store.series(within(7 * DAY), step=HOUR)),
        Question("endpoints, 24 h", 100, lambda row: store.endpoints(within(DAY), limit=200)),
        Question("endpoints, 7 days", 500, lambda row: store.endpoints(within(7 * DAY), limit=200)),
        Question(
            "facets (status, route), 24 h",
            100,
            lambda row: [
                store.values(field, within(DAY), beginning="", limit=20)
                for field in ("status", "route")
            ],
        ),
        Question(
            "users that begin so, 24 h",
            100,
            lambda row: store.values("user", within(DAY), beginning=row.user[:7], limit=20),
        ),
        Question("top users, 24 h", 100, lambda row: store.subjects("user", within(DAY), limit=50)),
        Question(
            "top users, 7 days", 500, lambda row: store.subjects("user", within(7 * DAY), limit=50)
        ),
        Question(
            "sessions, 24 h", 100, lambda row: store.subjects("session", within(DAY), limit=50)
        ),
        Question("body, a rare word", 400, one(lambda row: f"body:{token(row)}")),
        Question("body, no such word", 400, one(lambda row: f"body:{token(row)[::-1]}")),
        Question(
            "body, a common word", 400, one(lambda row: f"body:{random.choice(traffic.COMMON)}")
        ),
        Question(
            "body, two words of names",
            400,
            one(
                lambda row: (
                    f"body:{random.choice(traffic.NAMES)} body:{random.choice(traffic.NAMES)}"
                )
            ),
        ),
        Question(
            "body, a phrase",
            400,
            one(
                lambda row: f'body:"{random.choice(traffic.NAMES)} {random.choice(traffic.NAMES)}"'
            ),
        ),
    ]


def some_rows(store: Store, count: int) -> list[Row]:
    """Return calls from all over the store."""
    size = store.size()
    chance = random.Random(5)
    found: list[Row] = []
    for _ in range(count):
        at = chance.randrange(size.oldest or 0, (size.newest or 0) + 1)
        found += store.page(Query(until=at + MINUTE), limit=1).rows
    return found


def measured(question: Question, rows: Iterable[Row]) -> tuple[float, float, float, int]:
    """Return p50, p95 and p50 of the CPU in milliseconds, and how often there was no answer."""
    spent: list[float] = []
    busy: list[float] = []
    unanswered = 0
    for row in rows:
        began, used = time.perf_counter(), time.process_time()
        try:
            question.ask(row)
        except StoreUnavailable:
            unanswered += 1
        spent.append((time.perf_counter() - began) * 1000)
        busy.append((time.process_time() - used) * 1000)
    high = tables.percentile(spent, 95)
    return statistics.median(spent), high, statistics.median(busy), unanswered


def report(store: Store, *, rounds: int) -> None:
    """Print the table."""
    random.seed(3)
    rows = some_rows(store, rounds)
    tables.head("question", "p50 ms", "p95 ms", "CPU ms")
    for question in questions(store):
        middle, high, busy, unanswered = measured(question, rows)
        missed = f" **{unanswered} unanswered**" if unanswered else ""
        beside = tables.at_most(high, question.goal, 1)
        tables.row([question.name, f"{middle:.1f}", f"{beside}{missed}", f"{busy:.1f}"])


def fill(store: Store, given: argparse.Namespace) -> None:
    """Add calls of the last days, in the order of time."""
    end = time.time_ns() // 1_000
    began = time.perf_counter()
    calls = traffic.Traffic(
        given.events, begin=end - given.days * DAY, end=end, random_ids=given.random_ids
    )
    for batch in calls.batches(1_000):
        store.add(batch)
    print(f"{given.events:,} calls added in {time.perf_counter() - began:.0f} s\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a store if it is empty, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--random-ids", action="store_true", help="UUIDs of version 4, not 7")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        directory = given.data or Path(temporary) / "data"
        with closing(SqliteStore(directory, keep=timedelta(days=3650))) as store:
            if store.size().calls == 0:
                fill(store, given)
            size = store.size()
            print(f"{size.calls:,} calls, {size.bytes / max(1, size.calls):.0f} bytes each\n")
            report(store, rounds=given.rounds)


if __name__ == "__main__":
    main()

"""Spans of time to be counted, each in the table that tells it soonest and still exactly.

A span is taken apart: whole hours are in ``roll60``, whole five minutes beside them in ``roll5``,
and what is left at both ends in ``call``.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from apilog.collector.store.clauses import Clause
from apilog.collector.store.schema import (
    BUCKETS_A_DOUBLING,
    LAST_BUCKET,
    NO_ANSWER,
    NO_DURATION,
    STEP_5,
    STEP_60,
)

ROLLS: Final = ((STEP_60, "roll60"), (STEP_5, "roll5"))
"""The coarsest comes first."""


@dataclass(frozen=True, slots=True)
class Span:
    """From *low* on and before *high*, in microseconds, as *table* tells it."""

    table: str
    low: int
    high: int
    size: int
    """Microseconds of a step of the table; 1 in ``call``."""

    @property
    def rolled(self) -> bool:
        """Return whether it is told by a roll-up."""
        return self.table != "call"

    @property
    def clause(self) -> Clause:
        """Return the clause that keeps to it."""
        if self.rolled:
            bounds = (self.low // self.size, self.high // self.size)
            return Clause("(step >= ? AND step < ?)", bounds)
        return Clause("(time >= ? AND time < ?)", (self.low, self.high))

    @property
    def time(self) -> str:
        """Return the SQL for the time, in microseconds, of a step or a call."""
        return f"step * {self.size}" if self.rolled else "time"

    @property
    def count(self) -> str:
        """Return the SQL for how many calls there are in a group."""
        return "sum(n)" if self.rolled else "count(*)"

    @property
    def clients(self) -> str:
        """Return the SQL for how many of a group had a status of 400 to 499."""
        return f"{self.count} FILTER (WHERE status BETWEEN 400 AND 499)"

    @property
    def servers(self) -> str:
        """Return the SQL for how many had 500 and above, or no status but an error."""
        failed = f"status = {NO_ANSWER}" if self.rolled else "status IS NULL AND error <> 0"
        return f"{self.count} FILTER (WHERE status >= 500 OR ({failed}))"

    @property
    def bucket(self) -> str:
        """Return the SQL for the bucket of the duration."""
        return "bucket" if self.rolled else BUCKET


BUCKET: Final = (
    f"CASE WHEN duration IS NULL THEN {NO_DURATION} WHEN duration < 2 THEN 0 "
    f"ELSE min({LAST_BUCKET}, CAST({BUCKETS_A_DOUBLING} * log2(duration) AS INTEGER)) END"
)
"""What `bucket_of` returns, said by SQLite; see `equipped`."""


def spans(low: int, high: int, rolls: Sequence[tuple[int, str]]) -> Iterator[Span]:
    """Yield the spans from *low* on and before *high*, with no other roll-ups than *rolls*."""
    if low >= high:
        return
    if not rolls:
        yield Span("call", low, high, 1)
        return
    (size, table), *finer = rolls
    begin, end = -(-low // size) * size, high // size * size
    if begin >= end:
        yield from spans(low, high, finer)
        return
    yield from spans(low, begin, finer)
    yield Span(table, begin, end, size)
    yield from spans(end, high, finer)


def rolls_for(step: int) -> list[tuple[int, str]]:
    """Return the roll-ups of which a step of so many microseconds can be made."""
    return [roll for roll in ROLLS if step % roll[0] == 0]


def equipped(db: sqlite3.Connection) -> None:
    """Give the connection the logarithm, which not every SQLite was built with."""
    if not _has_logarithm():
        db.create_function("log2", 1, math.log2, deterministic=True)


@cache
def _has_logarithm() -> bool:
    db = sqlite3.connect(":memory:")
    try:
        return bool(db.execute("SELECT log2(8) = 3").fetchone()[0])
    except sqlite3.OperationalError:
        return False
    finally:
        db.close()

"""Roll-ups: how many calls of a kind there were in each step of time, for charts."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Final, TypeAlias

from apilog.collector.store.insertion import Insertion
from apilog.collector.store.schema import STEP_5, STEP_60, bucket_of, rolled_status

Told: TypeAlias = tuple[int, int, int, "int | None", "int | None", bool]
"""What is counted of a call: time, route and method (ids of ``dim``), status, duration, and
whether it ended with an error."""

_COARSER: Final = STEP_60 // STEP_5
_ADD: Final = "ON CONFLICT (step, route, method, status, bucket) DO UPDATE SET n = n + excluded.n"
_FINE: Final = Insertion("roll5", 6, _ADD)
_COARSE: Final = Insertion("roll60", 6, _ADD)


def count(db: sqlite3.Connection, calls: Iterable[Told], *, times: int = 1) -> None:
    """Count calls, or with -1 take them back, inside of a transaction."""
    fine = Counter(
        (time // STEP_5, route, method, rolled_status(status, error=error), bucket_of(duration))
        for time, route, method, status, duration, error in calls
    )
    coarse: Counter[tuple[int, ...]] = Counter()
    for (step, *rest), n in fine.items():
        coarse[(step // _COARSER, *rest)] += n
    for cells, insertion in ((fine, _FINE), (coarse, _COARSE)):
        insertion.into(db, ((*cell, n * times) for cell, n in cells.items()))
    db.execute("UPDATE tally SET calls = calls + ?", (times * fine.total(),))


def tidy(db: sqlite3.Connection) -> None:
    """Remove what nothing is counted of any more."""
    db.execute("DELETE FROM roll5 WHERE n <= 0")
    db.execute("DELETE FROM roll60 WHERE n <= 0")

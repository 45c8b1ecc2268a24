"""Removing calls from a day: so that nothing counts them, or so that no byte of them is left."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from apilog.collector.store import payloads, rollups
from apilog.collector.store.database import transaction
from apilog.collector.store.day import DIM_COLUMNS, DayWriter
from apilog.collector.store.protocol import StoreBusy
from apilog.collector.store.schema import BLOCK

AT_ONCE: Final = 500
"""Calls that one transaction removes."""

NOTHING: Final = "seq < ?"
"""With 0, the condition of no call."""

OF_USER: Final = f"{BLOCK} IN (SELECT +number FROM block) AND user = ?"  # noqa: S608 - ours

CHECKPOINT_TRIES: Final = 3
"""Each waits for readers for as long as any statement waits."""

_TOLD: Final = """
SELECT time, route, method, status, duration, error, event_length, content
FROM call JOIN payload USING (seq) WHERE seq = ?
"""
_FORGET_WORDS: Final = "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)"
_MARK: Final = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


def remove(day: DayWriter, numbers: Sequence[int]) -> None:
    """Remove calls by their numbers, inside of a transaction; their bytes may be left."""
    reader = payloads.Reader(day.db)
    told: list[rollups.Told] = []
    for seq in numbers:
        *call, length, content = day.db.execute(_TOLD, (seq,)).fetchone()
        time, route, method, status, duration, error = call
        told.append((time, route, method, status, duration, bool(error)))
        text = reader.opened(length, content)[1]
        if text and day.searchable:
            # An index without content is told what stood there.
            day.db.execute(_FORGET_WORDS, (seq, text))
    rollups.count(day.db, told, times=-1)
    for table in ("payload", "call"):
        day.db.executemany(
            f"DELETE FROM {table} WHERE seq = ?",  # noqa: S608 - one of two names
            ((seq,) for seq in numbers),
        )
    # Their numbers are never given again, or else a reader would take new calls for seen ones.
    day.db.execute(_MARK, ("last", day.last))


def take_back(day: DayWriter, numbers: Sequence[int]) -> None:
    """Remove calls just added, as though they had never come."""
    with transaction(day.db):
        remove(day, numbers)
        rollups.tidy(day.db)


def purge(day: DayWriter, condition: str, value: object) -> int:
    """Remove the calls for which a condition holds, from every byte; return how many.

    *condition* is SQL with one mark, for *value*. What was begun before and not finished is
    finished, too.

    Raises:
        StoreBusy: a reader is in the way of the last bytes.
    """
    removed = 0
    query = f"SELECT seq FROM call WHERE {condition} LIMIT {AT_ONCE}"  # noqa: S608 - ours
    while numbers := [seq for (seq,) in day.db.execute(query, (value,))]:
        with transaction(day.db):
            day.db.execute(_MARK, ("unclean", 1))
            remove(day, numbers)
        removed += len(numbers)
    if is_unclean(day.db):
        clean(day)
    return removed


def is_unclean(db: sqlite3.Connection) -> bool:
    """Return whether bytes of removed calls may be left."""
    found = db.execute("SELECT 1 FROM meta WHERE name = 'unclean'").fetchone()
    return found is not None


def clean(day: DayWriter) -> None:
    """Write the file anew without what was removed from it."""
    day.db.execute("PRAGMA secure_delete = ON")
    with transaction(day.db):
        rollups.tidy(day.db)
        used = " UNION ".join(f"SELECT {column} FROM call" for column in DIM_COLUMNS)  # noqa: S608
        day.db.execute(f"DELETE FROM dim WHERE id <> 0 AND id NOT IN ({used})")  # noqa: S608
    day.payloads.repack()
    if day.searchable:
        # The index notes what it is to forget; this makes it forget.
        day.db.execute("INSERT INTO words (words) VALUES ('optimize')")
    day.db.execute("VACUUM")
    if not any(day.checkpoint() for _ in range(CHECKPOINT_TRIES)):
        raise StoreBusy(
            f"the calls are removed, but somebody reads {day.number}: ask again, so that their"
            " bytes are overwritten as well"
        )
    day.db.execute("DELETE FROM meta WHERE name = 'unclean'")

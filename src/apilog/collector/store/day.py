"""The file of one day, opened for reading or for writing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from apilog.collector.store import payloads
from apilog.collector.store.database import connected, written
from apilog.collector.store.schema import DAY, WORDS

READER_CACHE_BYTES: Final = 1_048_576
WRITER_CACHE_BYTES: Final = 50_331_648
"""Of pages; one day is written at a time, nearly always. Nothing is mapped into memory: it would
count as ours, and the system keeps the pages anyway."""

MOST_DIMS: Final = 50_000
"""Texts of ``dim`` that a writer remembers, before it forgets them all."""

DIM_COLUMNS: Final = ("source", "method", "host", "route", "error")


class DayGone(Exception):
    """Report that there is no file of this day, or no longer."""


@cache
def search_is_possible() -> bool:
    """Return whether this SQLite was built with FTS5."""
    try:
        with closing(sqlite3.connect(":memory:")) as db:
            db.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError:
        return False
    return True


def layout(*, search: bool, last: int) -> str:
    """Return what makes a new file, the calls of which begin after the number *last*."""
    facts = f"INSERT INTO meta VALUES ('search', {search:d}), ('last', {last:d});"  # noqa: S608
    return DAY + (WORDS if search else "") + facts


class DayReader:
    """A day that is read. Used by one thread at a time; `Days.reading` sees to that."""

    def __init__(self, number: int, path: Path) -> None:
        try:
            # Asked first: if another takes its place in between, that is seen the next time.
            self._file = _identity(path)
            self.db = connected(path, writable=False)
        except (FileNotFoundError, sqlite3.OperationalError) as error:
            if path.exists():
                raise
            raise DayGone(path) from error
        try:
            self.db.execute(f"PRAGMA cache_size = -{READER_CACHE_BYTES // 1024}")
            self.searchable = search_is_possible() and _meta(self.db, "search") == 1
        except BaseException:
            self.db.close()
            raise
        self.number = number
        self._path = path
        self._payloads = payloads.Reader(self.db)

    def payload(self, seq: int) -> tuple[bytes, str] | None:
        """Return event and text of a call, or None where there is none."""
        return self._payloads.read(seq)

    def opened(self, event_length: int, content: bytes) -> tuple[bytes, str]:
        """Return the event and the text in a row of ``payload``."""
        return self._payloads.opened(event_length, content)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """See the same state of the file in all questions of the block."""
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            # Rolled back, so that a question that was not read to its end holds nothing.
            self.db.execute("ROLLBACK")

    def is_current(self) -> bool:
        """Return whether the file is still the one of its name."""
        try:
            return _identity(self._path) == self._file
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()


class DayWriter:
    """A day that is written. Used by one thread at a time."""

    def __init__(self, number: int, path: Path) -> None:
        self.number = number
        self.wal = path.with_name(f"{path.name}-wal")
        self.db = written(path, cache_bytes=WRITER_CACHE_BYTES)
        try:
            self.payloads = payloads.Writer(self.db)
            self.searchable = _meta(self.db, "search") == 1
            (found,) = self.db.execute("SELECT max(seq) FROM call").fetchone()
        except BaseException:
            self.db.close()
            raise
        last = _meta(self.db, "last")
        self.last = max(found or 0, last if isinstance(last, int) else 0)
        """The highest number that a call ever got."""
        self.dims: dict[str, dict[str, int]] = {kind: {"": 0} for kind in DIM_COLUMNS}

    @property
    def calls(self) -> int:
        """How many calls there are."""
        count: int = self.db.execute("SELECT calls FROM tally").fetchone()[0]
        return count

    def dim(self, kind: str, text: str) -> int:
        """Return the id of a text in ``dim``; it may be a new one, inside of a transaction."""
        known = self.dims[kind]
        if text not in known:
            if len(known) >= MOST_DIMS:
                known.clear()
                known[""] = 0
            known[text] = self._found(kind, text)
        return known[text]

    def _found(self, kind: str, text: str) -> int:
        query = "SELECT id FROM dim WHERE kind = ? AND text = ?"
        if row := self.db.execute(query, (kind, text)).fetchone():
            found: int = row[0]
            return found
        added = self.db.execute("INSERT INTO dim (kind, text) VALUES (?, ?)", (kind, text))
        return added.lastrowid or 0

    def checkpoint(self) -> bool:
        """Move the WAL into the file and empty it; return whether no reader was in the way."""
        busy, _, _ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        """Let go of the file; what was not committed is not there."""
        try:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self.db.execute("PRAGMA busy_timeout = 100")
            self.checkpoint()
        except sqlite3.Error:
            # It is committed all the same, and moved when the file is opened again.
            pass
        finally:
            self.db.close()


def _meta(db: sqlite3.Connection, name: str) -> object:
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino

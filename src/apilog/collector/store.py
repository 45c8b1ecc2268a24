"""Keeping events in SQLite: each batch is one transaction, durable when ``add`` returns."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Final, Protocol

from apilog.exceptions import ApiLogError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from apilog.collector.records import Record

MAX_ROW_ID: Final = 2**63 - 1
MAX_READ_BYTES: Final = 16 * 1024 * 1024
"""Payload after which ``after`` stops early; the caller goes on from the last id it got."""

_MEMORY: Final = ":memory:"
_BUSY_TIMEOUT: Final = 5.0  # seconds to wait for another process that writes the same file
_APPLICATION_ID: Final = 0x61706C31  # "apl1": the file is ours, in the first of its layouts
_SCHEMA: Final = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    verb TEXT NOT NULL,
    uri TEXT NOT NULL,
    status INTEGER,
    duration_ms REAL,
    user_id TEXT,
    transaction_id TEXT UNIQUE,
    payload TEXT NOT NULL
)
"""
_ADD: Final = """
INSERT INTO events (time, verb, uri, status, duration_ms, user_id, transaction_id, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (transaction_id) DO NOTHING
"""
# Cut here, because a list must stay small even where one logged uri has megabytes.
_NEWEST: Final = """
SELECT id, substr(time, 1, 40), substr(verb, 1, 40), substr(uri, 1, 400), status, duration_ms,
       substr(user_id, 1, 100)
FROM events WHERE id < ? ORDER BY id DESC LIMIT ?
"""
_AFTER: Final = "SELECT id, payload FROM events WHERE id > ? ORDER BY id LIMIT ?"
_FIND: Final = "SELECT payload FROM events WHERE id = ?"


class StoreUnavailable(ApiLogError):
    """Report that nothing of the batch was stored, and that a later try may succeed."""


class StoreFull(StoreUnavailable):
    """Report that the disk is full: somebody has to make room first."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list shows of an event; long texts are cut."""

    row_id: int
    time: str
    verb: str
    uri: str
    status: int | None
    duration_ms: float | None
    user_id: str | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A whole event, as JSON text, and the id the store gave it."""

    row_id: int
    payload: str


class Store(Protocol):
    """Where events are kept. Called from several threads; raises StoreUnavailable."""

    def add(self, records: Sequence[Record]) -> None:
        """Store all or none; skip each whose transaction id is already there."""

    def newest(self, *, before: int, limit: int) -> list[Summary]:
        """List up to *limit* events with an id below *before*, newest first."""

    def after(self, row_id: int, *, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events with an id above *row_id*, oldest first."""

    def find(self, row_id: int) -> StoredEvent | None:
        """Return one event, or None if there is none with that id."""


class SQLiteStore:
    """A store in one SQLite file, or in memory for the path ``:memory:``.

    One connection writes and one reads, each behind its lock, so that a long batch does not
    hold up the pages. In memory both are the same connection and the same (reentrant) lock.
    """

    def __init__(self, path: str) -> None:
        try:
            with ExitStack() as stack:
                self._writer = stack.enter_context(closing(_connected(path)))
                self._write_lock = self._read_lock = threading.RLock()
                _prepare(self._writer, path)
                self._reader = self._writer
                if path != _MEMORY:
                    self._reader = stack.enter_context(closing(_connected(path)))
                    self._read_lock = threading.RLock()
                self._connections = stack.pop_all()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"cannot open the database {path!r}: {error}") from error

    def close(self) -> None:
        """Close the file once what is being written and read is done."""
        with self._write_lock, self._read_lock:
            self._connections.close()

    def add(self, records: Sequence[Record]) -> None:
        """Store all or none; skip each whose transaction id is already there."""
        with self._write_lock, _explained(), _transaction(self._writer):
            self._writer.executemany(_ADD, map(astuple, records))

    def newest(self, *, before: int, limit: int) -> list[Summary]:
        """List up to *limit* events with an id below *before*, newest first."""
        with self._reading(_NEWEST, before, limit) as rows:
            return [Summary(*row) for row in rows]

    def after(self, row_id: int, *, limit: int) -> list[StoredEvent]:
        """Return up to *limit* events with an id above *row_id*, oldest first.

        Fewer than *limit*, but at least one, where payloads add up to MAX_READ_BYTES.
        """
        found: list[StoredEvent] = []
        size = 0
        with self._reading(_AFTER, row_id, limit) as rows:
            for row in rows:
                found.append(StoredEvent(*row))
                size += len(found[-1].payload)
                if size >= MAX_READ_BYTES:
                    break
        return found

    def find(self, row_id: int) -> StoredEvent | None:
        """Return one event, or None if there is none with that id."""
        with self._reading(_FIND, row_id) as rows:
            row = rows.fetchone()
        return None if row is None else StoredEvent(row_id, row[0])

    @contextmanager
    def _reading(self, query: str, *parameters: int) -> Iterator[sqlite3.Cursor]:
        with self._read_lock, _explained(), closing(self._reader.cursor()) as rows:
            yield rows.execute(query, parameters)


def _connected(path: str) -> sqlite3.Connection:
    if path != _MEMORY:
        # SQLite would create the file readable for everybody; its WAL gets the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


def _prepare(db: sqlite3.Connection, path: str) -> None:
    """Create the table in a new file; never touch a file that is not ours."""
    with _transaction(db):
        owner = db.execute("PRAGMA application_id").fetchone()
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner == (0,) and tables == (0,):
            db.execute(_SCHEMA)
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        elif owner != (_APPLICATION_ID,):
            raise ConfigError(f"{path!r} is a database, but not one of this version of apilog")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # Some errors, a full disk among them, have already ended the transaction.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # By its text: Python 3.10 does not tell SQLite's error code.
        full = str(error) == "database or disk is full"
        raise (StoreFull if full else StoreUnavailable)(f"cannot store or read: {error}") from error

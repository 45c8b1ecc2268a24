"""A database file of ours: made whole or not at all, opened, recognised, removed."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from apilog.collector.store.protocol import StoreFull, StoreUnavailable
from apilog.collector.store.schema import FIRST_COLLECTOR_ID, PAGE_SIZE, VERSION
from apilog.exceptions import ConfigError

BUSY_SECONDS: Final = 5.0
"""For which another process that holds the same file is waited for."""

LEAST_FREE_BYTES: Final = 131_072
"""A disk with less is full, when writing to it fails."""

COMPANIONS: Final = ("-wal", "-shm", "-journal")
"""What SQLite puts beside a file."""

_MAGIC: Final = b"SQLite format 3\0"


def connected(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open a file that is there; each statement is a transaction unless one is begun."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rw' if writable else 'ro'}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        # Those that insert are as many as there are lengths of batches, and take 0.1 MB each.
        cached_statements=128 if writable else 256,
    )


def written(path: Path, *, cache_bytes: int) -> sqlite3.Connection:
    """Open a file to write it: what is committed survives a loss of power."""
    db = connected(path, writable=True)
    try:
        db.execute("PRAGMA synchronous = FULL")
        # Checkpoints write 32 MB at a time; a WAL that grew beyond shrinks again.
        db.execute("PRAGMA wal_autocheckpoint = 4000")
        db.execute("PRAGMA journal_size_limit = 67108864")
        db.execute(f"PRAGMA cache_size = -{cache_bytes // 1024}")
        # What is deleted is overwritten by a purge; in between it would cost a tenth of the speed.
        db.execute("PRAGMA secure_delete = OFF")
    except BaseException:
        db.close()
        raise
    return db


def create(path: Path, *, application: int, script: str) -> None:
    """Make a database of this layout, readable for its owner only.

    It gets its name when it is complete and durable, so that nobody ever sees a part of it.
    """
    unfinished = path.with_name(f".{path.name}.new")
    remove(unfinished)
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        os.close(os.open(unfinished, flags, 0o600))
        # The umask may have taken from 0600, and never adds to it.
        unfinished.chmod(0o600)
        with closing(connected(unfinished, writable=True)) as db:
            db.execute(f"PRAGMA page_size = {PAGE_SIZE}")
            # Nothing counts before it has its name, so it is waited for only once.
            db.execute("PRAGMA synchronous = OFF")
            db.execute("PRAGMA journal_mode = MEMORY")
            db.executescript(
                f"BEGIN; {script} PRAGMA application_id = {application};"
                f"PRAGMA user_version = {VERSION}; COMMIT;"
            )
            db.execute("PRAGMA journal_mode = WAL")
        synchronized(unfinished)
        # A WAL that lost its file would be replayed into the new one.
        for ending in COMPANIONS:
            path.with_name(path.name + ending).unlink(missing_ok=True)
        unfinished.rename(path)
        synchronized(path.parent)
    except BaseException:
        with suppress(OSError):
            remove(unfinished)
        raise


def synchronized(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a database, the file itself first: without it nobody opens the rest."""
    for ending in ("", *COMPANIONS):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def recognise(path: Path, *, application: int) -> None:
    """See that a file is one of ours and of a version that we know; it is not touched.

    Raises:
        ConfigError: it is not.
    """
    with path.open("rb") as file:
        header = file.read(100)
    version, owner = (int.from_bytes(header[at : at + 4], "big") for at in (60, 68))
    if not header.startswith(_MAGIC) or owner != application:
        what = "" if owner != FIRST_COLLECTOR_ID else ", but one of the first collector"
        raise ConfigError(
            f"{path} is not a file of this collector{what}; it is left alone: move it away, or"
            " give another folder with --data"
        )
    if version > VERSION:
        raise ConfigError(
            f"{path} was written by a newer apilog (layout {version}, this one knows {VERSION});"
            " it is left alone: update apilog, or give another folder with --data"
        )


def is_of_the_first_collector(path: Path) -> bool:
    """Return whether a file is the database of the collector before this one."""
    with path.open("rb") as file:
        header = file.read(100)
    return header.startswith(_MAGIC) and header[68:72] == FIRST_COLLECTOR_ID.to_bytes(4, "big")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block does, or undo it if it fails."""
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
def explained(what: str, where: Path) -> Iterator[None]:
    """Translate errors of the databases in a folder, and of its disk.

    What is wrong with a value is not translated: it would be as wrong the next time.

    Raises:
        StoreFull, StoreUnavailable: say that *what* did not succeed, and why.
    """
    try:
        yield
    except (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.Error as error:
        # By its text: Python 3.10 does not tell SQLite's error code. What is shared between
        # processes is in a file, too, and for that SQLite does not say that the disk is full.
        full = "disk is full" in str(error) or ("disk I/O" in str(error) and _is_full(where))
        raise (StoreFull if full else StoreUnavailable)(f"{what}: {error}") from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (StoreFull if full else StoreUnavailable)(f"{what}: {error}") from error


def _is_full(directory: Path) -> bool:
    try:
        return shutil.disk_usage(directory).free < LEAST_FREE_BYTES
    except OSError:
        return False

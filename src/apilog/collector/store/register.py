"""The register: profiles, and what was refused; one small file beside the days."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from apilog.collector.call import Profile, Refusal
from apilog.collector.store.database import (
    connected,
    create,
    recognise,
    transaction,
    written,
)
from apilog.collector.store.protocol import StoreBusy
from apilog.collector.store.schema import REGISTER, REGISTER_ID

MOST_REFUSALS: Final = 1_000
MOST_PROFILES: Final = 100_000
"""The ones that were spoken of last."""

MOST_PROFILE_BYTES: Final = 1_048_576
"""A profile that would grow beyond is replaced by what was said last."""

CACHE_BYTES: Final = 2_097_152

_ADD_REFUSAL: Final = """
INSERT INTO refusal (time, source, path, status, reason, content) VALUES (?, ?, ?, ?, ?, ?)
"""
_FORGET_REFUSALS: Final = """
DELETE FROM refusal WHERE number <= (SELECT max(number) FROM refusal) - ?
"""
_FORGET_PROFILES: Final = """
DELETE FROM profile WHERE rowid IN (
    SELECT rowid FROM profile ORDER BY time DESC LIMIT -1 OFFSET ?
)
"""


class Register:
    """The file of profiles and refusals. Methods may be called from any thread."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._path = path
        self._writable = writable
        if path.exists():
            recognise(path, application=REGISTER_ID)
        elif writable:
            create(path, application=REGISTER_ID, script=REGISTER)

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Keep the newest `MOST_REFUSALS`."""
        rows = [
            (one.time, one.source, one.path, one.status, one.reason, one.content)
            for one in refusals[-MOST_REFUSALS:]
        ]
        with self._changing() as db:
            db.executemany(_ADD_REFUSAL, rows)
            db.execute(_FORGET_REFUSALS, (MOST_REFUSALS,))

    def refusals(self, limit: int) -> list[Refusal]:
        """Return what was refused, the newest first."""
        query = (
            "SELECT time, source, path, status, reason, content FROM refusal"
            " ORDER BY number DESC LIMIT ?"
        )
        return [
            Refusal(
                time=time, source=source, path=path, status=status, reason=reason, content=content
            )
            for time, source, path, status, reason, content in self._asked(query, limit)
        ]

    def describe(self, profiles: Sequence[Profile]) -> None:
        """Add profiles to what is known; a later one's fields replace those of an earlier one."""
        with self._changing() as db:
            for profile in profiles:
                time, document = _joined(self.profile(profile.kind, profile.id), profile)
                row = (profile.kind, profile.id, time, document)
                db.execute("INSERT OR REPLACE INTO profile VALUES (?, ?, ?, ?)", row)

    def profile(self, kind: str, key: str) -> Profile | None:
        """Return what is known."""
        query = "SELECT time, document FROM profile WHERE kind = ? AND id = ?"
        for time, document in self._asked(query, kind, key):
            return Profile(kind=kind, id=key, time=time, document=document)
        return None

    def limit(self) -> None:
        """Forget profiles beyond `MOST_PROFILES`."""
        with self._changing() as db:
            (count,) = db.execute("SELECT count(*) FROM profile").fetchone()
            if count > MOST_PROFILES:
                db.execute(_FORGET_PROFILES, (MOST_PROFILES,))

    def purge(self, *, user: str | None, before: int | None) -> None:
        """Remove a user's profile and what was refused of it, or what is older, from the bytes."""
        with self._lock:
            self._db = db = self._db or self._opened()
            # What is deleted now is overwritten now; what was deleted before, by the VACUUM.
            db.execute("PRAGMA secure_delete = ON")
            with transaction(db):
                if before is not None:
                    db.execute("DELETE FROM profile WHERE time < ?", (before,))
                    db.execute("DELETE FROM refusal WHERE time < ?", (before,))
                if user is not None:
                    db.execute("DELETE FROM profile WHERE kind = 'user' AND id = ?", (user,))
                    for spelling in _spellings(user):
                        db.execute("DELETE FROM refusal WHERE instr(content, ?)", (spelling,))
                        db.execute("DELETE FROM refusal WHERE instr(reason, ?)", (spelling,))
            db.execute("VACUUM")
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            db.execute("PRAGMA secure_delete = OFF")
            if busy:
                raise StoreBusy(f"somebody reads {self._path}: ask again, so that no byte is left")

    def last_of(self, day: int) -> int:
        """Return the last number that a removed day gave to a call, or 0."""
        for (found,) in self._asked("SELECT seq FROM gone WHERE day = ?", day):
            return int(found)
        return 0

    def remember_last(self, day: int, seq: int) -> None:
        """Keep the last number that a day gave to a call, as the day is removed."""
        with self._changing() as db:
            db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (day, seq))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def _asked(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._db is None:
                if not self._path.exists():
                    return []
                self._db = self._opened()
            return self._db.execute(query, parameters).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._writable:
            return written(self._path, cache_bytes=CACHE_BYTES)
        return connected(self._path, writable=False)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db = db = self._db or self._opened()
            with transaction(db):
                yield db


def _joined(known: Profile | None, said: Profile) -> tuple[int, bytes]:
    """Return when a profile was last spoken of, and all that was said, the latest word last."""
    if known is None:
        return said.time, said.document
    first, second = (known, said) if said.time >= known.time else (said, known)
    together = {**json.loads(first.document), **json.loads(second.document)}
    document = json.dumps(together, ensure_ascii=False, separators=(",", ":")).encode()
    if len(document) > MOST_PROFILE_BYTES:
        document = second.document
    return second.time, document


def _spellings(text: str) -> set[bytes]:
    """Return how a text may stand in what was sent."""
    return {
        text.encode(),
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode(),
    }

"""Payloads: each event with its text as one zstd frame, with a dictionary that the file learns.

A dictionary more than halves them, as events of one app have most of their bytes in common.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from apilog.collector.store.database import transaction
from apilog.collector.store.zstd import (
    ZstdCompressor,
    ZstdDecompressor,
    ZstdDict,
    ZstdError,
    get_frame_info,
    train_dict,
)

LEVEL: Final = 3
"""Of compression; higher ones take much longer for little."""

LEARN_AT: Final = 3_000
"""Calls that a file has before it learns a dictionary from them."""

SAMPLES: Final = 500
"""Payloads that it learns from, spread over those there are."""

SAMPLE_BYTES: Final = 16_384
"""Of each of them, at most."""

DICTIONARY_BYTES: Final = 112_640

_A_SAMPLE_IS_GONE: Final = "SELECT 1 FROM sample WHERE seq NOT IN (SELECT seq FROM call) LIMIT 1"
_READ: Final = "SELECT event_length, content FROM payload WHERE seq = ?"


class Reader:
    """Opens payloads of one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._dictionaries: dict[int, ZstdDict] = {}

    def read(self, seq: int) -> tuple[bytes, str] | None:
        """Return event and text of a call, or None where there is none."""
        row = self._db.execute(_READ, (seq,)).fetchone()
        return None if row is None else self.opened(*row)

    def opened(self, event_length: int, content: bytes) -> tuple[bytes, str]:
        """Return the event and the text in a row of ``payload``."""
        whole = ZstdDecompressor(self._dictionary(content)).decompress(content)
        return whole[:event_length], whole[event_length:].decode()

    def _dictionary(self, content: bytes) -> ZstdDict | None:
        number = get_frame_info(content).dictionary_id
        if not number:
            return None
        if number not in self._dictionaries:
            query = "SELECT content FROM dictionary WHERE id = ?"
            (found,) = self._db.execute(query, (number,)).fetchone()
            self._dictionaries[number] = ZstdDict(found)
        return self._dictionaries[number]


class Packed(NamedTuple):
    """The payload of a call; only *dictionary* opens it, which is compared by identity."""

    dictionary: ZstdDict | None
    event_length: int
    content: bytes


class Packer:
    """Packs payloads with one dictionary, or with none; used by one thread at a time."""

    def __init__(self, dictionary: ZstdDict | None) -> None:
        self.dictionary = dictionary
        self._compressor = ZstdCompressor(LEVEL, zstd_dict=dictionary)

    def packed(self, event: bytes, text: str) -> Packed:
        """Pack an event and its text."""
        # What stands in both costs a few bytes the second time.
        content = self._compressor.compress(event + text.encode(), ZstdCompressor.FLUSH_FRAME)
        return Packed(self.dictionary, len(event), content)


class Writer:
    """Packs payloads for one connection, which is also the one that keeps the dictionary."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._learn_at = LEARN_AT
        self._packer = Packer(_newest(db))

    @property
    def dictionary(self) -> ZstdDict | None:
        """Return what payloads are packed with at present; any thread may ask."""
        return self._packer.dictionary

    def row(self, event: bytes, text: str, packed: object = None) -> tuple[int, bytes]:
        """Return ``event_length`` and ``content`` of a row of ``payload``.

        *packed* is taken if it was packed with the dictionary of now: no other need be there.
        """
        if not isinstance(packed, Packed) or packed.dictionary is not self.dictionary:
            packed = self._packer.packed(event, text)
        return packed.event_length, packed.content

    def consider(self, calls: int) -> None:
        """Learn a dictionary, inside of a transaction, when there are *calls* enough."""
        if self.dictionary is None and calls >= self._learn_at:
            self._learn_at = 2 * calls
            self.learn()

    def learn(self) -> None:
        """Make a dictionary of what is stored, and use it from now on, or none if it fails."""
        samples = dict(_samples(self._db))
        self._db.execute("DELETE FROM sample")
        self._use(_trained(list(samples.values())))
        if self.dictionary is not None:
            made = time.time_ns() // 1000
            row = (self.dictionary.dict_id, made, self.dictionary.dict_content)
            self._db.execute("INSERT OR REPLACE INTO dictionary VALUES (?, ?, ?)", row)
            self._db.executemany("INSERT INTO sample VALUES (?)", ((seq,) for seq in samples))

    def repack(self) -> None:
        """Pack everything anew where a call has been removed that the dictionary was made of.

        Outside of a transaction; it may end in the middle, and be done again.
        """
        if self._db.execute(_A_SAMPLE_IS_GONE).fetchone() is None:
            return
        old = self._db.execute("SELECT id FROM dictionary").fetchall()
        with transaction(self._db):
            (calls,) = self._db.execute("SELECT calls FROM tally").fetchone()
            if calls >= LEARN_AT:
                self.learn()
            else:
                self._use(None)
        self._pack_anew()
        with transaction(self._db):
            kept = self.dictionary.dict_id if self.dictionary else 0
            self._db.executemany(
                "DELETE FROM dictionary WHERE id = ?", [row for row in old if row != (kept,)]
            )
            self._db.execute("DELETE FROM sample WHERE seq NOT IN (SELECT seq FROM call)")

    def _pack_anew(self) -> None:
        reader, last = Reader(self._db), -1
        query = "SELECT * FROM payload WHERE seq > ? ORDER BY seq LIMIT 1000"
        while rows := self._db.execute(query, (last,)).fetchall():
            last = rows[-1][0]
            with transaction(self._db):
                self._db.executemany(
                    "UPDATE payload SET event_length = ?, content = ? WHERE seq = ?",
                    ((*self.row(*reader.opened(*packed)), seq) for seq, *packed in rows),
                )

    def _use(self, dictionary: ZstdDict | None) -> None:
        self._packer = Packer(dictionary)


def _newest(db: sqlite3.Connection) -> ZstdDict | None:
    row = db.execute("SELECT content FROM dictionary ORDER BY made DESC LIMIT 1").fetchone()
    return None if row is None else ZstdDict(row[0])


def _trained(samples: list[bytes]) -> ZstdDict | None:
    try:
        return train_dict(samples, DICTIONARY_BYTES)
    except (ZstdError, ValueError):
        # They are too few, or too small, or have nothing in common.
        return None


def _samples(db: sqlite3.Connection) -> Iterator[tuple[int, bytes]]:
    reader = Reader(db)
    first, last = db.execute("SELECT min(seq), max(seq) FROM payload").fetchone()
    query = "SELECT seq, event_length, content FROM payload WHERE seq >= ? LIMIT 1"
    for start in range(
        first or 0, (last or 0) + 1, max(1, ((last or 0) - (first or 0)) // SAMPLES)
    ):
        seq, length, content = db.execute(query, (start,)).fetchone()
        event, text = reader.opened(length, content)
        yield seq, (event + text.encode())[:SAMPLE_BYTES]

"""The layout of a day's file: what the writing side fills and the reading side asks.

One WAL file holds the calls of one UTC day, by the time of the call: ``2026-11-20.db``. Opened
through `apilog.collector.store.days.Days`, never by hand:

- ``days.numbers()`` are the days there are, as whole days since 1970 (`day_of`), oldest first;
- ``with days.reading(number) as day:`` lends a read-only connection, ``day.db``, for the block,
  inside of one transaction: everything asked in the block is of the same moment. It raises
  `DayGone` if that day has been removed meanwhile. ``day.searchable`` tells whether the file has a
  text index, and ``day.payload(seq)`` returns ``(event, text)``, decompressed.

What reading code relies on:

- ``call.seq`` grows in the order of arrival, with gaps, and is never given twice, not even where a
  day was removed and began again.
- Indexes of what is as good as random (users, companies, sessions, traces) begin with the block of
  a call, ``seq / 8192``: each block is written close together, however many calls a day has. Who
  asks for ``user = ?`` says in which blocks; the table ``block`` tells between which times their
  calls are, or were before some were removed.
- A text that is not known is NULL in ``call``. So ``user = ?`` finds its partial index, which holds
  no absent ones. In place of a text, ``source``, ``method``, ``host``, ``route`` and ``error`` hold
  the id of a row of ``dim`` of that kind; 0 stands for "".
- ``call.id`` is packed: `packed` and `unpacked`.
- The partial index of failures is only found by a query that says ``status >= 400`` literally.
- ``tally`` has one row: how many calls there are.
- ``roll5`` and ``roll60`` count calls by steps of 5 and 60 minutes: ``step`` is the time of the
  call // `STEP_5` or `STEP_60`; ``status`` is `NO_STATUS` or `NO_ANSWER` (no status, but an error)
  where there is none; ``bucket`` is `bucket_of` the duration, `NO_DURATION` where there is none.
  Their keys begin with what charts group by, so that these need not be sorted.
- ``words`` is an FTS5 table without content and with ``detail=none``: ``rowid`` is ``seq``. It
  knows no phrases and no ranks; whether words follow one another stands in the text of the payload.
"""

from __future__ import annotations

import math
import re
from typing import Final
from uuid import UUID

APPLICATION_ID: Final = 0x61706C64  # "apld": a day of calls
REGISTER_ID: Final = 0x61706C72  # "aplr": profiles and refusals
FIRST_COLLECTOR_ID: Final = 0x61706C31  # "apl1": the single file of the first collector
VERSION: Final = 1
"""Of the layout, in ``user_version``; a file of a higher one is never touched."""

PAGE_SIZE: Final = 8_192

BLOCK_SIZE: Final = 8_192
"""Numbers of a block. An index of so many calls is some twenty pages, so that a batch writes few of
them; in one index of a day it would write a page for nearly every call."""

MICROSECONDS_A_DAY: Final = 86_400_000_000
STEP_5: Final = 300_000_000
STEP_60: Final = 3_600_000_000
"""Microseconds."""

NO_STATUS: Final = -1
NO_ANSWER: Final = -2
NO_DURATION: Final = -1

BUCKETS_A_DOUBLING: Final = 8
LAST_BUCKET: Final = 400
"""That of 2**50 microseconds, 35 years, and of everything longer."""

BLOCK: Final = f"seq / {BLOCK_SIZE}"
"""The block of a call, in SQL; said otherwise, no index is found."""

DAY: Final = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE dictionary (id INTEGER PRIMARY KEY, made INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE sample (seq INTEGER PRIMARY KEY);
CREATE TABLE tally (calls INTEGER NOT NULL);
INSERT INTO tally VALUES (0);
CREATE TABLE dim (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE UNIQUE INDEX dim_text ON dim (kind, text);
INSERT INTO dim VALUES (0, '', '');
CREATE TABLE call (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    time INTEGER NOT NULL,
    received INTEGER NOT NULL,
    source INTEGER NOT NULL,
    method INTEGER NOT NULL,
    host INTEGER NOT NULL,
    route INTEGER NOT NULL,
    path TEXT,
    query TEXT,
    status INTEGER,
    duration INTEGER,
    user TEXT,
    company TEXT,
    session TEXT,
    ip TEXT,
    trace TEXT,
    request_size INTEGER,
    response_size INTEGER,
    error INTEGER NOT NULL
);
CREATE INDEX call_time ON call (time, route, method, status, duration, error);
CREATE INDEX call_route ON call (route, time, method, status);
CREATE INDEX call_failed ON call (status, time) WHERE status >= 400;
CREATE INDEX call_user ON call ({BLOCK}, user, time, status, error, duration)
    WHERE user IS NOT NULL;
CREATE INDEX call_company ON call ({BLOCK}, company, time, status, error, duration)
    WHERE company IS NOT NULL;
CREATE INDEX call_session ON call ({BLOCK}, session, time, status, error)
    WHERE session IS NOT NULL;
CREATE INDEX call_trace ON call ({BLOCK}, trace, time) WHERE trace IS NOT NULL;
CREATE TABLE block (number INTEGER PRIMARY KEY, least INTEGER NOT NULL, most INTEGER NOT NULL);
CREATE TABLE payload (
    seq INTEGER PRIMARY KEY, event_length INTEGER NOT NULL, content BLOB NOT NULL
);
CREATE TABLE roll5 (
    step INTEGER, route INTEGER, method INTEGER, status INTEGER, bucket INTEGER,
    n INTEGER NOT NULL, PRIMARY KEY (step, bucket, status, route, method)
) WITHOUT ROWID;
CREATE TABLE roll60 (
    step INTEGER, route INTEGER, method INTEGER, status INTEGER, bucket INTEGER,
    n INTEGER NOT NULL, PRIMARY KEY (step, bucket, status, route, method)
) WITHOUT ROWID;
"""  # noqa: S608 - ours
"""``payload.content`` is one zstd frame: the event, ``event_length`` bytes, then the text. If the
frame names a dictionary, it is the one of that id in ``dictionary``; the one with the highest
``made`` is in use. ``sample`` lists the calls it was made of, parts of which stand in it."""

WORDS: Final = """
CREATE VIRTUAL TABLE words USING fts5(
    text, content='', detail='none', columnsize=0, tokenize='unicode61'
);
INSERT INTO words (words, rank) VALUES ('automerge', 8);
"""
"""Merged by eight parts at a time, not by four: a tenth of the work less, and no larger."""

REGISTER: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE profile (
    kind TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, document BLOB NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX profile_time ON profile (time);
CREATE TABLE refusal (
    number INTEGER PRIMARY KEY, time INTEGER NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL,
    status INTEGER NOT NULL, reason TEXT NOT NULL, content BLOB NOT NULL
);
CREATE TABLE gone (day INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
"""
"""``gone``: the last number that a removed day gave to a call."""


_UUID: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def day_of(time: int) -> int:
    """Return the number of the UTC day that holds *time*, microseconds since 1970."""
    return time // MICROSECONDS_A_DAY


def bucket_of(duration: int | None) -> int:
    """Return which bucket of the histogram a duration in microseconds falls into.

    Each is 2**(1/8), or 9 %, wider than the one before.
    """
    if duration is None:
        return NO_DURATION
    return min(LAST_BUCKET, int(BUCKETS_A_DOUBLING * math.log2(duration))) if duration > 1 else 0


def rolled_status(status: int | None, *, error: bool) -> int:
    """Return what roll-ups hold in place of a status."""
    if status is not None:
        return status
    return NO_ANSWER if error else NO_STATUS


def packed(identifier: str) -> bytes:
    """Return how an id is stored: 16 bytes if it is a UUID as UUIDs are written, else longer.

    Others begin with 0xFF, which is in no UTF-8, and those that would be as long with two.
    """
    if _UUID.fullmatch(identifier):
        return bytes.fromhex(identifier.replace("-", ""))
    other = b"\xff" + identifier.encode()
    return b"\xff" + other if len(other) == 16 else other


def unpacked(stored: bytes) -> str:
    """Return the id of which `packed` made this."""
    if len(stored) == 16:
        return str(UUID(bytes=stored))
    return stored.lstrip(b"\xff").decode()


def made_on(stored: bytes, *, ahead: int = 0) -> int | None:
    """Return the day on which a packed id was made, if it tells: a UUID of version 7 (RFC 9562).

    *ahead* are the microseconds by which the clock of its maker was fast.
    """
    if len(stored) != 16 or stored[6] >> 4 != 7:
        return None
    return day_of(int.from_bytes(stored[:6], "big") * 1000 - ahead)

"""Writing calls into a day: rows, payloads, words and roll-ups of those that are new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from apilog.collector.call import Call
from apilog.collector.store import rollups
from apilog.collector.store.day import DayReader, DayWriter
from apilog.collector.store.insertion import Insertion
from apilog.collector.store.protocol import Prepared
from apilog.collector.store.schema import BLOCK_SIZE, packed

_CALLS: Final = Insertion("call", 20, "ON CONFLICT (id) DO NOTHING")
_PAYLOADS: Final = Insertion("payload", 3)
_WORDS: Final = Insertion("words (rowid, text)", 2)
_WIDEN_BLOCK: Final = """
INSERT INTO block VALUES (?, ?, ?)
ON CONFLICT (number) DO UPDATE
SET least = min(least, excluded.least), most = max(most, excluded.most)
"""
_AT_ONCE: Final = 200
"""Ids that are looked up with one question."""


def write(day: DayWriter, calls: Sequence[Prepared], *, received: int) -> list[int]:
    """Write those calls whose id is new, inside of a transaction; return their numbers."""
    day.payloads.consider(day.calls)
    first = day.last + 1
    day.last += len(calls)
    rows = list(_rows(day, first, calls, received))
    added = _CALLS.into(day.db, rows)
    new = list(range(first, first + len(calls)))
    if added != len(calls):
        found = day.db.execute("SELECT seq FROM call WHERE seq >= ? ORDER BY seq", (first,))
        new = [seq for (seq,) in found]
    _write_contents(day, [(seq, calls[seq - first]) for seq in new])
    _widen_blocks(day, [(seq, calls[seq - first].call.time) for seq in new])
    rollups.count(day.db, (_told(rows[seq - first]) for seq in new))
    return new


def known(day: DayReader, calls: Iterable[Call]) -> set[bytes]:
    """Return the packed ids of those calls that a day has already."""
    ids = [packed(call.id) for call in calls]
    found: set[bytes] = set()
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        # As many marks each time, so that the statement is prepared once.
        part += [b""] * (_AT_ONCE - len(part))
        query = f"SELECT id FROM call WHERE id IN ({', '.join('?' * _AT_ONCE)})"  # noqa: S608
        found.update(row[0] for row in day.db.execute(query, part))
    return found


def _rows(
    day: DayWriter, first: int, calls: Sequence[Prepared], received: int
) -> Iterator[tuple[Any, ...]]:
    dim = day.dim
    for seq, call in enumerate((each.call for each in calls), first):
        yield (
            seq,
            packed(call.id),
            call.time,
            received,
            dim("source", call.source),
            dim("method", call.method),
            dim("host", call.host),
            dim("route", call.route),
            call.path or None,
            call.query or None,
            call.status,
            call.duration,
            call.user or None,
            call.company or None,
            call.session or None,
            call.ip or None,
            call.trace or None,
            call.request_size,
            call.response_size,
            dim("error", call.error),
        )


def _widen_blocks(day: DayWriter, new: Sequence[tuple[int, int]]) -> None:
    for block, some in groupby(new, key=lambda each: each[0] // BLOCK_SIZE):
        times = [time for _, time in some]
        day.db.execute(_WIDEN_BLOCK, (block, min(times), max(times)))


def _told(row: tuple[Any, ...]) -> rollups.Told:
    return row[2], row[7], row[5], row[10], row[11], bool(row[19])


def _write_contents(day: DayWriter, new: Sequence[tuple[int, Prepared]]) -> None:
    row = day.payloads.row
    rows = ((seq, *row(each.call.event, each.call.text, each.made)) for seq, each in new)
    _PAYLOADS.into(day.db, rows)
    if day.searchable:
        texts = ((seq, each.call.text) for seq, each in new if each.call.text)
        _WORDS.into(day.db, texts)

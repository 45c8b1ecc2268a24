"""The look for one call among all days."""

from __future__ import annotations

from typing import Final

from apilog.collector.store.clauses import Clause, asked
from apilog.collector.store.conditions import sound
from apilog.collector.store.day import DayGone, DayReader
from apilog.collector.store.days import Days
from apilog.collector.store.protocol import Whole
from apilog.collector.store.rows import SELECT, row
from apilog.collector.store.schema import made_on, packed

LONGEST_KEY: Final = 10_000


def lookup(days: Days, key: str) -> Whole | None:
    """Return the call with this id, in the day that the id tells, or else the newest."""
    if len(key) > LONGEST_KEY or not sound(key):
        return None
    stored = packed(key)
    for number in sorted(days.numbers(), key=lambda day: (day != made_on(stored), -day)):
        try:
            with days.reading(number) as day:
                if found := _found(day, stored):
                    return found
        except DayGone:
            continue
    return None


def _found(day: DayReader, stored: bytes) -> Whole | None:
    values = asked(day.db, SELECT, Clause("id = ?", (stored,))).fetchone()
    if values is None:
        return None
    payload = day.payload(values[0])
    return None if payload is None else Whole(row(values), payload[0])

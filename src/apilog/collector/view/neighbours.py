"""The calls around a call: of the same session, or else of the same user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apilog.collector.query import Condition, Exact, Query
from apilog.collector.store.protocol import Row, Store

AROUND: Final = 25
"""Calls on each side."""

_PAGE: Final = 100
_MINUTE: Final = 60_000_000
_WINDOWS: Final = (_MINUTE, 60 * _MINUTE, 24 * 60 * _MINUTE, 400 * 24 * 60 * _MINUTE)
_NARROWER: Final = 8
_NARROWINGS: Final = 8


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Calls around one, the oldest first, and the ids of those right before and after it."""

    rows: tuple[Row, ...]
    previous: str | None
    next: str | None


def neighbours(store: Store, row: Row) -> Neighbours:
    """Return what the session of *row* did around it; without a session its user's is meant."""
    field = "session" if row.session else "user"
    value = row.session or row.user
    if not value:
        return Neighbours((), None, None)
    conditions = (Condition(field, (Exact(value),)),)
    before = store.page(Query(conditions, until=row.time + 1), limit=2 * AROUND).rows
    rows = [*reversed(before), *_after(store, conditions, row.time + 1)]
    at = next((at for at, each in enumerate(rows) if each.id == row.id), None)
    if at is None:  # more calls at the same microsecond than a page holds
        at = len(before)
        rows.insert(at, row)
    return Neighbours(
        tuple(rows[max(0, at - AROUND) : at + AROUND]),
        rows[at - 1].id if at else None,
        rows[at + 1].id if at + 1 < len(rows) else None,
    )


def _after(store: Store, conditions: tuple[Condition, ...], since: int) -> list[Row]:
    """Return the first calls from *since* on, the oldest first.

    A store lists the newest first, so the time looked at grows until it holds enough of them,
    and shrinks again where it holds more than a page does.
    """
    found: list[Row] = []
    for window in _WINDOWS:
        page = store.page(Query(conditions, since, since + window), limit=_PAGE)
        for _ in range(_NARROWINGS):
            if page.next is None:
                break
            window //= _NARROWER
            page = store.page(Query(conditions, since, since + window), limit=_PAGE)
        found = list(reversed(page.rows))
        if len(found) >= AROUND:
            break
    return found[:AROUND]

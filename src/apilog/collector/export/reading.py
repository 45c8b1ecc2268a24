"""Reading whole calls out of a store, page by page, the newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from apilog.collector.query import Query
from apilog.collector.store.protocol import Row, Store, Whole

PAGE: Final = 200
"""Rows in memory at a time."""


def _nothing() -> None: ...


def rows(store: Store, query: Query, seen: Callable[[], None] = _nothing) -> Iterator[Row]:
    """Yield the calls that *query* asks for, without their events; call *seen* for each."""
    place: str | None = None
    while True:
        page = store.page(query, limit=PAGE, place=place)
        for row in page.rows:
            yield row
            seen()
        place = page.next
        if place is None:
            return


def wholes(store: Store, query: Query, seen: Callable[[], None] = _nothing) -> Iterator[Whole]:
    """Yield the calls that *query* asks for; one that is removed meanwhile is passed over."""
    for row in rows(store, query, seen):
        found = store.get(row.id)
        if found is not None:
            yield found

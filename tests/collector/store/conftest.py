"""Calls and stores for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from apilog.collector.call import Call
from apilog.collector.store.sqlite import SqliteStore

DAY = 86_400_000_000
NOW = 20_777 * DAY + 12 * 3_600_000_000  # 2026-11-20, noon, in microseconds

Opened = Callable[..., SqliteStore]


def call_of(**changes: Any) -> Call:
    """Return a small call of the noon of `NOW`, with *changes*."""
    values: dict[str, Any] = {
        "id": "0193483e-2a70-7abc-8def-0123456789ab",
        "time": NOW,
        "source": "moesif",
        "method": "GET",
        "host": "shop.test",
        "route": "/items/{id}",
        "path": "/items/7",
        "query": "page=2",
        "status": 200,
        "duration": 12_000,
        "user": "ada",
        "company": "acme",
        "session": "s-1",
        "ip": "192.0.2.7",
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
        "request_size": 0,
        "response_size": 321,
        "event": b'{"request":{"verb":"GET"}}',
        "text": "a blue teapot",
    }
    return Call(**{**values, **changes})


@pytest.fixture
def a_call() -> Callable[..., Call]:
    """Make a small call of today's noon, with changes."""
    return call_of


@pytest.fixture
def now() -> int:
    """The time on the clock of the stores that `opened` opens, in microseconds."""
    return NOW


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Open the store of a folder; its clock shows `now` unless told otherwise."""
    with ExitStack() as stack:

        def open_store(directory: Path = tmp_path / "data", **options: Any) -> SqliteStore:
            options = {"clock": lambda: NOW, **options}
            return stack.enter_context(closing(SqliteStore(directory, **options)))

        yield open_store

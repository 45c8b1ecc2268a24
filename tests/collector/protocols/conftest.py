"""The collector's protocols on a real socket and a real store, in this process."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from apilog.collector.app import create_app
from apilog.collector.call import Refusal
from apilog.collector.gate import Access
from apilog.collector.inlet import Inlet
from apilog.collector.query import Query
from apilog.collector.server import configured
from apilog.collector.store.protocol import Row, Store
from apilog.collector.store.sqlite import SqliteStore

PATIENCE = 30.0
"""Seconds after which a wait is a failure."""

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
WEBSITE = "c8861a92-8899-418e-af74-c8bab41c9766"
PROJECT = "aUn1quEid-3x"
FIXTURES = Path(__file__).parent.parent / "fixtures"


@dataclass
class Running:
    """A collector that listens."""

    http: httpx.Client
    store: Store
    inlet: Inlet

    def rows(self) -> list[Row]:
        """Return what is stored, the oldest first."""
        return list(self.store.page(Query(), limit=1_000).rows)[::-1]

    def row(self) -> Row:
        """Return the one call that is stored."""
        (row,) = self.rows()
        return row

    def event(self, key: str | None = None) -> dict[str, Any]:
        """Return the event of a call, by default of the only one."""
        found = self.store.get(self.row().id if key is None else key)
        assert found is not None
        event: dict[str, Any] = json.loads(found.event)
        return event

    def profile(self, kind: str, key: str) -> dict[str, Any]:
        """Return what is known of a user, a company or a subscription."""
        found = self.store.profile(kind, key)
        assert found is not None
        document: dict[str, Any] = json.loads(found.document)
        return document

    def refusals(self) -> list[Refusal]:
        """Return what was refused, the oldest first, once all of it is written down."""
        self.inlet.offer([]).result(PATIENCE)
        return self.store.refusals(1_000)[::-1]


@contextmanager
def listening(store: Store, directory: Path) -> Iterator[Running]:
    """Serve *store* on a port of our own for the length of the block."""
    inlet = Inlet(store)
    app = create_app(store, inlet, Access.of(directory))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(configured(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with ExitStack() as stack:
        stack.callback(inlet.close)
        stack.callback(app.close)
        stack.callback(thread.join, PATIENCE)
        stack.callback(setattr, server, "should_exit", True)
        http = httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE)
        yield Running(stack.enter_context(http), store, inlet)


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Any]:
    """Serve this store for the length of a ``with`` block."""

    @contextmanager
    def serve(store: Store) -> Iterator[Running]:
        with listening(store, tmp_path) as running:
            yield running

    return serve


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Running]:
    """A collector that keeps everything for a century."""
    with (
        closing(SqliteStore(tmp_path / "data", keep=timedelta(days=36_500))) as store,
        listening(store, tmp_path) as running,
    ):
        yield running

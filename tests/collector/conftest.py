"""A collector in memory, and a real one in its own process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from apilog.collector import SQLiteStore, Store, create_app

Event = dict[str, Any]
WATCHDOG_SECONDS = 60
OLD_STARLETTE = "ignore:Please use `import python_multipart`:PendingDeprecationWarning"


def an_event(**changes: object) -> Event:
    """Return a small valid event without a transaction id, with *changes* at its top level."""
    event: Event = {
        "request": {
            "time": "2026-11-20T21:06:10.700Z",
            "uri": "http://shop.test/items/7?x=1",
            "verb": "GET",
            "headers": {"Accept": "*/*"},
        },
        "response": {"time": "2026-11-20T21:06:10.712Z", "status": 200, "headers": {}},
    }
    return {**event, **changes}


@pytest.fixture(name="an_event")
def an_event_fixture() -> Callable[..., Event]:
    return an_event


class AppClient:
    """Calls an ASGI app in this process, one event loop for each call."""

    def __init__(self, store: Store) -> None:
        self._app = create_app(store)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.request(method, url, **options)

        return asyncio.run(call())

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def events(self) -> list[Event]:
        """Return everything stored, oldest first, as the JSON API tells it."""
        return [row["event"] for row in self.get("/api/events?limit=1000").json()["events"]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(str(tmp_path / "events.db"))) as store:
        yield store


@pytest.fixture
def client(store: SQLiteStore) -> AppClient:
    return AppClient(store)


@pytest.fixture
def client_of() -> type[AppClient]:
    return AppClient


@dataclass
class Collector:
    """A running ``apilog serve``."""

    process: subprocess.Popen[str]
    announced: str
    http: httpx.Client


Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def apilog(tmp_path: Path) -> Iterator[Command]:
    """Start the ``apilog`` command with these arguments in an empty folder."""
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    warnings = f"error,{OLD_STARLETTE}"
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": warnings}
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "apilog.cli", *arguments],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            watchdog = threading.Timer(WATCHDOG_SECONDS, process.kill)
            watchdog.start()
            stack.callback(watchdog.cancel)
            return process

        yield start


@pytest.fixture
def serving(apilog: Command) -> Callable[..., Any]:
    """Run ``apilog serve --port 0`` and more arguments for the length of a ``with`` block."""

    @contextmanager
    def serve(*arguments: str) -> Iterator[Collector]:
        process = apilog("serve", "--port", "0", *arguments)
        assert process.stdout is not None
        announced = process.stdout.readline()
        url = announced.removeprefix("apilog collector: ").rstrip("\n")
        with httpx.Client(base_url=url, trust_env=False) as http:
            yield Collector(process, announced, http)

    return serve

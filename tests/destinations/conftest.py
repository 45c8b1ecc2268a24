"""Events as destinations receive them, a plain HTTP endpoint, and the real collector."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from http_kit import Handler, Listener, serving

from apilog import Client
from apilog.wsgi import ApiLogMiddleware

sys.path.insert(0, str(Path(__file__).parent))  # makes the servers and `hostile` importable

PATIENCE = 30.0
"""Seconds after which a wait is a failure."""


@pytest.fixture
def an_event() -> Callable[..., bytes]:
    """Return an event as the encoder writes it, with *changes* at its top level."""

    def an_event(**changes: object) -> bytes:
        event: dict[str, Any] = {
            "request": {
                "time": "2026-11-20T21:06:10.700Z",
                "uri": "http://shop.test/items/7?x=1",
                "verb": "GET",
                "headers": {"Accept": "*/*"},
            },
            "response": {"time": "2026-11-20T21:06:10.712Z", "status": 200, "headers": {}},
            "metadata": {"apilog": {"sdk": "apilog/0", "duration_ms": 12.34}},
            "direction": "Incoming",
            "weight": 1,
            "transaction_id": "0198c5e0-0000-7000-8000-000000000001",
        }
        return json.dumps({**event, **changes}, separators=(",", ":")).encode()

    return an_event


@dataclass
class Request:
    """A request that an endpoint received."""

    verb: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(json.loads(gzip.decompress(self.raw)))


@dataclass
class Endpoint:
    """An HTTP server that answers *status* to everything."""

    url: str
    status: int = 201
    requests: list[Request] = field(default_factory=list)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    class Answering(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            endpoint.requests.append(Request(self.command, self.path, headers, body))
            self.send_response(endpoint.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Listener(Answering)) as server:
        endpoint = Endpoint(server.url)
        yield endpoint


@pytest.fixture
def call() -> Callable[..., None]:
    """Make a call of a small WSGI app that *client* records."""

    def call(
        client: Client,
        path: str = "/items",
        answer: bytes = b'{"ok":true}',
        content_type: str = "application/json",
        **environ: Any,
    ) -> None:
        def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            start_response("201 Created", [("Content-Type", content_type), ("X-Shop", "1")])
            _environ["wsgi.input"].read()
            return [answer]

        environ = {"PATH_INFO": path, **environ}
        setup_testing_defaults(environ)
        response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
        assert b"".join(response) == answer
        getattr(response, "close", lambda: None)()

    return call


@dataclass
class Collector:
    """A running ``apilog serve``."""

    url: str
    process: subprocess.Popen[str]
    data: Path

    def events(self) -> list[dict[str, Any]]:
        """Return what it has stored, oldest first."""
        headers = {"X-Apilog-CSRF": "1"}
        with httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, timeout=PATIENCE
        ) as viewer:
            token = (self.data / "viewer-token").read_text().strip()
            viewer.post("/view/login", json={"token": token}).raise_for_status()
            lines = viewer.get("/view/export?format=ndjson").raise_for_status().text.splitlines()
        return [json.loads(line) for line in reversed(lines)]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Run ``apilog serve`` on this port (0 for any) for the length of a ``with`` block."""
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    with ExitStack() as stack:

        @contextmanager
        def serve(port: int = 0) -> Iterator[Collector]:
            process = subprocess.Popen(
                [sys.executable, "-m", "apilog.cli", "serve", f"--port={port}"],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": paths},
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.kill)
            watchdog = threading.Timer(2 * PATIENCE, process.kill)
            watchdog.start()
            stack.callback(watchdog.cancel)
            with process:
                assert process.stdout is not None
                announced = process.stdout.readline()
                assert announced.startswith("apilog collector: http://"), announced
                url = announced.removeprefix("apilog collector: ").strip().rstrip("/")
                try:
                    yield Collector(url, process, tmp_path / "apilog-data")
                finally:
                    process.terminate()

        yield serve

"""An ASGI server in this process that writes down every message."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from conformance_kit import diary
from conformance_kit.diary import note
from conformance_kit.observation import Observation
from conformance_kit.scenario import Scenario
from conformance_kit.wsgi_driver import told

WATCHDOG_SECONDS = 20


def scope_of(scenario: Scenario) -> dict[str, Any]:
    """Return the scope that a server makes of the request."""
    if scenario.scope.get("type", "http") != "http":
        return {"asgi": {"version": "3.0"}, **copy.deepcopy(dict(scenario.scope))}
    request = scenario.request
    gone_by_error = scenario.client is not None and scenario.client.how == "error"
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in scenario.headers
    ]
    if request.chunked:
        headers.append((b"transfer-encoding", b"chunked"))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4" if gone_by_error else "2.3"},
        "http_version": request.version,
        "server": ("127.0.0.1", 80),
        "client": ("192.0.2.7", 50_000),
        "scheme": "http",
        "method": request.verb,
        "root_path": unquote(request.root),
        "path": unquote(request.root) + unquote(request.path),
        "raw_path": (request.root + request.path).encode("ascii"),
        "query_string": request.query.encode("ascii"),
        "headers": headers,
        "state": {},
        "extensions": {name: {} for name in scenario.extensions},
    }
    scope.update(scenario.scope)
    return scope


def messages_of(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the messages that bring the request."""
    if "messages" in scenario.scope:
        return [dict(each) for each in scenario.scope["messages"]]
    pieces = scenario.request.pieces or [b""]
    return [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, start=1)
    ]


class _Server:
    def __init__(self, scenario: Scenario) -> None:
        self.seen = Observation()
        self._scenario = scenario
        self._incoming = messages_of(scenario)
        self._over = asyncio.Event()
        self._bodies = 0
        self._left = False

    async def receive(self) -> dict[str, Any]:
        self.seen.received.append(("receive",))
        if self._left:
            return self._got({"type": "http.disconnect"})
        if self._incoming:
            return self._got(self._incoming.pop(0))
        await self._over.wait()
        return self._got({"type": "http.disconnect"})

    def _got(self, message: dict[str, Any]) -> dict[str, Any]:
        self.seen.received.append(("got", dict(message)))
        return message

    async def send(self, message: dict[str, Any]) -> None:
        if self._left and self._how == "error":
            note("send fails", message["type"])
            raise diary.raising(OSError("the client is gone"))
        note("send", _plain(message))
        await asyncio.sleep(0)
        kind = message["type"]
        if kind == "http.response.start":
            self.seen.take_head(message["status"], _lines(message))
        elif kind == "http.response.body":
            self._bodies += 1
            self.seen.chunks.append(bytes(message.get("body", b"")))
            if not message.get("more_body"):
                self._over.set()
            client = self._scenario.client
            if client is not None and self._bodies == client.after:
                self._leave()

    @property
    def _how(self) -> str:
        return self._scenario.client.how if self._scenario.client else ""

    def leave_early(self) -> None:
        if self._scenario.client is not None and self._scenario.client.after == 0:
            self._leave()

    def _leave(self) -> None:
        note("client leaves")
        self._left = True
        self._over.set()
        if self._how == "cancel":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()


def call_asgi(app: Callable[..., Any], scenario: Scenario) -> Observation:
    """Serve the scenario's request with *app*, and return what was seen."""
    return asyncio.run(_call(app, scenario))


async def _call(app: Callable[..., Any], scenario: Scenario) -> Observation:
    diary.begin()
    server = _Server(scenario)
    task = asyncio.current_task()
    assert task is not None
    watchdog = asyncio.get_running_loop().call_later(WATCHDOG_SECONDS, task.cancel, "too slow")
    scope = scope_of(scenario)
    scope["conformance.scope"] = id(scope)
    server.leave_early()
    try:
        result = await app(scope, server.receive, server.send)
        if diary.story.get() is not None:
            note("the app's context variable is", diary.story.get())
        note("returned", result)
    except BaseException as error:
        note("raised", *told(error))
    watchdog.cancel()
    server.seen.log = list(diary.notes)
    return server.seen


def _lines(message: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
        for name, value in message.get("headers", ())
    ]


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of *message* that later changes do not reach, with the kinds of its bytes."""
    plain = dict(message)
    if "headers" in plain:
        if not isinstance(plain["headers"], (list, tuple)):
            message["headers"] = list(plain["headers"])  # as a server would read it: once
        plain["headers"] = [(bytes(name), bytes(value)) for name, value in message["headers"]]
    if "body" in plain:
        plain["body"] = (type(plain["body"]).__name__, bytes(plain["body"]))
    return plain

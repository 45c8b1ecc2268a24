"""The app under test, for both protocols: its answers follow from the ids in its addresses.

Beside the recorded app stands a door for the tests, which apilog never sees: ``/-/stats`` gives
the account of this process, ``/-/times`` what each recorded call took, ``/-/memory`` the peak.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import apilog.asgi
import apilog.wsgi
from apilog import Client
from harness.payload import PROCESS_HEADER, answer_of, is_streamed

BLOCKED_SECONDS = 30.0
"""Seconds that ``/claims/1?block`` takes; the server's patience is shorter. ``?stuck`` does not
even hear the signal with which the server says so."""

EXIT_CODE = 7
"""Code that ``/claims/1?exit`` ends its process with, there and then; 3 and 4 end gunicorn."""

SPARE = 64 << 20
"""Bytes that ``/claims/1?hungry`` leaves itself to grow by."""

_JSON = "application/json"


class Door:
    """What tests may ask a process about itself."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.times: list[tuple[float, float]] = []

    def answer(self, path: str) -> bytes:
        """Return the answer of the door at *path*."""
        said: Any
        if path == "/-/stats":
            stats = self._client.stats()
            said = {each.name: getattr(stats, each.name) for each in fields(stats)}
        elif path == "/-/times":
            said = self.times
        elif path == "/-/memory":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            said = peak * (1 if sys.platform == "darwin" else 1024)
        else:
            said = None
        return json.dumps({"pid": os.getpid(), "says": said}, default=dict).encode()

    def note(self, began: float) -> None:
        """Keep what one call took, from the server's call to the app's last byte."""
        self.times.append((time.monotonic(), time.perf_counter() - began))


def asgi_app(client: Client) -> Callable[..., Awaitable[None]]:
    """Return the app with apilog around it, and the door."""
    recorded = apilog.asgi.ApiLogMiddleware(_asgi_claims, client=client)
    door = Door(client)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/-/"):
            await _send_whole(send, door.answer(scope["path"]))
            return
        began = time.perf_counter()
        await recorded(scope, receive, send)
        if scope["type"] == "http":
            door.note(began)

    return app


async def _asgi_claims(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    claim = int(scope["path"].rpartition("/")[2])
    _be_bad(scope["query_string"].decode())
    body = answer_of(claim)
    if not is_streamed(claim):
        await _send_whole(send, body)
        return
    await send(_start(()))
    await send({"type": "http.response.body", "body": body[:50], "more_body": True})
    await asyncio.sleep(0)  # to be killed here must be possible
    await send({"type": "http.response.body", "body": body[50:], "more_body": True})
    await send({"type": "http.response.body"})


async def _send_whole(send: Any, body: bytes) -> None:
    await send(_start([(b"content-length", str(len(body)).encode())]))
    await send({"type": "http.response.body", "body": body})


def _start(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    process = (PROCESS_HEADER.encode(), str(os.getpid()).encode())
    lines = [(b"content-type", _JSON.encode()), process, *headers]
    return {"type": "http.response.start", "status": 200, "headers": lines}


def _be_bad(query: str) -> None:
    if query == "stuck":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGABRT])
    if query in ("block", "stuck"):
        time.sleep(BLOCKED_SECONDS)
    if query == "exit":
        os._exit(EXIT_CODE)
    if query == "leave":
        sys.exit(EXIT_CODE)
    if query == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if query == "crashed":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.string_at(0)
    if query == "hungry":
        _eat_everything()


def _eat_everything() -> None:
    """Take all memory that this process may have, which is not much from now on."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + SPARE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    eaten = []
    while True:
        eaten.append(bytearray(1 << 20))


def wsgi_app(client: Client) -> Callable[..., Iterable[bytes]]:
    """Return the app with apilog around it, and the door."""
    recorded = apilog.wsgi.ApiLogMiddleware(_wsgi_claims, client=client)
    door = Door(client)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/-/"):
            return _whole(start_response, door.answer(environ["PATH_INFO"]))
        return recorded(environ, start_response)

    return app


def _wsgi_claims(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    claim = int(environ["PATH_INFO"].rpartition("/")[2])
    _be_bad(environ.get("QUERY_STRING", ""))
    body = answer_of(claim)
    if not is_streamed(claim):
        return _whole(start_response, body)
    start_response("200 OK", _headers())
    return (piece for piece in (body[:50], body[50:]))


def _whole(start_response: Callable[..., Any], body: bytes) -> list[bytes]:
    start_response("200 OK", [*_headers(), ("Content-Length", str(len(body)))])
    return [body]


def _headers() -> list[tuple[str, str]]:
    return [("Content-Type", _JSON), (PROCESS_HEADER, str(os.getpid()))]

"""Small servers in this process; they change nothing of what a scene says."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from canary_kit.scene import ASGI, NUMBER, Headers, Scene

WATCHDOG_SECONDS = 20


class ClientLeft(OSError):
    """What a server says of a client that is gone."""


def play(mounting: str, app: Callable[..., Any], scene: Scene, number: int) -> None:
    """Serve the call of *scene*, whatever the app makes of it."""
    length = sum(map(len, scene.pieces))
    headers = (
        *scene.headers,
        (NUMBER, str(number)),
        *([("Content-Length", str(length))] if length else []),
    )
    if mounting in ASGI:
        asyncio.run(asyncio.wait_for(_play_asgi(app, scene, headers), WATCHDOG_SECONDS))
    else:
        _play_wsgi(app, scene, headers)


def _play_wsgi(app: Callable[..., Any], scene: Scene, headers: Headers) -> None:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scene.verb,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scene.path).decode("latin-1"),
        "QUERY_STRING": scene.query,
        "SERVER_NAME": "shop.test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": _Input(scene),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]}, {value}" if key in environ else value

    def start_response(status: str, lines: list[tuple[str, str]], *_: Any) -> Callable[..., None]:
        return lambda data: None

    response = None
    try:
        response = app(environ, start_response)
        for taken, _ in enumerate(response, start=1):
            if scene.client_leaves and taken == len(scene.response_pieces) - 1:
                break
    except Exception:
        pass  # the server answers 500, and writes the app's traceback into the app's log
    finally:
        if hasattr(response, "close"):
            response.close()


class _Input(io.RawIOBase):
    """The server's input, which comes piece by piece."""

    def __init__(self, scene: Scene) -> None:
        self._pieces = list(scene.pieces)
        self._breaks = scene.client_leaves and len(scene.pieces) > 1

    def read(self, size: int = -1) -> bytes:
        if self._breaks and len(self._pieces) == 1:
            raise ClientLeft("the client left")
        if size is None or size < 0:
            pieces, self._pieces = self._pieces, []
            return b"".join(pieces)
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        return piece[:size]


async def _play_asgi(app: Callable[..., Any], scene: Scene, headers: Headers) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "server": ("shop.test", 80),
        "client": ("192.0.2.7", 50_000),
        "scheme": "http",
        "method": scene.verb,
        "root_path": "",
        "path": unquote(scene.path),
        "raw_path": scene.path.encode("latin-1"),
        "query_string": scene.query.encode("latin-1"),
        "headers": [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers],
        "state": {},
        "extensions": {},
    }
    pieces = list(scene.pieces) or [b""]
    breaks = scene.client_leaves and len(scene.pieces) > 1
    sent = 0
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if breaks and len(pieces) == 1:
            return {"type": "http.disconnect"}
        if pieces:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        if message["type"] == "http.response.body":
            sent += bool(message.get("body"))
            if scene.client_leaves and sent >= max(1, len(scene.response_pieces)):
                raise ClientLeft("the client left")
            if not message.get("more_body"):
                over.set()

    with suppress(Exception):  # the server answers 500; the traceback is in the app's own log
        await app(scope, receive, send)

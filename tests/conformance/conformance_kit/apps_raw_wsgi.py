"""The behaviours as a bare WSGI app."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import apilog
from apilog.wsgi import ApiLogMiddleware
from conformance_kit import scenario as words
from conformance_kit.diary import note, raising
from conformance_kit.scenario import Behaviour, reason
from conformance_kit.streams import digest, iterable_of, read_stream


def make(client: apilog.Client | None, behaviours: dict[str, Behaviour]) -> Callable[..., Any]:
    """Return the app, bare without a *client*."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        does = behaviours[environ["HTTP_X_SCENARIO"]]
        return behave(does, environ, start_response)

    return app if client is None else ApiLogMiddleware(app, client=client)


def behave(
    does: Behaviour, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Do what *does* says."""
    if isinstance(does, words.Native):
        assert does.wsgi is not None
        return does.wsgi(environ, start_response)
    if isinstance(does, words.Fail):
        raise raising(does.error("before the response"))
    if isinstance(does, words.Answer):
        _start(start_response, does.status, does.content_type, does.headers, len(does.body))
        return [does.body] if does.body else []
    if isinstance(does, words.Stream):
        _start(start_response, does.status, does.content_type, does.headers)
        return iterable_of(does)
    if isinstance(does, words.SendFile):
        _start(start_response, 200, "application/octet-stream", (), does.size)
        wrapper = environ.get("wsgi.file_wrapper")
        file = io.BytesIO(bytes(does.size))
        if wrapper is None:
            return iter(lambda: file.read(8192), b"")
        return wrapper(file, 8192)
    return _read(does, environ, start_response)


def _read(
    does: words.Read, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    stream = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH", "")
    size = int(length) if length.isdecimal() else None
    if does.how == "late":
        _start(start_response, 200, "text/plain; charset=utf-8", ())
        return _read_late(stream, size)
    answer = digest(read_stream(stream, does.how, size))
    _start(start_response, 200, "application/json", (), len(answer))
    return [answer]


def _read_late(stream: Any, size: int | None) -> Iterable[bytes]:
    yield b"first\n"
    note("app reads after it began to answer")
    yield digest(read_stream(stream, "all", size))


def _start(
    start_response: Callable[..., Any],
    status: int,
    content_type: str | None,
    headers: words.Headers,
    length: int | None = None,
) -> None:
    lines = list(headers)
    if content_type is not None and status not in (204, 304):
        lines.append(("Content-Type", content_type))
        if length is not None:
            lines.append(("Content-Length", str(length)))
    start_response(f"{status} {reason(status)}", lines)

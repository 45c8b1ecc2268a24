"""The behaviours as a bare ASGI app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import apilog
from apilog.asgi import ApiLogMiddleware
from conformance_kit import scenario as words
from conformance_kit.diary import note, raising
from conformance_kit.scenario import Behaviour
from conformance_kit.streams import async_pieces_of, digest

Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]


def make(client: apilog.Client | None, behaviours: dict[str, Behaviour]) -> Callable[..., Any]:
    """Return the app, bare without a *client*."""

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if b"x-scenario" in headers:
            does = behaviours[headers[b"x-scenario"].decode()]
        elif scope["type"] == "lifespan" and "scenario" not in scope:
            return await _lifespan(receive, send)
        else:
            does = behaviours[scope["scenario"]]
        return await behave(does, scope, receive, send)

    return app if client is None else ApiLogMiddleware(app, client=client)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def behave(does: Behaviour, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Do what *does* says."""
    if isinstance(does, words.Native):
        assert does.asgi is not None
        await does.asgi(scope, receive, send)
    elif isinstance(does, words.Fail):
        raise raising(does.error("before the response"))
    elif isinstance(does, words.Answer):
        await _start(send, does.status, does.content_type, does.headers, len(does.body))
        await send({"type": "http.response.body", "body": does.body})
    elif isinstance(does, words.Stream):
        await _start(send, does.status, does.content_type, does.headers)
        async for chunk in async_pieces_of(does):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    elif isinstance(does, words.SendFile):
        await _start(send, 200, "application/octet-stream", (), does.size)
        for at in range(0, does.size, 65_536):
            piece = bytes(min(65_536, does.size - at))
            more = at + len(piece) < does.size
            await send({"type": "http.response.body", "body": piece, "more_body": more})
    elif isinstance(does, words.Read) and does.how == "late":
        await _start(send, 200, "text/plain; charset=utf-8", ())
        await send({"type": "http.response.body", "body": b"first\n", "more_body": True})
        note("app reads after it began to answer")
        answer = digest([b"".join([each async for each in _pieces(receive)])])
        await send({"type": "http.response.body", "body": answer})
    elif isinstance(does, words.Read):
        pieces = []
        if does.how != "none":
            async for piece in _pieces(receive):
                pieces.append(piece)
                if does.how == "some":
                    break
        answer = digest(pieces if does.how == "pieces" else [b"".join(pieces)])
        await _start(send, 200, "application/json", (), len(answer))
        await send({"type": "http.response.body", "body": answer})
    else:
        raise LookupError(does)


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            note("app learns that the client left")
            return
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def _start(
    send: Send,
    status: int,
    content_type: str | None,
    headers: words.Headers,
    length: int | None = None,
) -> None:
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if content_type is not None and status not in (204, 304):
        lines.append((b"Content-Type", content_type.encode()))
        if length is not None:
            lines.append((b"Content-Length", str(length).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})

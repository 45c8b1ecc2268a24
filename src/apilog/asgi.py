"""The middleware for any ASGI app (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

from apilog.asgi_call import Call, EarlyCall, Message, Receive, Send
from apilog.asgi_call import Scope as Scope
from apilog.asgi_request import Request
from apilog.capture import Exchange, RequestHead, current
from apilog.client import Client, client_for
from apilog.delivery import Refusal
from apilog.destination_choice import Destinations
from apilog.governance import head_of

__all__ = ["ApiLogMiddleware"]

App: TypeAlias = "Callable[[Scope, Receive, Send], Awaitable[None]]"

_SAFE = "/;:@&=+$,!~*'()%"
"""Characters that stay as they are in a path that is percent-encoded already."""

_SENT = "".join(map(chr, range(0x21, 0x7F)))
"""Characters of a query that stay as they were sent; others have no place in an address."""


class ApiLogMiddleware:
    """Record every HTTP call of *app* and pass it on untouched; other scopes are none of ours.

    Args:
        app: any ASGI 3 application.
        client: the client to record with; or else a *destination* and options for one.
    """

    def __init__(
        self,
        app: App,
        *,
        client: Client | None = None,
        destination: Destinations | None = None,
        **options: Any,
    ) -> None:
        self.app = app
        self.client = client_for(client, destination, options)
        self._new_call = EarlyCall if self.client.settles_early else Call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call as the app does."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, partial(self._send_lifespan, send))
            return
        exchange = self._begin(scope) if scope["type"] == "http" else None
        if exchange is None:
            await self.app(scope, receive, send)
            return
        call = self._new_call(self, exchange, scope, receive, send)
        if isinstance(exchange.source, KeptScope):
            exchange.source.lines = scope["headers"]  # with the id in it, perhaps
        before = current.get()
        current.set(exchange)
        try:
            app = self.app
            if self.client.governance is not None:
                app = await self._governed(exchange, scope)
            await app(scope, call.receive, call.send)
        except BaseException as error:
            call.fail(error)
            raise
        finally:
            try:
                await call.end()
            finally:
                current.set(before)

    async def _governed(self, exchange: Exchange, scope: Scope) -> App:
        """Return the app, or what answers in its place because a rule says so."""
        governance = self.client.governance
        request = self.request(scope)
        refusal = governance and await governance.refusal_async(exchange, request)
        return partial(_refuse, refusal) if refusal else self.app

    def request(self, scope: Scope) -> object:
        """Return the request as hooks see it; integrations give their framework's own."""
        return Request(scope)

    def describe(self, exchange: Exchange, scope: Scope) -> None:
        """Put route and view into *exchange*; a bare ASGI app has none."""

    def _begin(self, scope: Scope) -> Exchange | None:
        outer = current.get()
        if outer is not None and outer.is_under_way_for(self.client):
            source = outer.source
            if isinstance(source, KeptScope) and source.lines is scope["headers"]:
                return None  # a call of its own, made inside of the outer one, has other headers
        return self.client.begin(full_path(scope), KeptScope(scope), read_head)

    async def _send_lifespan(self, send: Send, message: Message) -> None:
        """Deliver what is left before the server learns that it may go.

        uvicorn ends by the signal that it was sent, without the interpreter's own farewell.
        """
        if message["type"] == "lifespan.startup.complete":
            self.client.wake()
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            await asyncio.get_running_loop().run_in_executor(None, self.client.farewell)
        await send(message)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    lines, body = head_of(refusal, scope["method"])
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in lines]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class KeptScope:
    """What is kept of a scope: the app may change it, and it holds more than an event needs."""

    __slots__ = (
        "client",
        "headers",
        "lines",
        "method",
        "path",
        "query",
        "raw_path",
        "root",
        "scheme",
        "server",
    )

    def __init__(self, scope: Scope) -> None:
        self.method = scope["method"]
        self.path = scope["path"]
        self.raw_path = scope.get("raw_path")
        self.root = scope.get("root_path", "")
        self.query = scope.get("query_string", b"")
        self.scheme = scope.get("scheme", "http")
        self.server = scope.get("server")
        self.client = scope.get("client")
        self.lines = scope["headers"]
        self.headers = tuple(self.lines)


def read_head(kept: KeptScope) -> RequestHead:
    """Return the head of a request from what was kept of its scope."""
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in kept.headers]
    authority = next((value for name, value in headers if name.lower() == "host"), "")
    return RequestHead(
        verb=kept.method,
        scheme=kept.scheme,
        authority=authority or _server(kept),
        path=_path(kept),
        query=quote(kept.query, _SENT),
        address=kept.client[0] if kept.client else None,
        headers=headers,
    )


def _path(kept: KeptScope) -> str:
    """Return the path as it was sent, with what the app is mounted under in front of it."""
    root = quote(kept.root, _SAFE.removesuffix("%"))
    if kept.raw_path:
        path = quote(kept.raw_path.partition(b"?")[0], _SAFE)
    else:
        path = quote(kept.path, _SAFE.removesuffix("%"))
    return (path if _below(path, root) else root + path) or "/"


def full_path(scope: Scope) -> str:
    """Return the path of a call with what the app is mounted under in front, once."""
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    return path if _below(path, root) else root + path


def _below(path: str, root: str) -> bool:
    """Say whether *path* has *root* in front already: older servers and mounts leave it out."""
    rest = path.removeprefix(root)
    return not root or (rest != path and rest[:1] in ("", "/"))


def _server(kept: KeptScope) -> str:
    if not kept.server:
        return "localhost"
    name, port = kept.server
    host = f"[{name}]" if ":" in name else str(name)
    return host if port in (None, {"http": 80, "https": 443}.get(kept.scheme)) else f"{host}:{port}"

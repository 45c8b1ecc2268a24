"""What every answer of the collector has in common: who may ask for it, and its headers."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("apilog.collector")

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with every answer: logged bytes are other people's bytes, and may be secrets."""

MAX_HEADER_BYTES: Final = 64 * 1024
"""Of a request's address and headers; h11 lets more pass if all of it comes at once."""

NO_STORE: Final = "no-store"
"""How an answer may be kept that does not say anything else itself."""

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{0,5}))?", re.ASCII | re.I)
_MISDIRECTED: Final = JSONResponse(
    {"error": "the Host header names another server; start apilog serve with --name to be it"}, 421
)

_TOO_LARGE: Final = JSONResponse(
    {"error": f"the headers are over {MAX_HEADER_BYTES} bytes"},
    431,
    headers={"Connection": "close"},
)


def names_of(*hosts: str) -> frozenset[str]:
    """Return how a Host header spells *hosts*: lower case, IPv6 addresses in brackets."""
    return frozenset(f"[{each}]" if ":" in each else each.lower() for each in hosts)


class Guard:
    """Answer only requests for one of our own names, and put the headers on every answer.

    The names keep a hostile web page from reading the log through a DNS name that it points
    to this machine (DNS rebinding): the browser still sends that name as ``Host``. An address
    is no name, so the one that a connection arrived at is ours as well.

    A failure of ours ends here, too: the log tells what and where, never what it was about.
    """

    def __init__(self, app: ASGIApp, *, names: Collection[str] = ()) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES.union(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421 (RFC 9110, section 15.5.20)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("Cache-Control", NO_STORE)
            await send(message)

        app: ASGIApp = _TOO_LARGE
        if _header_bytes(scope) <= MAX_HEADER_BYTES:
            app = self._app if self._is_ours(scope) else _MISDIRECTED
        try:
            await app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - its message may quote what was logged
            logger.error("apilog: a request failed: %s; please report this", _place(error))
            if not started:
                failed = JSONResponse({"error": "internal error"}, 500)
                await failed(scope, receive, send_with_headers)

    def _is_ours(self, scope: Scope) -> bool:
        hosts = Headers(scope=scope).getlist("host")
        match = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None or int(match[2] or 0) > 65_535:
            return False
        name = match[1].lower()
        return name in self._names or _is_address(name, scope.get("server"))


def _header_bytes(scope: Scope) -> int:
    sizes = (len(name) + len(value) for name, value in scope["headers"])
    return sum(sizes) + len(scope.get("raw_path") or b"") + len(scope["query_string"])


def _is_address(name: str, server: object) -> bool:
    """Tell whether *name* is the very address at which a connection arrived."""
    try:
        return isinstance(server, (tuple, list)) and (
            ip_address(name.strip("[]")) == ip_address(str(server[0]).partition("%")[0])
        )
    except ValueError:
        return False


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(last.filename).name}, line {last.lineno}"

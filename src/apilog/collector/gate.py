"""The gate: the viewer's routes are for whoever has logged in, the others for our senders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from apilog.collector import tokens
from apilog.collector.sessions import Failures, Logins, Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

CSRF_HEADER: Final = "x-apilog-csrf"
"""What every request that changes something carries: no page elsewhere can make a browser send it
without asking us first, and we never agree."""

VIEW: Final = "/view/"
LOGIN: Final = "/view/login"
MAX_SENDER_FAILURES: Final = 100

_SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_OWN_PAGES: Final = frozenset({"same-origin", "none"})
_TOKEN_HEADERS: Final = ("x-moesif-application-id", "x-api-key")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the collector: its viewer, and, unless *sender_token* is None, its ingest."""

    logins: Logins
    sessions: Sessions
    sender_token: str | None = None

    @classmethod
    def of(cls, directory: Path, *, sender_token: str | None = None) -> Access:
        """Return the access to the collector whose data is in *directory*.

        Raises:
            ConfigError: its token cannot be read or made.
        """
        sessions = Sessions(directory / "viewer-sessions")
        token = tokens.kept_token(directory / tokens.VIEWER_FILE)
        return cls(Logins(token, sessions), sessions, sender_token)


class Gate:
    """Let those requests through that *access* allows; what *is_page* is open to everybody.

    Pages and their files hold no data; all data is behind ``/view/``. A sender shows its token,
    if one is asked for, as application id (Moesif), API key (Swetrix), bearer token, or, for
    systems without any key, as the first part of the address: ``https://host/TOKEN/api/send``.
    """

    def __init__(self, app: ASGIApp, *, access: Access, is_page: Callable[[str], bool]) -> None:
        self._app = app
        self._access = access
        self._is_page = is_page
        self._failures = Failures(limit=MAX_SENDER_FAILURES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before a byte of its body is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        answer: Response | None = None
        if path.startswith(VIEW):
            answer = self._viewer_refusal(HTTPConnection(scope), scope["method"])
        elif self._access.sender_token is not None and not self._is_page(path):
            scope, answer = self._sender(scope, self._access.sender_token)
        await (self._app if answer is None else answer)(scope, receive, send)

    def _viewer_refusal(self, request: HTTPConnection, method: str) -> Response | None:
        if request.headers.get("sec-fetch-site", "none").lower() not in _OWN_PAGES:
            return _refusal(403, "only the viewer's own pages may ask this")
        if not _is_own_origin(request):
            return _refusal(403, "the request comes from another origin")
        if method not in _SAFE_METHODS and request.headers.get(CSRF_HEADER) != "1":
            return _refusal(403, "the header X-Apilog-CSRF: 1 is missing")
        if request.url.path != LOGIN and session_of(request, self._access.sessions) is None:
            return _refusal(401, "log in first, with the address that apilog serve printed")
        return None

    def _sender(self, scope: Scope, token: str) -> tuple[Scope, Response | None]:
        """Return the request without the token in its path, and its refusal if there is one."""
        if scope["method"] == "OPTIONS":  # a preflight carries no key, and changes nothing
            return _without_first_part(scope, token) or scope, None
        if any(tokens.same(each, token) for each in _claimed(HTTPConnection(scope))):
            return scope, None
        shorter = _without_first_part(scope, token)
        if shorter is not None:
            return shorter, None
        address = scope["client"][0] if scope.get("client") else ""
        wait = self._failures.wait(address)
        if wait:
            return scope, too_many(wait)
        self._failures.add(address)
        return scope, _refusal(401, "the sender's token is missing or wrong")


def cookie_name(request: HTTPConnection) -> str:
    """Return the name of the session's cookie.

    It has the port, because browsers keep one jar for all ports of a host.
    """
    server = request.scope.get("server") or ("", 0)
    prefix = "__Host-" if request.url.scheme == "https" else ""
    return f"{prefix}apilog-{server[1] or 0}"


def session_of(request: HTTPConnection, sessions: Sessions) -> str | None:
    """Return the session that *request* belongs to, None if it has none that still holds."""
    session = request.cookies.get(cookie_name(request), "")
    return session if session and sessions.holds(session) else None


def too_many(wait: float) -> Response:
    """Return the answer to somebody who was wrong too often."""
    return JSONResponse(
        {"error": "too many wrong tokens; wait a little"},
        429,
        headers={"Retry-After": str(math.ceil(wait))},
    )


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)


def _is_own_origin(request: HTTPConnection) -> bool:
    """Tell whether the request names no origin or ours. Its scheme may be a proxy's."""
    origins = request.headers.getlist("origin")
    if not origins:
        return True
    scheme, _, host = origins[0].partition("://")
    ours = request.headers.get("host", "").lower()
    return len(origins) == 1 and scheme in ("http", "https") and host.lower() == ours


def _claimed(request: HTTPConnection) -> Iterator[str]:
    for name in _TOKEN_HEADERS:
        yield from request.headers.getlist(name)
    for value in request.headers.getlist("authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            yield token.strip()


def _without_first_part(scope: Scope, token: str) -> Scope | None:
    """Return *scope* with its path behind *token*, or None if that does not begin the path.

    What is behind it is the senders' part: no token of theirs leads to the viewer's.
    """
    first, slash, rest = scope["path"][1:].partition("/")
    if not slash or not tokens.same(first, token) or f"/{rest}".startswith(VIEW):
        return None
    return {**scope, "path": f"/{rest}", "raw_path": scope["raw_path"].partition(b"/")[2]}

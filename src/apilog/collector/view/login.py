"""Logging in and out: a token becomes a cookie that no script can read."""

from __future__ import annotations

import math

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.gate import Access, cookie_name, session_of, too_many
from apilog.collector.sessions import SESSION_SECONDS, Failures
from apilog.collector.view.asking import small_object
from apilog.collector.view.refused import Refused


def routes(access: Access) -> list[Route]:
    """Return ``/view/login`` and ``/view/logout``."""
    failures = Failures()

    async def login(request: Request) -> Response:
        address = request.client.host if request.client else ""
        wait = failures.wait(address)
        if wait:
            return too_many(wait)
        token = (await small_object(request)).get("token")
        session = access.logins.session_for(token) if isinstance(token, str) else None
        if session is None:
            if session_of(request, access.sessions) is not None:
                return Response(status_code=204)  # a second tab with the address of the first
            failures.add(address)
            raise Refused(403, "the token is wrong, or its address has been used already")
        return _with_cookie(request, session, seconds=math.floor(SESSION_SECONDS))

    async def logout(request: Request) -> Response:
        session = session_of(request, access.sessions)
        if session is not None:
            access.sessions.end(session)
        return _with_cookie(request, "", seconds=0)

    return [
        Route("/view/login", login, methods=["POST"]),
        Route("/view/logout", logout, methods=["POST"]),
    ]


def _with_cookie(request: Request, session: str, *, seconds: int) -> Response:
    response = Response(status_code=204)
    response.set_cookie(
        cookie_name(request),
        session,
        max_age=seconds,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response

"""The ASGI middleware with Starlette's request for hooks, and the route in the event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from apilog import asgi
from apilog.asgi import Scope
from apilog.capture import Exchange
from starlette.requests import Request


class ApiLogMiddleware(asgi.ApiLogMiddleware):
    """Record every call of a FastAPI or Starlette app.

    ``app.add_middleware(ApiLogMiddleware, destination=...)``; with ``client=apilog.Client(...)`` the
    client is at hand for `flush`, `stats` and hooks as decorators. Added last, it stands outside of
    the other middlewares and sees what they answer.
    """

    def request(self, scope: Scope) -> Request:
        """Return Starlette's request; its body is not there to be read again."""
        return Request(scope)

    def describe(self, exchange: Exchange, scope: Scope) -> None:
        """Put the route's template, mounts included, and the endpoint's name into *exchange*."""
        route = _route(scope)
        path = getattr(route, "path_format", None) or getattr(route, "path", None)
        if path is not None:
            exchange.route = _mounted_at(scope) + path
        name = getattr(route, "operation_id", None) or getattr(route, "name", None)
        endpoint = getattr(scope.get("endpoint"), "__name__", None)
        exchange.view = name or endpoint


def _route(scope: Scope) -> object:
    """Return what matched: FastAPI's effective route (0.138 and newer), or the scope's own.

    Older versions of Starlette leave only the endpoint, by which the route can be found.
    """
    context = scope.get("fastapi")
    effective = context.get("effective_route_context") if isinstance(context, dict) else None
    if effective is not None:
        return effective
    if "route" in scope:
        return scope["route"]
    endpoint, router = scope.get("endpoint"), scope.get("router")
    return None if endpoint is None else _by_endpoint(getattr(router, "routes", ()), endpoint)


def _by_endpoint(routes: Iterable[Any], endpoint: Callable[..., Any]) -> object:
    for route in routes:
        if getattr(route, "endpoint", None) is endpoint:
            return route
        found = _by_endpoint(getattr(route, "routes", None) or (), endpoint)
        if found is not None:
            return found
    return None


def _mounted_at(scope: Scope) -> str:
    """Return the path under which the innermost app is mounted, without the server's own prefix."""
    if "app_root_path" not in scope:
        return ""
    root: str = scope.get("root_path", "")
    return root.removeprefix(scope["app_root_path"])

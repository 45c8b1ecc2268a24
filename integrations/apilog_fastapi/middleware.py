"""The ASGI middleware with Starlette's request for hooks, and the route in the event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from apilog import asgi
from apilog.asgi import App, Scope
from apilog.capture import Exchange
from apilog.client import Client
from apilog.destination_choice import Destinations


class ApiLogMiddleware(asgi.ApiLogMiddleware):
    """Record every call of a FastAPI or Starlette app.

    ``app.add_middleware(ApiLogMiddleware, destination=...)``; with ``client=apilog.Client(...)``
    the client is at hand for `flush`, `stats` and hooks as decorators. Added last, it stands
    outside of the other middlewares and sees what they answer.
    """

    if TYPE_CHECKING:  # older Starlettes give the app by name, which an open ``**options`` forbids

        def __init__(
            self,
            app: App,
            /,
            *,
            client: Client | None = None,
            destination: Destinations | None = None,
            **options: Any,
        ) -> None: ...

    def request(self, scope: Scope) -> Request:
        """Return Starlette's request; its body is not there to be read again."""
        return Request(scope)

    def describe(self, exchange: Exchange, scope: Scope) -> None:
        """Put the route's template, mounts included, and the endpoint's name into *exchange*."""
        route = _route(scope)
        path = getattr(route, "path_format", None) or getattr(route, "path", None)
        if isinstance(path, str):
            exchange.route = _mounted_at(scope, exchange) + path
        name = getattr(route, "operation_id", None) or getattr(route, "name", None)
        endpoint = getattr(scope.get("endpoint"), "__name__", None)
        exchange.view = name if isinstance(name, str) and name else endpoint


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
    if endpoint is None:
        return None
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    found = _with_endpoint(getattr(router, "routes", ()), endpoint)
    return next((route for route in found if route.path_regex.match(path)), None)


def _with_endpoint(routes: Iterable[Any], endpoint: Callable[..., Any]) -> Iterator[Any]:
    for route in routes:
        if getattr(route, "endpoint", None) is endpoint and hasattr(route, "path_regex"):
            yield route
        yield from _with_endpoint(getattr(route, "routes", None) or (), endpoint)


def _mounted_at(scope: Scope, exchange: Exchange) -> str:
    """Return the path under which the innermost app is mounted, without the server's own prefix.

    Starlette before 0.33 shortens the path of the scope instead of keeping the app's own root.
    """
    if "app_root_path" in scope:
        root: str = scope.get("root_path", "")
        return root.removeprefix(scope["app_root_path"])
    kept = exchange.source
    if not isinstance(kept, asgi.KeptScope) or kept.path == scope["path"]:
        return ""
    mounted: str = kept.path.removesuffix(scope["path"])
    return mounted.removeprefix(kept.root)

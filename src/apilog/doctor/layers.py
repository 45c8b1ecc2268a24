"""What stands around an app, from the outermost middleware to the framework itself."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apilog import asgi, wsgi
from apilog.client import Client

_INNER = (
    "app",
    "application",
    "wsgi_app",
    "wsgi_application",
    "asgi_app",
    "inner",
    "_app",
    "__wrapped__",
)
"""Where middlewares keep what they wrap."""

_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Layer:
    """One middleware, or the framework at the centre."""

    name: str
    is_ours: bool = False
    is_framework: bool = False
    client: Client | None = None


@dataclass(slots=True)
class Layers:
    """The layers of one app, the outermost first, and those of the apps mounted in it."""

    kind: str = ""
    """Flask, FastAPI, Starlette, Django, or nothing."""
    found: list[Layer] = field(default_factory=list)
    mounted: dict[str, Layers] = field(default_factory=dict)

    @property
    def ours(self) -> int:
        """How many of them record calls."""
        return sum(layer.is_ours for layer in self.found)

    @property
    def outside(self) -> list[str]:
        """The names of middlewares that stand outside of ours."""
        names: list[str] = []
        for layer in self.found:
            if layer.is_ours:
                return names
            if not layer.is_framework:
                names.append(layer.name)
        return []

    @property
    def client(self) -> Client | None:
        """The client of the outermost of ours."""
        return next((each.client for each in self.found if each.client is not None), None)


def layers_of(app: object) -> Layers:
    """Look at *app* without calling it.

    Raises:
        ConfigError: a middleware of ours has options that cannot work.
    """
    layers = Layers()
    seen: set[int] = set()
    while app is not None and id(app) not in seen and len(seen) < _DEEPEST:
        seen.add(id(app))
        app = _next(app, layers)
    return layers


def _next(app: Any, layers: Layers) -> object:
    """Note the layer that *app* is; return what it wraps."""
    if isinstance(app, (wsgi.ApiLogMiddleware, asgi.ApiLogMiddleware)):
        layers.found.append(Layer(_name(app), is_ours=True, client=app.client))
        return app.app
    owner = getattr(app, "__self__", None)
    if owner is not None and not isinstance(owner, type):  # Flask's own wsgi_app is a method
        return owner
    if _is(app, "flask", "Flask"):
        layers.kind = "Flask"
        layers.found.append(Layer("Flask", is_framework=True))
        inside: object = app.wsgi_app
        return inside
    if _is(app, "starlette.applications", "Starlette"):
        _starlette(app, layers)
        return None
    if _is(app, "django.core.handlers.base", "BaseHandler"):
        _django(layers)
        return None
    inner = next((each for name in _INNER if callable(each := getattr(app, name, None))), None)
    layers.found.append(Layer(_name(app), is_framework=inner is None))
    return inner


def _is(app: object, module: str, name: str) -> bool:
    """Say whether *app* is of a framework's class; one that nobody imported has no apps."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(app, kind)


def _starlette(app: Any, layers: Layers) -> None:
    layers.kind = "FastAPI" if _is(app, "fastapi", "FastAPI") else "Starlette"
    for middleware in app.user_middleware:  # the one added last comes first
        is_ours = isinstance(middleware.cls, type) and issubclass(
            middleware.cls, asgi.ApiLogMiddleware
        )
        client = _client(middleware) if is_ours else None
        name = getattr(middleware.cls, "__name__", type(middleware.cls).__name__)
        layers.found.append(Layer(name, is_ours=is_ours, client=client))
    layers.found.append(Layer(layers.kind, is_framework=True))
    for path, inner in _mounted(app.routes):
        layers.mounted[path] = layers_of(inner)


def _client(middleware: Any) -> Client:
    """Return the client that a middleware will have; it is made with the first call only."""
    options = dict(getattr(middleware, "kwargs", None) or getattr(middleware, "options", {}))
    client = options.pop("client", None)
    return client if client is not None else Client(options.pop("destination", None), **options)


def _mounted(routes: Any, prefix: str = "") -> Iterator[tuple[str, object]]:
    for route in routes:
        inner, path = getattr(route, "app", None), f"{prefix}{getattr(route, 'path', '')}"
        if _is(route, "starlette.routing", "Mount") and inner is not None:
            yield path, inner
            if not _is(inner, "starlette.applications", "Starlette"):  # it tells of its own
                yield from _mounted(getattr(route, "routes", None) or (), path)


def _django(layers: Layers) -> None:
    layers.kind = "Django"
    settings = importlib.import_module("django.conf").settings
    import_string = importlib.import_module("django.utils.module_loading").import_string
    for path in settings.MIDDLEWARE:
        try:
            made = import_string(path)
        except ImportError:
            made = None
        bases = made.__mro__ if isinstance(made, type) else ()
        is_ours = any(base.__module__.partition(".")[0] == "apilog_django" for base in bases)
        client = importlib.import_module("apilog_django").client() if is_ours else None
        layers.found.append(Layer(path, is_ours=is_ours, client=client))
    layers.found.append(Layer("Django", is_framework=True))


def _name(app: object) -> str:
    return getattr(app, "__qualname__", None) or type(app).__name__

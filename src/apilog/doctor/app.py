"""The app: is it recorded, once, and from the outside."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apilog.client import Client
from apilog.delivery import Destination
from apilog.doctor.check import Check, ok, problem, warning
from apilog.doctor.layers import Layers, layers_of
from apilog.exceptions import ConfigError
from apilog.terminal import escaped

NAME = "app"

_HARMLESS = frozenset({"ProxyFix", "TrustedHostMiddleware", "ProxyHeadersMiddleware"})
"""Middlewares that may stand outside: they answer nothing that anybody would look for."""

_ADD = {
    "Flask": "ApiLog(app, destination=...) from apilog_flask",
    "FastAPI": "app.add_middleware(ApiLogMiddleware, destination=...) from apilog_fastapi",
    "Starlette": "app.add_middleware(ApiLogMiddleware, destination=...) from apilog_fastapi",
    "Django": 'put "apilog_django.ApiLogMiddleware" first in MIDDLEWARE',
    "": "wrap it: ApiLogMiddleware(app, destination=...) from apilog.wsgi or apilog.asgi",
}
_OUTERMOST = {
    "Flask": "call ApiLog(app) or init_app(app) after everything else that wraps app.wsgi_app",
    "FastAPI": "add ApiLogMiddleware last: what is added last stands outermost",
    "Starlette": "add ApiLogMiddleware last: what is added last stands outermost",
    "Django": "put it first in MIDDLEWARE",
    "": "let ApiLogMiddleware be the last thing that wraps the app",
}


@dataclass(slots=True)
class Loaded:
    """An app, or why there is none."""

    layers: Layers | None = None
    trouble: Check | None = None

    @property
    def client(self) -> Client | None:
        """The client that records its calls, if one does."""
        return self.layers.client if self.layers is not None else None

    @property
    def destinations(self) -> list[Destination]:
        """Where that client sends events."""
        pipelines = self.client._lanes.of_calls if self.client is not None else ()  # noqa: SLF001
        return [pipeline._destination for pipeline in pipelines]  # noqa: SLF001 - to look at them


def load(target: str) -> Loaded:
    """Import the app that *target* names (``MODULE:ATTRIBUTE``, or ``MODULE:FACTORY()``).

    Whatever it prints goes to standard error; whatever it raises is a finding.
    """
    shown = escaped(target)
    if "" not in sys.path and os.getcwd() not in sys.path:  # noqa: PTH109 - as servers do
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    with contextlib.redirect_stdout(sys.stderr):
        try:
            app = _found(target)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the app's own, whatever it is
            return Loaded(trouble=_not_loaded(shown, error))
        try:
            return Loaded(layers=layers_of(app))
        except ConfigError as error:
            found = f"{shown}: {without_value(error)}"
            return Loaded(trouble=problem(NAME, found, "mend this option of the app"))
        except Exception as error:  # noqa: BLE001 - the framework's
            return Loaded(trouble=_not_loaded(shown, error))


def _found(target: str) -> object:
    module, _, attribute = target.partition(":")
    app: Any = importlib.import_module(module)
    is_factory = attribute.endswith("()")
    for name in attribute.removesuffix("()").split("."):
        if not hasattr(app, name):
            raise _MissingError
        app = getattr(app, name)
    return app() if is_factory else app


class _MissingError(Exception):
    """Say that a module has no such attribute."""


def _not_loaded(shown: str, error: BaseException) -> Check:
    kind = type(error).__name__
    if kind == "ImproperlyConfigured":
        return problem(NAME, f"{shown}: Django has no valid settings", "set DJANGO_SETTINGS_MODULE")
    if isinstance(error, ConfigError):
        found = f"{shown}: {without_value(error)}"
        return problem(NAME, found, "mend this option of the app")
    if isinstance(error, ModuleNotFoundError):
        missing = escaped(error.name or "?")
        fix = "run this where the app runs: same directory, same environment"
        return problem(NAME, f"{shown}: there is no module {missing}", fix)
    if isinstance(error, _MissingError):
        return problem(NAME, f"{shown}: there is no such attribute", "check the name after the ':'")
    return problem(
        NAME, f"{shown}: loading it raises {kind}", "load it with python -c to see where"
    )


def without_value(error: ConfigError) -> str:
    """Return what *error* says, without the value that it may quote."""
    name, divider, rest = str(error).partition(" = ")
    if not divider:
        return escaped(name)
    expected = rest.rpartition(": expected ")[2]
    return f"{name}: expected {expected}" if ": expected " in rest else f"{name} cannot work"


def check_app(layers: Layers) -> Iterator[Check]:
    """Say whether the app is recorded, by how many of our middlewares, and what they miss."""
    kind = layers.kind
    what = kind or "the app"
    recorded = {path: each for path, each in layers.mounted.items() if each.ours}
    if not layers.ours:
        if recorded:
            only = ", ".join(map(escaped, recorded))
            yield warning(NAME, f"{what}: only what is mounted at {only} is recorded", _ADD[kind])
        else:
            yield problem(NAME, f"{what} is not recorded: no middleware of apilog", _ADD[kind])
        return
    if layers.ours > 1 or recorded:
        where = f", again at {', '.join(map(escaped, recorded))}" if recorded else ""
        yield problem(
            NAME,
            f"{what} is wrapped {layers.ours + len(recorded)} times{where}: calls are recorded"
            " more than once",
            "keep the outermost ApiLogMiddleware or extension, and take the others away",
        )
    outside = [name for name in layers.outside if name.rpartition(".")[2] not in _HARMLESS]
    if outside:
        names = ", ".join(map(escaped, outside))
        yield warning(
            NAME,
            f"{what}: {names} stands outside of apilog, and what it answers is not recorded",
            _OUTERMOST[kind],
        )
    elif layers.ours == 1 and not recorded:
        yield ok(NAME, f"{what} is recorded, from the outside, once")

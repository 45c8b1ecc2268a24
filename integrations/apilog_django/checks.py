"""System checks: what is wrong with the settings, before the first request."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - its name

from apilog.client import Client
from apilog.exceptions import ConfigError
from apilog_django.settings import SETTING, read

MIDDLEWARE = "apilog_django.ApiLogMiddleware"


@register("apilog")
def check_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Say what keeps apilog from working, and what keeps it from seeing every call."""
    return [*_setting(), *_middleware()]


def _setting() -> list[CheckMessage]:
    try:
        destination, options = read()
        Client(destination, **options)
    except ConfigError as error:
        hint = f"Change settings.{SETTING}; the options are explained in apilog's README."
        return [Error(str(error), hint=hint, id="apilog.E001")]
    return []


def _middleware() -> list[CheckMessage]:
    paths = [path for path in settings.MIDDLEWARE if path.startswith("apilog_django.")]
    if not paths:
        hint = f"Put {MIDDLEWARE!r} first in settings.MIDDLEWARE."
        return [Warning("apilog records nothing: no middleware.", hint=hint, id="apilog.W001")]
    if settings.MIDDLEWARE[0] != paths[0]:
        hint = "Put it first: it sees neither what earlier middlewares answer nor what they read."
        return [Warning(f"{paths[0]} is not the first middleware.", hint=hint, id="apilog.W002")]
    return []

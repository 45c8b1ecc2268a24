"""The setting ``APILOG``: options in capitals, hooks as functions or dotted paths."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from apilog.client import Client
from apilog.config import DESTINATION
from apilog.exceptions import ConfigError
from apilog.hooks import NAMES

SETTING = "APILOG"

_lock = threading.Lock()
_client: Client | None = None


def client() -> Client:
    """Return the client of this process; the first call makes it from the settings.

    Raises:
        ConfigError: the setting cannot work.
    """
    global _client
    with _lock:
        if _client is None:
            destination, options = read()
            _client = Client(destination, **options)
        return _client


def read() -> tuple[Any, dict[str, Any]]:
    """Return the destination and the options that the settings name.

    Raises:
        ConfigError: a name is not in capitals, or a dotted path leads nowhere.
    """
    given = getattr(settings, SETTING, {})
    if not isinstance(given, Mapping):
        raise ConfigError(f"{SETTING} = {given!r}: expected a dictionary of options")
    for name in given:
        if not isinstance(name, str) or name != name.upper():
            raise ConfigError(f"{SETTING}[{name!r}]: options are written in capitals here")
    options = {name.lower(): value for name, value in given.items()}
    for name in (*NAMES, "sample_rate"):
        if isinstance(options.get(name), str):
            options[name] = _imported(name, options[name])
    return options.pop(DESTINATION, None), options


def _imported(name: str, path: str) -> Any:
    try:
        return import_string(path)
    except ImportError as error:
        raise ConfigError(
            f"{SETTING}[{name.upper()!r}] = {path!r}: cannot be imported ({error})"
        ) from error


def _forget(*, setting: str, **_: Any) -> None:
    """Make a new client for changed settings, which tests have (`override_settings`)."""
    global _client
    if setting == SETTING:
        with _lock:
            old, _client = _client, None
        if old is not None:
            old.close()


setting_changed.connect(_forget, dispatch_uid="apilog_django.settings")

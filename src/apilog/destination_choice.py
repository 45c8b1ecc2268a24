"""The choice of destinations: objects, URLs, or what the environment names."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from typing import TypeAlias

from apilog import config
from apilog.delivery import Destination
from apilog.destinations import from_url
from apilog.exceptions import ConfigError

Destinations: TypeAlias = "Destination | str | Sequence[Destination | str]"


def chosen(given: Destinations | None, *, required: bool) -> list[Destination]:
    """Return the destination objects that *given*, or else the environment, names."""
    variable = config.PREFIX + config.DESTINATION.upper()
    if given is None:
        given = os.environ.get(variable, "").split()
    each = list(given) if isinstance(given, (list, tuple)) else [given]
    if not each and required:
        raise ConfigError(
            f"destination is missing: pass one, such as destination='http://127.0.0.1:8090',"
            f" or set {variable}"
        )
    return [_destination(one) for one in each]


def _destination(one: object) -> Destination:
    if isinstance(one, str):
        return from_url(one)
    shown = f"an object of class {type(one).__name__}"  # its repr may hold a key
    if isinstance(one, type):
        shown = f"the class {one.__name__} itself"
    elif inspect.iscoroutinefunction(getattr(one, "send", None)):
        shown += " with an async send"
    elif isinstance(one, Destination) and callable(one.send):
        return one
    raise ConfigError(
        f"destination is {shown}: expected a URL, or an object with a plain method send(batch)"
    )

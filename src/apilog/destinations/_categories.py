"""Categories: into which of a service's drawers a call goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from apilog.events import Event
from apilog.exceptions import ConfigError
from apilog.filters import Filter

Category: TypeAlias = "str | Mapping[str, str] | Callable[[Event], str]"
"""A name, a table from conditions to names (the first that fits counts), or a function."""

DEFAULT = "default"

_EXPECTED = "expected a name, a table such as {'5xx': 'Errors', 'default': 'Calls'}, or a function"


def category_of(given: Category) -> Callable[[Event], str]:
    """Return the function that names the category of an event.

    Raises:
        ConfigError: *given* cannot work; the message says what is missing.
    """
    if isinstance(given, str):
        name = _checked(given)
        return lambda _event: name
    if isinstance(given, Mapping):
        return _table(given)
    if not callable(given):
        raise ConfigError(f"category = {given!r}: {_EXPECTED}")
    return given


def _table(given: Mapping[str, str]) -> Callable[[Event], str]:
    names = {condition: _checked(name) for condition, name in given.items()}
    fallback = names.pop(DEFAULT, None)
    if fallback is None:
        raise ConfigError(f"category: no {DEFAULT!r} in the table, for calls that fit nothing else")
    rows = [(_condition(condition), name) for condition, name in names.items()]

    def category(event: Event) -> str:
        return next((name for fits, name in rows if fits.admits(event)), fallback)

    return category


def _condition(condition: object) -> Filter:
    if not isinstance(condition, str):
        raise ConfigError(f"category: {condition!r} in the table is no text; {_EXPECTED}")
    try:
        return Filter(only=condition)
    except ConfigError:
        raise ConfigError(
            f"category: {condition!r} in the table is neither {DEFAULT!r} nor a path such as"
            " '/admin/*' or 'POST /orders' nor a status such as '5xx'"
        ) from None


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f"category = {name!r}: {_EXPECTED}")
    return name

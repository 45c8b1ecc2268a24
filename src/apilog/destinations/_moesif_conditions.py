"""Moesif's conditions: regular expressions that somebody far away wrote, used without trust.

Their form follows https://www.moesif.com/docs/api#get-config and #get-rules: groups of which one
has to fit, each with conditions that all have to fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

from apilog.capture import RequestHead
from apilog.codec import JSON
from apilog.events import Event
from apilog.pattern_check import weakness

Fields: TypeAlias = Callable[[str], "str | None"]
"""Gives the value of a field by its path: ``request.route``; None if there is none."""

_LONGEST_PATTERN = 1_000
_MOST = 32
"""Conditions in a group, and groups."""

_LONGEST_VALUE = 8_192
_LONGEST_FOR_SLOW = 256
"""Characters of a value that are looked at, and those that a slow pattern sees: what is longer fits
nothing, because a search holds the whole process."""

_REPEATS = re.compile(r"[*+{]")


class Condition:
    """One field that has to hold a match of one regular expression.

    Raises:
        ValueError: it is none, or its expression can take exponential time.
    """

    def __init__(self, given: JSON) -> None:
        path = given.get("path") if isinstance(given, dict) else None
        value = given.get("value") if isinstance(given, dict) else None
        if not isinstance(path, str) or not isinstance(value, str):
            raise ValueError("a condition needs a path and a value")
        self._path = path
        self._pattern = _pattern(value)
        weak = weakness(self._pattern) if _REPEATS.search(value) else None
        if weak == "exponential":
            raise ValueError("an expression can take exponential time")
        self._longest = _LONGEST_FOR_SLOW if weak else _LONGEST_VALUE

    def fits(self, fields: Fields) -> bool:
        """Say whether the field is there and holds a match."""
        value = fields(self._path)
        if value is None or len(value) > self._longest:
            return False
        return self._pattern.search(value) is not None


class Conditions:
    """One group: all of them have to fit.

    Raises:
        ValueError: there is none, or one is wrong.
    """

    def __init__(self, given: JSON) -> None:
        if not isinstance(given, list) or not 0 < len(given) <= _MOST:
            raise ValueError(f"expected 1 to {_MOST} conditions")
        self._each = [Condition(one) for one in given]

    def fit(self, fields: Fields) -> bool:
        """Say whether all of them fit."""
        return all(one.fits(fields) for one in self._each)


def groups(given: JSON) -> list[Conditions]:
    """Return the groups in *given*, the ``regex_config`` of a rule; none fit everything.

    Raises:
        ValueError: one is wrong.
    """
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > _MOST:
        raise ValueError(f"regex_config: expected a list of at most {_MOST}")
    return [Conditions(one.get("conditions") if isinstance(one, dict) else None) for one in given]


def fields_of_event(event: Event) -> Fields:
    """Return what gives the fields of *event*: ``request.verb``, ``response.status``, ..."""

    def field(path: str) -> str | None:
        if path == "request.route":
            return _route(event.request.uri)
        side, _, rest = path.partition(".")
        if side not in ("request", "response"):
            return _text(getattr(event, path, None) if path in _IDENTITY else None)
        part = event.request if side == "request" else event.response
        name, _, inner = rest.partition(".")
        if part is None or name not in _PARTS:
            return None
        return _inside(getattr(part, name, None), name, inner)

    return field


def fields_of_request(head: RequestHead) -> Fields:
    """Return what gives the fields of a request whose body nobody has read yet."""

    def field(path: str) -> str | None:
        if path.startswith("request.headers."):
            wanted = path.removeprefix("request.headers.").lower()
            found = [value for name, value in head.headers if name.lower() == wanted]
            return ", ".join(found) if found else None
        if path == "request.uri":
            query = f"?{head.query}" if head.query else ""
            return f"{head.scheme}://{head.authority}{head.path}{query}"
        return {
            "request.verb": head.verb,
            "request.route": head.path,
            "request.ip_address": head.address,
        }.get(path)

    return field


_IDENTITY = frozenset({"user_id", "company_id", "subscription_id"})
_PARTS = frozenset({"verb", "uri", "ip_address", "api_version", "status", "headers", "body"})


def _pattern(text: str) -> re.Pattern[str]:
    if len(text) > _LONGEST_PATTERN:
        raise ValueError(f"an expression has more than {_LONGEST_PATTERN} characters")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError("an expression cannot be read") from error


def _route(uri: str) -> str:
    try:
        return urlsplit(uri).path or "/"
    except ValueError:
        return "/"


def _inside(value: object, name: str, inner: str) -> str | None:
    """Return the text of *value*, or of what stands in it under the dotted name *inner*."""
    if name == "headers":
        lines = value.items() if isinstance(value, dict) else ()
        return next((text for key, text in lines if key.lower() == inner.lower()), None)
    for key in inner.split(".") if inner else ():
        value = value.get(key) if isinstance(value, dict) else None
    return _text(value)


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value)

"""JSON in and out: fast for the usual value, and for an unusual one slow instead of failing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TypeAlias, cast
from uuid import UUID

import orjson

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

MAX_DEPTH = 100
"""Deepest nesting that is kept: encoders and viewers recurse, and nobody reads further down."""

MAX_VALUES = 500_000
"""Values that the slow way copies at most: no event has room for more, and a value that contains
itself has no end."""


def dumps(value: object) -> bytes:
    """Return *value* as UTF-8 JSON; never fail, whatever an application hands over.

    What JSON has no word for becomes text (dates, UUIDs, decimals) or the name of its type; lone
    surrogates become U+FFFD, and numbers that are not finite become null.
    """
    try:
        return orjson.dumps(value, default=_plain)
    except (TypeError, ValueError, RecursionError):
        cleaned = _cleaned(value, MAX_DEPTH, iter(range(MAX_VALUES)))
        return json.dumps(cleaned, ensure_ascii=False, allow_nan=False).encode()


def joined(document: dict[str, JSON], encoded: Mapping[str, bytes]) -> bytes:
    """Return *document* as `dumps` does; what stands in *encoded* it need not encode again.

    That has the places, two names deep (``/request/body``), of what `dumps` returned for them.
    """
    whole: dict[str, object] = {**document}
    for place, part in encoded.items():
        _, outer, inner = place.split("/")
        whole[outer] = {**cast("dict[str, JSON]", document[outer]), inner: orjson.Fragment(part)}
    try:
        return orjson.dumps(whole, default=_plain)
    except (TypeError, ValueError, RecursionError):
        return dumps(document)


def loads(text: bytes | str) -> JSON:
    """Return the JSON value in *text*, taking what Python's own encoder writes as well.

    NaN and the infinities become their names. An integer beyond 64 bits may come as the nearest
    double, as it does in JavaScript.

    Raises:
        ValueError: *text* is not JSON, not UTF-8, or nested too deeply to be read.
    """
    try:
        value: JSON = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(text, parse_constant=str)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
    return value


def _plain(value: object) -> object:
    """Return a stand-in for what orjson does not know; one level, because it asks again."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return list(value)
    return _named(value)


def _cleaned(value: object, depth: int, room: Iterator[int]) -> JSON:
    """Return a copy of *value* that the standard encoder cannot fail on.

    *room* is taken one from for every value, and what comes after its end is left out.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int):
        return int(value) if value.bit_length() < 10_000 else _named(value)
    if isinstance(value, float):
        return float(value) if value - value == 0 else None
    if next(room, None) is None:
        return "<too much>"
    try:
        if isinstance(value, Mapping):
            if depth == 0:
                return "<too deep>"
            return {_key(key): _cleaned(item, depth - 1, room) for key, item in value.items()}
        if isinstance(value, (list, tuple, Set)):
            return [_cleaned(item, depth - 1, room) for item in value] if depth else "<too deep>"
        return _named(value)
    except Exception:  # noqa: BLE001 - the application's own class may raise whatever it likes
        return f"<{type(value).__name__}>"


def _key(key: object) -> str:
    return str(_cleaned(key, 0, iter(range(1))))


def _named(value: object) -> str:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, Enum):
        return value.name
    return f"<{type(value).__name__}>"

"""What Umami 3.1 takes, and what its schema (zod) says of what it does not take.

https://umami.is/docs/api/sending-stats. What only its database refuses is taken here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from apilog.collector.protocols.texts import units
from apilog.collector.protocols.web_address import is_address

TYPES: Final = ("event", "identify", "performance")

_UUID: Final = re.compile(
    r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|0{8}-(?:0{4}-){3}0{12}|f{8}-(?:f{4}-){3}f{12}"
)
_WHOLE: Final = re.compile(r"\s*[+-]?\d{1,300}(?:\.0*)?\s*", re.ASCII)
_LARGEST_INT: Final = 2**53 - 1

Check = Callable[[Any], "str | None"]
"""Says what is wrong with a value, or None."""


def problems_of_item(item: Any) -> dict[str, Any] | None:
    """Return what is wrong with a request's *item*, as ``z.treeifyError`` tells it, or None."""
    if not isinstance(item, dict):
        return {"errors": [_expected("object", item)]}
    found: dict[str, Any] = {}
    if item.get("type") not in TYPES:
        options = "|".join(f'"{name}"' for name in TYPES)
        found["type"] = {"errors": [f"Invalid option: expected one of {options}"]}
    payload = item.get("payload", _ABSENT)
    if not isinstance(payload, dict):
        found["payload"] = {"errors": [_expected("object", payload)]}
    elif wrong := _problems_of_payload(payload):
        found["payload"] = {"errors": [], "properties": wrong}
    return {"errors": [], "properties": found} if found else None


def problems_of_batch(batch: Any) -> dict[str, Any] | None:
    """Return what is wrong with a *batch* as such: it is no array of objects."""
    if not isinstance(batch, list):
        return {"errors": [_expected("array", batch)]}
    wrong = [index for index, item in enumerate(batch) if not isinstance(item, dict)]
    if not wrong:
        return None
    items: list[Any] = [None] * (wrong[-1] + 1)
    for index in wrong:
        items[index] = {"errors": [_expected("object", batch[index])]}
    return {"errors": [], "items": items}


def seconds(value: Any) -> int | None:
    """Return a timestamp that passed, in seconds since 1970, or None where there is none."""
    if isinstance(value, str):
        value = value.strip()
    return int(float(value)) if value else None


def _problems_of_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, check in _CHECKS.items():
        if name in payload and (problem := check(payload[name])) is not None:
            found[name] = {"errors": [problem]}
    if not found and sum(bool(payload.get(name)) for name in ("website", "link", "pixel")) != 1:
        problem = "Exactly one of website, link, or pixel must be provided"
        found["website"] = {"errors": [problem]}
    return found


def _text(longest: int | None = None) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return _expected("string", value)
        if longest is not None and units(value) > longest:
            return f"Too big: expected string to have <={longest} characters"
        return None

    return check


def _uuid(value: Any) -> str | None:
    if not isinstance(value, str):
        return _expected("string", value)
    return None if _UUID.fullmatch(value) else "Invalid UUID"


def _place(value: Any) -> str | None:
    if not isinstance(value, str):
        return _expected("string", value)
    return None if is_address(value) else "Invalid URL."


def _object(value: Any) -> str | None:
    return None if isinstance(value, dict) else _expected("object", value)


def _timestamp(value: Any) -> str | None:
    """Check a number as ``z.coerce`` does: what JavaScript's ``Number`` makes of the value."""
    if isinstance(value, str):
        if value.strip() and not _WHOLE.fullmatch(value):
            return "Invalid input: expected number, received NaN"
        value = float(value) if value.strip() else 0
    if isinstance(value, (dict, list)):
        return "Invalid input: expected number, received NaN"
    if value is None or isinstance(value, bool):
        return None
    if value != int(value):
        return "Invalid input: expected int, received number"
    if abs(value) > _LARGEST_INT:
        return f"Too big: expected int to be <{_LARGEST_INT}"
    return None


def _number(most: int) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return _expected("number", value)
        if value < 0:
            return "Too small: expected number to be >=0"
        return f"Too big: expected number to be <={most}" if value > most else None

    return check


class _Absent:
    """Stands for a value that is not there."""


_ABSENT: Final = _Absent()


def _expected(kind: str, value: Any) -> str:
    return f"Invalid input: expected {kind}, received {_kind(value)}"


def _kind(value: Any) -> str:
    if isinstance(value, _Absent):
        return "undefined"
    names = {bool: "boolean", str: "string", list: "array", dict: "object", type(None): "null"}
    return names.get(type(value), "number")


_CHECKS: Final[Mapping[str, Check]] = {
    "website": _uuid,
    "link": _uuid,
    "pixel": _uuid,
    "data": _object,
    "hostname": _text(100),
    "language": _text(35),
    "referrer": _place,
    "screen": _text(11),
    "title": _text(),
    "url": _place,
    "name": _text(50),
    "tag": _text(50),
    "ip": _text(),
    "userAgent": _text(),
    "timestamp": _timestamp,
    "id": _text(),
    "browser": _text(),
    "os": _text(),
    "device": _text(),
    "lcp": _number(60_000),
    "inp": _number(60_000),
    "cls": _number(100),
    "fcp": _number(60_000),
    "ttfb": _number(60_000),
}
"""Each field that Umami knows; others are dropped there, and kept here."""

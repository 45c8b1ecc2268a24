"""What Swetrix takes, and in which words it refuses: the community edition's own checks.

https://swetrix.com/docs/events-api, and class-validator's messages, the last check first, as Nest
gives them. A page that is a number is refused here, as newer editions do; older ones failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from unicodedata import category

from apilog.collector.protocols.texts import measure, units

META_KEYS: Final = 100
META_LENGTH: Final = 2_000
TRAITS: Final = 50
TRAIT_KEY: Final = 128
SALES: Final = ("sale", "refund", "subscription")

_PROJECT: Final = re.compile(r"(?!.*--)[a-zA-Z0-9-]{12}")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_WRONG_PROJECT: Final = "The provided Project ID (pid) is incorrect"

NOBODY: Final = frozenset(
    {"", "0", "-1", "anonymous", "false", "guest", "nan", "none", "null", "nil", "true"}
    | {"undefined", "unknown", "[object object]", "00000000-0000-0000-0000-000000000000"}
)
"""Ids that stand for many people."""

Check = Callable[[str, Any], "list[str]"]


def problems(kind: str, body: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the *body* of a request of this *kind*, in Swetrix's words."""
    found: list[str] = []
    for name, check in _CHECKS[kind].items():
        found += check(name, body.get(name))
    return found


def _project(name: str, value: Any) -> list[str]:
    wrong = isinstance(value, str) and _PROJECT.fullmatch(value) is not None
    found = [] if wrong else [_WRONG_PROJECT]
    return found if value not in (None, "") else [*found, f"{name} should not be empty"]


def _length_of_project(name: str, value: Any) -> list[str]:
    is_text = isinstance(value, str)
    found = [] if is_text and units(value) == 12 else [f"{name} must be exactly 12 characters"]
    return found if is_text else [*found, f"{name} must be a string"]


def _text(longest: int | None = None, *, is_required: bool = False) -> Check:
    def check(name: str, value: Any) -> list[str]:
        if value is None and not is_required:
            return []
        found: list[str] = []
        if longest is not None and (not isinstance(value, str) or units(value) > longest):
            found.append(f"{name} must be shorter than or equal to {longest} characters")
        if not isinstance(value, str):
            found.append(f"{name} must be a string")
        if is_required and value in (None, ""):
            found.append(f"{name} should not be empty")
        return found

    return check


def _number(name: str, value: Any) -> list[str]:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return []
    return [f"{name} must be a number conforming to the specified constraints"]


def _meta(name: str, value: Any) -> list[str]:
    found = _primitives(name, value, "Metadata")
    if isinstance(value, dict) and len(value) > META_KEYS:
        found.append(f"Metadata object can't have more than {META_KEYS} keys")
    return found


def _traits(name: str, value: Any) -> list[str]:
    found = _primitives(name, value, "Traits")
    if isinstance(value, dict):
        if not all(map(_is_trait, value)):
            found.append(f"Traits keys must be non-empty and no longer than {TRAIT_KEY} characters")
        if len(value) > TRAITS:
            found.append(f"Traits object can't have more than {TRAITS} keys")
    return found


def _primitives(name: str, value: Any, kind: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, dict):
        return [f"{name} must be an object"]
    found: list[str] = []
    if _length(value) > META_LENGTH:
        found.append(
            f"{kind} object can't have keys and values with total length more than"
            f" {META_LENGTH} characters"
        )
    if any(isinstance(each, (dict, list)) for each in value.values()):
        found.append(f"All of {kind.lower()} object values must be primitive JSON values")
    return found


def _is_trait(key: str) -> bool:
    is_short = bool(key.strip()) and units(key) <= TRAIT_KEY
    return is_short and not any(category(letter) in ("Cc", "Cf") for letter in key)


def _length(values: Mapping[str, Any]) -> int:
    return sum(units(key) + units(as_text(value)) for key, value in values.items())


def as_text(value: Any) -> str:
    """Return *value* as JavaScript's ``String`` does, as far as lengths depend on it."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return str(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)
    return str(value) if isinstance(value, int) else ""


def _sale(name: str, value: Any) -> list[str]:
    if value in SALES:
        return []
    return [f"{name} must be one of the following values: {', '.join(SALES)}"]


def _amount(name: str, value: Any) -> list[str]:
    amount = measure(value)
    return [f"{name} must be a positive number"] if not amount else []


def _currency(name: str, value: Any) -> list[str]:
    is_code = isinstance(value, str) and _CURRENCY.fullmatch(value) is not None
    return [] if is_code else [f"{name} must be a valid ISO4217 currency code"]


_COMMON: Final[dict[str, Check]] = {"pid": _project, "profileId": _text(256)}
_VIEW: Final[dict[str, Check]] = {
    **_COMMON,
    "pg": _text(),
    "qs": _text(2_048),
    "meta": _meta,
}
_CHECKS: Final[Mapping[str, Mapping[str, Check]]] = {
    "view": _VIEW,
    "beat": _VIEW,
    "custom": {**_COMMON, "ev": _text(256, is_required=True), **_VIEW},
    "error": {
        **_COMMON,
        "tz": _text(),
        "pg": _text(),
        "lc": _text(),
        "name": _text(200, is_required=True),
        "message": _text(2_000),
        "lineno": _number,
        "colno": _number,
        "filename": _text(1_000),
        "stackTrace": _text(64_000),
        "meta": _meta,
    },
    "identify": {"pid": _project, "profileId": _text(256, is_required=True), "traits": _traits},
    "id": {"pid": _project},
    "noscript": {"pid": _project, "pg": _text(2_048)},
    "sale": {
        **_COMMON,
        "type": _sale,
        "amount": _amount,
        "currency": _currency,
        "transactionId": _text(256),
    },
    "flags": {"pid": _length_of_project, "profileId": _text(256)},
}
"""The fields of each kind of request, in the order of Swetrix's own classes."""

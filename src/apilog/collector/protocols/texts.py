"""Texts: what any sender may have written, as a store can keep it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

LONGEST_ID: Final = 128
"""Characters of the id of a call, a user and so on; longer ones are kept as their digest."""

LONGEST_WORD: Final = 64
"""Characters of a method."""

LONGEST_PLACE: Final = 8_192
"""Characters of a path, a query or a route in a list; the event has the whole."""

_ODD: Final = re.compile("[\x00\ud800-\udfff]")
_ADDRESS: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?")


Clean: TypeAlias = Callable[..., str]
"""`clean`, or `short` where that is as good."""


def clean(value: object, longest: int = LONGEST_PLACE) -> str:
    """Return *value* if it is a text, else "", without NUL and halves of characters, cut."""
    text = short(value, longest)
    return text if text.isascii() and "\0" not in text else _ODD.sub("\ufffd", text)


def short(value: object, longest: int = LONGEST_PLACE) -> str:
    """Return *value* if it is a text, else "", cut; it is known to be clean."""
    if not isinstance(value, str):
        return ""
    return value if len(value) <= longest else value[:longest]


def cleaner(encoded: bytes) -> Clean:
    """Return what makes texts clean that stand in *encoded*, JSON of `orjson`.

    It has no halves of characters, and NUL only by its escape.
    """
    return clean if b"\\" in encoded and b"\\u0000" in encoded else short


def identifier(value: object, clean: Clean = clean) -> str:
    """Return *value*, a text or a number, as the id of something; "" where there is none."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) <= LONGEST_ID:
        return clean(value, LONGEST_ID)
    digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()
    return f"{clean(value, 32)}~{digest}"


def address(uri: object, clean: Clean = clean) -> tuple[str, str, str]:
    """Return host (and port), path and query of *uri*; "" for what it does not have."""
    match = _ADDRESS.match(uri) if isinstance(uri, str) else None
    if match is None:
        return "", "", ""
    host, path, query = match.groups(default="")
    return clean(host.rpartition("@")[2].lower(), 255), clean(path), clean(query)


def natural(value: object, *, most: int = 2**53) -> int | None:
    """Return *value* if it is a whole number from 0 to *most*, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value <= most and value == int(value) else None


def measure(value: object, *, most: float = 1e12) -> float | None:
    """Return *value* if it is a number from 0 to *most*, else None; texts count, as in forms."""
    if isinstance(value, str):
        try:
            value = float(value) if len(value) <= 30 else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        return None
    return float(value)


def mapping(value: object) -> dict[str, Any]:
    """Return *value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def units(text: str) -> int:
    """Return how long JavaScript finds *text*."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2

"""Cuts: values made to fit what a service takes."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping

from apilog.codec import JSON


def cut(text: str, length: int) -> str:
    """Return *text* in at most *length* UTF-16 units, as JavaScript counts, none of them half."""
    if len(text) * 2 <= length:
        return text
    units = text.encode("utf-16-le", errors="surrogatepass")
    if len(units) <= length * 2:
        return text
    return units[: length * 2].decode("utf-16-le", errors="ignore")


def printable(text: str) -> str:
    """Return *text* without NULs and lone surrogates, which databases refuse."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", errors="replace").decode()


def identifier(text: str, length: int) -> str:
    """Return *text*, or where it is longer than *length* a pseudonym of it that is not."""
    if len(text.encode("utf-16-le", errors="surrogatepass")) <= length * 2:
        return text
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[: min(length, 32)]


def address(text: str | None, how: str) -> str | None:
    """Return the address *text* as *how* has it: ``no``, ``truncated`` (/24 or /48), ``full``."""
    if text is None or how == "no":
        return None
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if how == "full":
        return str(found)
    width = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, width), strict=False).network_address)


def flat(value: Mapping[str, JSON], prefix: str = "", depth: int = 5) -> dict[str, JSON]:
    """Return *value* as one object of primitives: ``{"a": {"b": 1}}`` is ``{"a.b": 1}``.

    Lists become text, what is not finite or deeper than *depth* goes.
    """
    found: dict[str, JSON] = {}
    for key, each in value.items():
        name = f"{prefix}{key}"
        if isinstance(each, Mapping):
            if depth:
                found |= flat(each, f"{name}.", depth - 1)
        elif isinstance(each, (list, tuple)):
            found[name] = ", ".join(str(item) for item in each[:50])
        elif isinstance(each, float) and not math.isfinite(each):
            continue
        elif each is None or isinstance(each, (str, int, float)):
            found[name] = each
        else:
            found[name] = str(each)
    return found

"""What Umami takes in a payload: 3.1.0 and what is in development after 3.3.1, whichever is less.

Each value is made to fit, or left out: where Umami checks too little its database refuses, and then
half of an event is stored. https://umami.is/docs/api/sending-stats
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from urllib.parse import quote, unquote_plus, urlsplit

from apilog import codec
from apilog.codec import JSON
from apilog.destinations._cuts import cut, flat, identifier, printable

TEXT = 500
"""UTF-16 units of a path, a query, a title, and a text in ``data``."""

LABEL = 50
"""UTF-16 units of ``name``, ``tag`` and ``id``."""

KEYS = 50
KEY = 90
"""Keys of ``data``, and UTF-16 units of each."""

LARGEST_DATA = 32_768
"""Bytes of ``data``: 20 items make less than the 1 MB that Umami takes at once."""

_LARGEST = 999_999_999_999_999
_OLDEST = 30 * 86_400 - 60
_NEWEST = 5 * 60 - 60
"""Seconds around now in which a timestamp may be; a minute is left for the clocks' difference."""

_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?(?:Z|\+[0-9]{2}:[0-9]{2})?"
)
"""What Umami takes for a date; what looks so and is none costs the event."""

_CAMPAIGN = re.compile(
    r"utm_(?:source|medium|campaign|content|term)|[gf]bclid|gclid|msclkid|ttclid|li_fat_id|twclid"
)
"""Parameters that have columns of their own, of 255 characters."""

_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?!0x)[a-z][a-z0-9_-]{0,62}")
_LONGEST_HOST = 100
_CONTROL = "".join(map(chr, range(33))) + "\x7f"
_HALF_ESCAPE = re.compile(r"%[0-9A-Fa-f]?$")
_ESCAPED_NUL = re.compile(r"%00")


def fitted(payload: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return *payload* with only what Umami takes; what is None, unknown or cannot fit is gone."""
    found: dict[str, JSON] = {}
    for name, fit in _FITS.items():
        value = payload.get(name)
        if value is not None and (made := fit(value)) is not None:
            found[name] = made
    return found


def host(text: JSON) -> str | None:
    """Return *text* in lower case if ``https://`` makes an address of it, else None."""
    name = str(text).lower()
    if len(name) > _LONGEST_HOST:
        return None
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        if not _HOST.fullmatch(name):
            return None
    if "xn--" in name:
        try:
            return name if name.encode().decode("idna").encode("idna").decode() == name else None
        except UnicodeError:
            return None
    return name


def place(text: JSON) -> str | None:
    """Return the address or path *text*, its path and query at most 500 characters each.

    Parameters for campaigns go where they are longer than their columns. None if it is no address.
    """
    if text == "":
        return ""
    try:
        parts = urlsplit(str(text))
        origin = ""
        if parts.scheme or parts.netloc:
            name = host(parts.hostname or "")
            if parts.scheme not in ("http", "https") or name is None:
                return None
            origin = f"{parts.scheme}://{name}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return None
    found = path_and_query(parts.path, parts.query, is_alone=not origin)
    fragment = _whole(_quoted(parts.fragment))
    if not fragment or len(parts.path) + len(fragment) >= TEXT:  # it is stored with the path
        return origin + found
    return f"{origin}{found}#{fragment}"


def path_and_query(path: str, query: str, *, is_alone: bool = True) -> str:
    """Return both as one address; where it *is_alone*, none that names another host."""
    safe = _whole(_quoted(path).replace("?", "%3F"))
    if not safe.startswith("/"):
        safe = f"/{safe}"
    if is_alone and safe.startswith("//"):
        safe = f"/.{safe}"  # the dot goes when it is read
    found = _cut_escaped(safe, TEXT)
    kept = _query(query)
    return f"{found}?{kept}" if kept else found


def label(value: JSON) -> str | None:
    """Return a name or tag; one that a spreadsheet would take for a formula gets an apostrophe."""
    text = printable(str(value)).strip(_CONTROL)
    if text.startswith(("=", "+", "-", "@")):
        text = f"'{text}"
    return cut(text, LABEL) or None


def moment(value: JSON) -> int | None:
    """Return whole seconds since 1970, or None if Umami would refuse them: older than 30 days."""
    if not isinstance(value, (int, float)):
        return None
    now = time.time()
    return int(value) if now - _OLDEST < value < now + _NEWEST else None


def data(value: JSON) -> dict[str, JSON] | None:
    """Return *value* as one object of at most 50 keys; the first ones stay."""
    if not isinstance(value, Mapping):
        return None
    found: dict[str, JSON] = {}
    size = 2
    for name, each in flat(value).items():
        key = cut(printable(name), KEY)
        if each is None or key in found:
            continue
        fit = _datum(each)
        size += len(codec.dumps({key: fit}))
        if len(found) == KEYS or size > LARGEST_DATA:
            break
        found[key] = fit
    return found


def _datum(value: JSON) -> JSON:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return value if abs(value) <= _LARGEST else str(value)[:TEXT]
    text = cut(printable(str(value)), TEXT)
    if _DATE.fullmatch(text) and not _is_possible(text):
        return text.replace("T", " ")
    return text


def _is_possible(date: str) -> bool:
    try:
        found = datetime.fromisoformat(date.replace("Z", "+00:00"))
        zoned = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
        return 1 < zoned.astimezone(timezone.utc).year < 9999
    except (ValueError, OverflowError):
        return False


def _query(query: str) -> str:
    """Return of *query* the parameters that fit, whole ones if there are any."""
    kept: list[str] = []
    size = 0
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        said = unquote_plus(value)
        if _CAMPAIGN.fullmatch(unquote_plus(name)) and (cut(said, 255) != said or "\0" in said):
            continue
        safe = _quoted(pair)
        if size + len(safe) > TEXT:
            if not kept:
                return _cut_escaped(safe, TEXT)
            break
        kept.append(safe)
        size += len(safe) + 1
    return "&".join(kept)


def _quoted(text: str) -> str:
    """Return *text* as it stands in an address; what is escaped already is not escaped again."""
    return quote(printable(text), safe="%/?:@!$&()*+,;=-._~")


def _whole(text: str) -> str:
    """Return *text* without NULs: Umami decodes paths before it stores them."""
    return _ESCAPED_NUL.sub("%EF%BF%BD", text)


def _cut_escaped(text: str, length: int) -> str:
    return text if len(text) <= length else _HALF_ESCAPE.sub("", text[:length])


def _title(value: JSON) -> str:
    return cut(_ESCAPED_NUL.sub("\ufffd", printable(str(value))), TEXT)


def _at_most(length: int) -> Callable[[JSON], str]:
    return lambda value: cut(printable(str(value)), length)


def _address(value: JSON) -> str | None:
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        return None


_FITS: Mapping[str, Callable[[JSON], JSON]] = {
    "website": str,
    "hostname": host,
    "url": place,
    "referrer": place,
    "title": _title,
    "name": label,
    "tag": label,
    "language": _at_most(35),
    "screen": _at_most(11),
    "id": lambda value: identifier(printable(str(value)), LABEL),
    "timestamp": moment,
    "ip": _address,
    "userAgent": _at_most(512),
    "browser": _at_most(20),
    "os": _at_most(20),
    "device": _at_most(20),
    "data": data,
}
"""Each field that Umami knows, and what makes a value fit it."""

__all__ = ["fitted", "host", "path_and_query"]

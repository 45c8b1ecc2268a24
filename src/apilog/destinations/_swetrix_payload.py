"""What Swetrix takes in a body; each value is made to fit, or left out.

https://swetrix.com/docs/events-api, and the checks of the community edition, whichever take less.
Lengths are in UTF-16 units, as JavaScript counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from apilog.codec import JSON
from apilog.destinations._call import Call
from apilog.destinations._cuts import cut, flat, identifier, printable

NAME = 256
"""Length of ``ev``."""

QUERY = 2_048
"""Length of ``qs``; of a path, too, which has no limit of its own but that of the body."""

META_KEYS = 100
META = 2_000
"""Keys of ``meta``, and the length of all its keys and values together."""

_META_VALUE = 500
"""Length of one value of ``meta``, so that one does not push out all others."""

PROFILE = 256
"""Length of ``profileId``."""

ERROR_NAME = 200
ERROR_MESSAGE = 2_000

LONGEST_PERF = 300_000
"""Milliseconds: five minutes; with more, Swetrix leaves out all of ``perf``."""

PERF = ("dns", "tls", "conn", "response", "render", "dom_load", "page_load", "ttfb")

_TEXTS = ("lc", "tz", "ref", "so", "me", "ca", "te", "co", "pg", "qs", "profileId")
FIELDS = frozenset({*_TEXTS, "unique", "perf"})
"""What the user's function ``fields`` may say."""

OF_ERRORS = frozenset({"pid", "pg", "lc", "tz", "profileId", "meta"})
"""What a report of an error has in common with an event."""

_NOBODY = frozenset(
    {"", "0", "-1", "anonymous", "false", "guest", "nan", "none", "null", "nil", "true"}
    | {"undefined", "unknown", "[object object]", "00000000-0000-0000-0000-000000000000"}
)
"""Ids that stand for many people."""

_CAMPAIGN = {
    "utm_source": "so",
    "utm_medium": "me",
    "utm_campaign": "ca",
    "utm_term": "te",
    "utm_content": "co",
}


def text(value: object, length: int = QUERY) -> str | None:
    """Return *value* if it is a text, without what databases refuse and in this length."""
    if not isinstance(value, str):
        return None
    return cut(printable(value), length) or None


def query(whole: str) -> str | None:
    """Return the query *whole*, without the parameters at its end that are too many."""
    fits = text(whole)
    return fits if fits is None or len(fits) == len(whole) else fits.rpartition("&")[0] or None


def campaign(whole: str) -> dict[str, JSON]:
    """Return the fields for the ``utm_`` parameters of the query *whole*."""
    if "utm_" not in whole:
        return {}
    pairs = parse_qsl(whole[:QUERY])
    return {_CAMPAIGN[name]: text(value, NAME) for name, value in pairs if name in _CAMPAIGN}


def profile(call: Call) -> str | None:
    """Return who made *call*: never a word for nobody, never the session's own token."""
    user = call.event.user_id
    if user is None or str(user).strip().lower() in _NOBODY:
        return None
    if user == call.event.session_token:
        return call.session
    return identifier(printable(str(user)), PROFILE)


def meta(*parts: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return *parts* as one object of primitives; what comes first has the first claim to room."""
    found: dict[str, JSON] = {}
    left = META
    for part in parts:
        for key, value in flat(part).items():
            if value is None or len(found) == META_KEYS:
                continue
            name = cut(printable(key), NAME)
            room = left - _length(name)
            if name in found or room < 0:
                continue
            fits = value
            if isinstance(value, str):
                fits = cut(printable(value), min(_META_VALUE, room))
            if room < _length(fits) or (not fits and value != fits):
                continue
            found[name] = fits
            left = room - _length(fits)
    return found


def _length(value: object) -> int:
    """Return how long *value* is once Swetrix has made a text of it, or a little more."""
    if isinstance(value, str):
        return len(value.encode("utf-16-le", errors="surrogatepass")) // 2
    if isinstance(value, float):
        return 25  # the longest that JavaScript writes
    return len(str(value))


def perf(call: Call, ttfb: JSON) -> dict[str, JSON] | None:
    """Return how long the parts of *call* took, as a page's; None where that is not known."""
    duration = call.duration_ms
    if duration is None or not 0 <= duration <= LONGEST_PERF:
        return None
    first = ttfb if isinstance(ttfb, (int, float)) and 0 <= ttfb <= duration else duration
    took = {"response": duration - first, "page_load": duration, "ttfb": first}
    return {name: round(took.get(name, 0.0), 1) for name in PERF}


def fields(said: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return those of the user's own fields that Swetrix has, made to fit."""
    found: dict[str, JSON] = {}
    for name, value in said.items():
        if name in _TEXTS:
            found[name] = text(value, PROFILE if name == "profileId" else QUERY)
        elif name == "unique" and isinstance(value, bool):
            found[name] = value
        elif name == "perf" and isinstance(value, dict):
            found[name] = {
                each: taken
                for each, taken in value.items()
                if each in PERF and isinstance(taken, (int, float)) and 0 <= taken <= LONGEST_PERF
            }
        elif name in FIELDS:
            found[name] = None
    return found

"""Moments: times and ids as senders write them, and as calls have them."""

from __future__ import annotations

import os
import re
import time
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

MAX_AHEAD: Final = 24 * 3_600 * 1_000_000
"""Microseconds that a sender's clock may be ahead; what claims more happened when it arrived."""

_USUAL_LENGTH: Final = len("2026-01-01T00:00:00.000Z")
"""Of a time as most senders write it; many calls begin and end within the same second."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d))?(?:[.,](\d{1,9}))?"
    r" ?(?:[Zz]|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)


def now() -> int:
    """Return the time, in microseconds since 1970."""
    return time.time_ns() // 1_000


def microseconds(text: str) -> int | None:
    """Return the ISO 8601 time *text* in microseconds since 1970, or None if it is none.

    Without a zone it is UTC, as the Python SDKs of Moesif mean it.
    """
    if len(text) == _USUAL_LENGTH and text[16] == ":" and text[19] == "." and text[23] == "Z":
        thousandths, second = text[20:23], _cached(text[:19])
        if second is not None and thousandths.isascii() and thousandths.isdigit():
            return second + int(thousandths) * 1_000
    return _microseconds(text)


def _microseconds(text: str) -> int | None:
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    date_text, hour, minute, second, fraction, sign, ahead, more = match.groups()
    day = _day(date_text)
    seconds = int(hour) * 3_600 + int(minute) * 60 + int(second or 0)
    if day is None or hour > "24" or minute > "59" or (second or "") > "60":
        return None
    if sign:
        offset = int(ahead) * 3_600 + int(more) * 60
        seconds += offset if sign == "-" else -offset
    digits = int(fraction[:6].ljust(6, "0")) if fraction else 0
    return (day * 86_400 + seconds) * 1_000_000 + digits


_cached: Final = lru_cache(maxsize=1_024)(_microseconds)


@lru_cache(maxsize=64)
def _day(text: str) -> int | None:
    """Return the days since 1970; those of a batch are mostly the same."""
    try:
        return date(int(text[:4]), int(text[5:7]), int(text[8:])).toordinal() - _EPOCH_DAY
    except ValueError:
        return None


def plausible(moment: int | None, arrived: int) -> int:
    """Return *moment*, or when it *arrived* if it is None, before 1970, or after tomorrow."""
    if moment is None or not 0 <= moment <= arrived + MAX_AHEAD:
        return arrived
    return moment


def iso(moment: int) -> str:
    """Return *moment*, in microseconds since 1970, as ISO 8601 in UTC."""
    found = _EPOCH + timedelta(microseconds=moment)
    text = found.strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{moment % 1_000_000:06d}"
    return f"{text}.{digits[:3] if digits.endswith('000') else digits}Z"


def unique_id(moment: int) -> str:
    """Return a new UUID of version 7 (RFC 9562) for *moment*, in microseconds since 1970."""
    stamp = f"{moment // 1_000 & 0xFFFF_FFFF_FFFF:012x}"
    chance = int.from_bytes(os.urandom(10), "big")
    version, variant, node = 0x7000 | chance & 0xFFF, 0x8000 | chance >> 12 & 0x3FFF, chance >> 32
    return f"{stamp[:8]}-{stamp[8:]}-{version:x}-{variant:x}-{node & 0xFFFF_FFFF_FFFF:012x}"

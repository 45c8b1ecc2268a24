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

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_SECOND: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_REST: Final = re.compile(r"(?:[.,](\d{1,9}))? ?(?:[Zz]|([+-])(\d\d):?(\d\d))?", re.ASCII)


def now() -> int:
    """Return the time, in microseconds since 1970."""
    return time.time_ns() // 1_000


def microseconds(text: str) -> int | None:
    """Return the ISO 8601 time *text* in microseconds since 1970, or None if it is none.

    Without a zone it is UTC, as the Python SDKs of Moesif mean it.
    """
    length = 19 if text[16:17] == ":" else 16
    second, rest = _second(text[:length]), _REST.fullmatch(text, min(length, len(text)))
    if second is None or rest is None:
        return None
    fraction, sign, ahead, more = rest.groups()
    if sign:
        offset = int(ahead) * 3_600 + int(more) * 60
        second += offset if sign == "-" else -offset
    return second * 1_000_000 + int(fraction[:6].ljust(6, "0") if fraction else 0)


@lru_cache(maxsize=1_024)
def _second(text: str) -> int | None:
    """Return seconds since 1970; those of a batch are often the same."""
    match = _SECOND.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    if hour > 24 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    return days * 86_400 + hour * 3_600 + minute * 60 + second


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

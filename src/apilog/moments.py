"""When a call happened, in the two forms an event carries: a time and an id that sorts by time."""

from __future__ import annotations

import os
import time

_last_second: tuple[int, str] = (0, "1970-01-01T00:00:00")


def timestamp(seconds: float) -> str:
    """Return *seconds* since the epoch as UTC with milliseconds and ``Z`` (RFC 3339)."""
    global _last_second
    milliseconds = int(seconds * 1000)
    second = milliseconds // 1000
    known, text = _last_second
    if known != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _last_second = (second, text)
    return f"{text}.{milliseconds % 1000:03d}Z"


def unique_id(seconds: float) -> str:
    """Return a new UUID of version 7 (RFC 9562): 48 bits of time, 74 bits of chance."""
    moment = f"{int(seconds * 1000) & 0xFFFF_FFFF_FFFF:012x}"
    chance = int.from_bytes(os.urandom(10), "big")
    version, variant, node = 0x7000 | chance & 0xFFF, 0x8000 | chance >> 12 & 0x3FFF, chance >> 32
    return f"{moment[:8]}-{moment[8:]}-{version:x}-{variant:x}-{node:012x}"

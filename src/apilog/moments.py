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
    random = int.from_bytes(os.urandom(10), "big")
    value = (int(seconds * 1000) & 0xFFFF_FFFF_FFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

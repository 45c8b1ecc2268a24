"""Amounts as people type them: times to keep, moments, bytes."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta, timezone
from typing import Final

_SPAN: Final = re.compile(r"-?([0-9]{1,6})(s|m|h|d|w)", re.ASCII)
_BYTES: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*(k|m|g|t)?(i?)b?", re.ASCII | re.I)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_FRACTION: Final = re.compile(r"\.([0-9]{1,6})[0-9]*")


def span(text: str) -> timedelta:
    """Return a length of time: ``30m``, ``12h``, ``7d``, ``2w``; for the options of a command."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time; write 30m, 12h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def byte_count(text: str) -> int:
    """Return a number of bytes: ``500MB``, ``2GB``, ``1.5GiB``; for the options of a command."""
    match = _BYTES.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write 500MB or 2GB")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** _POWERS[(match[2] or "").lower()])


def moment(text: str, *, now: datetime | None = None) -> int:
    """Return a moment in microseconds since 1970; for the options of a command.

    It is a date or a time as ISO 8601 has it, UTC if it names no zone, or how long ago: ``2h``.
    """
    if _SPAN.fullmatch(text):
        try:
            return _microseconds((now or datetime.now(timezone.utc)) - span(text))
        except OverflowError:
            return 0
    try:
        said = _FRACTION.sub(lambda found: f".{found[1]:0<6}", text.upper().replace("Z", "+00:00"))
        found = datetime.fromisoformat(said)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment; write 2026-11-20, 2026-11-20T14:30, or 2h for two hours ago"
        ) from None
    return max(0, _microseconds(found.replace(tzinfo=found.tzinfo or timezone.utc)))


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)

"""The throttle: so many events a second, evenly."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(?:/([smh]))?")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

_SHARE = 0.25
"""Seconds of events that go out together at most."""


class Throttle:
    """Space out events at *rate* a second; time in which none came is not made up for."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._next = clock()

    @property
    def together(self) -> int:
        """How many events go out together at most, so that what arrives is even."""
        return max(1, int(self._rate * _SHARE))

    def pause(self, count: int) -> float:
        """Return the seconds to wait before *count* events go out; their time is then taken."""
        now = self._clock()
        begin = max(now, self._next)
        self._next = begin + count / self._rate
        return begin - now


def per_second(text: str) -> float:
    """Return the rate in *text*: ``100``, ``100/s``, ``600/m`` or ``3600/h``, in events a second.

    Raises:
        ValueError: it is none, or zero.
    """
    match = _RATE.fullmatch(text)
    rate = float(match[1]) / _SECONDS[match[2] or "s"] if match else 0.0
    if not rate:
        raise ValueError(f"{text!r} is no rate, such as 100/s, 600/m or 3600/h")
    return rate

"""The breaker: how an endpoint fares, and how long it is left alone before the next try."""

from __future__ import annotations

from collections.abc import Callable

from apilog.delivery import pause_before

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 300.0
"""Seconds that an endpoint may ask us to wait; "at once" from one in trouble makes a storm."""

SLOW_DOWN = 5.0
"""Seconds to wait at least after a 429 that names no time."""

DOWN_AFTER = 3
"""Failures in a row after which an endpoint is down."""


class Breaker:
    """Keep what is known of one endpoint from one batch to the next.

    Args:
        pause: waits so many seconds at most.
        clock: counts seconds and is never set back.
    """

    def __init__(self, *, pause: Callable[[float], object], clock: Callable[[], float]) -> None:
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._owed: float | None = None
        self._owed_since = 0.0
        self.is_down = False
        """Whether only small pieces are worth a try."""

    @property
    def is_owed_a_pause(self) -> bool:
        """Whether the last answer demands one before the next try."""
        return self._owed is not None

    def answered(self) -> None:
        """Note an answer that is not about the endpoint's own troubles."""
        self._failures = 0
        self.is_down = False

    def pause_after(self, asked: float | None, status: int | None) -> float:
        """Return the seconds to wait after one more failure that *asked* for so many, or did not.

        Raises:
            TypeError: *asked* is not a number.
        """
        if asked is not None:
            return max(SHORTEST_PAUSE, min(LONGEST_PAUSE, asked))
        return max(SLOW_DOWN if status == 429 else 0.0, pause_before(self._failures + 1))

    def failed(self, pause: float) -> None:
        """Note a failure after which *pause* seconds are to pass."""
        self._failures += 1
        self.is_down = self.is_down or self._failures >= DOWN_AFTER
        self._owe(pause)

    def closed(self, pause: float) -> None:
        """Note an endpoint that takes nothing before somebody mends something."""
        self.is_down = True
        self._owe(pause)

    def wait(self) -> None:
        """Wait as long as the last answer demands, less what passed between two batches."""
        if self._owed is not None:
            left = self._owed_since + self._owed - self._clock()
            self._owed = None
            if left > 0:
                self._pause(left)

    def _owe(self, seconds: float) -> None:
        self._owed = seconds
        self._owed_since = self._clock()

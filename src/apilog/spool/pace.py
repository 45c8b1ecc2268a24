"""The pace of a disk: whether whoever answers a call may wait for it."""

from __future__ import annotations

from collections.abc import Callable

SLOW = 0.5
"""Seconds that a write may take. A disk in order needs a thousandth of that, a machine with too
much to do a tenth; to trip over those would give up what a write at once is for."""

CALM = 5.0
"""Seconds for which every write has to be faster than that again."""


class Pace:
    """Tell a disk that takes its time from one that is only busy.

    *clock* is monotonic, in seconds; *report* is told ``slow``, 1 of every write that was.
    """

    def __init__(self, clock: Callable[[], float], report: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._report = report
        self.renew()

    def renew(self) -> None:
        """Trust the disk, at first and in a forked child."""
        self.is_slow = False
        """Whether a write may take long; then only who has time should try one."""
        self._calm_since: float | None = None

    def note(self, began: float) -> None:
        """Take note that a write ends now, well or not, that *began* then."""
        now = self._clock()
        if now - began >= SLOW:
            self.is_slow = True
            self._calm_since = None
            self._report("slow", 1)
        elif self.is_slow:
            if self._calm_since is None:
                self._calm_since = began
            elif now - self._calm_since >= CALM:
                self.is_slow = False
                self._calm_since = None

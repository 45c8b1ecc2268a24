"""The portion: how many bytes an endpoint takes at once, by what it said and what it let pass."""

from __future__ import annotations

from collections.abc import Callable

FULL_SIZE_AFTER = 3_600.0
"""Seconds after which an endpoint that found a batch too large is offered full ones again."""


class Portion:
    """Learn the bytes of a batch from the answers; *full* is what the destination promised."""

    def __init__(self, full: int, *, clock: Callable[[], float]) -> None:
        self._full = full
        self._clock = clock
        self._learned: int | None = None
        self._learned_at = 0.0

    @property
    def size(self) -> int:
        """The bytes to offer at most."""
        if self._learned is None or self._clock() - self._learned_at >= FULL_SIZE_AFTER:
            return self._full
        return min(self._full, self._learned)

    def passed(self, size: int) -> None:
        """Note that so many were taken."""
        if self._learned is not None and size > self._learned:
            self._learned = size

    def was_too_large(self, size: int) -> None:
        """Note that so many were too many: next time it is half of them."""
        if self._learned is None or size <= self._learned:
            self._learned = size // 2
        self._learned_at = self._clock()

    def forget(self) -> None:
        """Begin anew: whatever that was, it was not the size."""
        self._learned = None

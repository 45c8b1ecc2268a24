"""A standstill: the time in which an endpoint refuses everything, whatever it is offered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LONGEST_PAUSE = 60.0
"""Seconds until an endpoint that takes nothing is asked again, at most."""


_REMEMBERED = 10_000
"""Events, by their hashes."""


class Standstill:
    """Say whether an endpoint takes nothing, how long to leave it alone then, and who was refused.

    An event refused during a standstill, and again when something else had been taken, is at fault.
    """

    def __init__(self) -> None:
        self.lasts = False
        self._refusals = 0
        self._tried: set[int] = set()
        self._refused: set[int] = set()
        self._suspects: set[int] = set()

    def goes_on(self, refused: Iterable[bytes]) -> float:
        """Note that it begins or goes on: *refused* were offered alone.

        Return the seconds until something is offered again. The first pauses are short: it may have
        been the events after all, all of them.
        """
        self.lasts = True
        self._refused.update(map(hash, refused))
        if len(self._refused) > _REMEMBERED:
            self._refused.clear()
        self._refusals += 1
        return min(LONGEST_PAUSE, 2.0 ** (self._refusals - 1))

    def end(self) -> None:
        """Note that something was taken."""
        self.lasts = False
        self._suspects, self._refused = self._refused, set()
        self._tried.clear()
        self._refusals = 0

    def next_try(self, events: Sequence[bytes]) -> int:
        """Return the place of the event to offer next: the newest that was not tried yet.

        Those that came since the trouble began are the likeliest to be without fault.
        """
        last = len(events) - 1
        untried = (place for place in range(last, -1, -1) if hash(events[place]) not in self._tried)
        place = next(untried, None)
        if place is None:
            self._tried.clear()
            place = last
        self._tried.add(hash(events[place]))
        return place

    def condemns(self, events: Iterable[bytes]) -> bool:
        """Say whether all of *events*, refused again, were refused in the one before."""
        return all(hash(event) in self._suspects for event in events)

"""Calls that have begun and not ended, as far as the spool knows of them."""

from __future__ import annotations

LARGEST = 8 * 1024 * 1024
"""Bytes that they may weigh together; those beyond are not noted."""


class OpenCalls:
    """Keep what was written of each call when it began, by its ticket: new segments repeat it.

    One thread at a time adds, writes and repeats them; any may `end` or `forget` one.
    """

    def __init__(self) -> None:
        self._events: dict[int, bytes] = {}
        self._bytes = 0
        self._over: dict[int, None] = {}

    @property
    def remain(self) -> bool:
        """Whether there are any that are not over."""
        return bool(self._events.keys() - list(self._over))

    def end(self, ticket: int) -> None:
        """Note that a call ended without an event, which is still to be written."""
        self._over[ticket] = None

    def next_over(self) -> int | None:
        """Take a ticket of those that `end` was told, if there is one."""
        return self._over.popitem()[0] if self._over else None

    def __contains__(self, ticket: int) -> bool:
        return ticket in self._events

    def has_room(self, event: bytes) -> bool:
        """Say whether one more call may be noted, with this *event*."""
        return self._bytes + len(event) <= LARGEST

    def add(self, ticket: int, event: bytes) -> None:
        """Note a call."""
        self._events[ticket] = event
        self._bytes += len(event)

    def forget(self, ticket: int) -> None:
        """Forget a call, if it is here."""
        event = self._events.pop(ticket, None)
        if event is not None:
            self._bytes -= len(event)

    def items(self) -> list[tuple[int, bytes]]:
        """Return the tickets and what was written of their calls, as they are now."""
        return list(self._events.items())

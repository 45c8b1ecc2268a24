"""Events kept in memory, for tests and experiments."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from apilog.destinations._selection import Filtered, Selection
from apilog.events import Event

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Memory(Filtered):
    """Keep the newest *size* events.

    ``only``, ``exclude`` and ``sample_rate`` are as for `apilog.destinations.Filter`.
    """

    def __init__(self, size: int = 10_000, **selection: Unpack[Selection]) -> None:
        super().__init__(selection)
        self._events: deque[bytes] = deque(maxlen=size)

    def send(self, batch: Sequence[bytes]) -> None:
        """Keep *batch*."""
        self._events.extend(batch)

    @property
    def events(self) -> list[Event]:
        """The events, oldest first, as a destination would read them."""
        return [Event.from_json(event) for event in list(self._events)]

    @property
    def raw(self) -> list[bytes]:
        """The events as the bytes that were sent."""
        return list(self._events)

    def clear(self) -> None:
        """Forget them."""
        self._events.clear()

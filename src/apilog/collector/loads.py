"""Loads: what requests brought, in the queue from which it is written in groups."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from apilog.collector.call import Call, Profile
from apilog.collector.store.protocol import Prepared

MOST_CALLS: Final = 20_000
MOST_BYTES: Final = 24 * 1024 * 1024
"""What may wait before nothing more is let in."""

GROUP_CALLS: Final = 2_000
GROUP_BYTES: Final = 8 * 1024 * 1024
"""What is committed at once, unless a single request brought more."""

_CALL_BYTES: Final = 1_000
"""What a call costs besides its event and its text."""


class Load:
    """What one request brought, and the promise to tell it of the commit."""

    __slots__ = ("bytes", "calls", "done", "profiles")

    def __init__(self, calls: Sequence[Call | Prepared], profiles: Sequence[Profile]) -> None:
        self.calls = Prepared.each(calls)
        self.profiles = profiles
        self.done: Future[None] = Future()
        self.bytes = _CALL_BYTES * len(profiles) + sum(
            len(each.call.event) + len(each.call.text) + _CALL_BYTES for each in self.calls
        )


class Loads:
    """Loads in the order they came; used by one thread at a time."""

    def __init__(self) -> None:
        self._waiting: deque[Load] = deque()
        self._bytes = 0
        self.calls = 0
        """Calls of all loads that are not finished: those that wait, and those being written."""

    def __len__(self) -> int:
        """Return how many loads wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more may be let in."""
        return self.calls >= MOST_CALLS or self._bytes >= MOST_BYTES

    def add(self, load: Load) -> None:
        """Have *load* wait."""
        self._waiting.append(load)
        self.calls += len(load.calls)
        self._bytes += load.bytes

    def next_group(self) -> list[Load]:
        """Take out what is to be written together; it counts until it is finished."""
        group: list[Load] = []
        calls = size = 0
        while self._waiting:
            load = self._waiting[0]
            calls += len(load.calls)
            size += load.bytes
            if group and (calls > GROUP_CALLS or size > GROUP_BYTES):
                break
            group.append(self._waiting.popleft())
        return group

    def finish(self, group: Sequence[Load]) -> None:
        """Forget a group that was taken out."""
        self.calls -= sum(len(load.calls) for load in group)
        self._bytes -= sum(load.bytes for load in group)

"""Events that wait in memory because the disk does not take them."""

from __future__ import annotations

import threading
from collections import deque


class Overflow:
    """Keep encoded events, at most *largest* bytes of them; the oldest go first."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._lock = threading.Lock()
        self._events: deque[bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: bytes) -> int:
        """Keep *event*; return how many had to go for it."""
        lost = 0
        with self._lock:
            self._events.append(event)
            self._bytes += len(event)
            while self._bytes > self._largest:
                self._bytes -= len(self._events.popleft())
                lost += 1
        return lost

    def oldest(self) -> bytes | None:
        """Take the oldest event, if there is one."""
        with self._lock:
            if not self._events:
                return None
            event = self._events.popleft()
            self._bytes -= len(event)
            return event

    def put_back(self, event: bytes) -> None:
        """Put back what `oldest` gave."""
        with self._lock:
            self._events.appendleft(event)
            self._bytes += len(event)

    def take(self, events: int, size: int) -> tuple[bytes, ...]:
        """Take the oldest events, at most so many and with so many bytes in a JSON array."""
        batch: list[bytes] = []
        total = 2
        with self._lock:
            while self._events and len(batch) < events:
                total += len(self._events[0]) + 1
                if batch and total > size:
                    break
                batch.append(self._events.popleft())
                self._bytes -= len(batch[-1])
        return tuple(batch)

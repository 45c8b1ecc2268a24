"""A system whose calls fail when they are told to."""

from __future__ import annotations

import errno
import os
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

from apilog.spool.files import Files

PATIENCE = 30.0
"""Seconds after which a wait is a failure."""

_CALLS = sorted(name for name, value in vars(Files).items() if callable(value) and name[0] != "_")


class FaultyFiles(Files):
    """The real system; each call of the methods in *failing* raises the error named there."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: dict[str, int] = {}
        self.failed: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.elapsed = 0.0
        """Seconds by which both clocks are ahead."""

    def fail(self, calls: Iterable[str], number: int) -> None:
        self.failing = dict.fromkeys(calls, number)

    def mend(self) -> None:
        self.failing = {}
        self.elapsed += 1.0

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if name not in _CALLS:
            return method

        def call(*arguments: Any) -> Any:
            self.calls[name] += 1
            number = self.failing.get(name)
            if number is not None:
                self.failed[name] += 1
                raise OSError(number, os.strerror(number))
            result = method(*arguments)
            if name == "monotonic":
                return result + self.elapsed
            return result + int(self.elapsed * 1e9) if name == "time" else result

        return call


class ShortFiles(FaultyFiles):
    """A disk that takes *room* bytes more, and says so when it has taken a part of a write."""

    def __init__(self, room: int, number: int = errno.ENOSPC) -> None:
        super().__init__()
        self.room = room
        self.number = number

    def write(self, descriptor: int, content: bytes) -> int:
        if not self.room:
            raise OSError(self.number, os.strerror(self.number))
        written = super().write(descriptor, content[: self.room])
        self.room -= written
        return written


class GatedFiles(FaultyFiles):
    """A disk whose writes hang while its gate is shut."""

    def __init__(self) -> None:
        super().__init__()
        self._gate = threading.Event()
        self._gate.set()
        self.hangs = threading.Event()
        """Set while a write hangs."""
        self.writers: Counter[str] = Counter()
        """How often each thread, by its name, began to write."""

    def shut(self) -> None:
        self._gate.clear()

    def open_again(self, after: float) -> None:
        """Let writes through, *after* seconds as the clocks of this system have it."""
        self.elapsed += after
        self._gate.set()

    def write(self, descriptor: int, content: bytes) -> int:
        self.writers[threading.current_thread().name] += 1
        if not self._gate.is_set():
            self.hangs.set()
            assert self._gate.wait(PATIENCE), "nobody opened the gate"
            self.hangs.clear()
        return super().write(descriptor, content)

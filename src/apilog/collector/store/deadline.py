"""The deadline of an answer: SQLite asks it in between, and so does whoever loops."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from apilog.collector.store.protocol import StoreBusy, StoreUnavailable

INSTRUCTIONS: Final = 10_000
"""Of SQLite's machine between two looks at the clock: about a tenth of a millisecond."""


class Deadline:
    """So many seconds from now on."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._seconds = seconds

    def spent(self) -> float:
        """Return the part of the time that is over: 1 and above, nothing is left."""
        return (self._clock() - self._began) / self._seconds if self._seconds > 0 else 1.0

    def passed(self) -> bool:
        """Return whether nothing is left."""
        return self.spent() >= 1

    def check(self) -> None:
        """Raise StoreBusy if nothing is left."""
        if self.passed():
            raise self.busy()

    def busy(self) -> StoreBusy:
        """Return the error for an answer that did not come in time."""
        return StoreBusy(
            f"This takes more than {self._seconds:g} seconds: choose a shorter time, or narrow "
            "it down to a route, a user or a status"
        )

    @contextmanager
    def over(self, db: sqlite3.Connection) -> Iterator[None]:
        """Have the questions of a block interrupted when nothing is left."""
        db.set_progress_handler(self.passed, INSTRUCTIONS)
        try:
            yield
        finally:
            db.set_progress_handler(None, 0)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Say in the store's words why a block could not answer."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if self.passed():
                raise self.busy() from error
            raise StoreUnavailable(f"The store cannot be read: {error}") from error
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The store cannot be read: {error}") from error

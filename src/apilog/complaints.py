"""Our own troubles: logged at most once a minute each, counted always, never thrown at the host."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

logger = logging.getLogger("apilog")

INTERVAL = 60.0
"""Seconds during which the same complaint is logged only once."""


class Complaints:
    """Count what went wrong by kind, and log each kind once a minute.

    Errors are logged as type and place, never with their message: a message may quote a request.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin with nothing: at first, and in a forked child, whose account is its own."""
        self._counts: Counter[str] = Counter()
        self._logged: dict[str, float] = {}

    def complain(self, kind: str, what: str, error: BaseException | None = None) -> None:
        """Count a trouble of this *kind* and say *what* happened, if that was not just said."""
        self._counts[kind] += 1
        self.say(kind, what if error is None else f"{what}: {described(error)}")

    def say(self, kind: str, what: str) -> bool:
        """Log *what*, unless something of this *kind* was just said; tell if it was logged."""
        now = time.monotonic()
        if now - self._logged.get(kind, -INTERVAL) < INTERVAL:
            return False
        if sys.is_finalizing():  # a thread that is gone may have left with the lock of a handler
            return False
        self._logged[kind] = now
        with suppress(Exception):  # a handler or a filter of the host's may raise
            logger.warning("apilog: %s", what)
        return True

    def count(self, kind: str) -> None:
        """Count a trouble that is not worth a line in a log."""
        self._counts[kind] += 1

    def counts(self) -> Mapping[str, int]:
        """Return how often each kind was counted."""
        return dict(self._counts)

    @contextmanager
    def shielded(self, kind: str, what: str) -> Iterator[None]:
        """Keep a failure of ours from the host application; count and log it instead."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - that is the promise
            self.complain(kind, what, error)


def described(error: BaseException) -> str:
    """Return the class of *error* and where it was raised; values stay out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__qualname__}{place}"

"""What pipelines, encoders and destinations agree on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from apilog.capture import Exchange
from apilog.exceptions import ApiLogError


class Dropped(ApiLogError):
    """Say that an exchange gives no event, and why; raised by the function that encodes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What a destination takes at once, in bytes of JSON and in events."""

    event_bytes: int = 1_000_000
    batch_bytes: int = 4_000_000
    batch_events: int = 10_000

    @property
    def largest_event(self) -> int:
        """Bytes of an event that can be sent at all: a batch of one has its brackets."""
        return min(self.event_bytes, self.batch_bytes - 2)


class Encoder(Protocol):
    """What makes one event of an exchange; several pipelines may share it."""

    def encode(self, exchange: Exchange) -> bytes:
        """Return the event, or raise `Dropped`."""
        ...

    def begun(self, exchange: Exchange) -> bytes:
        """Return the event that is delivered if the process dies before *exchange* ends."""
        ...

    def renew(self) -> None:
        """Take new locks, in a forked child."""
        ...


@runtime_checkable
class Destination(Protocol):
    """Where batches go. Each item is one event, as JSON in UTF-8.

    Raises RetryLater, Partly or Rejected; anything else is a bug. A destination may have a `limits`
    attribute (`Limits`) and a `close()` method, called when the client closes.
    """

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*; returning means that it arrived."""
        ...


def pause_before(
    retry: int, *, base: float = 0.5, cap: float = 30.0, jitter: Callable[[], float] = random.random
) -> float:
    """Seconds to wait before retry number *retry* (1, 2, ...).

    Full jitter, because a fleet restarted together must not knock together.
    """
    return jitter() * min(cap, base * 2.0 ** min(retry - 1, 16))

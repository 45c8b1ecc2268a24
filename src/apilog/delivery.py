"""What pipelines, encoders and destinations agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from apilog import chance
from apilog.capture import Exchange, RequestHead
from apilog.events import Event
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
    attribute (`Limits`), a `close()` method, called when the client closes, and a `refresh()`
    method, called on the worker's thread every now and then, which must not wait. One that has
    users, companies, subscriptions or actions says so in ``takes``, by the names of
    `apilog.updates`; they come among the events, unless ``updates`` is a destination of their own:
    then neither waits for the other.
    """

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*; returning means that it arrived."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A destination that does not receive every call, or chooses how many calls each stands for."""

    @property
    def is_selective(self) -> bool:
        """Whether `weigh` has to be asked, for now."""
        ...

    def weigh(self, event: Event) -> int | None:
        """Return how many calls *event* stands for there, 0 if it was sampled out.

        None if it is not for this destination.
        """
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered in the app's place, and the id of the rule that says so."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Without ``Content-Length``."""
    body: bytes
    rule: str


@runtime_checkable
class Governor(Protocol):
    """A destination that may answer requests in the app's place."""

    governs: bool
    """Whether `refusal` is to be asked."""

    def refusal(
        self, head: RequestHead, user_id: str | None, company_id: str | None
    ) -> Refusal | None:
        """Return what to answer in the app's place; None lets the request through."""
        ...


def pause_before(
    retry: int, *, base: float = 0.5, cap: float = 30.0, jitter: Callable[[], float] = chance.roll
) -> float:
    """Seconds to wait before retry number *retry* (1, 2, ...).

    Full jitter, because a fleet restarted together must not knock together.
    """
    return jitter() * min(cap, base * 2.0 ** min(retry - 1, 16))

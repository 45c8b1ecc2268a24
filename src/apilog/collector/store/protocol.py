"""What a store does: keep calls for good, and answer what a viewer asks.

Methods may be called from any thread. Those that answer raise `StoreUnavailable` when they cannot,
`StoreBusy` when a question took longer than its deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from apilog.collector.call import Call, Profile, Refusal
from apilog.collector.query import Query
from apilog.exceptions import ApiLogError


class StoreUnavailable(ApiLogError):
    """Report that nothing of this was stored or read, and that a later try may succeed."""


class StoreFull(StoreUnavailable):
    """Report that the disk, or what the store may use of it, is full."""


class StoreBusy(StoreUnavailable):
    """Report that an answer would take too long; a narrower question may not."""


@dataclass(slots=True)
class Prepared:
    """A call, and what a store made of it before its turn came."""

    call: Call
    made: object = None
    """The store's own; None if there is nothing."""

    @classmethod
    def each(cls, calls: Sequence[Call | Prepared]) -> list[Prepared]:
        """Return all *calls* so, those as well that nothing was made of."""
        return [one if isinstance(one, Prepared) else cls(one) for one in calls]


@dataclass(frozen=True, slots=True)
class Row:
    """A call in a list. The fields are those of `Call`; *place* tells where the list goes on."""

    id: str
    time: int
    received: int
    source: str
    method: str
    host: str
    route: str
    path: str
    query: str
    status: int | None
    duration: int | None
    user: str
    company: str
    session: str
    ip: str
    trace: str
    request_size: int | None
    response_size: int | None
    error: str
    place: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; *next* is the place where it goes on, or None at its end."""

    rows: Sequence[Row]
    next: str | None


@dataclass(frozen=True, slots=True)
class News:
    """What arrived after a position, in the order of arrival, and the position after it.

    *more* says that there is more already.
    """

    rows: Sequence[Row]
    position: str
    more: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """A call and all that is known of it."""

    row: Row
    event: bytes


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a chart: *time* is where it begins; quantiles are microseconds, or None."""

    time: int
    count: int
    client_errors: int
    """Status 400 to 499."""
    server_errors: int
    """Status 500 and above, or none at all with an error."""
    p50: int | None
    p95: int | None
    p99: int | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a route of one method did in the time asked for."""

    method: str
    route: str
    count: int
    client_errors: int
    server_errors: int
    p50: int | None
    p95: int | None
    p99: int | None
    last: int
    """When it was last called, in microseconds."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a field, and how many calls have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A user, company or session, and what it did in the time asked for."""

    id: str
    count: int
    errors: int
    """Calls with a status of 400 and above, or with an error."""
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Size:
    """What a store holds: events, bytes on disk, and the span of time in microseconds."""

    calls: int
    bytes: int
    oldest: int | None
    newest: int | None


class Store(Protocol):
    """Where calls are kept."""

    def prepare(self, calls: Sequence[Call]) -> list[Prepared]:
        """Do what can be done before `add`, beside whatever else is done; nothing is stored."""

    def add(self, calls: Sequence[Call | Prepared]) -> int:
        """Store all or none, durably; return how many were new: a known id changes nothing.

        Raises:
            StoreFull, StoreUnavailable: nothing was stored.
        """

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Keep what was not taken: the newest 1,000."""

    def refusals(self, limit: int) -> list[Refusal]:
        """Return what was not taken, the newest first."""

    def describe(self, profiles: Sequence[Profile]) -> None:
        """Store profiles: top-level fields of a later one replace those of an earlier one."""

    def profile(self, kind: str, key: str) -> Profile | None:
        """Return what is known of a user, a company or a subscription."""

    def page(self, query: Query, *, limit: int, place: str | None = None) -> Page:
        """Return calls, the newest first, from *place* on.

        There may be fewer than *limit*, even none, though the list goes on at ``next``: where few
        calls are wanted among many, a page ends where its time did.

        Raises:
            ValueError: *place* is none.
        """

    def position(self) -> str:
        """Return the position after everything that has arrived."""

    def news(self, position: str, query: Query, *, limit: int) -> News:
        """Return what arrived after *position*, also through another process, oldest first.

        Raises:
            ValueError: *position* is none.
        """

    def get(self, key: str) -> Whole | None:
        """Return one call by its id."""

    def series(self, query: Query, *, step: int) -> list[Point]:
        """Return a chart in steps of so many microseconds; empty steps are left out."""

    def endpoints(self, query: Query, *, limit: int) -> list[Endpoint]:
        """Return what each method and route did, the busiest first."""

    def values(self, field: str, query: Query, *, beginning: str, limit: int) -> list[Value]:
        """Return the values of a field that begin so, the most frequent first."""

    def subjects(self, field: str, query: Query, *, limit: int) -> list[Subject]:
        """Return the ``user``, ``company`` or ``session`` that called most."""

    def purge(self, *, user: str | None = None, before: int | None = None) -> int:
        """Remove calls, and a user's profile, from the bytes of every file; return how many."""

    def retain(self) -> int:
        """Remove what is too old, or too much; return how many calls."""

    def size(self) -> Size:
        """Return what is held."""

    def close(self) -> None:
        """Let go of everything, after what is under way."""

"""The exchange: one call while it happens, in no protocol's words.

The request path only keeps references here; a worker thread reads them once the exchange has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple

from apilog.body import BodyCopy
from apilog.codec import JSON
from apilog.headers import HeaderLines, find
from apilog.media_type import media_type

OVERHEAD = 4_096
"""Bytes an exchange is taken to hold besides its bodies: headers, strings and bookkeeping."""


JUMP = 1.0
"""Seconds by which the wall clock may go another way than time during a call, unmentioned."""


class RequestHead(NamedTuple):
    """The head of a request; *path* is percent-encoded and includes where the app is mounted."""

    verb: str
    scheme: str
    authority: str
    path: str
    query: str
    address: str | None
    headers: HeaderLines


class Exchange:
    """One call, from its first byte to its last.

    *source* is what the protocol layer kept of the request, *read_head* its function that makes a
    head of it; both are used on the worker thread only. An exchange is written by one thread at a
    time, the one that runs the request. What most calls never set is a default of the class: a call
    pays for what happens in it.
    """

    status: int | None = None
    response_headers: Iterable[tuple[str | bytes, str | bytes]] = ()
    ttfb: float | None = None
    duration: float | None = None
    ended_at: float | None = None
    exception: str | None = None
    route: str | None = None
    view: str | None = None
    aborted = False
    complete = False
    file = False
    request_ended = False
    asked = False
    submitted = False
    drop_reason: str | None = None
    transaction_id: str | None = None
    blocked_by: str | None = None
    identified: frozenset[str] = frozenset()
    encoded: bytes | None = None
    recorder: object = None
    tickets: Mapping[object, int] = MappingProxyType({})
    selected: Mapping[object, bytes | str] = MappingProxyType({})

    def __init__(
        self,
        source: object,
        read_head: Callable[[Any], RequestHead],
        *,
        request_limit: int,
        response_limit: int,
        weight: int = 1,
    ) -> None:
        self._clock = time.perf_counter()  # first: a thread put aside here must not end too early
        self.started_at = time.time()
        self.source = source
        self.read_head = read_head
        self.request_body = BodyCopy(request_limit)
        self.response_body = BodyCopy(response_limit)
        self.weight = weight
        self.annotations: dict[str, Any] = {}

    def is_under_way_for(self, recorder: object) -> bool:
        """Say whether *recorder* records this very call: wrapped twice, it is one call."""
        return self.recorder is recorder and self.duration is None

    def respond(self, status: int, headers: Iterable[tuple[Any, Any]]) -> None:
        """Take the head of the response; a later one replaces it (PEP 3333, *exc_info*)."""
        self.status = status
        self.response_headers = headers

    def body_sent(self, chunk: bytes) -> None:
        """Take the next piece of the response body."""
        if self.ttfb is None:
            self.ttfb = time.perf_counter() - self._clock
        self.response_body.add(chunk)

    def finish(self) -> None:
        """Stop the clock: the last byte of the response has passed. Later calls change nothing."""
        if self.duration is None:
            self.end()
            self.complete = True

    def fail(self, error: BaseException, *, head_sent: bool) -> None:
        """Take the exception that ended the call; its answer is a 500 unless a head went out."""
        self.note_exception(error)
        if not head_sent:
            self.respond(500, ())
            self.response_body.drop()
        self.end()

    def note_exception(self, error: BaseException) -> None:
        """Take an exception that the framework turned into a response of its own."""
        if self.exception is None:
            self.exception = type(error).__qualname__

    def abort(self) -> None:
        """Say that the client left before the response was complete."""
        if not self.complete:
            self.aborted = True
            self.end()

    def end(self) -> None:
        """Stop the clock of an exchange that did not get to its last byte."""
        if self.duration is None:
            self.duration = time.perf_counter() - self._clock
            self.ended_at = time.time()

    @property
    def clock_jump(self) -> int | None:
        """Seconds that the wall clock jumped during the call; None if that was a second or less.

        The times of an event go by what the clock said at its beginning.
        """
        if self.duration is None or self.ended_at is None:
            return None
        jump = self.ended_at - self.started_at - self.duration
        return round(jump) if abs(jump) > JUMP else None

    def response_lines(self) -> HeaderLines:
        """Return the response's header lines as text, which on the wire is ISO 8859-1."""
        return [
            (name, value)
            if type(name) is str and type(value) is str
            else (_latin(name), _latin(value))
            for name, value in self.response_headers
        ]

    def measured(self) -> dict[str, JSON]:
        """Return what apilog itself knows of the call; each key only where it applies."""
        found: dict[str, JSON] = {}
        if self.route is not None:
            found["route"] = self.route
        if self.view is not None:
            found["view"] = self.view
        if self.duration is not None:
            found["duration_ms"] = round(self.duration * 1000, 3)
        if self.ttfb is not None:
            found["ttfb_ms"] = round(self.ttfb * 1000, 3)
        if self.request_body.size:
            found["request_size"] = self.request_body.size
        if self.response_body.size:
            found["response_size"] = self.response_body.size
        if self.response_body.chunks > 1:
            found["chunks"] = self.response_body.chunks
        if self.aborted:
            found["aborted"] = True
        if self.exception is not None:
            found["exception"] = self.exception
        if (jump := self.clock_jump) is not None:
            found["clock_jump"] = jump
        return found

    def slim(self) -> None:
        """Let go of long bodies, or of all but the ends that an event can carry."""
        if self.response_body.cut:
            _slim(self.response_body, self.response_lines())
        if self.request_body.cut:
            _slim(self.request_body, self.read_head(self.source).headers)

    def shed(self) -> int:
        """Let go of the bodies to make room, unless they are encoded; return how many bytes."""
        if self.encoded is not None:
            return 0
        freed = self.request_body.held + self.response_body.held
        for body in (self.request_body, self.response_body):
            if body.held:
                body.drop()
                body.shed = True
        return freed

    def release(self) -> None:
        """Let go of everything an event was made of."""
        self.source = None
        self.request_body.drop()
        self.response_body.drop()

    @property
    def held(self) -> int:
        """Bytes this exchange keeps in memory, roughly."""
        return OVERHEAD + self.request_body.held + self.response_body.held


def _slim(body: BodyCopy, headers: HeaderLines) -> None:
    readable = media_type(find(headers, "content-type")).is_lines
    if readable and not find(headers, "content-encoding"):
        body.compact()
    else:
        body.drop()


def _latin(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)


current: ContextVar[Exchange | None] = ContextVar("apilog_exchange", default=None)
"""The exchange that the running code belongs to; threads that copy the context see it too."""


def annotate(
    *,
    user_id: str | None = None,
    company_id: str | None = None,
    subscription_id: str | None = None,
    session_token: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> None:
    """Say something about the call that is being handled, from anywhere inside it.

    What is said here beats what hooks answer; metadata of several calls adds up. Works on every
    thread that runs in the request's context (Starlette's and Django's thread pools,
    `asyncio.to_thread`); outside of a request, and after its response, it does nothing.
    """
    exchange = current.get()
    if exchange is None or exchange.submitted:
        return
    said = {
        "user_id": user_id,
        "company_id": company_id,
        "subscription_id": subscription_id,
        "session_token": session_token,
    }
    exchange.annotations.update({name: value for name, value in said.items() if value is not None})
    if metadata:
        known = exchange.annotations.get("metadata", {})
        exchange.annotations["metadata"] = {**known, **metadata}

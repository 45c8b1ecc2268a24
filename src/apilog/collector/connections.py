"""Connections with bounds: how many, how long a request may take to come, and an answer to go."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from apilog.collector.guard import SECURITY_HEADERS

MAX_CONNECTIONS: Final = 64
HEADER_SECONDS: Final = 10.0
"""From the first byte, or from the connection, to the end of the headers."""

BODY_SECONDS: Final = 30.0
"""From the end of the headers to the end of the body; what waits for us does not count."""

ANSWER_SECONDS: Final = 30.0
"""How long a client may take nothing of an answer that waits for it."""

KEEP_ALIVE_SECONDS: Final = 30
"""How long an idle connection is kept for its next request."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, with the deadlines that it leaves to a proxy.

    Of more than `MAX_CONNECTIONS` the one goes that has waited longest without a request. So
    somebody who opens many and says nothing keeps nobody out.
    """

    header_seconds = HEADER_SECONDS
    body_seconds = BODY_SECONDS
    answer_seconds = ANSWER_SECONDS
    max_connections = MAX_CONNECTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._awaited: object = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and let another one go if there are too many."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._make_room()
        self._expect("headers", self.header_seconds)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and set the deadline for those that must follow."""
        super().data_received(data)
        self._expect_the_rest()

    def on_response_complete(self) -> None:
        """Wait for the next request, without the deadline of this one."""
        self.idle_since = self.loop.time()
        self._expect(None)
        super().on_response_complete()  # which begins the next one if it is here already
        if not self.is_idle or self.conn.trailing_data[0]:
            self._expect_the_rest()

    def pause_writing(self) -> None:
        """Begin to wait for a client that takes nothing."""
        super().pause_writing()
        if self._write_deadline is None:
            self._write_deadline = self.loop.call_later(self.answer_seconds, self.cut)

    def resume_writing(self) -> None:
        """Go on: the client has taken something."""
        super().resume_writing()
        self._end_write_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._expect(None)
        self._end_write_deadline()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, with the headers that every answer carries."""
        self._say(400, msg)

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way whose headers have come."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_the_rest(self) -> None:
        """Set the deadline for what must come next, unless it is running."""
        if self.transport.is_closing():
            self._expect(None)
        elif self.is_idle:
            self._expect("headers", self.header_seconds)
        elif self.cycle.more_body:
            self._expect(self.cycle, self.body_seconds)
        else:
            self._expect(None)

    def _expect(self, awaited: object, seconds: float = 0.0) -> None:
        if self._deadline is not None and self._awaited is awaited:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._awaited = awaited
        if awaited is not None:
            late = self._late if awaited == "headers" else self._late_body
            self._deadline = self.loop.call_later(seconds, late)

    def _late(self) -> None:
        self._say(408, "The headers of the request did not come in time.")

    def _late_body(self) -> None:
        """Give up on a body; whoever waits for it learns that the client has gone."""
        if not self.cycle.more_body:
            return
        if self.flow.read_paused:  # it is ours to go on
            self._deadline = self.loop.call_later(self.body_seconds, self._late_body)
            return
        if not self.cycle.response_started:
            self.cycle.response_started = True
            self.cycle.disconnected = True
            self._write(408, "The body of the request did not come in time.")
            self.cycle.message_event.set()
        self.transport.close()

    def cut(self) -> None:
        """End the connection at once, with what the kernel still has to send."""
        known = self.transport.get_extra_info("socket")
        if known is not None:
            with socket.fromfd(known.fileno(), known.family, known.type) as copy:
                copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _make_room(self) -> None:
        found = [each for each in self.connections if isinstance(each, BoundedProtocol)]
        found = [each for each in found if not each.transport.is_closing()]
        if len(found) <= self.max_connections:
            return
        idle = [each for each in found if each is not self and each.is_idle]
        if idle:
            min(idle, key=lambda each: each.idle_since).cut()
        else:
            self._say(503, "There are too many connections.")

    def _say(self, status: int, reason: str) -> None:
        """Answer outside of any request, and end the connection."""
        if not self.transport.is_closing():
            self._write(status, reason)
            self.transport.close()

    def _write(self, status: int, reason: str) -> None:
        body = b'{"error":"%b"}' % reason.encode()
        headers = {
            **SECURITY_HEADERS,
            "Cache-Control": "no-store",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **({"Retry-After": "1"} if status == 503 else {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status} {_PHRASES[status]}\r\n{lines}\r\n".encode() + body)

    def _end_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None


_PHRASES: Final = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}

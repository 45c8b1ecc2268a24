"""The live stream: every call that arrives, as server-sent events, without gaps.

The store is the queue: a stream only remembers a position. It looks when the inlet has committed,
and twice a second for what another process stored. A reader that is slow costs nothing, because
nothing is read for it before it has taken what was sent (`connections` drops one that takes
nothing); one that cannot keep up at all is told that calls were left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from apilog.collector.documents import row_document
from apilog.collector.gate import session_of
from apilog.collector.store.protocol import News, StoreBusy, StoreUnavailable
from apilog.collector.view.asking import filter_of
from apilog.collector.view.refused import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apilog.collector.query import Query
    from apilog.collector.sessions import Sessions
    from apilog.collector.store.protocol import Store
    from apilog.collector.view.pool import Pool

MOST_STREAMS: Final = 24
"""Streams at a time: they must leave connections for those who send."""

MOST_ROWS: Final = 200
"""Calls in one message."""

BETWEEN_MESSAGES: Final = 0.1
"""Seconds between two messages at least."""

BETWEEN_LOOKS: Final = 0.5
"""Seconds between two looks for what other processes stored."""

BETWEEN_BEATS: Final = 15.0
"""Seconds between two signs of life, and between two looks at the session."""

MOST_BEHIND: Final = 25
"""Full messages in a row after which a reader is behind, and sees the present instead."""

MAX_POSITION: Final = 16_000
"""Characters; a day has about fifteen."""

_BEGINNING: Final = "0:0"
"""The position before everything, which a store writes as "": a browser would forget that."""


class Wakeups:
    """Wake every stream of one event loop, from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._events: set[asyncio.Event] = set()
        self.closed = False

    def wake(self) -> None:
        """Have every stream look for news; called from the thread that has committed."""
        loop = self._loop
        if loop is not None and self._events:
            try:
                loop.call_soon_threadsafe(self._set)
            except RuntimeError:  # the loop has ended; so have its streams
                return

    def close(self) -> None:
        """End every stream, and begin none any more; called in the loop."""
        self.closed = True
        self._set()

    @contextmanager
    def joined(self) -> Iterator[asyncio.Event]:
        """Return an event that is set with every wake."""
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._events.add(event)
        try:
            yield event
        finally:
            self._events.discard(event)

    @property
    def is_full(self) -> bool:
        """Whether no stream more can begin."""
        return self.closed or len(self._events) >= MOST_STREAMS

    def _set(self) -> None:
        for each in self._events:
            each.set()


@dataclass(slots=True)
class _Stream:
    """One reader's stream."""

    store: Store
    pool: Pool
    query: Query
    position: str
    wakeups: Wakeups
    holds: Callable[[], bool]
    """Whether the reader is still logged in."""

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield messages until the server stops, or the session ends."""
        with self.wakeups.joined() as woken:
            yield _message("hello", {"position": self.position}, self.position)
            beat, behind = time.monotonic(), 0
            while not self.wakeups.closed:
                woken.clear()
                said = time.monotonic()
                news, message = await self._look(behind)
                behind = behind + 1 if news.more and news.rows else 0
                if message:
                    yield message
                if time.monotonic() >= beat + BETWEEN_BEATS:
                    beat = time.monotonic()
                    if not self.holds():
                        return
                    yield b": still here\n\n"
                if not news.more:
                    await _either(woken, BETWEEN_LOOKS)
                await asyncio.sleep(max(0.0, said + BETWEEN_MESSAGES - time.monotonic()))

    async def _look(self, behind: int) -> tuple[News, bytes]:
        """Return the news, and what to say of it: nothing, if there is none."""
        try:
            if behind >= MOST_BEHIND:
                return await self._begin_anew()
            news = await self.pool.ask(
                lambda: self.store.news(self.position, self.query, limit=MOST_ROWS)
            )
        except ValueError:
            return await self._begin_anew()
        except StoreUnavailable:  # busy, mostly: what is there now is there the next time
            return News((), self.position, more=False), b""
        position = news.position or _BEGINNING
        moved, self.position = position != self.position, position
        if news.rows:
            rows = [row_document(each) for each in news.rows]
            return news, _message("calls", {"rows": rows}, self.position)
        # A position without an event: a browser remembers it, and comes back with it.
        return news, b"id: %b\n\n" % self.position.encode() if moved else b""

    async def _begin_anew(self) -> tuple[News, bytes]:
        self.position = await self.pool.ask(self.store.position) or _BEGINNING
        return News((), self.position, more=False), _message("lost", {}, self.position)


def routes(store: Store, pool: Pool, sessions: Sessions, wakeups: Wakeups) -> list[Route]:
    """Return ``/view/live``."""

    async def live(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        query = filter_of(request.query_params)
        asked = request.headers.get("last-event-id") or request.query_params.get("position")
        if wakeups.is_full:
            raise StoreBusy("there are too many live streams; close another page of the viewer")
        if asked is not None and (len(asked) > MAX_POSITION or not asked.isprintable()):
            raise Refused(400, "there is no such position")
        stream = _Stream(
            store,
            pool,
            query,
            asked or await pool.ask(store.position) or _BEGINNING,
            wakeups,
            lambda: session_of(request, sessions) is not None,
        )
        return StreamingResponse(stream.messages(), media_type="text/event-stream")

    return [Route("/view/live", live)]


def _message(event: str, data: object, position: str) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (
        event.encode(),
        position.encode(),
        orjson.dumps(data),
    )


async def _either(woken: asyncio.Event, seconds: float) -> None:
    """Wait for *woken*, but no longer than *seconds*."""
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except asyncio.TimeoutError:
        return

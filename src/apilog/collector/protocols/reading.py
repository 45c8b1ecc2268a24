"""Reading: the body of a request as it travelled, within bounds of its own and of all together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final, TypeVar

from starlette.requests import ClientDisconnect, Request

from apilog.collector.inlet import Inlet
from apilog.collector.protocols.inflating import inflated
from apilog.collector.protocols.json_text import MAX_DOCUMENT_BYTES
from apilog.collector.protocols.refusing import Refused
from apilog.collector.store.protocol import StoreUnavailable

MAX_WIRE_BYTES: Final = 16 * 1024 * 1024
"""Largest request body as it travels. A sender's batch is far below; more is a mistake."""

LARGE_BYTES: Final = 1024 * 1024
MAX_LARGE: Final = 2
"""Bodies of more than `LARGE_BYTES` that are read at a time; others wait, unread."""

PATIENCE: Final = 10.0
"""Seconds that a large body waits before it is asked to come again."""

MAX_BYTES_AT_ONCE: Final = 48 * 1024 * 1024
"""Bytes of all bodies that are being read: beyond that, what comes is asked to come again."""

LONG_BYTES: Final = 256 * 1024
"""Bodies of more are inflated and parsed by another thread, so that they keep no shorter one
waiting. Each kind has one thread: a second one would mostly wait for the interpreter."""

Found = TypeVar("Found")


class Reader:
    """Read bodies, and decode them on threads that are not the server's own.

    What is being decoded is expected at the *inlet*, where it mostly goes.
    """

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet
        self._held = 0
        self._large = asyncio.Semaphore(MAX_LARGE)
        self._decoder = ThreadPoolExecutor(1, "apilog-decoder")
        self._long_decoder = ThreadPoolExecutor(1, "apilog-long-decoder")

    async def read(
        self,
        request: Request,
        decode: Callable[[bytearray], Found],
        *,
        limit: int = MAX_WIRE_BYTES,
    ) -> Found:
        """Return what *decode* makes of the body as it travelled, on another thread.

        A body is refused as soon as it is longer than *limit* bytes.

        Raises:
            Refused: 413, or 400 if the client left; and what *decode* raises.
            StoreUnavailable: too many others are being read.
        """
        announced = request.headers.get("content-length", "0")
        if not (announced.isascii() and announced.isdigit() and len(announced) <= 19):
            raise Refused(400, "Content-Length is no number")
        if int(announced) > limit:
            raise too_large(limit)
        stack = ExitStack()
        try:
            body = await self._body(request, limit, int(announced), stack)
            decoder = self._long_decoder if len(body) > LONG_BYTES else self._decoder
            with self._inlet.expecting():
                return await asyncio.get_running_loop().run_in_executor(decoder, decode, body)
        except ClientDisconnect:
            raise Refused(400, "the client left half way") from None
        finally:
            stack.close()

    async def _body(
        self, request: Request, limit: int, announced: int, stack: ExitStack
    ) -> bytearray:
        """Return the body; what it takes up of all bounds is given back by *stack*."""
        body = bytearray()
        is_large = announced > LARGE_BYTES
        if is_large:
            await self._turn(stack)
        async for chunk in request.stream():
            body += chunk
            self._hold(len(chunk), stack)
            if len(body) > limit:
                raise too_large(limit)
            if len(body) > LARGE_BYTES and not is_large:
                is_large = True
                await self._turn(stack)
        return body

    async def _turn(self, stack: ExitStack) -> None:
        """Wait until one more large body may be read."""
        try:
            await asyncio.wait_for(self._large.acquire(), PATIENCE)
        except asyncio.TimeoutError:
            raise _too_much() from None
        stack.callback(self._large.release)

    def _hold(self, size: int, stack: ExitStack) -> None:
        self._held += size
        stack.callback(self._hold_less, size)
        if self._held > MAX_BYTES_AT_ONCE:
            raise _too_much()

    def _hold_less(self, size: int) -> None:
        self._held -= size


def text_of(body: bytearray, request: Request, *, most: int = MAX_DOCUMENT_BYTES) -> bytearray:
    """Return *body* without the coding that the headers of *request* name.

    Raises:
        Refused: as `inflated` has it.
    """
    return inflated(body, coding_of(request), most=most)


def coding_of(request: Request) -> str:
    """Return what the headers of *request* say of the coding of its body."""
    return ", ".join(request.headers.getlist("content-encoding"))


def _too_much() -> StoreUnavailable:
    return StoreUnavailable("too much arrives at once; try again a little later")


def too_large(limit: int) -> Refused:
    """Return the refusal of a body over *limit* bytes."""
    return Refused(413, f"the body is over the limit of {limit} bytes")

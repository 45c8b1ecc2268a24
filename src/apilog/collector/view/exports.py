"""``/view/export``: the calls of a filter as a file."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from apilog.collector.export.formats import FORMATS
from apilog.collector.view.asking import query_of
from apilog.collector.view.pool import Pool
from apilog.collector.view.refused import Refused

if TYPE_CHECKING:
    from apilog.collector.store.protocol import Store

THREADS: Final = 2
"""Threads for exports, apart from the others: they take long, and lists must not wait."""

_PIECE: Final = 65_536
"""Bytes that are gathered before they are sent."""


def routes(store: Store, pool: Pool) -> list[Route]:
    """Return ``/view/export``; *pool* has `THREADS` threads of its own."""

    async def export(request: Request) -> Response:
        asked = request.query_params
        name, query = asked.get("format", ""), query_of(asked)
        if name not in FORMATS:
            raise Refused(400, f"format must be one of: {', '.join(FORMATS)}")
        pieces = _gathered(FORMATS[name](store, query, lambda: None))
        first = await pool.ask(lambda: next(pieces, b""))  # what fails, fails with a status
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        return StreamingResponse(
            _streamed(first, pieces, pool),
            media_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="apilog-{stamp}.{name}"'},
        )

    return [Route("/view/export", export)]


async def _streamed(first: bytes, pieces: Iterator[bytes], pool: Pool) -> AsyncIterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = await pool.ask(lambda: next(pieces, b""))


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces into large ones, of which each costs a turn of a thread."""
    gathered = bytearray()
    for piece in pieces:
        gathered += piece
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)

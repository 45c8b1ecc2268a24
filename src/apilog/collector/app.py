"""The collector as an ASGI app: ingest, two pages, and JSON for programs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from apilog.collector import ingest, pages
from apilog.collector.guard import SECURITY_HEADERS, Guard
from apilog.collector.ingest import (
    MAX_WIRE_BYTES,
    Refused,
    batch_of_events,
    one_event,
    too_large,
)
from apilog.collector.losses import Losses
from apilog.collector.store import MAX_ROW_ID, Store, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from apilog.collector.records import Record

MAX_API_EVENTS: Final = 1_000
"""Most events in one answer of the JSON API."""

LIST_EVENTS: Final = 100
"""Events on one page of the list."""

MAX_INGESTS: Final = 2
"""Bodies decoded at a time: each may take 50 MB, and the store writes one by one anyway."""

RETRY_AFTER_SECONDS: Final = 5


def create_app(store: Store, *, host: str = "127.0.0.1") -> Starlette:
    """Return the collector on *store*, which stays the caller's to close.

    It answers requests for localhost and for *host*, the name or address it listens on.
    """
    collector = _Collector(store)
    app = Starlette(
        routes=[
            Route("/v1/events", collector.receive_event, methods=["POST"]),
            Route("/v1/events/batch", collector.receive_batch, methods=["POST"]),
            Route("/v1/losses", collector.receive_losses, methods=["POST"]),
            Route("/", collector.show_list),
            Route("/events/{row_id}", collector.show_event),
            Route("/api/events", collector.export),
            Route("/api/losses", collector.export_losses),
            Route("/healthz", _health),
            Route("/style.css", _style),
        ],
        middleware=[Middleware(Guard, host=host)],
        exception_handlers={
            Refused: _refused,
            StoreFull: _full,
            StoreUnavailable: _unavailable,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    return app


class _Collector:
    """The endpoints that need the store. Starlette runs the plain functions in a thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ingests = asyncio.Semaphore(MAX_INGESTS)
        self._losses = Losses()

    async def receive_event(self, request: Request) -> Response:
        return await self._receive(request, one_event)

    async def receive_batch(self, request: Request) -> Response:
        return await self._receive(request, batch_of_events)

    async def receive_losses(self, request: Request) -> Response:
        """Take the account of a sender; it replaces the one before."""
        _refuse_pages(request)
        coding = ", ".join(request.headers.getlist("content-encoding"))
        self._losses.take(ingest.parsed(await _read(request), coding))
        return JSONResponse({}, 201)

    async def export_losses(self, _request: Request) -> Response:
        return JSONResponse(self._losses.total())

    async def _receive(
        self, request: Request, decode: Callable[[bytes, str], list[Record]]
    ) -> Response:
        """Answer 201 once the events are on disk."""
        _refuse_pages(request)
        try:
            body = await _read(request)
        except ClientDisconnect:
            return Response(status_code=400)  # for nobody: the client left half way
        content_encoding = ", ".join(request.headers.getlist("content-encoding"))
        async with self._ingests:
            await run_in_threadpool(lambda: self._store.add(decode(body, content_encoding)))
        return JSONResponse({}, 201)

    def show_list(self, request: Request) -> Response:
        first = "before" not in request.query_params
        before = _number(request, "before", default=MAX_ROW_ID, maximum=MAX_ROW_ID)
        found = self._store.newest(before=before, limit=LIST_EVENTS + 1)
        shown = found[:LIST_EVENTS]
        older = shown[-1].row_id if len(found) > len(shown) else None
        lost = self._losses.total()["dropped"]
        return HTMLResponse(pages.list_page(shown, newest=first, older=older, lost=lost))

    def show_event(self, request: Request) -> Response:
        row_id = _natural(request.path_params["row_id"], maximum=MAX_ROW_ID)
        found = None if row_id is None else self._store.find(row_id)
        if found is None:
            return HTMLResponse(pages.missing_page(), 404)
        return HTMLResponse(pages.event_page(found.row_id, orjson.loads(found.payload)))

    def export(self, request: Request) -> Response:
        after = _number(request, "after", default=0, maximum=MAX_ROW_ID)
        limit = _number(request, "limit", default=LIST_EVENTS, maximum=MAX_API_EVENTS)
        events = [
            {"id": event.row_id, "event": orjson.Fragment(event.payload)}
            for event in self._store.after(after, limit=limit)
        ]
        return Response(orjson.dumps({"events": events}), media_type="application/json")


def _refuse_pages(request: Request) -> None:
    if "origin" in request.headers:  # only browsers send it, and no page has events for us
        raise Refused(403, "events are not taken from web pages")


async def _read(request: Request) -> bytes:
    """Return the body as it travelled, refusing it as soon as it is too long."""
    announced = _natural(request.headers.get("content-length", "0"), maximum=MAX_WIRE_BYTES)
    if announced is None:
        raise too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_WIRE_BYTES:
            raise too_large()
    return bytes(body)


def _natural(text: str, *, maximum: int) -> int | None:
    """Return the number that *text* spells in at most 19 digits, or None."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if number <= maximum else None


def _number(request: Request, name: str, *, default: int, maximum: int) -> int:
    text = request.query_params.get(name)
    number = default if text is None else _natural(text, maximum=maximum)
    if number is None:
        raise Refused(400, f"{name} must be a whole number from 0 to {maximum}")
    return number


def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _style(_request: Request) -> Response:
    return Response(pages.STYLE, media_type="text/css")


def _refused(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refused) else 400
    return JSONResponse({"error": str(error)}, status)


def _full(_request: Request, error: Exception) -> Response:
    return _retry_later(507, error)


def _unavailable(_request: Request, error: Exception) -> Response:
    return _retry_later(503, error)


def _retry_later(status: int, error: Exception) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return JSONResponse({"error": str(error)}, status, headers=headers)


def _failed(_request: Request, _error: Exception) -> Response:
    """Answer for a bug of ours, outside Guard; the server logs the error itself."""
    return JSONResponse({"error": "internal error"}, 500, headers=SECURITY_HEADERS)

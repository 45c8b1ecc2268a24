"""The collector as one ASGI app: five protocols in, the viewer out, the guard around both."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response

from apilog.collector import assets, protocols
from apilog.collector.gate import Access, Gate
from apilog.collector.guard import Guard
from apilog.collector.senders import Senders
from apilog.collector.store.protocol import Store, StoreBusy, StoreFull, StoreUnavailable
from apilog.collector.view import (
    calls,
    charts,
    exports,
    filters,
    health,
    live,
    login,
    metrics,
    profiles,
    purge,
)
from apilog.collector.view.live import Wakeups
from apilog.collector.view.pool import Pool
from apilog.collector.view.refused import Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from apilog.collector.inlet import Inlet

BUSY_SECONDS: Final = 1
RETRY_SECONDS: Final = 5
"""How long a client is asked to wait where the store is busy, or cannot be reached."""


class App:
    """The ASGI app; `stop` ends its streams, and `close` its threads."""

    def __init__(
        self, store: Store, inlet: Inlet, access: Access, *, names: Collection[str], search: bool
    ) -> None:
        self._pools = [Pool(), Pool(threads=exports.THREADS), Pool(threads=1)]
        self._wakeups = Wakeups()
        self._unsubscribe = inlet.subscribe(self._wakeups.wake)
        pool, slow, purging = self._pools
        senders = Senders()
        routes: list[BaseRoute] = [
            *protocols.routes(inlet, store, senders),
            *login.routes(access),
            *calls.routes(store, pool),
            *charts.routes(store, pool),
            *filters.routes(),
            *profiles.routes(store, pool),
            *health.routes(store, pool, inlet, senders.total, search=search),
            *metrics.routes(store, pool, inlet),
            *exports.routes(store, slow),
            *purge.routes(store, purging),
            *live.routes(store, pool, access.sessions, self._wakeups),
            *assets.routes(),
        ]
        app = Starlette(
            routes=routes,
            middleware=[Middleware(Gate, access=access, is_page=assets.is_page)],
            exception_handlers={
                Refused: _refused,
                StoreUnavailable: _unavailable,
                404: _not_found,
                405: _not_allowed,
                Exception: _failed,
            },
        )
        app.router.redirect_slashes = False
        self._app = Guard(app, names=names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        await self._app(scope, receive, send)

    def stop(self) -> None:
        """End the live streams, in the loop of the server: it would wait for them."""
        self._wakeups.close()

    def close(self) -> None:
        """End the threads, after the questions they are asked now."""
        self._unsubscribe()
        for each in self._pools:
            each.close()


def create_app(
    store: Store,
    inlet: Inlet,
    access: Access,
    *,
    names: Collection[str] = (),
    search: bool = True,
) -> App:
    """Return the collector on *store* and *inlet*, which stay the caller's to close.

    Args:
        store: what is shown.
        inlet: what takes calls in.
        access: who may look, and who may send.
        names: hosts that it answers to besides this machine's loopback, as a Host header has them.
        search: whether bodies can be searched, for the health page.
    """
    return App(store, inlet, access, names=names, search=search)


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    return JSONResponse(error.document(), error.status)


async def _unavailable(_request: Request, error: Exception) -> Response:
    seconds = BUSY_SECONDS if isinstance(error, StoreBusy) else RETRY_SECONDS
    status = 507 if isinstance(error, StoreFull) else 503
    headers = {"Retry-After": str(seconds)}
    return JSONResponse({"error": str(error)}, status, headers=headers)


async def _failed(_request: Request, _error: Exception) -> Response:
    """Answer for a bug of ours; the guard around everything logs it."""
    return JSONResponse({"error": "internal error"}, 500)


async def _not_found(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "there is nothing at this address"}, 404)


async def _not_allowed(_request: Request, error: Exception) -> Response:
    return JSONResponse(
        {"error": "this address takes another method"},
        405,
        headers=getattr(error, "headers", None),
    )

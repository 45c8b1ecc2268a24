"""How the collector does: what senders lost, what was refused, how much is held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog._version import __version__
from apilog.collector.documents import milliseconds
from apilog.collector.view.answers import answer

if TYPE_CHECKING:
    from apilog.collector.call import Refusal
    from apilog.collector.inlet import Inlet
    from apilog.collector.store.protocol import Store
    from apilog.collector.view.pool import Pool

REFUSALS: Final = 100
"""The newest that are shown."""

_ACCOUNTS: Final = ("captured", "delivered", "spooled", "quarantined")


def routes(
    store: Store,
    pool: Pool,
    inlet: Inlet,
    losses: Callable[[], Mapping[str, Any]],
    *,
    search: bool,
) -> list[Route]:
    """Return ``/view/health`` and ``/healthz``; *losses* sums up what senders said of theirs."""

    async def health(request: Request) -> Response:
        size, refusals = await asyncio.gather(
            pool.ask(store.size), pool.ask(lambda: store.refusals(REFUSALS))
        )
        said, counts = losses(), inlet.counts()
        return answer(
            request,
            {
                "senders": said["senders"],
                "accounts": {name: said[name] for name in _ACCOUNTS},
                "dropped": said["dropped"],
                "refusals": [_refusal(each) for each in refusals],
                "store": {
                    "calls": size.calls,
                    "bytes": size.bytes,
                    "oldest": milliseconds(size.oldest),
                    "newest": milliseconds(size.newest),
                    "search": search,
                },
                "version": __version__,
                "ingest": {
                    "received": counts.received,
                    "stored": counts.stored,
                    "duplicates": counts.duplicates,
                    "refused": counts.refused,
                },
            },
        )

    async def healthz(request: Request) -> Response:
        return answer(request, {"status": "ok"})

    return [Route("/view/health", health), Route("/healthz", healthz)]


def _refusal(refusal: Refusal) -> dict[str, object]:
    return {
        "time": milliseconds(refusal.time),
        "source": refusal.source,
        "path": refusal.path,
        "status": refusal.status,
        "reason": refusal.reason,
        "content": refusal.content.decode("utf-8", "replace"),
    }

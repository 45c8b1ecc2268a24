"""``/metrics``: what was taken and what is held, as Prometheus reads it.

These are numbers alone, no text of anybody, so nobody has to log in for them. Where senders need a
token, so does whoever reads this, as a bearer token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from apilog.collector.inlet import Counts, Inlet
    from apilog.collector.store.protocol import Size, Store
    from apilog.collector.view.pool import Pool

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/"""


def routes(store: Store, pool: Pool, inlet: Inlet) -> list[Route]:
    """Return ``/metrics``."""

    async def metrics(_request: Request) -> Response:
        size = await pool.ask(store.size)
        return Response(_written(inlet.counts(), size), headers={"Content-Type": _TEXT})

    return [Route("/metrics", metrics)]


def _written(counts: Counts, size: Size) -> str:
    metrics = (
        ("received_total", "counter", "Calls that came in since the start.", counts.received),
        ("stored_total", "counter", "Calls that were stored.", counts.stored),
        ("duplicates_total", "counter", "Calls whose id was known.", counts.duplicates),
        ("refused_total", "counter", "Requests that were not taken.", counts.refused),
        ("calls", "gauge", "Calls that are kept.", size.calls),
        ("disk_bytes", "gauge", "Bytes of the files that keep them.", size.bytes),
    )
    return "".join(
        f"# HELP apilog_collector_{name} {meaning}\n"
        f"# TYPE apilog_collector_{name} {kind}\n"
        f"apilog_collector_{name} {value}\n"
        for name, kind, meaning, value in metrics
    )

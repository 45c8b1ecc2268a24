"""The protocols of five systems, spoken as their servers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import Route

    from apilog.collector.inlet import Inlet
    from apilog.collector.senders import Senders
    from apilog.collector.store.protocol import Store


def routes(inlet: Inlet, store: Store, senders: Senders) -> list[Route]:
    """Return the routes of all protocols; what they take goes through *inlet* to *store*."""
    from apilog.collector.protocols import collect, logimoni, moesif, swetrix, umami
    from apilog.collector.protocols.desk import Desk
    from apilog.collector.protocols.reading import Reader

    desk = Desk(inlet, Reader(inlet))
    return [
        *moesif.routes(desk, senders),
        *umami.routes(desk),
        *swetrix.routes(desk),
        *logimoni.routes(desk),
        *collect.routes(desk),
    ]

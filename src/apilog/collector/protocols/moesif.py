"""Moesif's collector API v1, as its SDKs speak it: https://www.moesif.com/docs/api."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.routing import Route

from apilog.collector.call import Call, Profile
from apilog.collector.inlet import Inlet
from apilog.collector.protocols import moesif_documents as documents
from apilog.collector.protocols.desk import Delivery, Desk, document, refuse_pages, showing
from apilog.collector.protocols.event_call import call_of
from apilog.collector.protocols.json_text import parsed
from apilog.collector.protocols.moesif_batch import Batch
from apilog.collector.protocols.moesif_updates import action_call, profile_of
from apilog.collector.protocols.moments import now
from apilog.collector.protocols.reading import coding_of, text_of
from apilog.collector.protocols.refusing import Refused
from apilog.collector.senders import Senders

PATIENCE: Final = 30.0
"""Seconds that a very large batch waits for room, on a thread of its own."""

Make: TypeAlias = Callable[[Any, int], "Call | Profile"]
"""Makes a call or a profile of a parsed value and the time of its arrival."""

_KINDS: Final[dict[str, tuple[str, Make]]] = {
    "events": ("event", call_of),
    "actions": ("action", action_call),
    "users": ("user", partial(profile_of, "user")),
    "companies": ("company", partial(profile_of, "company")),
    "subscriptions": ("subscription", partial(profile_of, "subscription")),
}


def routes(desk: Desk, senders: Senders) -> list[Route]:
    """Return the routes of Moesif's API, and that of our own senders' accounts."""

    def taken(handle: Callable[[Request], Any]) -> Any:
        return desk.endpoint("moesif", handle, failed=_failed)

    found = [
        Route("/v1/config", documents.config, methods=["GET"]),
        Route("/v1/rules", documents.rules, methods=["GET"]),
        Route("/v1/losses", taken(partial(_account, desk, senders)), methods=["POST"]),
    ]
    for kind, (name, make) in _KINDS.items():
        one = partial(_one, desk, name, make)
        batch = partial(_batch, desk, name, make)
        found.append(Route(f"/v1/{kind}", taken(one), methods=["POST"]))
        found.append(Route(f"/v1/{kind}/batch", taken(batch), methods=["POST"]))
    return found


async def _one(desk: Desk, name: str, make: Make, request: Request) -> Delivery:
    refuse_pages(request)
    arrived = now()

    def decode(body: bytearray) -> Delivery:
        text = text_of(body, request)
        item = showing(text, lambda text: _named(name, make, arrived, parsed(text)))
        return _delivery([item], desk.inlet)

    return await desk.reader.read(request, decode)


async def _batch(desk: Desk, name: str, make: Make, request: Request) -> Delivery:
    refuse_pages(request)
    arrived = now()

    def decode(body: bytearray) -> Delivery:
        batch = Batch(body, coding_of(request), make=partial(_named, name, make, arrived))
        return _delivery(batch.items(partial(_store, desk.inlet)), desk.inlet)

    return await desk.reader.read(request, decode)


async def _account(desk: Desk, senders: Senders, request: Request) -> Delivery:
    """Take the account of one of our senders; it replaces the one before."""
    refuse_pages(request)

    def decode(body: bytearray) -> None:
        showing(text_of(body, request), lambda text: senders.take(parsed(text)))

    await desk.reader.read(request, decode)
    return Delivery(document({}, 201))


def _delivery(items: list[Call | Profile], inlet: Inlet) -> Delivery:
    return Delivery(
        document({}, 201, documents.TAGS),
        calls=inlet.prepare([item for item in items if isinstance(item, Call)]),
        profiles=[item for item in items if isinstance(item, Profile)],
    )


def _store(inlet: Inlet, portion: list[Call | Profile]) -> None:
    """Return once a portion of a large batch is on disk."""
    delivery = _delivery(portion, inlet)
    inlet.offer(delivery.calls, delivery.profiles, patience=PATIENCE).result()


def _named(
    name: str, make: Make, arrived: int, item: Any, index: int | None = None
) -> Call | Profile:
    """Return what *make* makes of *item*; a refusal says which one it was."""
    try:
        return make(item, arrived)
    except Refused as refused:
        which = name if index is None else f"{name} {index}"
        raise Refused(refused.status, f"{which}: {refused.reason}") from refused


def _failed(_status: int, reason: str, _says: object) -> Any:
    return {"error": reason}

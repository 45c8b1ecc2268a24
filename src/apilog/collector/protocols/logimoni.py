"""Logimoni: https://logimoni.com. Its keys travel in the body, and are kept nowhere."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.call import Call
from apilog.collector.protocols import moments, texts
from apilog.collector.protocols.desk import Delivery, Desk, refuse_pages
from apilog.collector.protocols.json_text import parsed_like_javascript
from apilog.collector.protocols.reading import text_of
from apilog.collector.protocols.refusing import Refused
from apilog.collector.protocols.told_call import Told, call_of

FIELDS: Final = ("userKey", "projectKey", "categoryName", "message")
LOG: Final = "LOG"
"""The method of a line that tells of no call."""

_CALL: Final = re.compile(
    r"([A-Z]{3,20}) (/\S*) (?:([1-9]\d\d)|([\w.]+))(?: (\d+(?:\.\d+)?)ms)?(?: .*)?", re.DOTALL
)


def routes(desk: Desk) -> list[Route]:
    """Return the route of Logimoni's API."""
    taken = desk.endpoint("logimoni", partial(_event, desk), failed=_failed)
    return [Route("/api/events", taken, methods=["POST"])]


async def _event(desk: Desk, request: Request) -> Delivery:
    refuse_pages(request)
    arrived = moments.now()
    call = await desk.reader.read(request, lambda body: _taken(text_of(body, request), arrived))
    return Delivery(Response(status_code=200), [call])


def _taken(text: bytearray, arrived: int) -> Call:
    """Return the call or the line that *text* tells of; a refusal shows no more than its words."""
    said = parsed_like_javascript(text)
    if not isinstance(said, dict):
        raise Refused(400, "an event must be an object")
    for name in FIELDS:
        value = said.get(name)
        if not isinstance(value, str) or not value.strip():
            shown = {each: said.get(each) for each in FIELDS[2:]}
            raise Refused(400, f"{name} must be a text", content=orjson.dumps(shown))
    received = {name: said[name] for name in FIELDS[2:]}
    told = Told(
        source="logimoni",
        kind=LOG,
        name=said["categoryName"],
        received=received,
        time=arrived,
        measures=_measures(said["message"]),
        text=texts.clean(said["message"]),
    )
    told.path = texts.clean(told.measures.get("route"))
    return call_of(told)


def _measures(message: str) -> dict[str, Any]:
    """Return what a line says of a call, if it is one as our own destination writes it."""
    match = _CALL.fullmatch(message)
    if match is None:
        return {}
    method, route, status, error, duration = match.groups()
    measures: dict[str, Any] = {
        "method": method,
        "route": route,
        "status": None if status is None else int(status),
        "duration_ms": duration,
    }
    if error is not None:
        measures |= {"aborted": True} if error == "aborted" else {"exception": error}
    return measures


def _failed(status: int, reason: str, _says: object) -> Any:
    """Say why only where it is about the collector: Logimoni itself says nothing."""
    return {"error": reason} if status in (403, 503, 507) else None

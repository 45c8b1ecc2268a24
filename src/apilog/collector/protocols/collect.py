"""``/collect/event``: https://docs.conscent.ai/events-api-docs, with its rate-limit headers.

Any type of event is taken: the real service has a list of its own.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.call import Call
from apilog.collector.protocols import moments, texts
from apilog.collector.protocols.desk import (
    Delivery,
    Desk,
    Endpoint,
    document,
    refuse_pages,
    showing,
)
from apilog.collector.protocols.json_text import parsed_like_javascript
from apilog.collector.protocols.reading import text_of
from apilog.collector.protocols.refusing import Refused
from apilog.collector.protocols.told_call import Told, call_of, identity

REQUESTS: Final = 6_000
WINDOW: Final = 60.0
"""Requests that are taken in so many seconds."""

MAX_EVENTS: Final = 10_000

_HEADERS: Final = ("messageheader", "messageHeaders")
_IDS: Final = ("transactionId", "transaction_id", "id")


class RateLimit:
    """Count requests in windows of time, and say in headers how many are left.

    Args:
        requests: how many a window takes.
        window: its length in seconds.
        clock: gives the time in seconds since 1970.
    """

    def __init__(
        self, requests: int, window: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._requests = requests
        self._window = window
        self._clock = clock
        self._used = 0
        self._reset = 0.0

    def count(self) -> tuple[bool, dict[str, str]]:
        """Count a request; return whether it is one too many, and the headers of its answer."""
        now = self._clock()
        if now >= self._reset:
            self._reset = float(math.ceil(now + self._window))
            self._used = 0
        self._used += 1
        headers = {
            "X-RateLimit-Limit": str(self._requests),
            "X-RateLimit-Remaining": str(max(0, self._requests - self._used)),
            "X-RateLimit-Reset": f"{self._reset:.0f}",
        }
        return self._used > self._requests, headers


def routes(desk: Desk, *, requests: int = REQUESTS, window: float = WINDOW) -> list[Route]:
    """Return the route of the event collection API, which takes so many *requests* a *window*."""
    limit = RateLimit(requests, window)
    taken = desk.endpoint("collect", partial(_events, desk), failed=_failed)
    return [Route("/collect/event", _limited(limit, taken), methods=["POST"])]


def _limited(limit: RateLimit, taken: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        is_too_many, headers = limit.count()
        if is_too_many:
            said = {"message": "Too Many Requests", "statusCode": 429}
            return document(said, 429, headers)
        response = await taken(request)
        response.headers.update(headers)
        return response

    return answer


async def _events(desk: Desk, request: Request) -> Delivery:
    refuse_pages(request)
    arrived = moments.now()

    def decode(body: bytearray) -> tuple[list[Call], list[Any]]:
        return showing(text_of(body, request), lambda text: _taken(text, arrived))

    calls, answers = await desk.reader.read(request, decode)
    return Delivery(document(answers, 201), calls)


def _taken(text: bytes | bytearray, arrived: int) -> tuple[list[Call], list[Any]]:
    said = parsed_like_javascript(text)
    events = said.get("messageBody") if isinstance(said, dict) else None
    if not isinstance(events, list) or not events:
        raise Refused(400, "messageBody should not be empty")
    if len(events) > MAX_EVENTS:
        raise Refused(413, f"messageBody must contain no more than {MAX_EVENTS} elements")
    headers = {name: said[name] for name in _HEADERS if said.get(name) is not None}
    for event in events:
        if not isinstance(event, dict) or not _is_word(event.get("eventType")):
            raise Refused(400, "invalid event type")
    return [_call(event, headers, arrived) for event in events], [_answer(e) for e in events]


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _call(event: dict[str, Any], headers: dict[str, Any], arrived: int) -> Call:
    _, path, query = texts.address(_first(event, "path", "url", "pageUrl", "articleUrl"))
    told = Told(
        source="collect",
        kind=texts.clean(event["eventType"], texts.LONGEST_WORD).upper(),
        name=texts.clean(_first(event, "name", "eventLocation")) or path,
        received={"event": event, **headers},
        time=_moment(event.get("timestamp"), arrived),
        id=next(filter(None, (texts.identifier(event.get(name)) for name in _IDS)), "")
        or identity(event),
        measures=event,
        host=texts.clean(event.get("host"), 255),
        path=path,
        query=query,
        user=texts.identifier(_first(event, "userId", "anonId")),
        session=texts.identifier(event.get("session")),
        ip=texts.clean(event.get("ip"), 64),
        agent=texts.clean(event.get("userAgent")),
    )
    return call_of(told)


def _first(event: dict[str, Any], *names: str) -> Any:
    return next((event[name] for name in names if event.get(name)), "")


def _moment(value: Any, arrived: int) -> int:
    """Read a time as text, in seconds or in milliseconds."""
    moment: int | None = None
    if isinstance(value, str):
        moment = moments.microseconds(value)
    elif (number := texts.measure(value, most=1e14)) is not None:
        moment = round(number * (1_000 if number > 1e11 else 1_000_000))
    return moments.plausible(moment, arrived)


def _answer(event: dict[str, Any]) -> dict[str, Any]:
    known = event.get("pingId")
    ping = known if isinstance(known, str) and known else str(uuid.uuid4())
    value = orjson.dumps(ping[:200]).decode()
    return {"headers": {}, "value": f'{{"pingId": {value}}}'}


def _failed(status: int, reason: str, _says: object) -> Any:
    name = {400: "Bad Request", 403: "Forbidden", 413: "Payload Too Large"}.get(status, "Error")
    return {"error": name, "message": reason, "statusCode": status}

"""Umami 3.1: https://umami.is/docs/api/sending-stats, for its tracker and its server-side clients.

Any website is known here. What Umami's database refuses after its schema let it pass is taken.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, TypeAlias

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.call import Call, Profile
from apilog.collector.protocols import moments, texts
from apilog.collector.protocols.clients import client_ip, is_robot
from apilog.collector.protocols.desk import Delivery, Desk, document, showing
from apilog.collector.protocols.json_text import parsed_like_javascript
from apilog.collector.protocols.reading import text_of
from apilog.collector.protocols.refusing import Refused, noted
from apilog.collector.protocols.told_call import Told, call_of, identity, is_api_call
from apilog.collector.protocols.umami_schema import problems_of_batch, problems_of_item, seconds
from apilog.collector.protocols.umami_visits import Visit, Visits
from apilog.collector.protocols.web_address import parts

MAX_ITEMS: Final = 10_000
"""Items of a batch; Umami 3.1 itself has no limit."""

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "GET, DELETE, POST, PUT",
    "Access-Control-Max-Age": "86400",
}
"""Pages of any origin may send here: that is what Umami is for."""

_IP_HEADERS: Final = (
    "true-client-ip", "cf-connecting-ip", "fastly-client-ip", "x-nf-client-connection-ip",
    "do-connecting-ip", "x-real-ip", "x-appengine-user-ip", "x-forwarded-for", "x-client-ip",
)  # fmt: skip
_METHODS: Final = {"identify": "IDENTIFY", "performance": "PERFORMANCE"}

Item: TypeAlias = "Call | Profile | None"


class _Bot(Exception):
    """Say that an item comes from a robot."""


def routes(desk: Desk) -> list[Route]:
    """Return the routes of Umami's collection API."""
    visits = Visits()
    found = []
    for path, handle in (("/api/send", _send), ("/api/batch", _batch)):
        taken = desk.endpoint("umami", partial(handle, desk, visits), failed=_failed, headers=CORS)
        found += [
            Route(path, taken, methods=["POST"]),
            Route(path, _preflight, methods=["OPTIONS"]),
            Route(path, _wrong_method, methods=["GET", "HEAD", "PUT", "DELETE", "PATCH"]),
            Route(f"{path}/", _elsewhere, methods=["GET", "HEAD", "POST", "PUT", "OPTIONS"]),
        ]
    return found


async def _send(desk: Desk, visits: Visits, request: Request) -> Delivery:
    arrived = moments.now()

    def decode(body: bytearray) -> tuple[Item, Visit]:
        return showing(
            text_of(body, request), lambda text: _taken(_parsed(text), request, visits, arrived)
        )

    try:
        item, visit = await desk.reader.read(request, decode)
    except _Bot:
        _note_robot(desk, request)
        return Delivery(document({"beep": "boop"}))
    answer = {"cache": visit.cache, "sessionId": visit.session, "visitId": visit.visit}
    return _delivery(document(answer), [item])


async def _batch(desk: Desk, visits: Visits, request: Request) -> Delivery:
    arrived = moments.now()
    decode = partial(_decode_batch, request, visits, arrived)
    items, answer, robots = await desk.reader.read(request, decode)
    if robots:
        _note_robot(desk, request, robots)
    for index, error in answer.pop("refused"):
        desk.inlet.refuse(noted("umami", f"{request.url.path} item {index}", error))
    return _delivery(document(answer), items)


def _decode_batch(
    request: Request, visits: Visits, arrived: int, body: bytearray
) -> tuple[list[Item], dict[str, Any], int]:
    """Return what a batch holds, what is answered, and how many items come from robots."""
    text = text_of(body, request)
    batch = showing(text, _parsed)
    if (wrong := problems_of_batch(batch)) is not None:
        raise Refused(400, "no array of objects", content=bytes(text[:65_536]), says=wrong)
    if len(batch) > MAX_ITEMS:
        problem = f"Too big: expected array to have <={MAX_ITEMS} items"
        raise Refused(400, problem, content=bytes(text[:65_536]), says={"errors": [problem]})
    items: list[Item] = []
    details, refused = [], []
    cache, robots = None, 0
    for index, each in enumerate(batch):
        try:
            item, visit = _taken(each, request, visits, arrived)
        except _Bot:
            robots += 1
        except Refused as error:
            error.content = orjson.dumps(each)
            refused.append((index, error))
            details.append(
                {"index": index, "response": _failed(error.status, error.reason, error.says)}
            )
        else:
            items.append(item)
            cache = cache or visit.cache
    answer: dict[str, Any] = {
        "size": len(batch),
        "processed": len(batch) - len(details),
        "errors": len(details),
        "details": details,
    }
    if cache is not None:
        answer["cache"] = cache
    return items, {**answer, "refused": refused}, robots


def _parsed(text: bytes | bytearray) -> Any:
    """Return the value in *text*; where there is none, Umami sees ``undefined``."""
    try:
        return parsed_like_javascript(text)
    except Refused as refused:
        if refused.status == 400:
            refused.says = {"errors": ["Invalid input: expected object, received undefined"]}
        raise


def _taken(item: Any, request: Request, visits: Visits, arrived: int) -> tuple[Item, Visit]:
    if (wrong := problems_of_item(item)) is not None:
        raise Refused(400, f"not what Umami takes: {', '.join(_fields(wrong))}", says=wrong)
    payload = item["payload"]
    agent = payload.get("userAgent") or request.headers.get("user-agent", "")
    if is_robot(agent):
        raise _Bot
    ip = payload.get("ip") or client_ip(request, _IP_HEADERS)
    source = next(filter(None, map(payload.get, ("website", "link", "pixel"))))
    token = request.headers.get("x-umami-cache", "")
    known = texts.identifier(payload.get("id"))
    visit = visits.of(source, ip, agent, known, token)
    if item["type"] == "identify" and known:
        return _profile(payload, known, _moment(payload, arrived)), visit
    return _call(item, ip, agent, visit, arrived), visit


def _call(item: dict[str, Any], ip: str, agent: str, visit: Visit, arrived: int) -> Call:
    payload = item["payload"]
    data = texts.mapping(payload.get("data"))
    host, path, query = parts(payload.get("url", "/"))
    name = payload.get("name", "")
    told = Told(
        source="umami",
        kind=_METHODS.get(item["type"]) or ("EVENT" if name else "VIEW"),
        name=name or path,
        received=item,
        time=_moment(payload, arrived),
        id=identity(data),
        measures=data,
        host=payload.get("hostname") or host,
        path=path,
        query=query,
        user=texts.identifier(payload.get("id")),
        session=visit.session,
        ip=payload.get("ip", "") if is_api_call(data) else ip,
        agent=data.get("user_agent", "") if is_api_call(data) else agent,
    )
    return call_of(told)


def _profile(payload: dict[str, Any], known: str, time: int) -> Profile:
    """Return what ``identify`` tells of a user, in Moesif's words."""
    data = texts.mapping(payload.get("data"))
    said = {"user_id": known, "metadata": data}
    if texts.identifier(data.get("company_id")):
        said["company_id"] = data["company_id"]
    return Profile(kind="user", id=known, time=time, document=orjson.dumps(said))


def _moment(payload: dict[str, Any], arrived: int) -> int:
    stamp = seconds(payload.get("timestamp"))
    return moments.plausible(None if stamp is None else stamp * 1_000_000, arrived)


def _delivery(answer: Response, items: list[Item]) -> Delivery:
    return Delivery(
        answer,
        calls=[item for item in items if isinstance(item, Call)],
        profiles=[item for item in items if isinstance(item, Profile)],
    )


def _note_robot(desk: Desk, request: Request, count: int = 1) -> None:
    agent = request.headers.get("user-agent", "")
    reason = f"taken for a robot by its user agent, as Umami does without a word ({count})"
    refused = Refused(200, reason, content=agent.encode(errors="replace"))
    desk.inlet.refuse(noted("umami", request.url.path, refused))


def _fields(wrong: dict[str, Any]) -> list[str]:
    """Return the names of the fields that are at fault."""
    outer = wrong.get("properties", {})
    inner = outer.get("payload", {}).get("properties", {})
    return [*inner, *(name for name in outer if name != "payload" or not inner)] or ["the whole"]


def _failed(status: int, reason: str, says: object) -> Any:
    message, code = _WORDS.get(status, (reason, "server-error"))
    more = says if isinstance(says, dict) else {}
    return {"error": {"message": message, "code": code, "status": status, **more}}


_WORDS: Final = {
    400: ("Bad request", "bad-request"),
    413: ("Payload too large", "payload-too-large"),
    415: ("Unsupported media type", "unsupported-media-type"),
}


async def _preflight(_request: Request) -> Response:
    return Response(status_code=204, headers=CORS)


async def _wrong_method(_request: Request) -> Response:
    return Response(status_code=405, headers=CORS)


async def _elsewhere(request: Request) -> Response:
    """Answer an address with a slash at its end as Next does: with the one without."""
    query = f"?{request.url.query}" if request.url.query else ""
    location = f"{request.url.path.rstrip('/')}{query}"
    return Response(status_code=308, headers={**CORS, "Location": location})

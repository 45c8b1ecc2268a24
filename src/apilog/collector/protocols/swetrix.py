"""Swetrix's events API: https://swetrix.com/docs/events-api, for its browser and server SDKs.

Any project is known here. Like the community edition it answers to pages of any origin.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.call import Call, Profile
from apilog.collector.protocols import moments, swetrix_body, texts
from apilog.collector.protocols.clients import client_ip, is_robot
from apilog.collector.protocols.desk import Delivery, Desk, document
from apilog.collector.protocols.refusing import Refused, noted
from apilog.collector.protocols.swetrix_checks import NOBODY, problems
from apilog.collector.protocols.swetrix_sessions import Sessions
from apilog.collector.protocols.told_call import Told, call_of, identity, is_api_call

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET,POST,PUT,DELETE,PATCH",
    "Access-Control-Allow-Headers": "Authorization, *",
}
ROBOT: Final = {"message": "Bot traffic detected, request is ignored"}
NOT_UNIQUE: Final = (
    "The event was not saved because it was not unique while unique only param is provided"
)
NO_SESSION: Final = (
    "The heartbeat was not saved because there is no session for this request. Please, send a"
    " pageview or custom event request first to initialise the session."
)
NO_PERSON: Final = "The provided profileId does not identify a single user"

_GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_IP_HEADERS: Final = ("x-client-ip-address", "x-forwarded-for")
_ERRORS: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    415: "Unsupported Media Type",
}


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Who sends: an address, a user agent, and the session that both make with a project."""

    ip: str
    agent: str
    session: str


class _Swetrix:
    """The endpoints, and the sessions that they share."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sessions = Sessions()

    async def view(self, request: Request) -> Delivery:
        body = await self._body(request, "view")
        if self._is_robot(request):
            return _ignored()
        visitor = self._visitor(request, body)
        if not self._sessions.see(visitor.session) and body.get("unique") is True:
            raise Refused(403, "not the first view of its session", says=NOT_UNIQUE)
        return _stored(_told(body, visitor, "VIEW", texts.clean(body.get("pg"))))

    async def custom(self, request: Request) -> Delivery:
        body = await self._body(request, "custom")
        if self._is_robot(request):
            return _ignored()
        visitor = self._visitor(request, body)
        self._sessions.see(visitor.session)
        return _stored(_told(body, visitor, "EVENT", body["ev"]))

    async def error(self, request: Request) -> Delivery:
        body = await self._body(request, "error")
        if self._is_robot(request):
            return _ignored()
        visitor = self._visitor(request, body)
        self._sessions.see(visitor.session)
        told = _told(body, visitor, "ERROR", body["name"])
        told.error = body["name"]
        return _stored(told)

    async def beat(self, request: Request) -> Delivery:
        """Take a sign of life; nothing is stored of it."""
        body = await self._body(request, "beat")
        if self._is_robot(request):
            return _ignored()
        visitor = self._visitor(request, body)
        if not self._sessions.is_known(visitor.session):
            raise Refused(403, "a heartbeat without a session", says=NO_SESSION)
        self._sessions.see(visitor.session)
        return Delivery(document({}, 201))

    async def identify(self, request: Request) -> Delivery:
        body = await self._body(request, "identify")
        if self._is_robot(request):
            return _ignored()
        name = body["profileId"]
        if name.strip().lower() in NOBODY:
            raise Refused(400, "an id that stands for many people", says=NO_PERSON)
        said = {"user_id": name, "metadata": texts.mapping(body.get("traits"))}
        profile = Profile(
            kind="user", id=texts.identifier(name), time=moments.now(), document=orjson.dumps(said)
        )
        return Delivery(document({"profileId": f"usr_{name}"}, 201), profiles=[profile])

    async def profile_id(self, request: Request) -> Delivery:
        body = await self._body(request, "id")
        visitor = self._visitor(request, body)
        found = self._sessions.profile(body["pid"], visitor.ip, visitor.agent)
        return Delivery(document({"profileId": found}, 201))

    async def session_id(self, request: Request) -> Delivery:
        visitor = self._visitor(request, await self._body(request, "id"))
        return Delivery(document({"sessionId": visitor.session}, 201))

    async def flags(self, request: Request) -> Delivery:
        """Answer that no feature is switched by a flag."""
        await self._body(request, "flags")
        return Delivery(document({"flags": {}}, 201))

    async def revenue(self, request: Request) -> Delivery:
        """Take a sale, as Swetrix's cloud does; its transaction's id makes it one."""
        if not request.headers.get("x-api-key"):
            raise Refused(401, "a sale without an X-Api-Key", says="Unauthorized")
        body = await self._body(request, "sale")
        key = texts.identifier(body.get("transactionId")) or moments.unique_id(moments.now())
        told = _told(body, self._visitor(request, body), "REVENUE", body["type"])
        told.id = texts.identifier(f"swetrix-{body['pid']}-{key}")
        return _stored(told, {"success": True, "transactionId": key})

    async def noscript(self, request: Request) -> Delivery:
        """Take the view of a page without scripts, by its picture of one pixel."""
        body: dict[str, Any] = dict(request.query_params)
        _check("noscript", body)
        headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
        picture = Response(_GIF, media_type="image/gif", headers=headers)
        if self._is_robot(request):
            return Delivery(picture)
        visitor = self._visitor(request, body)
        self._sessions.see(visitor.session)
        return Delivery(picture, [call_of(_told(body, visitor, "VIEW", body.get("pg", "")))])

    async def _body(self, request: Request, kind: str) -> dict[str, Any]:
        """Return the fields of *request*, which are as this *kind* of request wants them."""
        decode = partial(_decoded, kind, request)
        try:
            return await self._desk.reader.read(request, decode, limit=swetrix_body.MAX_BYTES)
        except Refused as refused:
            if refused.status == 413 and refused.says is None:
                raise swetrix_body.too_large(refused.content) from refused
            raise

    def _is_robot(self, request: Request) -> bool:
        """Say whether a robot sent *request*, and note that: the answer will be a success."""
        agent = request.headers.get("user-agent", "")
        if not is_robot(agent):
            return False
        reason = "taken for a robot by its user agent, as Swetrix does"
        refused = Refused(201, reason, content=agent.encode(errors="replace"))
        self._desk.inlet.refuse(noted("swetrix", request.url.path, refused))
        return True

    def _visitor(self, request: Request, body: dict[str, Any]) -> _Visitor:
        agent = request.headers.get("user-agent", "")
        ip = client_ip(request, _IP_HEADERS)
        return _Visitor(ip, agent, self._sessions.key(body["pid"], ip, agent))


def routes(desk: Desk) -> list[Route]:
    """Return the routes of Swetrix's events API, with and without ``/v1`` and a last slash."""
    own = _Swetrix(desk)
    endpoints: dict[str, Callable[[Request], Awaitable[Delivery]]] = {
        "/log": own.view,
        "/log/custom": own.custom,
        "/log/error": own.error,
        "/log/hb": own.beat,
        "/log/identify": own.identify,
        "/log/profile-id": own.profile_id,
        "/log/session-id": own.session_id,
        "/log/revenue": own.revenue,
        "/feature-flag/evaluate": own.flags,
    }
    found: list[Route] = []
    for path, handle in endpoints.items():
        taken = desk.endpoint("swetrix", handle, failed=_failed, headers=CORS)
        found += _spelled(path, taken, "POST")
    picture = desk.endpoint("swetrix", own.noscript, failed=_failed, headers=CORS)
    return found + _spelled("/log/noscript", picture, "GET")


def _spelled(path: str, endpoint: Any, method: str) -> list[Route]:
    spellings = [f"{start}{path}{end}" for start in ("", "/v1") for end in ("", "/")]
    return [
        route
        for each in spellings
        for route in (
            Route(each, endpoint, methods=[method]),
            Route(each, _preflight, methods=["OPTIONS"]),
        )
    ]


def _decoded(kind: str, request: Request, body: bytearray) -> dict[str, Any]:
    found = swetrix_body.fields(body, request)
    _check(kind, found)
    return found


def _check(kind: str, body: dict[str, Any]) -> None:
    if wrong := problems(kind, body):
        content = orjson.dumps(body)
        raise Refused(400, f"not what Swetrix takes: {wrong[0]}", content=content, says=wrong)


def _told(body: dict[str, Any], visitor: _Visitor, kind: str, name: str) -> Told:
    meta = texts.mapping(body.get("meta"))
    is_call = is_api_call(meta)
    page = texts.clean(body.get("pg"))
    _, path, query = texts.address(page)
    parts = [body.get("message"), body.get("stackTrace")]
    return Told(
        source="swetrix",
        kind=kind,
        name=name or path,
        received=body,
        time=moments.now(),
        id=identity(meta),
        measures=meta,
        path=path,
        query=query or texts.clean(body.get("qs")),
        user=texts.identifier(body.get("profileId")),
        session=visitor.session,
        ip="" if is_call else visitor.ip,
        agent="" if is_call else visitor.agent,
        text="\n".join(part for part in parts if isinstance(part, str)),
    )


def _stored(told: Told, answer: Any = None) -> Delivery:
    found: list[Call] = [call_of(told)]
    return Delivery(document({} if answer is None else answer, 201), found)


def _ignored() -> Delivery:
    return Delivery(document(ROBOT, 201))


def _failed(status: int, reason: str, says: object) -> Any:
    if isinstance(says, dict):
        return says
    name = _ERRORS.get(status)
    said = {"message": reason if says is None else says, "statusCode": status}
    return (
        said if name is None else {"message": said["message"], "error": name, "statusCode": status}
    )


async def _preflight(_request: Request) -> Response:
    return Response(status_code=204, headers=CORS)

"""Many calls at once, and whether anything of one was told of another."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

import apilog

CROWD = 200
PATIENCE_SECONDS = 60.0


def user_in_header(request: Any, response: Any) -> str | None:
    """Identify the user, whatever kind of request the mounting has."""
    if isinstance(request, dict):
        return request["HTTP_X_USER"]
    return request.headers["X-User"]


OPTIONS: Mapping[str, Any] = {
    "flush_interval": 0.05,
    "transaction_header": "X-Transaction",
    "identify_user": user_in_header,
}


@dataclass
class Call:
    """One call as its client saw it."""

    number: int
    sent_at: float
    received_at: float
    transaction_id: str
    answer: dict[str, Any]


def answer_to(body: bytes, began: float, user: str | None = None) -> bytes:
    """Return what every app of the crowd answers."""
    number = json.loads(body)["number"]
    if user is not None:
        apilog.annotate(user_id=user)
    apilog.annotate(metadata={"number": number})
    return json.dumps({"number": number, "began": began, "ended": time.time()}).encode()


def pause_of(number: int) -> float:
    """Return how long the app thinks, so that calls overtake each other."""
    return 0.001 * (number * 7 % 20)


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Echo the number of the call, after a while."""
    began = time.time()
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    time.sleep(pause_of(json.loads(body)["number"]))
    start_response("200 OK", [("Content-Type", "application/json")])
    said = environ["HTTP_X_USER"] if "HTTP_X_CASE" in environ else None  # no hook on servers
    yield answer_to(body, began, said)


async def asgi_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Echo the number of the call, after a while."""
    began = time.time()
    body = (await receive())["body"]
    await asyncio.sleep(pause_of(json.loads(body)["number"]))
    sent = dict(scope["headers"])
    said = sent[b"x-user"].decode() if b"x-case" in sent else None  # no hook on servers
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer_to(body, began, said)})


def flask_app(client: apilog.Client) -> Any:
    """Return the same as a Flask app."""
    import flask

    from apilog_flask import ApiLog

    app = flask.Flask("crowd")
    ApiLog(app, client=client)

    @app.post("/s/crowd")
    def view() -> Any:
        began = time.time()
        body = flask.request.get_data()
        time.sleep(pause_of(json.loads(body)["number"]))
        return flask.Response(answer_to(body, began), content_type="application/json")

    return app


def fastapi_app(client: apilog.Client) -> Any:
    """Return the same as a FastAPI app; its view runs on a thread."""
    from fastapi import Body, FastAPI, Response

    from apilog_fastapi import ApiLogMiddleware

    app = FastAPI(openapi_url=None)
    app.add_middleware(ApiLogMiddleware, client=client)

    def view(number: int = Body(embed=True)) -> Response:
        began = time.time()
        time.sleep(pause_of(number))
        answer = answer_to(json.dumps({"number": number}).encode(), began)
        return Response(answer, media_type="application/json")

    app.add_api_route("/s/crowd", view, methods=["POST"], response_model=None)
    return app


def call_asgi_together(app: Any, path: str = "/s/crowd") -> list[Call]:
    """Make all calls of an ASGI app at the same time."""

    async def together() -> list[Call]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:

            async def one(number: int) -> Call:
                sent_at = time.time()
                return _call(number, sent_at, await http.post(path, **_request(number)))

            return list(await asyncio.gather(*map(one, range(CROWD))))

    return asyncio.run(together())


def call_wsgi_together(app: Any) -> list[Call]:
    """Make all calls of a WSGI app at the same time, each on a thread."""
    return _on_threads(httpx.WSGITransport(app), "http://shop.test")


def call_port_together(port: int, case: str) -> list[Call]:
    """Make all calls of a server at the same time."""
    transport = httpx.HTTPTransport(limits=httpx.Limits(max_connections=CROWD))
    return _on_threads(
        transport,
        f"http://127.0.0.1:{port}",
        {"X-Scenario": "many-at-once", "X-Case": case, "Connection": "close"},
    )


def _on_threads(
    transport: httpx.BaseTransport, base_url: str, headers: Mapping[str, str] | None = None
) -> list[Call]:
    together = threading.Barrier(CROWD, timeout=PATIENCE_SECONDS)
    with (
        httpx.Client(
            transport=transport, base_url=base_url, timeout=PATIENCE_SECONDS, headers=headers
        ) as http,
        ThreadPoolExecutor(CROWD) as pool,
    ):

        def one(number: int) -> Call:
            together.wait()
            sent_at = time.time()
            return _call(number, sent_at, http.post("/s/crowd", **_request(number)))

        return list(pool.map(one, range(CROWD)))


def _request(number: int) -> dict[str, Any]:
    return {"json": {"number": number}, "headers": {"X-User": f"user-{number}"}}


def _call(number: int, sent_at: float, response: httpx.Response) -> Call:
    assert response.status_code == 200, response.text
    return Call(
        number, sent_at, time.time(), response.headers.get("X-Transaction", ""), response.json()
    )


def mixed_up(calls: list[Call], events: list[apilog.Event]) -> list[str]:
    """Return every point in which an event does not tell of its own call."""
    by_id = {event.transaction_id: event for event in events}
    found = [] if len(by_id) == len(events) == len(calls) else ["events are missing or share an id"]
    for call in calls:
        event = by_id.get(call.transaction_id)
        if event is None:
            found.append(f"call {call.number} has no event")
            continue
        told = {
            "answer": (call.number, call.answer["number"]),
            "user": (f"user-{call.number}", event.user_id),
            "annotation": (call.number, event.metadata.get("number")),
            "request body": ({"number": call.number}, event.request.body),
            "response body": (call.answer, event.response and event.response.body),
            "begin": (True, _ordered(call.sent_at, event.request.time, call.answer["began"])),
            "end": (
                True,
                event.response is not None
                and _ordered(call.answer["ended"], event.response.time, call.received_at + LATE),
            ),
        }
        found += [
            f"call {call.number}, {name}: expected {expected!r}, not {seen!r}"
            for name, (expected, seen) in told.items()
            if expected != seen
        ]
    return found


LATE = 1.0
"""Seconds by which an end may be late: a busy server asks for it when its client has long gone."""


def _ordered(before: float, time_told: str, after: float) -> bool:
    told = datetime.fromisoformat(time_told.replace("Z", "+00:00")).timestamp()
    return before - 0.002 <= told <= after + 0.002

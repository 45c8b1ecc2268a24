"""200 calls at once with 200 users: nothing of one call ends up in another one's event."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import flask
import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from fastapi import FastAPI, Request

import apilog
import apilog_django
from apilog_fastapi import ApiLogMiddleware
from apilog_flask import ApiLog

Recorder = Any
"""The recorder of conftest.py."""

CALLS = 200
AT_ONCE = 20
"""Threads that call at the same time, and calls that meet in the middle of the app."""

HERE = __name__

meeting = threading.Barrier(AT_ONCE)
"""Where the sync views wait for each other, so that calls do overlap."""


def now() -> datetime:
    return datetime.now(timezone.utc)


def answer(user: str, sent: Any) -> dict[str, Any]:
    apilog.annotate(metadata={"said by": user})
    return {"for": user, "sent": sent}


def verify(events: list[apilog.Event], told: dict[str, tuple[datetime, datetime]]) -> None:
    """Check that every event speaks of one call only; *told* has the times of each."""
    finished = now()
    assert len(events) == CALLS
    assert len({event.transaction_id for event in events}) == CALLS
    assert {event.user_id for event in events} == set(told)
    for event in events:
        user = event.user_id or ""
        assert event.request.body == {"from": user}
        assert event.response is not None
        assert event.response.body == {"for": user, "sent": {"from": user}}
        headers = {name.lower(): value for name, value in event.request.headers.items()}
        assert headers["x-user"] == user
        assert event.request.uri.endswith(f"/users/{user}?q={user}")
        assert event.company_id == f"company of {user}"
        assert event.metadata["said by"] == user
        began, ended = (
            datetime.fromisoformat(each.replace("Z", "+00:00"))
            for each in (event.request.time, event.response.time)
        )
        before, after = told[user]
        assert ended <= finished  # a client may have the last byte before the server knows
        # The event's times are cut to milliseconds, so they may seem one too early.
        assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= began <= ended
        assert began <= after


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = CALLS


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(app: Any) -> Iterator[int]:
    with make_server("127.0.0.1", 0, app, server_class=Server, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def call_with_threads(app: Any) -> dict[str, tuple[datetime, datetime]]:
    meeting.reset()

    def call(number: int) -> tuple[str, tuple[datetime, datetime]]:
        user, before = f"u-{number}", now()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"X-User": user, "Content-Type": "application/json"}
        body = json.dumps({"from": user})
        connection.request("POST", f"/users/{user}?q={user}", body, headers)
        response = connection.getresponse()
        assert json.loads(response.read()) == {"for": user, "sent": {"from": user}}
        connection.close()
        return user, (before, now())

    with serving(app) as port, ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(call, range(CALLS)))


def call_with_tasks(app: Any) -> dict[str, tuple[datetime, datetime]]:
    async def call(http: httpx.AsyncClient, number: int) -> tuple[str, tuple[datetime, datetime]]:
        user, before = f"u-{number}", now()
        response = await http.post(
            f"/users/{user}?q={user}", json={"from": user}, headers={"X-User": user}
        )
        assert response.json() == {"for": user, "sent": {"from": user}}
        return user, (before, now())

    async def all_of_them() -> dict[str, tuple[datetime, datetime]]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
            calls = [call(http, number) for number in range(CALLS)]
            return dict(await asyncio.gather(*calls))

    return asyncio.run(all_of_them())


def user_of(request: Any, response: Any) -> str:
    return str(request.headers["X-User"])


def company_of(request: Any, response: Any) -> str:
    return f"company of {request.headers['X-User']}"


async def company_later(request: Any, response: Any) -> str:
    await asyncio.sleep(0.001)
    return company_of(request, response)


def test_flask_on_threads(recorder: Recorder) -> None:
    app = flask.Flask("shop")

    @app.post("/users/<user>")
    def view(user: str) -> dict[str, Any]:
        meeting.wait(20)
        return answer(flask.request.headers["X-User"], flask.request.get_json())

    extension = ApiLog(
        app, destination=recorder, identify_user=user_of, identify_company=company_of
    )
    told = call_with_threads(app)
    verify(recorder.of(extension.client), told)


def django_view(request: HttpRequest, user: str) -> HttpResponse:
    meeting.wait(20)
    return JsonResponse(answer(request.headers["X-User"], json.loads(request.body)))


async def async_django_view(request: HttpRequest, user: str) -> HttpResponse:
    await asyncio.sleep(0.001)
    return JsonResponse(answer(request.headers["X-User"], json.loads(request.body)))


class Urls:
    def __init__(self, view: Callable[..., Any]) -> None:
        self.urlpatterns = [path("users/<user>", view)]


def test_django_on_threads(django_site: Callable[..., Any], recorder: Recorder) -> None:
    with django_site(Urls(django_view), IDENTIFY_USER=user_of, IDENTIFY_COMPANY=company_of):
        told = call_with_threads(WSGIHandler())
        verify(recorder.of(apilog_django.client()), told)


@pytest.mark.parametrize("hook", [company_of, company_later], ids=["a sync hook", "an async hook"])
def test_django_on_tasks(
    django_site: Callable[..., Any], recorder: Recorder, hook: Callable[..., Any]
) -> None:
    with django_site(Urls(async_django_view), IDENTIFY_USER=user_of, IDENTIFY_COMPANY=hook):
        told = call_with_tasks(ASGIHandler())
        verify(recorder.of(apilog_django.client()), told)


@pytest.mark.parametrize(
    "hook",
    [company_of, company_later, apilog.blocking(company_of)],
    ids=["a sync hook", "an async hook", "a blocking hook"],
)
@pytest.mark.parametrize("kind", ["async", "sync"], ids="{} endpoints".format)
def test_fastapi_on_tasks(recorder: Recorder, kind: str, hook: Callable[..., Any]) -> None:
    app = FastAPI()

    @app.post("/users/{user}" if kind == "async" else "/other")
    async def later(request: Request, user: str) -> dict[str, Any]:
        await asyncio.sleep(0.001)
        return answer(request.headers["X-User"], await request.json())

    @app.post("/users/{user}" if kind == "sync" else "/other")
    def on_a_thread(request: Request, user: str, sent: dict[str, str]) -> dict[str, Any]:
        return answer(request.headers["X-User"], sent)

    client = apilog.Client(recorder, identify_user=user_of, identify_company=hook)
    app.add_middleware(ApiLogMiddleware, client=client)
    told = call_with_tasks(app)
    verify(recorder.of(client), told)

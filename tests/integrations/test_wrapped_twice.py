"""Middleware around middleware: with one client a call is recorded once, however it was wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

import apilog
import apilog.asgi
import apilog.wsgi
import apilog_django
from apilog_fastapi import ApiLogMiddleware

Recorder = Any
"""The recorder of conftest.py."""

Call = Callable[..., httpx.Response]

OURS = "apilog_django.ApiLogMiddleware"


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


urlpatterns = [path("", view)]


@pytest.mark.parametrize("header", [None, "X-Call-Id"], ids=["plain", "with an id in a header"])
def test_an_asgi_app_is_recorded_once(recorder: Recorder, call_asgi: Call, header: Any) -> None:
    with apilog.Client(recorder, transaction_header=header) as client:
        inner = apilog.asgi.ApiLogMiddleware(PlainTextResponse("x"), client=client)
        mounted = Starlette(routes=[Mount("/inner", inner)])
        outer = apilog.asgi.ApiLogMiddleware(mounted, client=client)
        for _ in range(2):
            assert call_asgi(outer, "GET", "/inner/").text == "x"
        assert len(recorder.of(client)) == 2


def test_a_fastapi_app_is_recorded_once(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    app = FastAPI()
    app.add_middleware(ApiLogMiddleware, client=client)
    app.add_middleware(ApiLogMiddleware, client=client)
    assert call_asgi(app, "GET", "/nothing").status_code == 404
    assert len(recorder.of(client)) == 1


def test_a_wsgi_app_is_recorded_once(
    client: apilog.Client, recorder: Recorder, call_wsgi: Call
) -> None:
    inner = apilog.wsgi.ApiLogMiddleware(hello, client=client)
    outer = apilog.wsgi.ApiLogMiddleware(inner, client=client)
    for _ in range(2):
        assert call_wsgi(outer, "GET", "/").text == "hello"
    assert len(recorder.of(client)) == 2


@pytest.mark.parametrize("handler", [WSGIHandler, ASGIHandler])
def test_a_django_site_is_recorded_once(
    django_site: Any, recorder: Recorder, call_wsgi: Call, call_asgi: Call, handler: Any
) -> None:
    with django_site(__name__, middleware=[OURS, OURS]):
        call = call_wsgi if handler is WSGIHandler else call_asgi
        assert call(handler(), "GET", "/").text == "hello"
        assert len(recorder.of(apilog_django.client())) == 1


def test_two_clients_record_both(recorder: Recorder, new_recorder: Any, call_wsgi: Call) -> None:
    other = new_recorder()
    with apilog.Client(recorder) as one, apilog.Client(other) as two:
        inner = apilog.wsgi.ApiLogMiddleware(hello, client=one)
        call_wsgi(apilog.wsgi.ApiLogMiddleware(inner, client=two), "GET", "/")
        assert len(recorder.of(one)) == len(other.of(two)) == 1


def test_a_call_that_an_app_makes_of_itself_is_another_call(
    client: apilog.Client, recorder: Recorder, call_asgi: Call, request_asgi_app: Any
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        text = "inner"
        if scope["path"] == "/outer":
            text = (await request_asgi_app(recorded, "GET", "/inner")).text + " and outer"
        await PlainTextResponse(text)(scope, receive, send)

    recorded = apilog.asgi.ApiLogMiddleware(app, client=client)
    assert call_asgi(recorded, "GET", "/outer").text == "inner and outer"
    assert len(recorder.of(client)) == 2


def test_an_environ_that_serves_two_calls_one_after_the_other_is_recorded_twice(
    client: apilog.Client, recorder: Recorder
) -> None:
    app = apilog.wsgi.ApiLogMiddleware(hello, client=client)
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    for _ in range(2):
        response: Any = app(environ, lambda *_: lambda _: None)
        assert b"".join(response) == b"hello"
        response.close()
    assert len(recorder.of(client)) == 2

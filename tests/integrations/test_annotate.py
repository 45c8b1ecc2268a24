"""`apilog.annotate`: from anywhere inside a call, and nowhere else."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import flask
import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import path
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.responses import PlainTextResponse

import apilog
import apilog.asgi
import apilog.wsgi
import apilog_django
from apilog_fastapi import ApiLogMiddleware
from apilog_flask import ApiLog

Recorder = Any
"""The recorder of conftest.py."""

Call = Callable[..., httpx.Response]
HERE = __name__


def say(who: str) -> None:
    apilog.annotate(user_id=who, company_id="acme", session_token="s-1", metadata={"from": who})


def said(event: apilog.Event) -> tuple[Any, ...]:
    return event.user_id, event.company_id, event.session_token, event.metadata.get("from")


def all_of(who: str) -> tuple[Any, ...]:
    return who, "acme", "s-1", who


def on_a_thread(function: Callable[..., Any], *arguments: Any) -> None:
    """Run *function* on a new thread, in the caller's context."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(function, *arguments))
    thread.start()
    thread.join()


def flask_app() -> flask.Flask:
    app = flask.Flask("shop")

    @app.get("/view")
    def view() -> str:
        say("view")
        return "x"

    @app.get("/async")
    async def async_view() -> str:
        await asyncio.sleep(0)
        say("async")
        return "x"

    @app.get("/thread")
    def thread() -> str:
        on_a_thread(say, "thread")
        return "x"

    @app.get("/stream")
    def stream() -> flask.Response:
        def parts() -> Iterator[str]:
            yield "one"
            say("stream")
            yield "two"

        return flask.Response(parts())

    return app


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.get("/view")
    async def view() -> str:
        say("view")
        return "x"

    @app.get("/sync")
    def sync_view() -> str:
        say("sync")
        return "x"

    @app.get("/thread")
    async def thread() -> str:
        await asyncio.to_thread(say, "thread")
        return "x"

    @app.get("/task")
    async def task() -> str:
        async def child() -> None:
            await asyncio.sleep(0)
            say("task")

        await asyncio.create_task(child())
        return "x"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "one"
            say("stream")
            yield "two"

        return StreamingResponse(parts())

    @app.get("/sync-stream")
    def sync_stream() -> StreamingResponse:
        def parts() -> Iterator[str]:
            yield "one"
            say("sync-stream")
            yield "two"

        return StreamingResponse(parts())

    return app


def django_view(request: HttpRequest) -> HttpResponse:
    say("view")
    return HttpResponse("x")


async def django_async(request: HttpRequest) -> HttpResponse:
    await asyncio.to_thread(say, "async")
    return HttpResponse("x")


def django_stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield "one"
        say("stream")
        yield "two"

    return StreamingHttpResponse(parts())


async def django_async_stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        yield "one"
        say("async-stream")
        yield "two"

    return StreamingHttpResponse(parts())


class SimpleUrls:
    """A module of URLs, made for one test."""

    def __init__(self, *patterns: Any) -> None:
        self.urlpatterns = patterns


urlpatterns = [
    path("view", django_view),
    path("async", django_async),
    path("stream", django_stream),
    path("async-stream", django_async_stream),
]


@pytest.mark.parametrize("place", ["view", "async", "thread", "stream"])
def test_flask_hears_it_from_anywhere(recorder: Recorder, call_wsgi: Call, place: str) -> None:
    app = flask_app()
    extension = ApiLog(app, destination=recorder)
    call_wsgi(app, "GET", f"/{place}")
    assert said(recorder.one(extension.client)) == all_of(place)


@pytest.mark.parametrize("place", ["view", "sync", "thread", "task", "stream", "sync-stream"])
def test_fastapi_hears_it_from_anywhere(
    client: apilog.Client, recorder: Recorder, call_asgi: Call, place: str
) -> None:
    app = fastapi_app()
    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", f"/{place}")
    assert said(recorder.one(client)) == all_of(place)


@pytest.mark.parametrize("place", ["view", "async", "stream"])
def test_django_under_wsgi_hears_it_from_anywhere(
    django_site: Callable[..., Any], recorder: Recorder, call_wsgi: Call, place: str
) -> None:
    with django_site(HERE):
        call_wsgi(WSGIHandler(), "GET", f"/{place}")
        assert said(recorder.one(apilog_django.client())) == all_of(place)


@pytest.mark.parametrize("place", ["view", "async", "async-stream"])
def test_django_under_asgi_hears_it_from_anywhere(
    django_site: Callable[..., Any], recorder: Recorder, call_asgi: Call, place: str
) -> None:
    with django_site(HERE):
        call_asgi(ASGIHandler(), "GET", f"/{place}")
        assert said(recorder.one(apilog_django.client())) == all_of(place)


Environ = dict[str, Any]


def wsgi_app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    who = environ["PATH_INFO"].strip("/")

    def parts() -> Iterator[bytes]:
        for number in range(3):
            apilog.annotate(metadata={f"{who}-{number}": number})
            yield who.encode()

    return parts()


def test_metadata_adds_up_and_later_words_win(client: apilog.Client, recorder: Recorder) -> None:
    def app(environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        apilog.annotate(user_id="first", metadata={"a": 1, "b": {"c": 1}})
        apilog.annotate(user_id="second", metadata={"b": 2, "d": None})
        apilog.annotate()
        apilog.annotate(metadata={})
        start_response("204 No Content", [])
        return []

    list(apilog.wsgi.ApiLogMiddleware(app, client=client)({}, lambda *head: lambda data: None))
    event = recorder.one(client)
    assert event.user_id == "second"
    assert (event.metadata["a"], event.metadata["b"], event.metadata["d"]) == (1, 2, None)


def test_it_beats_hooks_and_credentials(recorder: Recorder, call_asgi: Call) -> None:
    client = apilog.Client(
        recorder,
        identify_user=lambda request, response: "the hook's user",
        identify_company=lambda request, response: "the hook's company",
        get_session_token=lambda request, response: "the hook's session",
        get_metadata=lambda request, response: {"from": "the hook", "more": True},
    )
    app = fastapi_app()
    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", "/view", auth=("basic", "x"))
    event = recorder.one(client)
    assert said(event) == all_of("view")
    assert event.metadata["more"] is True


def test_it_does_nothing_outside_of_a_call() -> None:
    apilog.annotate(user_id="nobody", metadata={"a": 1})


def test_it_does_nothing_after_the_response(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    kept: list[contextvars.Context] = []
    app = FastAPI()

    @app.get("/")
    async def home() -> None:
        kept.append(contextvars.copy_context())

    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", "/")
    kept[0].run(say, "too late")
    assert said(recorder.one(client)) == (None, None, None, None)


def test_the_app_may_change_what_it_handed_over(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    cart: dict[str, Any] = {"items": []}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        apilog.annotate(metadata=cart)
        cart["items"].append("tea")
        await PlainTextResponse("x")(scope, receive, send)
        cart["items"].append("too late")

    call_asgi(apilog.asgi.ApiLogMiddleware(app, client=client), "GET", "/")
    assert recorder.one(client).metadata["items"] == ["tea"]


def test_streams_that_one_thread_serves_by_turns_keep_apart(
    client: apilog.Client, recorder: Recorder
) -> None:
    app = apilog.wsgi.ApiLogMiddleware(wsgi_app, client=client)
    streams = {
        who: app({"PATH_INFO": f"/{who}"}, lambda *head: lambda data: None)
        for who in ("ann", "bob")
    }
    turns = {who: iter(stream) for who, stream in streams.items()}
    for _ in range(3):
        for turn in turns.values():
            next(turn)
    for stream in streams.values():
        stream.close()  # type: ignore[attr-defined]
    told = [sorted(set(event.metadata) - {"apilog"}) for event in recorder.of(client)]
    assert told == [["ann-0", "ann-1", "ann-2"], ["bob-0", "bob-1", "bob-2"]]


def test_django_streams_that_one_thread_serves_by_turns_keep_apart(
    django_site: Callable[..., Any], recorder: Recorder
) -> None:
    def numbered(request: HttpRequest, who: str) -> StreamingHttpResponse:
        def parts() -> Iterator[str]:
            for number in range(3):
                apilog.annotate(metadata={f"{who}-{number}": number})
                yield who

        return StreamingHttpResponse(parts())

    with django_site(SimpleUrls(path("<who>", numbered))):
        handler = WSGIHandler()
        streams = [
            handler(RequestFactory().get(f"/{who}").environ, lambda *head, **_: None)
            for who in ("ann", "bob")
        ]
        turns = [iter(stream) for stream in streams]
        for _ in range(3):
            for turn in turns:
                next(turn)
        for stream in streams:
            stream.close()  # type: ignore[attr-defined]
        told = [
            sorted(set(event.metadata) - {"apilog"})
            for event in recorder.of(apilog_django.client())
        ]
    assert told == [["ann-0", "ann-1", "ann-2"], ["bob-0", "bob-1", "bob-2"]]


def test_wrapped_wsgi_apps_in_each_other_keep_apart(
    client: apilog.Client, recorder: Recorder, new_recorder: type[Recorder]
) -> None:
    inner_recorder = new_recorder()
    inner_client = apilog.Client(inner_recorder)
    inner = apilog.wsgi.ApiLogMiddleware(wsgi_app, client=inner_client)

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterator[bytes]:
        apilog.annotate(metadata={"before": 1})
        response = inner(environ, start_response)
        apilog.annotate(metadata={"during": 1})
        for chunk in response:
            apilog.annotate(metadata={"between": 1})
            yield chunk
        response.close()  # type: ignore[attr-defined]
        apilog.annotate(metadata={"after": 1})

    outer = apilog.wsgi.ApiLogMiddleware(app, client=client)
    response = outer({"PATH_INFO": "/ann"}, lambda *head: lambda data: None)
    assert b"".join(response) == b"annannann"
    response.close()  # type: ignore[attr-defined]
    told = set(recorder.one(client).metadata), set(inner_recorder.one(inner_client).metadata)
    assert told[0] == {"apilog", "before", "during", "between", "after"}
    assert told[1] == {"apilog", "ann-0", "ann-1", "ann-2"}


def test_wrapped_asgi_apps_in_each_other_keep_apart(
    client: apilog.Client, recorder: Recorder, new_recorder: type[Recorder], call_asgi: Call
) -> None:
    inner_recorder = new_recorder()
    inner_client = apilog.Client(inner_recorder)
    app, inner = FastAPI(), fastapi_app()
    inner.add_middleware(ApiLogMiddleware, client=inner_client)
    app.mount("/inner", inner)

    class Around:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def send_and_say(message: Any) -> None:
                if message["type"] == "http.response.start":
                    apilog.annotate(metadata={"around": "the inner app's, for it sends"})
                await send(message)

            apilog.annotate(metadata={"outer": 1})
            await self.app(scope, receive, send_and_say)

    app.add_middleware(Around)
    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", "/inner/view")
    outer, inner_event = recorder.one(client), inner_recorder.one(inner_client)
    assert (outer.metadata["outer"], outer.user_id) == (1, None)
    assert said(inner_event) == all_of("view")
    assert "outer" not in inner_event.metadata
    uris = {outer.request.uri, inner_event.request.uri}
    assert uris == {"http://shop.test/inner/view"}


def test_one_client_around_and_inside_records_a_call_once(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    inner = apilog.asgi.ApiLogMiddleware(PlainTextResponse("x"), client=client)
    outer = apilog.asgi.ApiLogMiddleware(inner, client=client)
    for _ in range(2):
        call_asgi(outer, "GET", "/")
    assert len(recorder.of(client)) == 2

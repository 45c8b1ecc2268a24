"""Django under ASGI: sync and async views, hooks, streams, and sync middlewares in between."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import django
import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient
from django.urls import path

import apilog
import apilog_django

Recorder = Any
"""The recorder of conftest.py."""

Call = Callable[..., httpx.Response]
Site = Callable[..., Any]

OURS = "apilog_django.ApiLogMiddleware"
HERE = __name__

BEFORE_DJANGO_5 = pytest.mark.skipif(
    django.VERSION < (5, 0),
    reason="Django has request.auser() and listens to clients that leave since 5.0",
)


class Boom(Exception):
    """Raised by views."""


def sync_view(request: HttpRequest, item_id: int) -> HttpResponse:
    apilog.annotate(metadata={"thread": threading.current_thread().name})
    return JsonResponse({"id": item_id})


async def async_view(request: HttpRequest, item_id: int) -> HttpResponse:
    await asyncio.sleep(0)
    apilog.annotate(metadata={"thread": threading.current_thread().name})
    return JsonResponse({"id": item_id})


async def body(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


async def boom(request: HttpRequest) -> HttpResponse:
    raise Boom("the secret of the boom")


def sync_boom(request: HttpRequest) -> HttpResponse:
    raise Boom


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        yield "one\n"
        if "fail" in request.GET:
            raise Boom
        apilog.annotate(user_id="u-stream")
        yield "two\n"

    return StreamingHttpResponse(parts(), content_type="text/plain")


async def sync_stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[str]:
        yield "one\n"
        yield "two\n"

    return StreamingHttpResponse(parts(), content_type="text/plain")


async def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"), content_type="text/x-python")


async def forever(request: HttpRequest) -> HttpResponse:
    request.scope["began"].set()
    await asyncio.Event().wait()
    raise AssertionError


async def me(request: HttpRequest) -> HttpResponse:
    return HttpResponse("me")


urlpatterns = [
    path("sync/<int:item_id>/", sync_view, name="sync"),
    path("async/<int:item_id>/", async_view, name="async"),
    path("body", body),
    path("boom", boom),
    path("sync-boom", sync_boom),
    path("stream", stream),
    path("sync-stream", sync_stream),
    path("file", file),
    path("forever", forever),
    path("me", me),
]


class SyncOnly:
    """A middleware as Django had them before 3.1."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.old = True
        response: HttpResponse = self.get_response(request)
        return response


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


MIDDLEWARES = {
    "alone": [OURS],
    "above a sync-only middleware": [OURS, f"{HERE}.SyncOnly"],
    "below a sync-only middleware": [f"{HERE}.SyncOnly", OURS],
}


@pytest.mark.parametrize("middleware", MIDDLEWARES.values(), ids=MIDDLEWARES)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_becomes_one_event(
    django_site: Site, recorder: Recorder, call_asgi: Call, kind: str, middleware: list[str]
) -> None:
    with django_site(HERE, middleware=middleware):
        answer = call_asgi(ASGIHandler(), "GET", f"/{kind}/7/?q=%C3%BC")
        event = recorder.one(apilog_django.client())
    assert answer.json() == {"id": 7}
    assert event.request.uri == f"http://shop.test/{kind}/7/?q=%C3%BC"
    assert event.response is not None
    assert (event.response.status, event.response.body) == (200, {"id": 7})
    assert (own(event)["route"], own(event)["view"]) == (f"/{kind}/{{item_id}}/", kind)
    assert "thread" in event.metadata


@pytest.mark.parametrize("middleware", MIDDLEWARES.values(), ids=MIDDLEWARES)
@pytest.mark.parametrize("address", ["/boom", "/sync-boom"])
def test_an_exception_is_told_as_a_500_with_its_class(
    django_site: Site, recorder: Recorder, call_asgi: Call, address: str, middleware: list[str]
) -> None:
    with django_site(HERE, middleware=middleware):
        assert call_asgi(ASGIHandler(), "GET", address).status_code == 500
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.status, own(event)["exception"]) == (500, "Boom")
    assert b"the secret" not in b"".join(recorder.raw)


@pytest.fixture
def unclosed() -> Iterator[None]:
    """Collect the request body that Django's handler leaves open when an exception passes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def test_an_exception_that_django_lets_through_is_told_and_hooks_are_asked(
    django_site: Site, recorder: Recorder, call_asgi: Call, unclosed: None
) -> None:
    asked: list[int] = []

    async def skip(request: HttpRequest, response: Any) -> None:
        asked.append(response.status_code)

    with django_site(HERE, more={"DEBUG_PROPAGATE_EXCEPTIONS": True}, SKIP=skip):
        call_asgi(ASGIHandler(), "GET", "/boom")
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.status, own(event)["exception"], asked) == (500, "Boom", [500])


@pytest.mark.parametrize("middleware", MIDDLEWARES.values(), ids=MIDDLEWARES)
def test_the_request_body_is_copied(
    django_site: Site, recorder: Recorder, call_asgi: Call, middleware: list[str]
) -> None:
    with django_site(HERE, middleware=middleware):
        assert call_asgi(ASGIHandler(), "POST", "/body", json={"a": [1]}).json() == {"a": [1]}
        event = recorder.one(apilog_django.client())
    assert event.request.body == {"a": [1]}


@pytest.mark.parametrize("middleware", MIDDLEWARES.values(), ids=MIDDLEWARES)
def test_an_async_stream_passes_in_its_pieces(
    django_site: Site, recorder: Recorder, call_asgi: Call, middleware: list[str]
) -> None:
    with django_site(HERE, middleware=middleware):
        assert call_asgi(ASGIHandler(), "GET", "/stream").text == "one\ntwo\n"
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.body, own(event)["chunks"]) == ("one\ntwo\n", 2)
    assert event.user_id == "u-stream"


def test_a_stream_that_breaks_names_the_exception(
    django_site: Site, recorder: Recorder, call_asgi: Call, unclosed: None
) -> None:
    with django_site(HERE):
        call_asgi(ASGIHandler(), "GET", "/stream?fail=1")
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert (event.response.body, own(event)["exception"]) == ("one\n", "Boom")


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous")
def test_a_sync_stream_passes(django_site: Site, recorder: Recorder, call_asgi: Call) -> None:
    with django_site(HERE):
        assert call_asgi(ASGIHandler(), "GET", "/sync-stream").text == "one\ntwo\n"
        event = recorder.one(apilog_django.client())
    assert event.response is not None
    assert event.response.body == "one\ntwo\n"


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous")
def test_a_file_is_told_by_its_size(django_site: Site, recorder: Recorder, call_asgi: Call) -> None:
    with django_site(HERE):
        sent = call_asgi(ASGIHandler(), "GET", "/file").content
        event = recorder.one(apilog_django.client())
    assert sent == Path(__file__).read_bytes()
    assert own(event)["response_body_omitted"] == "file"
    assert own(event)["response_size"] == len(sent)


def test_sync_hooks_run_on_the_thread_of_sync_code_and_async_ones_in_the_loop(
    django_site: Site, recorder: Recorder, call_asgi: Call
) -> None:
    threads: dict[str, int] = {}

    def sync_hook(request: HttpRequest, response: HttpResponseBase) -> str:
        threads["sync hook"] = threading.get_ident()
        return f"u-{response.status_code}"

    async def async_hook(request: HttpRequest, response: HttpResponseBase) -> str:
        await asyncio.sleep(0)
        threads["async hook"] = threading.get_ident()
        threads["sync code"] = await sync_to_async(threading.get_ident)()
        return f"c-{request.path}"

    with django_site(HERE, IDENTIFY_USER=sync_hook, IDENTIFY_COMPANY=async_hook):
        call_asgi(ASGIHandler(), "GET", "/async/7/")
        event = recorder.one(apilog_django.client())
    assert (event.user_id, event.company_id) == ("u-200", "c-/async/7/")
    assert threads["sync hook"] == threads["sync code"] != threads["async hook"]
    assert threads["async hook"] == threading.get_ident()


def test_an_async_hook_above_a_sync_only_middleware_is_refused_with_the_reason(
    django_site: Site,
) -> None:
    async def hook(request: HttpRequest, response: HttpResponseBase) -> str:
        return "nobody"

    middleware = MIDDLEWARES["above a sync-only middleware"]
    with (
        django_site(HERE, middleware=middleware, IDENTIFY_USER=hook),
        pytest.raises(apilog.ConfigError, match=r"identify_user.*async.*sync-only middleware"),
    ):
        ASGIHandler()


AUTH = {
    "INSTALLED_APPS": [
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
    ],
    "SESSION_ENGINE": "django.contrib.sessions.backends.db",
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
}
AUTH_MIDDLEWARE = [
    OURS,
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


@BEFORE_DJANGO_5
def test_hooks_may_use_the_user_and_the_database(
    django_site: Site, recorder: Recorder, database: None
) -> None:
    async def company(request: HttpRequest, response: HttpResponseBase) -> str:
        user = await request.auser()  # type: ignore[attr-defined]
        return f"company of {user.username}"

    hooks = {
        "IDENTIFY_USER": lambda request, response: request.user.pk,
        "IDENTIFY_COMPANY": company,
        "GET_METADATA": lambda request, response: {"groups": request.user.groups.count()},
    }
    with django_site(HERE, middleware=AUTH_MIDDLEWARE, more=AUTH, **hooks):
        from django.contrib.auth.models import Group, Permission, User
        from django.contrib.contenttypes.models import ContentType
        from django.contrib.sessions.models import Session
        from django.db import connection

        with connection.schema_editor() as editor:
            for model in (ContentType, Permission, Group, User, Session):
                editor.create_model(model)
        user, web = User.objects.create_user("ann"), AsyncClient()
        web.force_login(user)
        assert asyncio.run(web.get("/me")).status_code == 200
        event = recorder.one(apilog_django.client())
        assert apilog_django.client().stats().faults == {}
    assert (event.user_id, event.company_id) == (str(user.pk), "company of ann")
    assert event.metadata["groups"] == 0


@BEFORE_DJANGO_5
def test_a_client_that_leaves_is_told_as_aborted(django_site: Site, recorder: Recorder) -> None:
    async def scenario() -> None:
        began, answered = asyncio.Event(), []
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/forever",
            "query_string": b"",
            "headers": [(b"host", b"shop.test")],
            "began": began,
        }
        incoming = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not incoming:
                await began.wait()
                return {"type": "http.disconnect"}
            return incoming.pop()

        async def send(message: dict[str, Any]) -> None:
            answered.append(message)

        await asyncio.wait_for(ASGIHandler()(scope, receive, send), 5)
        assert answered == []

    with django_site(HERE):
        asyncio.run(scenario())
        event = recorder.one(apilog_django.client())
    assert (own(event)["aborted"], own(event).get("exception")) == (True, None)
    assert own(event)["route"] == "/forever"


def test_the_async_test_client_works(django_site: Site, recorder: Recorder) -> None:
    with django_site(HERE):
        response = asyncio.run(AsyncClient().get("/async/7/"))
        assert response.json() == {"id": 7}
        assert own(recorder.one(apilog_django.client()))["route"] == "/async/{item_id}/"

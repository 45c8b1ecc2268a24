"""The behaviours as a Django project; WSGI with sync views, ASGI with async ones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.urls import re_path
from django.views.decorators.http import require_GET

from conformance_kit import scenario as words
from conformance_kit.diary import note, raising
from conformance_kit.files import file_of
from conformance_kit.scenario import Behaviour
from conformance_kit.streams import async_pieces_of, digest, iterable_of, read_stream

MIDDLEWARE = ["apilog_django.ApiLogMiddleware"]
SETTINGS: Mapping[str, Any] = {
    "ALLOWED_HOSTS": ["*"],
    "DEBUG": False,
    "DATA_UPLOAD_MAX_MEMORY_SIZE": None,
    "LOGGING_CONFIG": None,
    "MIDDLEWARE": [],
    "ROOT_URLCONF": "conformance_kit.apps_django",
    "SECRET_KEY": "conformance",
    "USE_TZ": True,
}

BEHAVIOURS: dict[str, Behaviour] = {}


def set_up() -> None:
    """Configure Django, once for a process."""
    import django

    if not settings.configured:
        settings.configure(**SETTINGS)
    django.setup()


def make(protocol: str, *, wrapped: bool) -> Callable[..., Any]:
    """Return the project's app for *protocol*; `SETTINGS` must be in force."""
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

    with override_settings(MIDDLEWARE=MIDDLEWARE if wrapped else []):
        return WSGIHandler() if protocol == "wsgi" else ASGIHandler()


def view(request: HttpRequest) -> HttpResponseBase:
    """Answer as the scenario says."""
    return behave(BEHAVIOURS[request.headers["X-Scenario"]], request)


async def async_view(request: HttpRequest) -> HttpResponseBase:
    """Answer as the scenario says, under ASGI."""
    return behave(BEHAVIOURS[request.headers["X-Scenario"]], request, is_async=True)


@require_GET
def only_get(request: HttpRequest) -> HttpResponse:
    """Answer GET only."""
    return HttpResponse("got")


urlpatterns = [re_path("^s/", view), re_path("^only-get$", only_get)]


def behave(does: Behaviour, request: HttpRequest, *, is_async: bool = False) -> HttpResponseBase:
    """Do what *does* says."""
    if isinstance(does, words.Fail):
        raise raising(does.error("before the response"))
    if isinstance(does, words.Answer):
        response = HttpResponse(does.body, status=does.status, content_type=does.content_type)
        return _headed(response, does.headers)
    if isinstance(does, words.Stream):
        pieces = async_pieces_of(does) if is_async else iterable_of(does)
        streamed = StreamingHttpResponse(pieces, status=does.status, content_type=does.content_type)
        return _headed(streamed, does.headers)
    if isinstance(does, words.SendFile):
        return FileResponse(Path(file_of(does.size)).open("rb"))
    assert isinstance(does, words.Read)
    if does.how == "late":
        pieces = _async_read_late(request) if is_async else _read_late(request)
        return StreamingHttpResponse(pieces, content_type="text/plain; charset=utf-8")
    return HttpResponse(digest(_read(does.how, request)), content_type="application/json")


def _read(how: str, request: HttpRequest) -> list[bytes]:
    if how == "form":
        told = [f"{name}={value}".encode() for name, value in request.POST.items()]
        return told + [file.read() for file in request.FILES.values()]
    if how == "json":
        return [repr(json.loads(request.body)).encode()]
    if how == "all":
        return [request.body]
    length = request.META.get("CONTENT_LENGTH") or "0"
    return read_stream(request, how, int(length) if length.isdecimal() else None)


def _read_late(request: HttpRequest) -> Iterator[bytes]:
    yield b"first\n"
    note("app reads after it began to answer")
    yield digest([request.read()])


async def _async_read_late(request: HttpRequest) -> AsyncIterator[bytes]:
    yield b"first\n"
    note("app reads after it began to answer")
    yield digest([request.read()])


def _headed(response: HttpResponseBase, headers: words.Headers) -> HttpResponseBase:
    for name, value in headers:
        if name == "Set-Cookie":
            key, _, cookie = value.partition("=")
            response.cookies[key] = cookie
        else:
            response.headers[name] = value
    return response

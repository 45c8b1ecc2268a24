"""The app as a Django project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.urls import path, re_path

import apilog
from canary_kit.scene import DJANGO_ASGI
from canary_kit.stage import STAGE, perform

SETTINGS: Mapping[str, Any] = {
    "ALLOWED_HOSTS": ["*"],
    "DATA_UPLOAD_MAX_MEMORY_SIZE": None,
    "DEBUG": False,
    "MIDDLEWARE": ["apilog_django.ApiLogMiddleware"],
    "ROOT_URLCONF": __name__,
    "SECRET_KEY": "canaries",
    "USE_TZ": True,
}


@contextmanager
def app_on(
    mounting: str, destinations: list[Any], options: dict[str, Any]
) -> Iterator[tuple[Callable[..., Any], apilog.Client]]:
    """Give the project's app and its client; the settings are in force inside of the block."""
    import django

    if not settings.configured:
        settings.configure(**SETTINGS, LOGGING_CONFIG=None)
    django.setup()
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

    import apilog_django

    for_apilog = {"DESTINATION": destinations, **{k.upper(): v for k, v in options.items()}}
    with override_settings(**SETTINGS, APILOG=for_apilog):
        app = ASGIHandler() if mounting == DJANGO_ASGI else WSGIHandler()
        yield app, apilog_django.client()


def view(request: HttpRequest, **_arguments: str) -> HttpResponseBase:
    """Answer as the scene says."""
    scene = STAGE.scene
    while request.read(4096):
        pass
    perform()
    is_async = hasattr(request, "scope")
    pieces = _async_pieces(scene.response_pieces) if is_async else iter(scene.response_pieces)
    response = StreamingHttpResponse(pieces, status=scene.status)
    del response.headers["Content-Type"]
    for name, value in scene.response_headers:
        if name == "Set-Cookie":
            response.cookies.load(value)
        else:
            response.headers[name] = value
    return response


async def _async_pieces(pieces: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


urlpatterns = [
    path("stage", view),
    path("reset/<token>", view),
    path("invite/<invite_code>/accept", view),
    path("members/<password>", view),
    re_path("^", view),
]

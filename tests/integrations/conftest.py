"""A destination that tells what arrived, a caller for ASGI apps, and a configured Django."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import django
import httpx
import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings

import apilog
from apilog.destinations import Memory

PATIENCE = 30.0
"""Seconds that anything may take at most."""


class Recorder(Memory):
    """Keep events, and wait for a client before telling of them."""

    def of(self, client: apilog.Client) -> list[apilog.Event]:
        """Return everything that *client* recorded so far."""
        assert client.flush(PATIENCE), client.stats()
        return self.events

    def one(self, client: apilog.Client) -> apilog.Event:
        """Return the only event that *client* recorded, and forget it."""
        events = self.of(client)
        assert len(events) == 1, (events, client.stats())
        self.clear()
        return events[0]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def new_recorder() -> type[Recorder]:
    return Recorder


@pytest.fixture
def client(recorder: Recorder) -> Iterator[apilog.Client]:
    with apilog.Client(recorder) as client:
        yield client


async def request_asgi(app: Any, method: str, url: str, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
        return await http.request(method, url, **options)


@pytest.fixture
def request_asgi_app() -> Callable[..., Any]:
    """Send a request to an ASGI app, inside a running event loop."""
    return request_asgi


@pytest.fixture
def call_asgi() -> Callable[..., httpx.Response]:
    """Send a request to an ASGI app, in an event loop of its own."""

    def call(app: Any, method: str, url: str, **options: Any) -> httpx.Response:
        return asyncio.run(request_asgi(app, method, url, **options))

    return call


@pytest.fixture
def call_wsgi() -> Callable[..., httpx.Response]:
    """Send a request to a WSGI app; whatever it raises becomes a 500, as servers do it."""

    def call(app: Any, method: str, url: str, **options: Any) -> httpx.Response:
        transport = httpx.WSGITransport(app, raise_app_exceptions=False, remote_addr="192.0.2.7")
        with httpx.Client(transport=transport, base_url="http://shop.test") as http:
            return http.request(method, url, **options)

    return call


@pytest.fixture(scope="session")
def configured_django() -> None:
    """Configure Django unless another suite of this process did; tests override what they need."""
    if not settings.configured:
        settings.configure(LOGGING_CONFIG=None, SECRET_KEY="not a secret", USE_TZ=True)
    django.setup()


@pytest.fixture
def django_site(configured_django: None, recorder: Recorder) -> Callable[..., Any]:
    """Settings of a site that records to *recorder*, for a ``with`` block or as a decorator."""

    def site(urlconf: str, *, middleware: Any = None, more: Any = (), **options: Any) -> Any:
        own = "apilog_django.ApiLogMiddleware"
        return override_settings(
            **{
                "ALLOWED_HOSTS": ["*"],
                "APILOG": {"DESTINATION": recorder, **options},
                "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
                "DEBUG": False,
                "DEBUG_PROPAGATE_EXCEPTIONS": False,
                "INSTALLED_APPS": [],
                "MIDDLEWARE": [own] if middleware is None else middleware,
                "ROOT_URLCONF": urlconf,
                "SECRET_KEY": "not a secret",
                **dict(more),
            }
        )

    return site


@pytest.fixture
def database(configured_django: None, tmp_path: Path) -> Iterator[None]:
    """An empty database under the name ``default``, whatever the settings say."""
    kept = connections.settings
    engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "shop.sqlite3")}
    with suppress(AttributeError):
        del connections["default"]
    connections.settings = connections.configure_settings({"default": engine})
    try:
        yield
    finally:
        connections["default"].close()
        del connections["default"]
        connections.settings = kept

"""Who may ask, and what every answer carries."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from apilog.collector import create_app
from apilog.collector.store import StoreUnavailable

CSP = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
ROUTES = ["/", "/events/1", "/api/events", "/healthz", "/style.css", "/nowhere", "/v1/events"]


def assert_secure(response: httpx.Response) -> None:
    expected = {
        "Content-Security-Policy": CSP,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    assert {name: response.headers.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1",
        "127.0.0.1:8090",
        "[::1]",
        "[::1]:8090",
        "localhost:",
    ],
)
def test_our_own_names_are_answered(client: Any, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:8090",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "::1",
        "127.0.0.2",
        "0.0.0.0",
        "",
        "localhost:80:80",
        "localhost@evil.test",
        "localhost:x",
        "[localhost]",
    ],
)
@pytest.mark.parametrize("route", ROUTES)
def test_another_name_is_421_on_every_route(client: Any, host: str, route: str) -> None:
    response = client.get(route, headers={"Host": host})
    assert response.status_code == 421
    assert_secure(response)


def test_a_misdirected_event_is_not_stored(client: Any, an_event: Any) -> None:
    response = client.post("/v1/events", json=an_event(), headers={"Host": "evil.test"})
    assert response.status_code == 421
    assert client.events() == []


def test_two_hosts_are_421(client: Any) -> None:
    headers = [("Host", "localhost"), ("Host", "localhost")]
    assert client.get("/", headers=headers).status_code == 421


@pytest.mark.parametrize(
    ("bound", "host"),
    [
        pytest.param("127.0.0.2", "127.0.0.2:8090", id="an address"),
        pytest.param("Dev.Local", "dev.local:8090", id="a name"),
        pytest.param("::2", "[::2]:8090", id="an IPv6 address"),
    ],
)
def test_the_bound_host_is_answered_too(store: Any, bound: str, host: str) -> None:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(store, host=bound))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.get("/healthz", headers={"Host": host})

    assert asyncio.run(call()).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("POST", "/", 405),
        ("DELETE", "/events/1", 405),
        ("GET", "/events/1", 404),
        ("GET", "/v1/events", 405),
        ("PUT", "/v1/events/batch", 405),
        ("POST", "/v1/events", 400),
        ("POST", "/v1/events/", 404),
        ("GET", "/?before=x", 400),
        ("GET", "/style.css", 200),
        ("GET", "/nowhere", 404),
        ("OPTIONS", "/v1/events", 405),
    ],
)
def test_every_answer_is_secure(client: Any, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert_secure(response)


def test_a_reading_error_is_503_and_secure(client_of: Any) -> None:
    class Failing:
        def newest(self, **options: object) -> None:
            raise StoreUnavailable("disk I/O error")

    response = client_of(Failing()).get("/")
    assert (response.status_code, response.json()) == (503, {"error": "disk I/O error"})
    assert_secure(response)


def test_a_bug_of_ours_tells_nothing_and_is_secure(client_of: Any) -> None:
    class Broken:
        def newest(self, **options: object) -> None:
            raise ZeroDivisionError("secret")

    response = client_of(Broken()).get("/")
    assert (response.status_code, response.json()) == (500, {"error": "internal error"})
    assert_secure(response)


@pytest.mark.parametrize("route", ["/v1/events", "/v1/events/batch"])
def test_a_web_page_cannot_add_events(client: Any, an_event: Any, route: str) -> None:
    """A page of any origin may post plain text without asking; browsers then name the origin."""
    headers = {"Origin": "https://elsewhere.example", "Content-Type": "text/plain"}
    body = an_event() if route == "/v1/events" else [an_event()]
    response = client.post(route, json=body, headers=headers)
    assert response.status_code == 403
    assert client.get("/api/events").json() == {"events": []}

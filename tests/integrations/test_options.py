"""The options do what they say in every integration, end to end."""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

import flask
import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import re_path
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

import apilog
import apilog.asgi
import apilog.wsgi
import apilog_django
from apilog_fastapi import ApiLogMiddleware
from apilog_flask import ApiLog

Recorder = Any
"""The recorder of conftest.py."""

HERE = __name__
HEADER = "X-Request-Id"


def answer(body: bytes, request_id: str | None) -> dict[str, Any]:
    return {"got": body.decode(), "id": request_id}


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    sent = json.dumps(answer(body, environ.get("HTTP_X_REQUEST_ID"))).encode()
    head = [("Content-Type", "application/json"), ("Content-Length", str(len(sent)))]
    start_response("200 OK", head)
    return [sent]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    request = Request(scope, receive)
    body = await request.body()
    await JSONResponse(answer(body, request.headers.get(HEADER)))(scope, receive, send)


def django_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse(answer(request.body, request.headers.get(HEADER)))


urlpatterns = [re_path(r"", django_view)]


def flask_app() -> flask.Flask:
    app = flask.Flask("shop", static_folder=None)

    @app.route("/", defaults={"rest": ""}, methods=["GET", "POST"])
    @app.route("/<path:rest>", methods=["GET", "POST"])
    def view(rest: str) -> dict[str, Any]:
        return answer(flask.request.data, flask.request.headers.get(HEADER))

    return app


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.api_route("/{rest:path}", methods=["GET", "POST"])
    async def view(request: Request) -> dict[str, Any]:
        return answer(await request.body(), request.headers.get(HEADER))

    return app


class Mounted:
    """An app that echoes, with apilog in one of its integrations."""

    def __init__(self, app: Any, client: apilog.Client, call: Callable[..., Any]) -> None:
        self.app, self.client, self.call = app, client, call

    def send(self, method: str = "GET", url: str = "/", **options: Any) -> httpx.Response:
        response: httpx.Response = self.call(self.app, method, url, **options)
        assert response.status_code == 200
        return response


KINDS = ["WSGI", "ASGI", "Flask", "FastAPI", "Django under WSGI", "Django under ASGI"]


@pytest.fixture(params=KINDS, ids="{}".format)
def mount(
    request: pytest.FixtureRequest,
    recorder: Recorder,
    call_wsgi: Callable[..., Any],
    call_asgi: Callable[..., Any],
    django_site: Callable[..., Any],
) -> Iterable[Callable[..., Mounted]]:
    """Put apilog into an app, with options."""
    sites = []

    def made(**options: Any) -> Mounted:
        kind = request.param
        if kind.startswith("Django"):
            site = django_site(HERE, **{name.upper(): each for name, each in options.items()})
            site.enable()
            sites.append(site)
            under_wsgi = kind.endswith("WSGI")
            handler = WSGIHandler() if under_wsgi else ASGIHandler()
            return Mounted(handler, apilog_django.client(), call_wsgi if under_wsgi else call_asgi)
        if kind == "Flask":
            app = flask_app()
            extension = ApiLog(app, destination=recorder, **options)
            return Mounted(app, extension.client, call_wsgi)
        client = apilog.Client(recorder, **options)
        if kind == "WSGI":
            return Mounted(apilog.wsgi.ApiLogMiddleware(wsgi_app, client=client), client, call_wsgi)
        if kind == "ASGI":
            return Mounted(apilog.asgi.ApiLogMiddleware(asgi_app, client=client), client, call_asgi)
        fastapi = fastapi_app()
        fastapi.add_middleware(ApiLogMiddleware, client=client)
        return Mounted(fastapi, client, call_asgi)

    yield made
    for site in sites:
        site.disable()


Mount = Callable[..., Mounted]


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


def test_excluded_paths_are_not_recorded(mount: Mount, recorder: Recorder) -> None:
    mounted = mount(exclude_paths=["/health", "/static/*"])
    for path in ("/health", "/static/a/b.css", "/healthy", "/api/health?x=/static/"):
        mounted.send(url=path)
    told = [event.request.uri for event in recorder.of(mounted.client)]
    assert told == ["http://shop.test/healthy", "http://shop.test/api/health?x=/static/"]
    assert mounted.client.stats().captured == 2


def test_an_app_that_is_switched_off_records_nothing(mount: Mount, recorder: Recorder) -> None:
    asked: list[str] = []
    mounted = mount(enabled=False, skip=lambda *_: asked.append("skip"), transaction_header=HEADER)
    response = mounted.send()
    assert (response.json()["id"], HEADER in response.headers) == (None, False)
    assert recorder.of(mounted.client) == []
    assert (mounted.client.stats().captured, asked) == (0, [])


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        pytest.param(lambda request, response: True, "skipped", id="that says yes"),
        pytest.param(lambda request, response: 1 / 0, "skip_failed", id="that raises"),
    ],
)
def test_skip_leaves_a_call_out(
    mount: Mount, recorder: Recorder, hook: Callable[..., Any], reason: str
) -> None:
    mounted = mount(skip=hook)
    mounted.send()
    assert recorder.of(mounted.client) == []
    assert mounted.client.stats().dropped == {reason: 1}


@pytest.mark.parametrize(
    ("rate", "weights"),
    [
        pytest.param(1.0, {1}, id="1"),
        pytest.param(0.5, {2}, id="0.5"),
        pytest.param(0.4, {2, 3}, id="0.4"),
        pytest.param(0.9, {1, 2}, id="0.9"),
        pytest.param(0, set(), id="0"),
    ],
)
@pytest.mark.parametrize("called", [False, True], ids=["a number", "a function"])
def test_the_weights_of_a_sample_add_up_to_all_calls(
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    rate: float,
    weights: set[int],
    called: bool,
) -> None:
    monkeypatch.setattr("apilog.chance.roll", Random(20_261_120).random)
    calls = 2_000
    sampled = apilog.Client(recorder, sample_rate=(lambda *_: rate) if called else rate)
    app = apilog.wsgi.ApiLogMiddleware(lambda environ, start: _empty(start), client=sampled)
    for _ in range(calls):
        response = app({"PATH_INFO": "/"}, lambda *head: lambda data: None)
        if hasattr(response, "close"):
            response.close()
    events = recorder.of(sampled)
    assert {event.weight for event in events} == weights
    total = sum(event.weight for event in events)
    assert total == pytest.approx(calls if rate else 0, rel=0.08)
    assert sampled.stats().dropped.get("sampled_out", 0) == calls - len(events)
    assert sampled.stats().captured == calls


class Unreliable:
    """A destination that takes a batch at the third time."""

    def __init__(self) -> None:
        self.tries = 0

    def send(self, batch: Sequence[bytes]) -> None:
        self.tries += 1
        if self.tries % 3:
            raise apilog.RetryLater("not now", after=0)


def test_the_app_gets_the_random_numbers_that_it_seeded() -> None:
    random.seed(20_261_121)
    expected = [random.random() for _ in range(51)]
    destination = Unreliable()
    client = apilog.Client(destination, sample_rate=0.5)
    app = apilog.wsgi.ApiLogMiddleware(lambda environ, start: _empty(start), client=client)
    random.seed(20_261_121)
    found = []
    for _ in range(50):
        app({"PATH_INFO": "/"}, lambda *head: lambda data: None)
        found.append(random.random())
    assert client.flush(30)
    found.append(random.random())
    client.close()
    assert destination.tries >= 3
    assert found == expected


def _empty(start_response: Callable[..., Any]) -> list[bytes]:
    start_response("204 No Content", [])
    return []


def test_a_rate_is_asked_for_each_call(mount: Mount, recorder: Recorder) -> None:
    rates = iter([1.0, 0.0, "often", 1])
    mounted = mount(sample_rate=lambda request, response: next(rates))
    for _ in range(4):
        mounted.send()
    assert len(recorder.of(mounted.client)) == 2
    assert mounted.client.stats().dropped == {"sampled_out": 1, "sample_rate_failed": 1}


@pytest.mark.parametrize("sent", [None, "forged"], ids=["alone", "in the place of the client's"])
def test_the_id_travels_in_a_header(mount: Mount, recorder: Recorder, sent: str | None) -> None:
    mounted = mount(transaction_header=HEADER)
    response = mounted.send(headers={HEADER: sent} if sent else {})
    event = recorder.one(mounted.client)
    assert uuid.UUID(event.transaction_id).version == 7
    assert response.json()["id"] == event.transaction_id
    assert response.headers.get_list(HEADER) == [event.transaction_id]


def test_without_a_header_nothing_is_added(mount: Mount, recorder: Recorder) -> None:
    mounted = mount()
    response = mounted.send(headers={HEADER: "the client's"})
    assert response.json()["id"] == "the client's"
    assert HEADER not in response.headers
    assert uuid.UUID(recorder.one(mounted.client).transaction_id)


@pytest.mark.parametrize(
    ("trusted", "headers", "address", "uri"),
    [
        pytest.param(
            [],
            {"X-Forwarded-For": "198.51.100.9", "X-Forwarded-Proto": "https"},
            "192.0.2.7",
            "http://shop.test/a",
            id="nobody",
        ),
        pytest.param(
            ["192.0.2.0/24"],
            {
                "X-Forwarded-For": "203.0.113.1, 198.51.100.9",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "api.shop.test",
            },
            "198.51.100.9",
            "https://api.shop.test/a",
            id="the nearest proxy",
        ),
        pytest.param(
            ["192.0.2.7"],
            {"Forwarded": 'for="[2001:db8::1]:80";proto=https;host=api.shop.test'},
            "2001:db8::1",
            "https://api.shop.test/a",
            id="a proxy that speaks RFC 7239",
        ),
        pytest.param(
            ["10.0.0.0/8"],
            {"X-Forwarded-For": "198.51.100.9"},
            "192.0.2.7",
            "http://shop.test/a",
            id="another proxy",
        ),
    ],
)
def test_proxies_are_believed_as_far_as_they_are_trusted(
    mount: Mount,
    recorder: Recorder,
    trusted: list[str],
    headers: dict[str, str],
    address: str,
    uri: str,
) -> None:
    mounted = mount(trusted_proxies=trusted)
    mounted.send(url="/a", headers=headers)
    event = recorder.one(mounted.client)
    assert (event.request.ip_address, event.request.uri) == (address, uri)


def token(**claims: Any) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join([base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts] + ["s"])


CLAIMS = {"sub": "u-ü", "org": {"id": 7}}


@pytest.mark.parametrize(
    ("header", "options", "user", "company"),
    [
        pytest.param(f"Bearer {token(**CLAIMS)}", {}, "u-ü", None, id="a JWT"),
        pytest.param(
            f"Bearer {token(**CLAIMS)}",
            {"company_claim": "org.id"},
            "u-ü",
            "7",
            id="a JWT with a company",
        ),
        pytest.param(
            f"Bearer {token(**CLAIMS)}",
            {"company_claim": "org.id", "identify_user": lambda *_: "the hook's"},
            "the hook's",
            "7",
            id="a JWT, and a hook for the user only",
        ),
        pytest.param(
            f"Bearer {token(**CLAIMS)}",
            {"company_claim": "org.id", "identify_company": lambda *_: "the hook's"},
            "u-ü",
            "the hook's",
            id="a JWT, and a hook for the company only",
        ),
        pytest.param(
            "Basic " + base64.b64encode(b"ann:secret").decode(), {}, "ann", None, id="Basic"
        ),
        pytest.param("Bearer opaque", {}, None, None, id="an opaque token"),
    ],
)
def test_the_user_is_read_from_the_credential(
    mount: Mount,
    recorder: Recorder,
    header: str,
    options: dict[str, Any],
    user: str | None,
    company: str | None,
) -> None:
    mounted = mount(**options)
    mounted.send(headers={"Authorization": header})
    event = recorder.one(mounted.client)
    assert (event.user_id, event.company_id) == (user, company)
    credential = header.partition(" ")[2].encode()
    assert credential not in b"".join(recorder.raw)


def test_another_header_and_another_claim_may_name_the_user(
    mount: Mount, recorder: Recorder
) -> None:
    mounted = mount(authorization_header="X-Token", user_claim="email")
    mounted.send(headers={"X-Token": token(email="ann@shop.test")})
    assert recorder.one(mounted.client).user_id == "ann@shop.test"


@pytest.mark.parametrize(
    ("options", "version"),
    [
        pytest.param({"api_version": "2.1"}, "2.1", id="by the option"),
        pytest.param({"get_api_version": lambda *_: "3"}, "3", id="by the hook"),
        pytest.param(
            {"api_version": "2.1", "get_api_version": lambda *_: 4},
            "4",
            id="by both, the hook wins",
        ),
        pytest.param(
            {"api_version": "2.1", "get_api_version": lambda *_: None}, "2.1", id="by a silent hook"
        ),
    ],
)
def test_the_version_of_the_api_is_named(
    mount: Mount, recorder: Recorder, options: dict[str, Any], version: str
) -> None:
    mounted = mount(**options)
    mounted.send()
    assert recorder.one(mounted.client).request.api_version == version


@pytest.mark.parametrize("side", ["request", "response"], ids="of the {}".format)
def test_a_body_that_is_not_wanted_is_counted_only(
    mount: Mount, recorder: Recorder, side: str
) -> None:
    mounted = mount(**{f"capture_{side}_body": False})
    response = mounted.send("POST", content=b"hello", headers={"Content-Type": "text/plain"})
    assert response.json()["got"] == "hello"
    event = recorder.one(mounted.client)
    bodies = {
        "request": event.request.body,
        "response": event.response.body if event.response else None,
    }
    assert bodies.pop(side) is None
    assert None not in bodies.values()
    assert own(event)[f"{side}_body_omitted"] == "disabled"
    assert own(event)["request_size"] == 5
    assert own(event)["response_size"] == len(response.content)


@pytest.mark.parametrize("limit", [0, 1, 2, 4])
def test_a_body_over_the_limit_is_counted_only(
    mount: Mount, recorder: Recorder, limit: int
) -> None:
    mounted = mount(max_body_bytes=limit)
    response = mounted.send("POST", content=b"hello", headers={"Content-Type": "text/csv"})
    assert response.json()["got"] == "hello"
    event = recorder.one(mounted.client)
    assert event.response is not None
    assert (event.request.body, event.response.body) == (None, None)
    assert own(event)["request_body_omitted"] == own(event)["response_body_omitted"] == "over_limit"
    assert (own(event)["request_size"], own(event)["response_size"]) == (5, len(response.content))


def test_a_body_at_the_limit_is_kept(mount: Mount, recorder: Recorder) -> None:
    mounted = mount(max_body_bytes=5)
    mounted.send("POST", content=b"hello", headers={"Content-Type": "text/plain"})
    assert recorder.one(mounted.client).request.body == "hello"


def test_mask_event_has_the_last_word(mount: Mount, recorder: Recorder) -> None:
    from dataclasses import replace

    mounted = mount(mask_event=lambda event: replace(event, user_id="nobody"))
    mounted.send()
    assert recorder.one(mounted.client).user_id == "nobody"

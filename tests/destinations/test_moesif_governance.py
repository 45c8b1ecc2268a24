"""Moesif's blocking rules: answered before the app runs, and let through in any doubt."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import django
import httpx
import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from fastapi import FastAPI
from flask import Flask, session
from servers.moesif import Moesif as Server

import apilog
from apilog import Client
from apilog.asgi import ApiLogMiddleware as AsgiMiddleware
from apilog.destinations import Memory, Moesif
from apilog.wsgi import ApiLogMiddleware as WsgiMiddleware
from apilog_fastapi import ApiLogMiddleware as FastApiMiddleware
from apilog_flask import ApiLog

KEY = "eyJhcHAiOiIxOTg6MTI0Iiwib3JnIjoiODg6MjEwIn0.an-application-id"
PATIENCE = 20.0
MOUNTINGS = ("wsgi", "asgi", "flask", "fastapi", "django", "async django")

Get = Callable[..., httpx.Response]


def rule(**changes: Any) -> dict[str, Any]:
    """Return the rule of Moesif's documentation, which blocks who exceeded a quota."""
    return {
        "_id": "64ca685a833073c6b41b15f3",
        "created_at": "2024-01-01T00:00:00.000",
        "name": "Block Free Users who Exceeded their Monthly Quota",
        "block": True,
        "type": "user",
        "variables": [
            {"name": "0", "path": "body.plan_name"},
            {"name": "1", "path": "body.quota_amount"},
        ],
        "regex_config": [],
        "response": {
            "status": 429,
            "headers": {"X-Rate-Limit-Month": "{{1}}"},
            "body": {
                "error_code": "too_many_requests",
                "message": "You exceeded your monthly quota of {{1}} for the {{0}} plan.",
            },
        },
        **changes,
    }


def for_all(**changes: Any) -> dict[str, Any]:
    """Return a rule about requests, whoever made them."""
    return rule(_id="everybody", type="regex", variables=[], **changes)


def subject(
    user: str = "u1", of: str = "64ca685a833073c6b41b15f3", **values: str
) -> dict[str, Any]:
    return {"user_rules": {user: [{"rules": of, "values": values}]}}


QUOTA = {"0": "Free", "1": "1000"}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.checks_age = False
    with server.running():
        yield server


class Mounted:
    """An app in a framework that counts its calls, behind a Moesif with these rules."""

    def __init__(self, mounting: str, server: Server, **options: Any) -> None:
        self.moesif = Moesif(KEY, base_url=server.url, governance=True)
        self.moesif._take_rules(server.rules)
        self.moesif._take_config(server.config)
        self.mounting = mounting
        self.calls = 0
        self.asked: list[tuple[Any, Any]] = []
        self.options = {"identify_user": self.identify_user, **options}
        destination = [self.moesif, self.memory] if "memory" in options else self.moesif
        self.client = Client(destination, **self.options)

    def identify_user(self, request: Any, response: Any) -> str | None:
        self.asked.append((request, response))
        if self.mounting == "wsgi":
            return str(request["HTTP_X_USER"]) if "HTTP_X_USER" in request else None
        found = request.headers.get("X-User")
        return None if found is None else str(found)

    def get(self, where: str = "/items/7?x=1", **headers: str) -> httpx.Response:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        return getattr(self, f"_{self.mounting.replace(' ', '_')}")("GET", where, lines)

    def _send_wsgi(self, app: Any, verb: str, where: str, headers: Any) -> httpx.Response:
        transport = httpx.WSGITransport(app, remote_addr="192.0.2.7")
        with httpx.Client(transport=transport, base_url="http://shop.test") as http:
            return http.request(verb, where, headers=headers)

    def _send_asgi(self, app: Any, verb: str, where: str, headers: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
                return await http.request(verb, where, headers=headers)

        return asyncio.run(send())

    def _wsgi(self, *request: Any) -> httpx.Response:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            self.calls += 1
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"the app"]

        app_inside = validator(WsgiMiddleware(validator(app), client=self.client))  # type: ignore[arg-type]

        def with_query(environ: dict[str, Any], start_response: Any) -> Any:
            environ.setdefault("QUERY_STRING", "")
            environ["wsgi.version"] = (1, 0)
            environ.setdefault("SERVER_PROTOCOL", "HTTP/1.1")
            environ["wsgi.errors"] = _Errors()
            environ = {name: each for name, each in environ.items() if each is not None}
            return app_inside(environ, start_response)

        return self._send_wsgi(with_query, *request)

    def _asgi(self, *request: Any) -> httpx.Response:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.calls += 1
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"the app"})

        return self._send_asgi(AsgiMiddleware(app, client=self.client), *request)

    def _flask(self, *request: Any) -> httpx.Response:
        app = Flask("shop")
        app.secret_key = "x"

        @app.before_request
        def before() -> None:
            self.calls += 1

        @app.get("/<path:where>")
        def view(where: str) -> str:
            return "the app"

        ApiLog(app, client=self.client)
        return self._send_wsgi(app, *request)

    def _fastapi(self, *request: Any) -> httpx.Response:
        app = FastAPI()
        app.add_middleware(FastApiMiddleware, client=self.client)

        @app.get("/{where:path}")
        def view(where: str) -> str:
            self.calls += 1
            return "the app"

        return self._send_asgi(app, *request)

    def _site(self, *, is_async: bool) -> Any:
        def view(request: HttpRequest, where: str) -> HttpResponse:
            self.calls += 1
            return HttpResponse("the app")

        async def async_view(request: HttpRequest, where: str) -> HttpResponse:
            return view(request, where)

        pages = [path("<path:where>", async_view if is_async else view)]
        return override_settings(
            ALLOWED_HOSTS=["*"],
            APILOG={"DESTINATION": self.moesif, "IDENTIFY_USER": self.options["identify_user"]},
            INSTALLED_APPS=[],
            MIDDLEWARE=["apilog_django.ApiLogMiddleware", f"{__name__}.login"],
            ROOT_URLCONF=type("Pages", (), {"urlpatterns": pages}),
            SECRET_KEY="not a secret",
        )

    def _django(self, *request: Any) -> httpx.Response:
        from django.core.handlers.wsgi import WSGIHandler

        import apilog_django

        with self._site(is_async=False):
            try:
                return self._send_wsgi(WSGIHandler(), *request)
            finally:
                self.client = apilog_django.client()
                assert self.client.flush(PATIENCE)

    def _async_django(self, *request: Any) -> httpx.Response:
        from django.core.handlers.asgi import ASGIHandler

        import apilog_django

        with self._site(is_async=True):
            try:
                return self._send_asgi(ASGIHandler(), *request)
            finally:
                self.client = apilog_django.client()
                assert self.client.flush(PATIENCE)


def login(get_response: Any) -> Any:
    """A middleware of the site's own, which knows the user."""

    def middleware(request: HttpRequest) -> Any:
        request.known_user = "u1"  # type: ignore[attr-defined]
        return get_response(request)

    async def async_middleware(request: HttpRequest) -> Any:
        request.known_user = "u1"  # type: ignore[attr-defined]
        return await get_response(request)

    return async_middleware if iscoroutinefunction(get_response) else middleware


login.async_capable = True  # type: ignore[attr-defined]


class _Errors:
    def write(self, text: str) -> None: ...

    def writelines(self, lines: Any) -> None: ...

    def flush(self) -> None: ...


@pytest.fixture(scope="module", autouse=True)
def configured_django() -> None:
    if not settings.configured:
        settings.configure(LOGGING_CONFIG=None, SECRET_KEY="not a secret", USE_TZ=True)
    django.setup()


@pytest.fixture
def mounted(server: Server) -> Iterator[Callable[..., Mounted]]:
    made: list[Mounted] = []

    def mount(mounting: str, rules: Any, config: Any = None, **options: Any) -> Mounted:
        server.rules, server.config = rules, config or {}
        made.append(Mounted(mounting, server, **options))
        return made[-1]

    yield mount
    for each in made:
        each.client.close(1)


@pytest.mark.parametrize("mounting", MOUNTINGS)
def test_a_blocked_user_is_answered_before_the_app_runs(
    server: Server, mounted: Callable[..., Mounted], mounting: str
) -> None:
    app = mounted(mounting, [rule()], subject(**QUOTA))
    answer = app.get(X_User="u1")
    assert answer.status_code == 429
    assert answer.headers["X-Rate-Limit-Month"] == "1000"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.json() == {
        "error_code": "too_many_requests",
        "message": "You exceeded your monthly quota of 1000 for the Free plan.",
    }
    assert app.calls == 0
    assert [response for _, response in app.asked] == [None]
    assert app.client.flush(PATIENCE)
    (event,) = server.events
    assert event["blocked_by"] == "64ca685a833073c6b41b15f3"
    assert event["user_id"] == "u1"
    assert event["response"]["status"] == 429
    assert event["response"]["body"] == answer.json()
    sent = {name.lower(): value for name, value in event["response"]["headers"].items()}
    assert sent["x-rate-limit-month"] == "1000"
    assert not server.refusals
    assert not app.client.stats().faults


@pytest.mark.parametrize("mounting", MOUNTINGS)
@pytest.mark.parametrize("user", ["u2", None], ids=["another user", "nobody"])
def test_others_reach_the_app(
    server: Server, mounted: Callable[..., Mounted], mounting: str, user: str | None
) -> None:
    app = mounted(mounting, [rule()], subject(**QUOTA))
    answer = app.get(**({} if user is None else {"X_User": user}))
    assert (answer.status_code, app.calls) == (200, 1)
    assert "the app" in answer.text
    assert app.client.flush(PATIENCE)
    (event,) = server.events
    assert "blocked_by" not in event
    assert event.get("user_id") == user
    # who was not known before the app ran may be known afterwards
    assert len(app.asked) == (1 if user else 2)


@pytest.mark.parametrize("mounting", MOUNTINGS)
def test_a_rule_about_requests_concerns_everybody(
    server: Server, mounted: Callable[..., Mounted], mounting: str
) -> None:
    conditions = [
        {"path": "request.route", "value": "^/items"},
        {"path": "request.verb", "value": "GET"},
    ]
    app = mounted(mounting, [for_all(regex_config=[{"conditions": conditions}])])
    assert app.get("/items/7").status_code == 429
    assert app.get("/orders/7").status_code == 200
    assert app.calls == 1


@pytest.mark.parametrize("mounting", MOUNTINGS)
def test_a_rule_may_be_for_callers_that_nobody_knows(
    mounted: Callable[..., Mounted], mounting: str
) -> None:
    app = mounted(mounting, [rule(applied_to_unidentified=True)], {"user_rules": {}})
    answer = app.get()
    assert answer.status_code == 429
    assert answer.headers["X-Rate-Limit-Month"] == "UNKNOWN"
    assert app.get(X_User="u9").status_code == 200


@pytest.mark.parametrize("mounting", MOUNTINGS)
def test_a_hook_that_fails_lets_the_call_through(
    mounted: Callable[..., Mounted], mounting: str
) -> None:
    def by_status(request: Any, response: Any) -> str:
        return f"u{response.status_code}"  # there is no response yet

    app = mounted(mounting, [rule(applied_to_unidentified=True)], identify_user=by_status)
    assert app.get().status_code == 200
    assert app.calls == 1
    assert app.client.stats().faults["hook_failed:identify_user"] == 1


def anything() -> dict[str, Any]:
    return {"status": 403, "body": "no"}


FAULTY: dict[str, Any] = {
    "no id": {name: each for name, each in for_all().items() if name != "_id"},
    "an id that is a number": for_all() | {"_id": 7},
    "no type": {name: each for name, each in for_all().items() if name != "type"},
    "a type that nobody knows": for_all() | {"type": "planet"},
    "a type that is a list": for_all() | {"type": ["regex"]},
    "no response": {name: each for name, each in for_all().items() if name != "response"},
    "a response that is a text": for_all(response="403"),
    "no status": for_all(response={"body": "no"}),
    "a status that is a text": for_all(response=anything() | {"status": "403"}),
    "a status that is True": for_all(response=anything() | {"status": True}),
    "a status that is none": for_all(response=anything() | {"status": 99}),
    "headers in a list": for_all(response=anything() | {"headers": ["X: 1"]}),
    "a header with a line end in its name": for_all(
        response=anything() | {"headers": {"X\r\nY": "1"}}
    ),
    "a header with a line end": for_all(response=anything() | {"headers": {"X": "1\r\nY: 2"}}),
    "a header that is not Latin": for_all(response=anything() | {"headers": {"X": "☃"}}),
    "a bad expression": for_all(
        regex_config=[{"conditions": [{"path": "request.route", "value": "(items"}]}]
    ),
    "an expression that can take forever": for_all(
        regex_config=[{"conditions": [{"path": "request.route", "value": "(.*)*7"}]}]
    ),
    "a bad expression beside a good one": for_all(
        regex_config=[
            {"conditions": [{"path": "request.route", "value": ".*"}]},
            {"conditions": [{"path": "request.route", "value": "["}]},
        ]
    ),
    "no conditions": for_all(regex_config=[{"conditions": []}]),
    "a condition without a path": for_all(regex_config=[{"conditions": [{"value": ".*"}]}]),
    "conditions in an object": for_all(regex_config={"conditions": []}),
    "a condition on the body": for_all(
        regex_config=[{"conditions": [{"path": "request.body.operationName", "value": ".*"}]}]
    ),
    "variables in an object": for_all() | {"variables": {"0": "x"}},
    "a variable without a name": for_all() | {"variables": [{"path": "body.plan"}]},
    "an unknown word for whom": for_all(applied_to="some"),
    "not blocking": for_all(block=False),
    "blocking, but as a text": for_all(block="true"),
    "None": None,
    "a text": "block everything",
    "a list": [for_all()],
}


CANNOT_BE_SENT = [FAULTY["a header with a line end"], FAULTY["a header that is not Latin"]]
"""Rules that are in force, so that the one before them is not what would be answered."""


@pytest.mark.parametrize("bad", FAULTY.values(), ids=FAULTY.keys())
def test_a_rule_that_is_not_understood_blocks_nobody_and_costs_no_other(
    mounted: Callable[..., Mounted], bad: Any
) -> None:
    app = mounted("wsgi", [bad])
    assert app.get().status_code == 200
    other = for_all(
        response={"status": 403},
        regex_config=[{"conditions": [{"path": "request.route", "value": "^/a"}]}],
    )
    app = mounted("wsgi", [other | {"_id": "other"}, bad])
    expected = 200 if bad is not None and bad in CANNOT_BE_SENT else 403
    assert app.get("/a").status_code == expected
    assert app.get("/b").status_code == 200


@pytest.mark.parametrize(
    "document",
    [{}, {"rules": []}, "x", None, 7, b"<html>", b""],
    ids=["an object", "rules in it", "a text", "null", "a number", "HTML", "nothing"],
)
def test_rules_that_are_none_block_nobody(
    server: Server, call: Callable[..., None], document: Any
) -> None:
    server.rules = document if isinstance(document, bytes) else json.dumps(document).encode()
    moesif = Moesif(KEY, base_url=server.url, governance=True)
    with Client(moesif, flush_interval=0.01) as client:
        call(client)
        _until(lambda: client.stats().faults.get("config_failed") == 1)
        call(client)
        assert client.flush(PATIENCE)
        assert client.stats().delivered == 2


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(None, id="no configuration yet"),
        pytest.param({"user_rules": []}, id="rules in a list"),
        pytest.param({"user_rules": {"u1": {"rules": "x"}}}, id="a user's in an object"),
        pytest.param({"user_rules": {"u1": ["x", None, 7]}}, id="texts"),
        pytest.param({"user_rules": {"u1": [{"rules": ["x"]}]}}, id="a rule's id in a list"),
        pytest.param({"user_rules": {"u1": [{"rules": "gone"}]}}, id="a rule that is gone"),
    ],
)
def test_a_list_of_users_that_is_not_understood_blocks_nobody(
    mounted: Callable[..., Mounted], config: Any
) -> None:
    app = mounted("wsgi", [rule()], config)
    assert app.get(X_User="u1").status_code == 200


def test_values_that_are_none_leave_the_default(mounted: Callable[..., Mounted]) -> None:
    variables = [{"name": "0"}, {"name": "1", "default": "some"}]
    config = {"user_rules": {"u1": [{"rules": rule()["_id"], "values": None}]}}
    answer = mounted("wsgi", [rule(variables=variables)], config).get(X_User="u1")
    assert (
        answer.json()["message"] == "You exceeded your monthly quota of some for the UNKNOWN plan."
    )


def test_values_write_no_marks_of_their_own(mounted: Callable[..., Mounted]) -> None:
    app = mounted("wsgi", [rule()], subject(**{"0": "{{1}} {{2}}", "1": '"quoted" \\'}))
    message = app.get(X_User="u1").json()["message"]
    assert message == 'You exceeded your monthly quota of "quoted" \\ for the {{1}} {{2}} plan.'


def test_a_value_cannot_write_headers(mounted: Callable[..., Mounted]) -> None:
    app = mounted("wsgi", [rule()], subject(**{"1": "1\r\nSet-Cookie: admin=1"}))
    answer = app.get(X_User="u1")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_who_is_not_on_the_list_is_meant_by_not_matching(mounted: Callable[..., Mounted]) -> None:
    others = rule(applied_to="not_matching")
    app = mounted("wsgi", [others], subject(**QUOTA))
    assert app.get(X_User="u1").status_code == 200
    assert app.get(X_User="u2").status_code == 429
    assert app.get().status_code == 200  # nobody knows whom


def test_without_a_configuration_nobody_is_off_the_list(server: Server) -> None:
    moesif = Moesif(KEY, base_url=server.url, governance=True)
    moesif._take_rules([rule(applied_to="not_matching")])
    head = apilog.capture.RequestHead("GET", "http", "a", "/", "", None, [])
    assert moesif.refusal(head, "u2", None) is None
    moesif._take_config({})
    refusal = moesif.refusal(head, "u2", None)
    assert refusal is not None
    assert refusal.rule == rule()["_id"]
    moesif.close()


def test_companies_have_rules_of_their_own(server: Server, mounted: Callable[..., Mounted]) -> None:
    company = rule(_id="company", type="company")
    config = {"company_rules": {"acme": [{"rules": "company", "values": QUOTA}]}}

    def identify_company(request: Any, response: Any) -> str | None:
        found: str | None = request.get("HTTP_X_COMPANY")
        return found

    app = mounted("wsgi", [company], config, identify_company=identify_company)
    assert app.get(X_User="u1", X_Company="acme").status_code == 429
    assert app.get(X_User="u1", X_Company="bell").status_code == 200
    assert app.client.flush(PATIENCE)
    assert [event.get("blocked_by") for event in server.events] == ["company", None]


def test_users_rules_beat_companies_rules_beat_rules_for_all(
    mounted: Callable[..., Mounted],
) -> None:
    def response(status: int, name: str) -> dict[str, Any]:
        return {"status": status, "headers": {name: "1", "X-Last": name}, "body": name}

    rules = [
        rule(response=response(461, "X-User"), applied_to_unidentified=False),
        rule(
            _id="c",
            type="company",
            response=response(462, "X-Company"),
            applied_to_unidentified=True,
        ),
        for_all(response=response(463, "X-All")),
        for_all(response={"headers": {"X-Note": "1"}}, block=False) | {"_id": "note"},
    ]
    app = mounted("wsgi", rules, subject())
    answer = app.get(X_User="u1")
    assert (answer.status_code, answer.text) == (461, "X-User")
    for name in ("X-User", "X-Company", "X-All", "X-Note"):
        assert answer.headers[name] == "1"
    assert answer.headers["X-Last"] == "X-User"
    assert app.get().status_code == 462


@pytest.mark.parametrize(
    ("body", "kind", "content"),
    [
        pytest.param("go away", "text/plain; charset=utf-8", b"go away", id="a text"),
        pytest.param({"a": [1, None]}, "application/json", b'{"a":[1,null]}', id="an object"),
        pytest.param([1], "application/json", b"[1]", id="a list"),
        pytest.param(False, "application/json", b"false", id="a word of JSON"),
        pytest.param("größer ☃", "text/plain; charset=utf-8", "größer ☃".encode(), id="not ASCII"),
    ],
)
@pytest.mark.parametrize("mounting", MOUNTINGS)
def test_a_body_may_be_anything(
    mounted: Callable[..., Mounted], mounting: str, body: Any, kind: str, content: bytes
) -> None:
    answer = mounted(mounting, [for_all(response={"status": 403, "body": body})]).get()
    assert (answer.headers["Content-Type"], answer.content) == (kind, content)


@pytest.mark.parametrize("mounting", MOUNTINGS)
@pytest.mark.parametrize("status", [204, 304, 403])
def test_a_body_may_be_missing(mounted: Callable[..., Mounted], mounting: str, status: int) -> None:
    answer = mounted(mounting, [for_all(response={"status": status})]).get()
    assert (answer.status_code, answer.content) == (status, b"")
    assert ("Content-Type" in answer.headers) is (status == 403)


def test_a_rules_own_content_type_stays_and_the_servers_headers_are_the_servers(
    mounted: Callable[..., Mounted],
) -> None:
    headers = {
        "content-type": "application/problem+json",
        "Content-Length": "3",
        "Connection": "close",
        "Transfer-Encoding": "chunked",
    }
    response = {"status": 403, "headers": headers, "body": {"title": "no"}}
    answer = mounted("wsgi", [for_all(response=response)]).get()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-length"] == "14"
    assert "connection" not in answer.headers
    assert "transfer-encoding" not in answer.headers


def test_the_caller_may_be_named_by_a_credential(mounted: Callable[..., Mounted]) -> None:
    credential = base64.b64encode(b"u1:hunter2").decode()
    app = mounted("asgi", [rule()], subject(**QUOTA), identify_user=None)
    assert app.get(Authorization=f"Basic {credential}").status_code == 429
    assert app.get().status_code == 200


def test_an_async_hook_is_awaited(mounted: Callable[..., Mounted]) -> None:
    async def identify_user(request: Any, response: Any) -> str:
        await asyncio.sleep(0)
        return "u1"

    app = mounted("asgi", [rule()], subject(**QUOTA), identify_user=identify_user)
    assert app.get().status_code == 429


def test_flasks_session_is_there_when_the_hook_is_asked(mounted: Callable[..., Mounted]) -> None:
    app = mounted(
        "flask", [rule(applied_to_unidentified=True)], identify_user=lambda *_: session.get("user")
    )
    assert app.get().status_code == 429
    assert not app.client.stats().faults


@pytest.mark.parametrize("mounting", ["django", "async django"])
def test_what_djangos_middlewares_know_is_there_when_the_hook_is_asked(
    mounted: Callable[..., Mounted], mounting: str
) -> None:
    app = mounted(
        mounting, [rule()], subject(**QUOTA), identify_user=lambda request, _: request.known_user
    )
    assert app.get().status_code == 429
    assert app.calls == 0
    assert not app.client.stats().faults


def test_the_address_behind_a_trusted_proxy_is_the_callers(
    mounted: Callable[..., Mounted],
) -> None:
    conditions = [{"path": "request.ip_address", "value": r"^203\.0\.113\."}]
    rules = [for_all(regex_config=[{"conditions": conditions}])]
    app = mounted("asgi", rules, trusted_proxies=["192.0.2.0/24"])
    assert app.get(X_Forwarded_For="203.0.113.9").status_code == 429
    app = mounted("asgi", rules)
    assert app.get(X_Forwarded_For="203.0.113.9").status_code == 200


@pytest.mark.parametrize("mounting", ["wsgi", "asgi"])
def test_calls_that_are_sampled_out_are_governed_as_well(
    server: Server, mounted: Callable[..., Mounted], mounting: str
) -> None:
    app = mounted(mounting, [rule()], subject(**QUOTA), sample_rate=0)
    assert app.get(X_User="u1").status_code == 429
    assert app.get(X_User="u2").status_code == 200
    assert app.client.flush(PATIENCE)
    assert app.client.stats().dropped == {"sampled_out": 2}
    assert not server.events


def test_calls_that_are_not_recorded_at_all_are_none_of_ours(
    mounted: Callable[..., Mounted],
) -> None:
    app = mounted("wsgi", [for_all()], exclude_paths=["/health"])
    assert app.get("/health").status_code == 200
    assert app.get("/").status_code == 429
    app.client.pause()
    assert app.get("/").status_code == 200


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_with_a_spool_blocked_calls_are_stored(
    server: Server, mounted: Callable[..., Mounted], tmp_path: Path, durability: str
) -> None:
    app = mounted("wsgi", [for_all()], spool=str(tmp_path / "spool"), durability=durability)
    assert app.get().status_code == 429
    assert app.client.flush(PATIENCE)
    assert [event["blocked_by"] for event in server.events] == ["everybody"]


def test_without_governance_the_rules_are_not_even_asked_for(
    server: Server, call: Callable[..., None]
) -> None:
    server.rules = [for_all()]
    with Client(Moesif(KEY, base_url=server.url), flush_interval=0.01) as client:
        assert client.governance is None
        call(client)
        server.wait_for(lambda: bool(server.config_asked))
        call(client)
        assert client.flush(PATIENCE)
    assert not server.rules_asked


def test_rules_arrive_in_the_background_and_hold(server: Server) -> None:
    server.rules = [for_all()]
    calls = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        calls.append(environ)
        start_response("200 OK", [])
        return [b""]

    moesif = Moesif(KEY, base_url=server.url, governance=True, remote_sampling=False)
    with Client([Memory(), moesif], flush_interval=0.01) as client:
        recorded = WsgiMiddleware(app, client=client)
        transport = httpx.WSGITransport(recorded)
        with httpx.Client(transport=transport, base_url="http://shop.test") as http:
            assert http.get("/").status_code == 200
            _until(lambda: not moesif._governance.is_open)
            assert http.get("/").status_code == 429
        assert client.flush(PATIENCE)
    assert len(calls) == 1
    assert server.rules_asked == [None]
    assert server.config_asked == [None]


@pytest.mark.parametrize("mounting", MOUNTINGS)
@pytest.mark.parametrize("document", ["config", "rules"])
def test_rules_that_hang_delay_no_start_no_call_and_no_end(
    server: Server, mounted: Callable[..., Mounted], mounting: str, document: str
) -> None:
    gate: threading.Event = getattr(server, f"{document}_gate")
    gate.clear()
    began = time.monotonic()
    app = mounted(mounting, [], flush_interval=0.01)
    assert app.get().status_code == 200
    asked: list[str | None] = getattr(server, f"{document}_asked")
    server.wait_for(lambda: bool(asked))
    assert [app.get().status_code for _ in range(5)] == [200] * 5
    assert app.client.flush(PATIENCE)
    assert len(server.events) == app.calls == 6
    assert app.client.close(PATIENCE)
    assert time.monotonic() - began < 4  # an answer is waited for longer than that
    assert len(asked) == 1
    gate.set()


def test_a_governor_that_fails_lets_the_call_through(server: Server) -> None:
    class Broken(Memory):
        governs = True

        def refusal(self, *_: object) -> None:
            raise LookupError("a bug")

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"fine"]

    with Client(Broken()) as client:
        transport = httpx.WSGITransport(WsgiMiddleware(app, client=client))
        with httpx.Client(transport=transport, base_url="http://shop.test") as http:
            assert http.get("/").text == "fine"
        assert client.stats().faults == {"governance_failed": 1}


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)

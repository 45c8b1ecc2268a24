"""Swetrix: its validation, its answers, and what becomes of what it is told."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import urlencode

import pytest

PROJECT = "aUn1quEid-3x"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
ROBOT = {"message": "Bot traffic detected, request is ignored"}
TOO_LONG = "Metadata object can't have keys and values with total length more than 2000 characters"
WRONG_PROJECT = "The provided Project ID (pid) is incorrect"


def sent(collector: Any, path: str, body: Any = None, **headers: str) -> Any:
    found = {
        "User-Agent": BROWSER,
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    said = {"pid": PROJECT, **(body or {})}
    return collector.http.post(path, json=said, headers=found)


def view(path: str = "/log", **fields: Any) -> tuple[str, dict[str, Any]]:
    return path, {"pg": "/home", **fields}


@pytest.mark.parametrize("path", ["/log", "/log/", "/v1/log", "/v1/log/"])
def test_a_page_view_is_a_call_of_its_own_kind(collector: Any, path: str) -> None:
    body = {"pg": "/home?x=1", "lc": "en-US", "perf": {}, "unique": False, "profileId": "ada"}
    answer = sent(collector, path, body)
    assert (answer.status_code, answer.json()) == (201, {})
    row = collector.row()
    assert (row.method, row.route, row.path, row.query) == ("VIEW", "/home?x=1", "/home", "x=1")
    assert (row.user, row.ip, row.source) == ("ada", "127.0.0.1", "swetrix")
    assert collector.event()["metadata"]["received"] == {"pid": PROJECT, **body}


@pytest.mark.parametrize("start", ["", "/v1"])
@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/log/custom", {"ev": "signup"}, {}),
        ("/log/error", {"name": "KeyError"}, {}),
        ("/log/identify", {"profileId": "ada"}, {"profileId": "usr_ada"}),
        ("/feature-flag/evaluate", {}, {"flags": {}}),
    ],
)
def test_every_endpoint_has_four_spellings(
    collector: Any, start: str, end: str, path: str, body: Any, answer: Any
) -> None:
    found = sent(collector, f"{start}{path}{end}", body)
    assert (found.status_code, found.json()) == (201, answer)


def test_an_event_is_named_by_its_name(collector: Any) -> None:
    body = {"ev": "Sign up: ✓", "pg": "/welcome", "meta": {"plan": "pro"}, "qs": "utm_source=x"}
    assert sent(collector, "/log/custom", body).status_code == 201
    row = collector.row()
    assert (row.method, row.route) == ("EVENT", "Sign up: ✓")
    assert (row.path, row.query) == ("/welcome", "utm_source=x")


def test_an_error_is_found_by_its_words(collector: Any) -> None:
    body = {
        "name": "TypeError",
        "message": "teapot is undefined",
        "lineno": 3,
        "stackTrace": "at x",
    }
    assert sent(collector, "/log/error", body).status_code == 201
    row = collector.row()
    assert (row.method, row.route, row.error) == ("ERROR", "TypeError", "TypeError")


def test_what_our_own_destination_tells_is_the_call_itself(collector: Any) -> None:
    """Metadata may hold texts only, as Swetrix itself makes of numbers."""
    meta = {
        "method": "GET",
        "route": "/items/{id}",
        "status": "200",
        "status_class": "2xx",
        "duration_ms": "12.5",
        "response_size": 40,
        "transaction_id": "0198c5e0-0000-7000-8000-000000000001",
        "company_id": "acme",
    }
    body = {
        "ev": "GET /items/{id}",
        "pg": "/items/7",
        "qs": "x=1",
        "profileId": "ada",
        "meta": meta,
    }
    assert sent(collector, "/log/custom", body).status_code == 201
    assert sent(collector, "/log/error", {"name": "E", "meta": meta}).status_code == 201
    row = collector.row()
    assert (row.id, row.method, row.route) == (meta["transaction_id"], "GET", "/items/{id}")
    assert (row.status, row.duration, row.response_size) == (200, 12_500, 40)
    assert (row.path, row.query, row.user, row.company) == ("/items/7", "x=1", "ada", "acme")
    assert (row.session, row.ip) == ("", "")


@pytest.mark.parametrize(
    ("headers", "ip"),
    [
        ({"X_Client_IP_Address": "203.0.113.8"}, "203.0.113.8"),
        ({"X_Forwarded_For": "203.0.113.7, 10.0.0.1"}, "203.0.113.7"),
        ({"X_Forwarded_For": "nonsense"}, "127.0.0.1"),
    ],
)
def test_the_client_is_who_the_headers_say(collector: Any, headers: Any, ip: str) -> None:
    assert sent(collector, "/log", {"pg": "/"}, **headers).status_code == 201
    assert collector.row().ip == ip


def test_a_unique_view_is_taken_once_in_a_session(collector: Any) -> None:
    assert sent(collector, *view(unique=True)).status_code == 201
    again = sent(collector, *view(unique=True))
    assert (again.status_code, again.json()) == (
        403,
        {
            "message": "The event was not saved because it was not unique while unique only param"
            " is provided",
            "error": "Forbidden",
            "statusCode": 403,
        },
    )
    assert sent(collector, *view()).status_code == 201
    assert sent(collector, *view(unique=True), X_Forwarded_For="203.0.113.7").status_code == 201
    assert len(collector.rows()) == 3


def test_a_heartbeat_needs_a_session_and_stores_nothing(collector: Any) -> None:
    assert sent(collector, "/log/hb").status_code == 403
    assert sent(collector, "/log/custom", {"ev": "x"}).status_code == 201
    assert sent(collector, "/log/hb").json() == {}
    assert sent(collector, "/log/hb", X_Forwarded_For="203.0.113.7").status_code == 403
    assert len(collector.rows()) == 1


def test_identify_is_of_a_user(collector: Any) -> None:
    body = {"profileId": "ada", "traits": {"plan": "pro", "seats": 3, "none": None}}
    answer = sent(collector, "/log/identify", body)
    assert (answer.status_code, answer.json()) == (201, {"profileId": "usr_ada"})
    assert collector.profile("user", "ada") == {"user_id": "ada", "metadata": body["traits"]}


@pytest.mark.parametrize("name", ["guest", "NULL", " anonymous ", "0", "[object Object]"])
def test_words_for_nobody_identify_nobody(collector: Any, name: str) -> None:
    answer = sent(collector, "/log/identify", {"profileId": name})
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"


def test_ids_stay_the_same_for_a_visitor(collector: Any) -> None:
    profile = sent(collector, "/log/profile-id").json()["profileId"]
    session = sent(collector, "/log/session-id").json()["sessionId"]
    assert profile.startswith("anon_")
    assert session.isdigit()
    assert sent(collector, "/log/profile-id").json() == {"profileId": profile}
    assert sent(collector, "/log/session-id").json() == {"sessionId": session}
    other = sent(collector, "/log/session-id", X_Forwarded_For="203.0.113.7").json()
    assert other != {"sessionId": session}


def test_a_sale_is_stored_once(collector: Any) -> None:
    body = {"type": "sale", "amount": 12.5, "currency": "EUR", "transactionId": "t1"}
    for _ in range(2):
        answer = sent(collector, "/log/revenue", body, X_Api_Key="secret-key")
        assert (answer.status_code, answer.json()) == (
            201,
            {"success": True, "transactionId": "t1"},
        )
    row = collector.row()
    assert (row.method, row.route) == ("REVENUE", "sale")
    assert b"secret-key" not in json.dumps(collector.event()).encode()


def test_a_sale_needs_a_key_and_its_fields(collector: Any) -> None:
    answer = sent(collector, "/log/revenue", {"type": "sale", "amount": 1, "currency": "EUR"})
    assert answer.status_code == 401
    answer = sent(collector, "/log/revenue", {"type": "gift", "amount": 0}, X_Api_Key="k")
    assert answer.status_code == 400
    assert answer.json()["message"] == [
        "type must be one of the following values: sale, refund, subscription",
        "amount must be a positive number",
        "currency must be a valid ISO4217 currency code",
    ]


@pytest.mark.parametrize("path", ["/log", "/log/custom", "/log/error", "/log/hb", "/log/identify"])
def test_robots_are_told_so_and_nothing_is_stored(collector: Any, path: str) -> None:
    body = {"ev": "x", "name": "x", "profileId": "ada"}
    answer = sent(collector, path, body, User_Agent="python-requests/2.34")
    assert (answer.status_code, answer.json()) == (201, ROBOT)
    assert collector.rows() == []
    (refusal,) = collector.refusals()
    assert (refusal.status, refusal.content) == (201, b"python-requests/2.34")


def test_an_empty_user_agent_is_no_robots(collector: Any) -> None:
    assert sent(collector, *view(), User_Agent="").json() == {}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/log", {"pid": "x"}, [WRONG_PROJECT]),
        ("/log", {"pid": "aUn1quEid--x"}, [WRONG_PROJECT]),
        ("/log", {"pid": None}, [WRONG_PROJECT, "pid should not be empty"]),
        ("/log", {"pid": 7}, [WRONG_PROJECT]),
        ("/log", {"pg": 7}, ["pg must be a string"]),
        (
            "/log",
            {"profileId": "x" * 257, "qs": "x" * 2_049},
            [
                "profileId must be shorter than or equal to 256 characters",
                "qs must be shorter than or equal to 2048 characters",
            ],
        ),
        (
            "/log/custom",
            {},
            [
                "ev must be shorter than or equal to 256 characters",
                "ev must be a string",
                "ev should not be empty",
            ],
        ),
        ("/log/custom", {"ev": ""}, ["ev should not be empty"]),
        (
            "/log/custom",
            {"ev": "\U0001f600" * 129},
            ["ev must be shorter than or equal to 256 characters"],
        ),
        ("/log/custom", {"ev": "x", "meta": []}, ["meta must be an object"]),
        (
            "/log/custom",
            {"ev": "x", "meta": {"a": {}}},
            ["All of metadata object values must be primitive JSON values"],
        ),
        (
            "/log/custom",
            {"ev": "x", "meta": {"a": "x" * 2_000}},
            [TOO_LONG],
        ),
        (
            "/log/custom",
            {"ev": "x", "meta": {str(number): None for number in range(101)}},
            ["Metadata object can't have more than 100 keys"],
        ),
        (
            "/log/error",
            {"name": "x" * 201, "lineno": "3", "message": "x" * 2_001, "filename": "x" * 1_001},
            [
                "name must be shorter than or equal to 200 characters",
                "message must be shorter than or equal to 2000 characters",
                "lineno must be a number conforming to the specified constraints",
                "filename must be shorter than or equal to 1000 characters",
            ],
        ),
        (
            "/log/identify",
            {"profileId": "ada", "traits": {" ": 1}},
            ["Traits keys must be non-empty and no longer than 128 characters"],
        ),
        (
            "/log/identify",
            {"profileId": "ada", "traits": {str(number): 1 for number in range(51)}},
            ["Traits object can't have more than 50 keys"],
        ),
        ("/feature-flag/evaluate", {"pid": "x"}, ["pid must be exactly 12 characters"]),
    ],
)
def test_what_the_checks_refuse_is_400_in_their_words(
    collector: Any, path: str, body: Any, message: list[str]
) -> None:
    answer = sent(collector, path, body)
    said = {"message": message, "error": "Bad Request", "statusCode": 400}
    assert (answer.status_code, answer.json()) == (400, said)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert len(collector.refusals()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"meta": {str(number): number for number in range(100)}},
        {"meta": {"a": None, "b": True, "c": 1.5, "d": 1e21}},
        {"lc": 7, "tz": [], "unique": "no", "perf": 3, "prev": "/x"},
        {"ev": "x" * 256, "profileId": "x" * 256, "qs": "x" * 2_048},
    ],
)
def test_what_the_checks_let_pass_is_taken(collector: Any, fields: Any) -> None:
    assert sent(collector, "/log/custom", {"ev": "x", **fields}).status_code == 201


def test_a_form_is_taken_like_json(collector: Any) -> None:
    form = urlencode({"pid": PROJECT, "ev": "signup", "meta[plan]": "pro", "pg": "/ä"})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": BROWSER}
    answer = collector.http.post("/log/custom", content=form, headers=headers)
    assert answer.status_code == 201
    assert collector.event()["metadata"]["received"] == {
        "pid": PROJECT, "ev": "signup", "meta": {"plan": "pro"}, "pg": "/ä",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", ""])
def test_other_content_types_are_an_empty_body(collector: Any, kind: str) -> None:
    headers = {"Content-Type": kind, "User-Agent": BROWSER}
    answer = collector.http.post("/log", content=f'{{"pid":"{PROJECT}"}}', headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"] == [WRONG_PROJECT, "pid should not be empty"]


@pytest.mark.parametrize("body", [b"{", b"7", b'"x"', b"{'a': 1}"])
def test_what_is_no_json_is_400(collector: Any, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": BROWSER}
    answer = collector.http.post("/log", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json() == {
        "message": "Unexpected token in JSON", "error": "Bad Request", "statusCode": 400,
    }  # fmt: skip


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_body_of_over_100_kb_is_413(collector: Any, coding: str) -> None:
    body = json.dumps({"pid": PROJECT, "pg": "/", "x": "x" * 102_400}).encode()
    body = gzip.compress(body) if coding == "gzip" else body
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = collector.http.post("/log", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (
        413, {"statusCode": 413, "message": "request entity too large"},
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/log", "/log/", "/v1/log/custom", "/feature-flag/evaluate"])
def test_pages_of_any_origin_may_send(collector: Any, path: str) -> None:
    headers = {"Origin": "https://shop.example.com", "Access-Control-Request-Method": "POST"}
    answer = collector.http.options(path, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "Authorization, *"
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_a_page_without_scripts_sends_by_a_picture(collector: Any) -> None:
    place = {"pid": PROJECT, "pg": "/home"}
    answer = collector.http.get("/log/noscript", params=place, headers={"User-Agent": BROWSER})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/gif"
    assert answer.content.startswith(b"GIF89a")
    assert (collector.row().method, collector.row().path) == ("VIEW", "/home")
    assert collector.http.get("/log/noscript").status_code == 400


def test_moesifs_logs_are_not_swetrixs(collector: Any) -> None:
    assert collector.http.post("/v1/logs", json={}).status_code == 404

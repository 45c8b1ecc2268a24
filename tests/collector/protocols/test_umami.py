"""Umami: its validation, its answers, and what becomes of what it is told."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

WEBSITE = "c8861a92-8899-418e-af74-c8bab41c9766"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")


def sent(collector: Any, payload: Any, kind: str = "event", **headers: str) -> Any:
    """Send one item as a browser does."""
    item = {"type": kind, "payload": payload}
    found = {
        "User-Agent": BROWSER,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return collector.http.post("/api/send", json=item, headers=found)


def page(**fields: Any) -> dict[str, Any]:
    return {"website": WEBSITE, **fields}


def problem(answer: Any) -> Any:
    """Return what an answer says is wrong with a field of the payload."""
    error = answer.json()["error"]
    assert answer.status_code == error["status"] == 400
    assert (error["message"], error["code"]) == ("Bad request", "bad-request")
    payload = error["properties"]["payload"]
    ((name, said),) = payload["properties"].items()
    assert payload["errors"] == error["errors"] == []
    return name, said["errors"]


def test_a_page_view_is_a_call_of_its_own_kind(collector: Any) -> None:
    url = "https://shop.example.com/products?a=1#h"
    payload = page(
        url=url, hostname="shop.example.com", title="T", referrer="https://x.org/", tag="v"
    )
    answer = sent(collector, payload)
    assert answer.status_code == 200
    said = answer.json()
    assert set(said) == {"cache", "sessionId", "visitId"}
    assert UUID.fullmatch(said["sessionId"])
    assert UUID.fullmatch(said["visitId"])
    assert TOKEN.fullmatch(said["cache"])
    row = collector.row()
    assert (row.method, row.route, row.path, row.query) == (
        "VIEW",
        "/products#h",
        "/products#h",
        "a=1",
    )
    assert (row.host, row.source, row.session) == ("shop.example.com", "umami", said["sessionId"])
    assert (row.status, row.duration, row.user, row.ip) == (None, None, "", "127.0.0.1")
    event = collector.event()
    assert event["metadata"]["received"] == {"type": "event", "payload": payload}
    assert event["request"]["verb"] == "VIEW"
    assert event["request"]["headers"] == {"User-Agent": BROWSER}


def test_an_event_is_named_by_its_name(collector: Any) -> None:
    assert sent(collector, page(name="signup", url="/a", id="ada", data={"plan": "pro"})).is_success
    row = collector.row()
    assert (row.method, row.route, row.path, row.user) == ("EVENT", "signup", "/a", "ada")


def test_what_our_own_destination_tells_is_the_call_itself(collector: Any) -> None:
    data = {
        "method": "POST",
        "route": "/items/{id}",
        "status": 503,
        "status_class": "5xx",
        "duration_ms": 12.5,
        "request_size": 3,
        "response_size": 40,
        "exception": "KeyError",
        "company_id": "acme",
        "session": "abc",
        "transaction_id": "0198c5e0-0000-7000-8000-000000000001",
        "user_agent": "curl/8",
    }
    payload = page(name="POST /items/{id}", url="/items/7?x=1", hostname="shop.test", id="ada",
                   timestamp=1_795_208_770, tag="5xx", data=data)  # fmt: skip
    assert sent(collector, payload).status_code == 200
    row = collector.row()
    assert (row.id, row.method, row.route) == (data["transaction_id"], "POST", "/items/{id}")
    assert (row.status, row.duration, row.error) == (503, 12_500, "KeyError")
    assert (row.request_size, row.response_size) == (3, 40)
    assert (row.user, row.company, row.session, row.ip) == ("ada", "acme", "abc", "")
    assert row.time == 1_795_208_770_000_000
    event = collector.event()
    assert event["response"] == {
        "time": "2026-11-20T21:06:10.012500Z", "status": 503, "headers": {},
    }  # fmt: skip
    assert event["request"]["uri"] == "http://shop.test/items/7?x=1"
    assert event["metadata"]["apilog"]["route"] == "/items/{id}"


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        (1_795_208_770, 1_795_208_770),
        ("1795208770", 1_795_208_770),
        (" 1795208770 ", 1_795_208_770),
    ],
)
def test_timestamps_are_whole_seconds(collector: Any, timestamp: Any, seconds: int) -> None:
    assert sent(collector, page(timestamp=timestamp)).status_code == 200
    assert collector.row().time == seconds * 1_000_000


@pytest.mark.parametrize("timestamp", [1_795_208_770_000, None, 0, ""])
def test_timestamps_that_cannot_be_meant_so_are_those_of_the_arrival(
    collector: Any, timestamp: Any
) -> None:
    """Umami takes milliseconds, too, and then they land in the year 55840."""
    assert sent(collector, page(timestamp=timestamp)).status_code == 200
    assert collector.row().time > 1_700_000_000_000_000


def test_identify_is_of_a_user(collector: Any) -> None:
    said = page(id="ada", data={"plan": "pro", "company_id": "acme"})
    answer = sent(collector, said, "identify")
    assert set(answer.json()) == {"cache", "sessionId", "visitId"}
    assert collector.profile("user", "ada") == {
        "user_id": "ada", "company_id": "acme", "metadata": {"plan": "pro", "company_id": "acme"},
    }  # fmt: skip
    assert collector.rows() == []


def test_identify_without_an_id_and_performance_are_calls(collector: Any) -> None:
    assert sent(collector, page(data={"plan": "pro"}), "identify").status_code == 200
    assert sent(collector, page(url="/x", lcp=12.5, cls=0, ttfb=60_000), "performance").is_success
    assert {(row.method, row.route) for row in collector.rows()} == {
        ("IDENTIFY", "/"), ("PERFORMANCE", "/x"),
    }  # fmt: skip


def test_a_client_keeps_its_visit_by_its_token(collector: Any) -> None:
    first = sent(collector, page()).json()
    kept = sent(
        collector, page(), x_umami_cache=first["cache"], x_forwarded_for="203.0.113.9"
    ).json()
    assert (kept["sessionId"], kept["visitId"]) == (first["sessionId"], first["visitId"])
    other = sent(collector, page(), x_umami_cache="", x_forwarded_for="203.0.113.9").json()
    assert other["sessionId"] != first["sessionId"]


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.x", "..", "ü"])
def test_a_token_that_is_not_ours_counts_for_nothing(collector: Any, token: str) -> None:
    first = sent(collector, page()).json()
    headers = [("User-Agent", BROWSER.encode()), ("x-umami-cache", token.encode())]
    item = {"type": "event", "payload": page()}
    again = collector.http.post("/api/send", json=item, headers=headers).json()
    assert again["sessionId"] == first["sessionId"]


@pytest.mark.parametrize(
    ("headers", "ip"),
    [
        ({"x_forwarded_for": "203.0.113.7, 10.0.0.1"}, "203.0.113.7"),
        ({"true_client_ip": "203.0.113.8", "x_forwarded_for": "203.0.113.7"}, "203.0.113.8"),
        ({"cf_connecting_ip": "2001:db8::1"}, "2001:db8::1"),
        ({"x_real_ip": "no address", "x_forwarded_for": "203.0.113.7"}, "203.0.113.7"),
    ],
)
def test_the_client_is_who_the_headers_say(collector: Any, headers: Any, ip: str) -> None:
    assert sent(collector, page(), **headers).status_code == 200
    assert collector.row().ip == ip


def test_the_payloads_own_address_and_agent_come_first(collector: Any) -> None:
    payload = page(ip="203.0.113.9", userAgent=f"{BROWSER} x")
    assert sent(collector, payload, x_forwarded_for="203.0.113.7", User_Agent="curl/8").is_success
    assert collector.row().ip == "203.0.113.9"


@pytest.mark.parametrize(
    "agent",
    ["curl/8.0", "python-requests", "apilog/0.1", "name/1.0", "node", "Mozilla/5.0",
     "Mozilla/5.0 (compatible; x)", "Mozilla/5.0 (X11) https://x.org", "Googlebot/2.1"],
)  # fmt: skip
def test_robots_are_turned_away_without_a_word(collector: Any, agent: str) -> None:
    for payload, header in ((page(), agent), (page(userAgent=agent), BROWSER)):
        answer = sent(collector, payload, User_Agent=header)
        assert (answer.status_code, answer.json()) == (200, {"beep": "boop"})
    assert collector.rows() == []
    assert {each.status for each in collector.refusals()} == {200}


@pytest.mark.parametrize(
    "agent",
    ["", BROWSER, "Mozilla/5.0 apilog/0.1", "Mozilla/5.0 (X11; Linux x86_64) apilog/0.1",
     "Mozilla/5.0 Umami/v20.20.2"],
)  # fmt: skip
def test_people_are_no_robots(collector: Any, agent: str) -> None:
    assert "cache" in sent(collector, page(), User_Agent=agent).json()


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        ({"name": "x" * 51}, "name", "Too big: expected string to have <=50 characters"),
        ({"name": "\U0001f600" * 26}, "name", "Too big: expected string to have <=50 characters"),
        ({"tag": "x" * 51}, "tag", "Too big: expected string to have <=50 characters"),
        ({"hostname": "x" * 101}, "hostname", "Too big: expected string to have <=100 characters"),
        ({"language": "x" * 36}, "language", "Too big: expected string to have <=35 characters"),
        ({"screen": "x" * 12}, "screen", "Too big: expected string to have <=11 characters"),
        ({"title": None}, "title", "Invalid input: expected string, received null"),
        ({"name": 1}, "name", "Invalid input: expected string, received number"),
        ({"id": True}, "id", "Invalid input: expected string, received boolean"),
        ({"url": []}, "url", "Invalid input: expected string, received array"),
        ({"url": "http://"}, "url", "Invalid URL."),
        ({"url": "http://a b/"}, "url", "Invalid URL."),
        ({"url": "//x:99999/"}, "url", "Invalid URL."),
        ({"referrer": "https://[::1"}, "referrer", "Invalid URL."),
        ({"data": []}, "data", "Invalid input: expected object, received array"),
        ({"data": "x"}, "data", "Invalid input: expected object, received string"),
        ({"timestamp": "x"}, "timestamp", "Invalid input: expected number, received NaN"),
        ({"timestamp": 1.5}, "timestamp", "Invalid input: expected int, received number"),
        ({"website": "x"}, "website", "Invalid UUID"),
        ({"website": 1}, "website", "Invalid input: expected string, received number"),
        ({"lcp": -1}, "lcp", "Too small: expected number to be >=0"),
        ({"inp": 60_001}, "inp", "Too big: expected number to be <=60000"),
        ({"cls": 101}, "cls", "Too big: expected number to be <=100"),
        ({"fcp": "1"}, "fcp", "Invalid input: expected number, received string"),
        (
            {"link": WEBSITE},
            "website",
            "Exactly one of website, link, or pixel must be provided",
        ),
    ],
)
def test_what_the_schema_refuses_is_400_in_its_words(
    collector: Any, fields: Any, name: str, said: str
) -> None:
    assert problem(sent(collector, page(**fields))) == (name, [said])
    (refusal,) = collector.refusals()
    assert refusal.reason == f"not what Umami takes: {name}"
    assert collector.rows() == []


@pytest.mark.parametrize("kind", ["odd", None, 1])
def test_other_types_are_400(collector: Any, kind: Any) -> None:
    said = sent(collector, page(), kind).json()["error"]["properties"]
    options = 'Invalid option: expected one of "event"|"identify"|"performance"'
    assert said == {"type": {"errors": [options]}}


def test_without_a_website_link_or_pixel_it_is_400(collector: Any) -> None:
    name, said = problem(sent(collector, {"name": "x"}))
    assert (name, said) == ("website", ["Exactly one of website, link, or pixel must be provided"])


@pytest.mark.parametrize("source", ["link", "pixel"])
def test_links_and_pixels_are_taken_like_websites(collector: Any, source: str) -> None:
    assert sent(collector, {source: WEBSITE, "url": "/x"}).status_code == 200
    assert collector.row().path == "/x"


@pytest.mark.parametrize("website", ["0" * 8 + "-0000" * 3 + "-" + "0" * 12, WEBSITE.upper()])
def test_any_website_is_known(collector: Any, website: str) -> None:
    assert sent(collector, {"website": website}).status_code == 200


@pytest.mark.parametrize(
    "url",
    ["", "/", "products", "?x=1", "https://shop.test:8080/x", "//shop.test/x", "https:/x",
     "https://user:password@shop.test/", "mailto:a@b", "http://[::1]:80/", "http://1.2.3.4/",
     "http://m%C3%BCnchen.test/", "https://münchen.test/", "\thttps://a/ ", "/a b?c d"],
)  # fmt: skip
def test_addresses_of_any_kind_are_taken(collector: Any, url: str) -> None:
    assert sent(collector, page(url=url)).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"long": "x" * 501}}, {"data": {"big": 10**16}}, {"data": {"nul": "\0"}},
        {"data": {"when": "2026-02-30T00:00:00Z"}}, {"data": {"list": ["x" * 600]}},
        {"data": {"deep": {"k" * 500: 1}}}, {"name": "\0"}, {"id": "x" * 51}, {"browser": "x" * 21},
        {"url": "/?utm_source=" + "x" * 300}, {"hostname": "no host"}, {"ip": "no address"},
    ],
)  # fmt: skip
def test_what_only_umamis_database_refuses_is_taken_here(collector: Any, fields: Any) -> None:
    """There it is a 500, after half of it is stored."""
    assert sent(collector, page(**fields)).status_code == 200
    assert len(collector.rows()) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[NaN]", b"{'a': 1}"])
def test_what_is_no_json_is_400(collector: Any, body: bytes) -> None:
    answer = collector.http.post("/api/send", content=body)
    assert answer.status_code == 400
    said = ["Invalid input: expected object, received undefined"]
    assert answer.json()["error"]["errors"] == said


def test_a_byte_order_mark_and_bad_utf_8_pass(collector: Any) -> None:
    text = json.dumps({"type": "event", "payload": page(title="@")}).encode()
    body = b"\xef\xbb\xbf" + text.replace(b"@", b"\xff")
    answer = collector.http.post("/api/send", content=body, headers={"User-Agent": BROWSER})
    assert answer.status_code == 200
    assert collector.event()["metadata"]["received"]["payload"]["title"] == "\ufffd"


def test_a_batch_says_what_became_of_each_item(collector: Any) -> None:
    items = [
        {"type": "event", "payload": page(name="a")},
        {"type": "event", "payload": page(name="x" * 51)},
        {"type": "event", "payload": page(userAgent="curl/8")},
        {"type": "odd"},
        {"type": "event", "payload": page(name="b")},
    ]
    answer = collector.http.post("/api/batch", json=items, headers={"User-Agent": BROWSER})
    assert answer.status_code == 200
    said = answer.json()
    assert (said["size"], said["processed"], said["errors"]) == (5, 3, 2)
    assert [each["index"] for each in said["details"]] == [1, 3]
    error = said["details"][0]["response"]["error"]
    assert (error["status"], error["message"]) == (400, "Bad request")
    assert error["properties"]["payload"]["properties"]["name"]["errors"] == [
        "Too big: expected string to have <=50 characters"
    ]
    assert TOKEN.fullmatch(said["cache"])
    assert {row.route for row in collector.rows()} == {"a", "b"}
    assert sorted(each.status for each in collector.refusals()) == [200, 400, 400]


def test_a_batch_of_robots_is_processed_without_a_cache(collector: Any) -> None:
    items = [{"type": "event", "payload": page()}] * 2
    answer = collector.http.post("/api/batch", json=items, headers={"User-Agent": "curl/8"})
    assert answer.json() == {"size": 2, "processed": 2, "errors": 0, "details": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"0": {}, "1": {}}, {"errors": ["Invalid input: expected array, received object"]}),
        (7, {"errors": ["Invalid input: expected array, received number"]}),
        (
            [{}, 7],
            {
                "errors": [],
                "items": [None, {"errors": ["Invalid input: expected object, received number"]}],
            },
        ),
    ],
)
def test_what_is_no_batch_is_400(collector: Any, body: Any, said: Any) -> None:
    """The first is what @umami/api-client 0.81.0 sends."""
    answer = collector.http.post("/api/batch", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].items() >= said.items()


def test_an_empty_batch_is_nothing(collector: Any) -> None:
    answer = collector.http.post("/api/batch", json=[])
    assert answer.json() == {"size": 0, "processed": 0, "errors": 0, "details": []}


@pytest.mark.parametrize("path", ["/api/send", "/api/batch"])
def test_pages_of_any_origin_may_send(collector: Any, path: str) -> None:
    headers = {
        "Origin": "https://shop.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-umami-cache",
    }
    answer = collector.http.options(path, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    refused = collector.http.post(path, content=b"", headers=headers)
    assert refused.headers["access-control-allow-origin"] == "*"
    for method in ("GET", "PUT", "HEAD"):
        assert collector.http.request(method, path).status_code == 405
    moved = collector.http.post(f"{path}/?x=1", json={})
    assert (moved.status_code, moved.headers["location"]) == (308, f"{path}?x=1")

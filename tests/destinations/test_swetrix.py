"""What Swetrix receives, and what is made of each of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from servers.plain import Reply
from servers.swetrix import PROJECT, ROBOT, kept_locale, kept_perf, units
from servers.swetrix import Swetrix as Server

from apilog import Client, ConfigError, Rejected, RetryLater
from apilog.destinations import Swetrix
from apilog.exceptions import DeliveryError, Partly

AnEvent = Callable[..., bytes]
BROWSER = hostile.CHROME
DISABLED = "Incoming analytics is disabled for"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with server.running():
        yield server


@pytest.fixture
def new_swetrix(server: Server) -> Iterator[Callable[..., Swetrix]]:
    made: list[Swetrix] = []

    def make(**options: Any) -> Swetrix:
        made.append(Swetrix(PROJECT, base_url=server.url, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def swetrix(new_swetrix: Callable[..., Swetrix]) -> Swetrix:
    return new_swetrix()


def request(uri: str = "http://shop.test/items/7?x=1", **more: Any) -> dict[str, Any]:
    return {"time": "2026-11-20T21:06:10.700Z", "uri": uri, "verb": "GET", "headers": {}, **more}


def response(status: int) -> dict[str, Any]:
    return {"time": "2026-11-20T21:06:10.712Z", "status": status, "headers": {}}


def own(**more: Any) -> dict[str, Any]:
    return {"apilog": {"duration_ms": 12.34, **more}}


def outcome(swetrix: Swetrix, *batch: bytes) -> DeliveryError | None:
    try:
        swetrix.send(batch)
    except DeliveryError as error:
        return error
    return None


# What is told


def test_a_call_is_a_custom_event(server: Server, swetrix: Swetrix, an_event: AnEvent) -> None:
    swetrix.send([an_event(metadata=own(route="/items/{id}"), user_id="u1")])
    assert server.stored == [
        (
            "custom",
            {
                "pid": PROJECT,
                "ev": "GET /items/{id}",
                "pg": "/items/7",
                "qs": "x=1",
                "profileId": "u1",
                "meta": {
                    "method": "GET",
                    "route": "/items/{id}",
                    "status": 200,
                    "status_class": "2xx",
                    "duration_ms": 12.34,
                    "transaction_id": "0198c5e0-0000-7000-8000-000000000001",
                },
            },
        )
    ]
    assert server.requests[0].path == "/log/custom"


def test_a_call_is_a_pageview_by_choice(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    new_swetrix(kind="pageview").send([an_event(metadata=own(ttfb_ms=5.04))])
    (page,) = server.stored_as("pageview")
    assert page["pg"] == "/items/7"
    assert "ev" not in page
    assert server.requests[0].path == "/log"
    assert kept_perf(page) == {
        "dns": 0, "tls": 0, "conn": 0, "response": 7, "render": 0, "dom_load": 0, "page_load": 12,
        "ttfb": 5,
    }  # fmt: skip


@pytest.mark.parametrize("duration", [-1, 300_001, None, "soon", 1e300])
def test_a_pageview_without_a_usable_duration_has_no_times(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent, duration: Any
) -> None:
    assert (
        outcome(new_swetrix(kind="pageview"), an_event(metadata=own(duration_ms=duration))) is None
    )
    (page,) = server.stored_as("pageview")
    assert "perf" not in page


def test_a_request_is_no_robots_and_names_no_origin(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    swetrix.send([an_event()])
    headers = server.requests[0].headers
    assert headers["user-agent"].startswith("Mozilla/5.0 (X11; Linux x86_64) apilog/")
    assert {"accept", "accept-language", "accept-encoding"} <= set(headers)
    assert headers["content-type"] == "application/json"
    assert not {"origin", "referer", "x-forwarded-for", "x-client-ip-address"} & set(headers)
    assert "content-encoding" not in headers, "a body is smaller than what compression saves"


@pytest.mark.parametrize(
    ("choice", "address", "told"),
    [
        ("no", "203.0.113.77", None),
        ("truncated", "203.0.113.77", "203.0.113.0"),
        ("full", "203.0.113.77", "203.0.113.77"),
        ("truncated", "2001:db8:1:2::7", "2001:db8:1::"),
        ("full", "unix:\r\nX-Evil: 1", None),
        ("full", None, None),
    ],
)
def test_the_clients_address_is_told_by_choice_in_both_headers(
    server: Server,
    new_swetrix: Callable[..., Swetrix],
    an_event: AnEvent,
    choice: str,
    address: str | None,
    told: str | None,
) -> None:
    new_swetrix(forward_client_ip=choice).send([an_event(request=request(ip_address=address))])
    headers = server.requests[0].headers
    assert headers.get("x-forwarded-for") == headers.get("x-client-ip-address") == told
    assert "203.0.113.77" not in f"{server.requests[0].document}"


@pytest.mark.parametrize(
    ("agent", "is_told"),
    [
        (BROWSER, True),
        ("curl/8.0", False),
        (f"{BROWSER} https://robot.example", False),
        (f"{BROWSER}\r\nX-Evil: 1", False),
        (BROWSER.replace("Win64", "Wi\N{FIRE}"), False),
        (BROWSER.replace("Win64", "W\x01n"), False),
        ("", False),
    ],
)
def test_only_a_browsers_user_agent_is_told_and_only_by_choice(
    server: Server,
    new_swetrix: Callable[..., Swetrix],
    an_event: AnEvent,
    agent: str,
    is_told: bool,
) -> None:
    event = an_event(request=request(headers={"User-Agent": agent}))
    new_swetrix(forward_user_agent=True).send([event])
    new_swetrix().send([event])
    first, second = (each.headers["user-agent"] for each in server.requests)
    assert (first == agent) is is_told
    assert "apilog/" in second
    assert len(server.stored) == 2


@pytest.mark.parametrize(
    "nobody", ["guest", "Guest", " null ", "undefined", "0", "", "None", "anonymous", None]
)
def test_nobody_has_no_profile(
    server: Server, swetrix: Swetrix, an_event: AnEvent, nobody: str | None
) -> None:
    swetrix.send([an_event(user_id=nobody)])
    assert "profileId" not in server.requests[0].document


def test_a_long_user_id_is_a_pseudonym_and_a_session_token_is_never_told(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    swetrix.send([an_event(user_id="u" * 257), an_event(user_id="u" * 256)])
    swetrix.send([an_event(user_id="session-secret", session_token="session-secret")])
    swetrix.send([an_event(user_id="u1", session_token="session-secret")])
    long, longest, session, both = (body["profileId"] for _, body in server.stored)
    assert len(long) == 32
    assert longest == "u" * 256
    assert len(session) == 32
    assert both == "u1"
    assert server.stored[3][1]["meta"]["session"] == session, "calls of a session can be joined"
    assert all(b"session-secret" not in each.body for each in server.requests)


def test_bodies_and_headers_are_never_told(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    secret = request(headers={"X-Plain": "in-a-header"}, body={"plain": "in-a-body"})
    answer = {**response(500), "headers": {"X-Plain": "in-a-header"}, "body": "in-a-body"}
    swetrix.send([an_event(request=secret, response=answer)])
    assert len(server.requests) == 2
    assert all(b"in-a-" not in each.body for each in server.requests)


def test_secrets_are_masked_before_swetrix_is_told(
    server: Server, swetrix: Swetrix, call: Callable[..., None]
) -> None:
    with Client(swetrix, get_metadata=lambda *_: {"password": "hunter2"}) as client:
        call(client, "/items", QUERY_STRING="password=hunter2&page=2")
    assert "page=2" in server.stored[0][1]["qs"]
    assert all(b"hunter2" not in each.body for each in server.requests)


def test_campaigns_of_the_query_are_told_as_swetrix_does(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    swetrix.send([an_event(request=request("http://x/?utm_source=a%20b&utm_content=c&utm_x=1"))])
    body = server.stored[0][1]
    assert (body["so"], body["co"]) == ("a b", "c")
    assert body["qs"] == "utm_source=a%20b&utm_content=c&utm_x=1"


def test_a_query_that_is_too_long_loses_whole_parameters(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    query = "&".join(f"k{number:03}=%F0%9F%94%A5" for number in range(200))
    for each in (query, "q=" + "x" * 3_000, query[:2_048]):
        swetrix.send([an_event(request=request(f"http://x/?{each}"))])
    several, single, exact = (body.get("qs") for _, body in server.stored)
    assert query.startswith(several)
    assert several.endswith("=%F0%9F%94%A5")
    assert 2_000 < len(several) <= 2_048
    assert single is None
    assert exact == query[:2_048]


def test_name_properties_and_fields_are_the_users(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    new_swetrix(
        name=lambda event: f"call of {event.request.verb}",
        properties=lambda event: {"plan": "pro", "status": "mine", "deep": {"a": [1, 2]}},
        fields=lambda event: {"lc": "en-GB", "tz": "UTC", "qs": None, "pid": "x", "prev": "/"},
    ).send([an_event()])
    ((_, body),) = server.stored
    assert body["ev"] == "call of GET"
    assert body["meta"]["plan"] == "pro"
    assert body["meta"]["deep.a"] == "1, 2"
    assert body["meta"]["status"] == 200, "measures keep their names"
    assert (body["lc"], body["tz"], body["pid"]) == ("en-GB", "UTC", PROJECT)
    assert kept_locale(body) == "en-GB"
    assert not {"qs", "prev"} & set(body)


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda _: 1 / 0, id="one that fails"),
        pytest.param(lambda _: None, id="one that says nothing"),
        pytest.param(lambda _: 7, id="one that says a number"),
        pytest.param(lambda _: "", id="one that says an empty text"),
        pytest.param(lambda _: {"a": object(), "pg": 7, "perf": "x"}, id="one that says nonsense"),
    ],
)
def test_a_function_that_is_no_use_costs_only_its_field(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent, function: Any
) -> None:
    swetrix = new_swetrix(name=function, properties=function, fields=function, kind="custom")
    assert outcome(swetrix, an_event(metadata=own(route="/items/{id}"))) is None
    assert server.stored[0][1]["ev"] == "GET /items/{id}"


def test_meta_keeps_within_its_bounds_and_measures_come_first(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    many = [
        {f"key {number:03}": f"value {number}" for number in range(120)},
        {f"k{number}": number for number in range(500)},
        {"long": "\N{FIRE}" * 5_000, "after": "room for it"},
        {"x" * 5_000: 1, "numbers": 1e300, "big": 10**30, "none": None, "yes": True},
        {f"k{number}": "\N{FIRE}" * 300 for number in range(9)},
        {"nul\0": "\0", "lone": "\ud83d"},
        {
            **{f"k{number}": "v" * 490 for number in range(4)},
            **{f"empty{n:03}": "" for n in range(90)},
        },
    ]
    for each in many:
        swetrix = new_swetrix(properties=lambda _, each=each: each)
        assert outcome(swetrix, an_event()) is None
    assert len(server.stored) == len(many)
    for _, body in server.stored:
        assert {"method", "status", "duration_ms", "transaction_id"} <= set(body["meta"])
    keys, _, long, *_ = (body["meta"] for _, body in server.stored)
    assert len(keys) == 100
    assert units(long["long"]) == 500
    assert long["after"] == "room for it"


def test_the_name_and_the_path_are_cut(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    swetrix = new_swetrix(name=lambda _: "x" + "\N{FIRE}" * 300)
    swetrix.send([an_event(request=request("http://x/" + "%F0%9F%94%A5" * 300))])
    ((_, body),) = server.stored
    assert units(body["ev"]) == 255, "no half of a pair"
    assert len(body["pg"]) == 2_048


# Errors and heartbeats


@pytest.mark.parametrize(
    ("status", "metadata", "name"),
    [
        pytest.param(500, own(), "HTTP 500", id="a 500"),
        pytest.param(503, own(exception="shop.OutOfTea"), "shop.OutOfTea", id="an exception"),
        pytest.param(None, own(exception="KeyError"), "KeyError", id="no answer at all"),
    ],
)
def test_an_error_is_reported_besides(
    server: Server,
    swetrix: Swetrix,
    an_event: AnEvent,
    status: int | None,
    metadata: dict[str, Any],
    name: str,
) -> None:
    answer = None if status is None else response(status)
    swetrix.send([an_event(response=answer, metadata=metadata, user_id="u1")])
    (event,) = server.stored_as("custom")
    (error,) = server.stored_as("error")
    assert error["name"] == name
    assert error["message"] == f"GET /items/{{id}} {status or 'without an answer'}"
    assert {key: error[key] for key in ("pid", "pg", "profileId", "meta")} == {
        key: event[key] for key in ("pid", "pg", "profileId", "meta")
    }


@pytest.mark.parametrize(
    ("options", "status", "metadata"),
    [
        pytest.param({}, 404, own(), id="a 404"),
        pytest.param({"errors": False}, 500, own(), id="errors that are switched off"),
        pytest.param({}, 200, own(exception="x", aborted=True), id="a client that left"),
    ],
)
def test_no_error_is_reported_for(
    server: Server,
    new_swetrix: Callable[..., Swetrix],
    an_event: AnEvent,
    options: dict[str, Any],
    status: int,
    metadata: dict[str, Any],
) -> None:
    new_swetrix(**options).send([an_event(response=response(status), metadata=metadata)])
    assert [what for what, _ in server.stored] == ["custom"]


def test_what_arrived_is_not_sent_again_for_the_error_that_did_not(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    event = an_event(response=response(500))
    server.prepared.extend([Reply(201, {}), Reply(429, headers={"Retry-After": "7"})])
    trouble = outcome(swetrix, event)
    assert isinstance(trouble, RetryLater)
    assert trouble.after == 7
    assert outcome(swetrix, event) is None
    paths = [each.path for each in server.requests]
    assert paths == ["/log/custom", "/log/error", "/log/error"]
    assert outcome(swetrix, event) is None
    assert len(server.requests) == 5, "an event that comes once more is a new one"


def test_what_did_not_arrive_is_sent_again_before_its_error(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    server.prepared.append(Reply(503))
    event = an_event(response=response(500))
    assert isinstance(outcome(swetrix, event), RetryLater)
    assert outcome(swetrix, event) is None
    assert [what for what, _ in server.stored] == ["custom", "error"]


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param([Reply(400, {"message": ["name must be a string"]})], id="a refusal"),
        pytest.param([Reply(404)], id="a server that takes none"),
        pytest.param([Reply(201, ROBOT)], id="a robot's"),
        pytest.param([Reply(500)] * 3, id="a server that fails over it"),
    ],
)
def test_an_error_that_cannot_be_reported_costs_nothing_but_a_count(
    server: Server,
    swetrix: Swetrix,
    an_event: AnEvent,
    replies: list[Reply],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Client(swetrix) as client:
        event = an_event(response=response(500))
        server.prepared.extend([Reply(201, {}), *replies])
        said = [outcome(swetrix, event) for _ in replies]
        assert said[-1] is None
        assert all(isinstance(each, RetryLater) for each in said[:-1])
        assert client.stats().faults == {"error_report_failed": 1}
    assert [each.path for each in server.requests].count("/log/custom") == 1
    assert "an error was not reported to Swetrix" in caplog.text


def test_a_pageview_is_followed_by_a_heartbeat_by_choice(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    swetrix = new_swetrix(kind="pageview", heartbeat=True)
    swetrix.send([an_event()])
    assert server.beats == [{"pid": PROJECT}]
    for reply in (Reply(403, {"message": "no session"}), Reply(503), Reply(404)):
        server.prepared.extend([Reply(201, {}), reply])
        assert outcome(swetrix, an_event()) is None
    assert [each.path for each in server.requests] == ["/log", "/log/hb"] * 4


# Answers


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(429, headers={"Retry-After": "9"}), RetryLater, "429"),
        (Reply(500, {"message": "Internal server error"}), RetryLater, "500"),
        (Reply(502, body=b"<html>"), RetryLater, "502"),
        (Reply(401), "closed", "401"),
        (Reply(402, {"message": "suspended"}), "closed", "paid"),
        (Reply(403, {"message": "Forbidden"}), "closed", "may this server send"),
        (Reply(404, {"message": "not found"}), "closed", "is there a project"),
        (Reply(405), "closed", "405"),
        (Reply(302, headers={"Location": "/"}), "closed", "redirects"),
        (Reply(400, {"message": f"{DISABLED} this project"}), "closed", "is the project enabled"),
        (Reply(400, {"message": "This origin is prohibited by"}), "closed", "may this server send"),
        (Reply(400, {"message": f"{DISABLED} this IP address"}), "closed", "may this server send"),
        (Reply(400, {"message": ["The provided Project ID (pid) is incorrect"]}), "closed", "id"),
        (Reply(200, body=b"<!DOCTYPE html>"), "closed", "not an answer of Swetrix"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_about_the_call_keeps_it(
    server: Server, swetrix: Swetrix, an_event: AnEvent, reply: Reply, kind: Any, words: str
) -> None:
    server.prepared.append(reply)
    trouble = outcome(swetrix, an_event())
    assert words in str(trouble)
    if kind == "closed":
        assert isinstance(trouble, Rejected)
        assert trouble.why == "closed"
    else:
        assert isinstance(trouble, kind)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(201, ROBOT), "taken for a robot"),
        (Reply(201, {"message": "something new"}), "nothing was stored"),
        (Reply(400, {"message": ["ev must be shorter: secret"]}), "checks failed"),
        (Reply(400), "checks failed"),
        (Reply(413, {"message": "request entity too large"}), "413"),
        (Reply(422), "422"),
    ],
)
def test_an_answer_about_the_call_rejects_it_alone(
    server: Server, swetrix: Swetrix, an_event: AnEvent, reply: Reply, words: str
) -> None:
    server.prepared.append(reply)
    some = outcome(swetrix, an_event(), an_event(), an_event())
    assert isinstance(some, Partly)
    assert list(some.rejected) == [0]
    assert words in some.rejected[0]
    assert "secret" not in some.rejected[0], "the server's own words are not repeated"
    assert not some.retry
    assert len(server.stored) == 2


def test_a_client_that_is_blocked_stops_nobody_else(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    server.blocked_addresses.add("203.0.113.7")
    swetrix = new_swetrix(forward_client_ip="full")
    some = outcome(swetrix, an_event(request=request(ip_address="203.0.113.7")), an_event())
    assert isinstance(some, Partly)
    assert some.rejected == {0: "400 from 127.0.0.1: the address of the client is blocked"}


def test_a_repeated_visitor_is_refused_where_only_first_ones_count(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    swetrix = new_swetrix(kind="pageview", fields=lambda _: {"unique": True})
    some = outcome(swetrix, an_event(), an_event())
    assert isinstance(some, Partly)
    assert some.rejected == {1: "403 from 127.0.0.1: not the first of its visitor"}


def test_robots_are_counted_as_lost(
    server: Server, swetrix: Swetrix, call: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    server.prepared.append(Reply(201, ROBOT))
    with Client(swetrix) as client:
        call(client)
        call(client)
        assert client.flush(10)
        stats = client.stats()
    assert (stats.delivered, stats.dropped) == (1, {"rejected": 1})
    assert "taken for a robot" in caplog.text


def test_nothing_is_lost_while_the_project_is_disabled(
    server: Server, swetrix: Swetrix, call: Callable[..., None]
) -> None:
    server.is_disabled = True
    with Client(swetrix, shutdown_timeout=5) as client:
        for _ in range(3):
            call(client)
        assert not client.flush(0.5)
        stats = client.stats()
        assert (stats.queued, stats.delivered, stats.dropped) == (3, 0, {})
        server.is_disabled = False
    assert client.stats().delivered == 3, "the last try at the end"


def test_a_batch_goes_over_a_few_kept_connections(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    seen: set[Any] = set()
    take = server.answer

    def answer(asked: Any) -> Reply:
        import threading

        seen.add(threading.get_ident())  # a thread of the server's for each connection
        return take(asked)

    server.answer = answer  # type: ignore[method-assign]
    swetrix.send([an_event(user_id=f"u{number}") for number in range(100)])
    assert {body["profileId"] for _, body in server.stored} == {f"u{n}" for n in range(100)}
    assert len(server.stored) == 100
    assert len(seen) <= 4


def test_an_update_or_nonsense_is_rejected_and_costs_nothing_else(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    nonsense = [b'{"$users":{"user_id":"u1"}}', b"[]", b"7", b"{", an_event(request={"uri": 7})]
    odd = [an_event(request=request(7)), an_event(user_id={"a": 1}), an_event(metadata=[])]
    some = outcome(swetrix, *nonsense, an_event(), *odd)
    assert isinstance(some, Partly)
    assert set(range(5)) <= set(some.rejected)
    assert 5 not in some.rejected
    assert not some.retry
    assert len(server.stored) + len(some.rejected) == 9


def test_the_server_is_told_once_when_it_is_down(
    server: Server, swetrix: Swetrix, an_event: AnEvent
) -> None:
    server.slow_down = Reply(503)
    assert isinstance(outcome(swetrix, *[an_event()] * 50), RetryLater)
    assert len(server.requests) == 1


# Settings


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"project_id": "secret"}, "project_id"),
        ({"project_id": "secret--sec1"}, "project_id"),
        ({"project_id": "secret secr!"}, "project_id"),
        ({"project_id": f"{PROJECT}\n"}, "project_id"),
        ({"project_id": None}, "project_id"),
        ({"kind": "event"}, "kind = 'event': expected custom or pageview"),
        ({"heartbeat": True}, "only with kind='pageview'"),
        ({"heartbeat": "yes"}, "heartbeat = 'yes': expected True or False"),
        ({"errors": None}, "errors = None: expected True or False"),
        ({"forward_client_ip": "yes"}, "forward_client_ip"),
        ({"name": "x"}, "name"),
        ({"properties": {}}, "properties"),
        ({"fields": {}}, "fields"),
        ({"sample_rate": 2}, "sample_rate"),
        ({"only": "items"}, "only"),
        ({"base_url": "ftp://x"}, "base_url"),
    ],
)
def test_a_setting_that_cannot_work_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Swetrix(**{"project_id": PROJECT, **given})
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_project_is_in_no_repr() -> None:
    assert repr(Swetrix(PROJECT)) == "<Swetrix at https://api.swetrix.com>"


# Samples of other clients


def sample_event(an_event: AnEvent, query: str, path: str = "/products") -> bytes:
    return an_event(request=request(f"http://shop.example.com{path}{query}"))


def test_the_custom_event_of_swetrixs_own_client_can_be_produced(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    theirs = {
        "ev": "signup", "meta": {"plan": "pro"}, "pid": PROJECT, "pg": "/products", "lc": "en-US",
        "tz": "UTC", "ref": "https://example.org/", "so": "x", "qs": "utm_source=x",
    }  # fmt: skip
    new_swetrix(
        name=lambda _: "signup",
        properties=lambda _: {"plan": "pro"},
        fields=lambda _: {"lc": "en-US", "tz": "UTC", "ref": "https://example.org/"},
    ).send([sample_event(an_event, "?utm_source=x")])
    ours = server.requests[0].document
    assert ours["meta"].pop("plan") == "pro"
    assert {**ours, "meta": {"plan": "pro"}} == theirs


def test_the_pageview_of_swetrixs_own_client_can_be_produced(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    theirs = {
        "lc": "en-US", "tz": "UTC", "ref": "https://example.org/", "so": "x", "qs": "utm_source=x",
        "pg": "/products", "pid": PROJECT, "perf": {}, "unique": False,
    }  # fmt: skip
    more = {"lc": "en-US", "tz": "UTC", "ref": "https://example.org/", "perf": {}, "unique": False}
    swetrix = new_swetrix(kind="pageview", fields=lambda _: more)
    swetrix.send([sample_event(an_event, "?utm_source=x")])
    ours = server.requests[0].document
    assert ours.pop("meta")
    assert ours == theirs


def test_the_pageview_and_heartbeat_of_swetrixs_server_clients_can_be_produced(
    server: Server, new_swetrix: Callable[..., Swetrix], an_event: AnEvent
) -> None:
    swetrix = new_swetrix(
        kind="pageview",
        heartbeat=True,
        forward_client_ip="full",
        forward_user_agent=True,
        fields=lambda _: {"lc": "en-US", "perf": None},
    )
    asked = request(
        "http://x/home", ip_address="203.0.113.7", headers={"User-Agent": hostile.FIREFOX}
    )
    swetrix.send([an_event(request=asked)])
    page, beat = server.requests
    document = page.document
    assert document.pop("meta")
    assert document == {"pid": PROJECT, "pg": "/home", "lc": "en-US"}
    assert beat.document == {"pid": PROJECT}
    for each in (page, beat):
        assert each.headers["x-client-ip-address"] == "203.0.113.7"
        assert each.headers["user-agent"] == hostile.FIREFOX


# Everything at once


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="by default"),
        pytest.param(
            {"kind": "pageview", "forward_client_ip": "full", "forward_user_agent": True},
            id="with all that can be told",
        ),
    ],
)
def test_hostile_calls_are_all_stored_or_counted(
    server: Server, new_swetrix: Callable[..., Swetrix], options: dict[str, Any]
) -> None:
    exchanges = hostile.EXCHANGES if options else hostile.FEW
    stats = hostile.suffer(new_swetrix(properties=hostile.properties, **options), exchanges)
    kind = options.get("kind", "custom")
    assert stats.delivered == len(server.stored_as(kind))
    assert stats.dropped.get("rejected", 0) == len(server.robots) - _errors(server.robots)
    assert all("/etc/passwd" in body["pg"] for body in server.robots), "what Swetrix calls a probe"
    assert len(server.robots) < 100
    assert all(b"session-secret" not in each.body for each in server.requests)


def _errors(bodies: list[dict[str, Any]]) -> int:
    return sum("message" in body for body in bodies)


def test_a_call_that_the_server_fails_over_does_not_hold_up_the_others(
    server: Server, swetrix: Swetrix, call: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    server.poison = "poison"
    with Client(swetrix, flush_interval=60, batch_size=1_000, shutdown_timeout=10) as client:
        for number in range(40):
            call(client, "/poison" if number == 3 else f"/items/{number}")
        assert client.flush(10)
        stats = client.stats()
    assert (stats.delivered, stats.dropped) == (39, {"rejected": 1})
    assert len(server.stored) == 39
    assert "500 from 127.0.0.1, 5 times, while others passed" in caplog.text


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_while_the_server_fails_over_everything_nothing_is_lost(
    server: Server, swetrix: Swetrix, an_event: AnEvent, count: int
) -> None:
    server.poison = ""
    trouble = outcome(swetrix, *[an_event()] * count)
    assert isinstance(trouble, RetryLater)
    assert trouble.status == 500
    assert len(server.requests) <= 6, "three answers, and what was on its way"


def test_the_spool_holds_events_and_not_what_is_made_of_them(
    server: Server, swetrix: Swetrix, call: Callable[..., None], tmp_path: Path
) -> None:
    server.slow_down = Reply(503)
    with Client(swetrix, spool=tmp_path, shutdown_timeout=0.5) as client:
        call(client, "/items/7")
    server.slow_down = None
    with Client(swetrix, spool=tmp_path, shutdown_timeout=5) as client:
        client.wake()
        call(client, "/items/8")
        assert client.flush(10)
    assert sorted(body["pg"] for _, body in server.stored) == ["/items/7", "/items/8"]


def test_samples_are_json_that_swetrix_can_read(server: Server, swetrix: Swetrix) -> None:
    """Lone surrogates and numbers that are not finite never get as far as the wire."""
    assert outcome(swetrix, json.dumps({"request": request("http://x/\ud800")}).encode()) is None
    assert len(server.stored) == 1

"""Moesif's API: what is taken, what is refused and in which words, and what is told besides."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apilog.collector.protocols.event_call import call_of

STATUSES = "active, cancelled, paused, trialing, pending, draft, future"
REQUEST = {"time": "2026-11-20T21:06:10Z", "uri": "http://a/", "verb": "GET"}


@pytest.fixture
def event(an_event: Any) -> dict[str, Any]:
    found: dict[str, Any] = an_event()
    return found


def test_an_event_is_answered_with_201_and_the_tags_of_both_documents(
    collector: Any, event: Any
) -> None:
    response = collector.http.post("/v1/events", json=event)
    assert (response.status_code, response.json()) == (201, {})
    assert response.headers["x-moesif-config-etag"] == "apilog-1"
    assert response.headers["x-moesif-rules-tag"] == "apilog-1"
    assert collector.event() == event


def test_a_call_has_what_lists_and_filters_need(collector: Any) -> None:
    own = {
        "route": "/items/{id}",
        "duration_ms": 12.345,
        "request_size": 3,
        "response_size": 4_000,
        "exception": "KeyError",
    }
    event = {
        "request": {
            "time": "2026-11-20T21:06:10.700Z",
            "uri": "https://ada:secret@Shop.test:8443/items/7?x=1#top",
            "verb": "get",
            "ip_address": "203.0.113.7",
            "body": {"name": "a blue teapot"},
        },
        "response": {"time": "2026-11-20T21:06:10.712Z", "status": 500, "body": "no teapot"},
        "user_id": "ada",
        "company_id": 7,
        "session_token": "s1",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "metadata": {"apilog": own},
        "transaction_id": "0198c5e0-0000-7000-8000-000000000001",
    }
    assert collector.http.post("/v1/events", json=event).status_code == 201
    row = collector.row()
    assert row.id == event["transaction_id"]
    assert (row.method, row.host, row.route) == ("GET", "shop.test:8443", "/items/{id}")
    assert (row.path, row.query, row.status) == ("/items/7", "x=1", 500)
    assert (row.duration, row.request_size, row.response_size) == (12_345, 3, 4_000)
    assert (row.user, row.company, row.session, row.ip) == ("ada", "7", "s1", "203.0.113.7")
    assert (row.trace, row.error, row.source) == (event["trace_id"], "KeyError", "moesif")
    assert row.time == 1_795_208_770_700_000


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        pytest.param("2026-11-20T21:06:10.709", 709_000, id="without a zone, as Python's SDK"),
        pytest.param("2026-11-20T21:06:10.709Z", 709_000, id="with Z"),
        pytest.param("2026-11-20T22:06:10.709+01:00", 709_000, id="in another zone"),
        pytest.param("2026-11-20T17:36:10.7-0330", 700_000, id="without a colon in the zone"),
        pytest.param("2026-11-20 21:06:10", 0, id="without a T and without a fraction"),
        pytest.param("2026-11-20T21:06:10.123456789Z", 123_456, id="with nanoseconds"),
    ],
)
def test_times_are_read_as_sdks_write_them(
    collector: Any, event: Any, written: str, microseconds: int
) -> None:
    event["request"]["time"] = written
    assert collector.http.post("/v1/events", json=event).status_code == 201
    assert collector.row().time == 1_795_208_770_000_000 + microseconds


def test_a_clock_that_is_far_ahead_counts_for_nothing(collector: Any, event: Any) -> None:
    event["request"]["time"] = "2999-01-01T00:00:00Z"
    before = time.time_ns() // 1_000
    assert collector.http.post("/v1/events", json=event).status_code == 201
    assert before <= collector.row().time <= time.time_ns() // 1_000
    assert collector.event()["request"]["time"] == "2999-01-01T00:00:00Z"


def test_without_a_measured_duration_the_two_times_tell_it(collector: Any, event: Any) -> None:
    event["request"]["time"] = "2026-11-20T21:06:10.700Z"
    event["response"]["time"] = "2026-11-20T21:06:10.712Z"
    assert collector.http.post("/v1/events", json=event).status_code == 201
    assert collector.row().duration == 12_000


@pytest.mark.parametrize(
    ("message", "size"),
    [
        pytest.param({"headers": {"Content-Length": "19"}, "body": {}}, 19, id="as announced"),
        pytest.param({"body": "AAEC/w==", "transfer_encoding": "base64"}, 4, id="base64"),
        pytest.param({"body": "ü"}, 2, id="a text"),
        pytest.param({"body": {"a": 1}}, 7, id="JSON"),
        pytest.param({"body": None}, None, id="none"),
    ],
)
def test_sizes_are_those_of_the_bodies(
    collector: Any, event: Any, message: Any, size: int | None
) -> None:
    event["request"] |= message
    assert collector.http.post("/v1/events", json=event).status_code == 201
    assert collector.row().request_size == size


def test_null_stands_for_every_optional_field(collector: Any) -> None:
    """The Python SDK sends every field it knows."""
    optional = ["response", "user_id", "company_id", "session_token", "transaction_id"]
    optional += ["metadata", "tags", "direction", "weight", "blocked_by"]
    request = {**REQUEST, "headers": None, "body": None, "ip_address": None}
    event = {"request": request, **dict.fromkeys(optional)}
    assert collector.http.post("/v1/events", json=event).status_code == 201
    assert collector.event() == event
    row = collector.row()
    assert (row.status, row.duration, row.user, row.error) == (None, None, "", "")


def test_what_nobody_knows_is_kept(collector: Any, event: Any) -> None:
    event |= {"future": {"field": [1, None, "ü"]}, "action_name": "x", "span": {"id": "1"}}
    assert collector.http.post("/v1/events", json=event).status_code == 201
    assert collector.event() == event


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no application id"),
        pytest.param({"X-Moesif-Application-Id": "anything"}, id="any application id"),
        pytest.param({"Content-Type": "text/plain"}, id="any content type"),
        pytest.param({"Content-Type": "application/json; charset=utf-8"}, id="a charset"),
    ],
)
def test_an_event_is_taken_with(collector: Any, event: Any, headers: dict[str, str]) -> None:
    response = collector.http.post("/v1/events", content=json.dumps(event), headers=headers)
    assert response.status_code == 201


def test_a_batch_is_stored_whole_and_an_empty_one_is_fine(collector: Any, an_event: Any) -> None:
    batch = [an_event(user_id=str(number)) for number in range(250)]
    assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
    assert {row.user for row in collector.rows()} == {str(number) for number in range(250)}
    assert collector.http.post("/v1/events/batch", json=[]).status_code == 201
    assert len(collector.rows()) == 250


def test_one_transaction_id_is_one_call_within_a_batch_and_in_another(
    collector: Any, an_event: Any
) -> None:
    first = an_event(transaction_id="a")
    batch = [first, an_event(transaction_id="b"), an_event(transaction_id="a", user_id="late")]
    for _ in range(2):
        assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
    assert sorted(row.id for row in collector.rows()) == ["a", "b"]
    assert collector.event("a") == first
    counts = collector.inlet.counts()
    assert (counts.received, counts.stored, counts.duplicates) == (6, 2, 4)


@pytest.mark.parametrize("missing", [None, ""])
def test_events_without_a_transaction_id_are_all_stored(
    collector: Any, event: Any, missing: object
) -> None:
    """Two equal calls in the same millisecond are still two calls."""
    event["transaction_id"] = missing
    for _ in range(2):
        assert collector.http.post("/v1/events", json=event).status_code == 201
    assert len({row.id for row in collector.rows()}) == 2


@pytest.mark.parametrize(
    ("event", "error"),
    [
        pytest.param(7, "an event must be an object", id="a number"),
        pytest.param([], "an event must be an object", id="an array"),
        pytest.param({}, "request is required", id="nothing in it"),
        pytest.param({"request": None}, "request is required", id="null request"),
        pytest.param({"request": []}, "request must be an object", id="array as request"),
        pytest.param(
            {"request": {**REQUEST, "time": None}}, "request.time is required", id="no time"
        ),
        pytest.param(
            {"request": {**REQUEST, "time": "2026-02-30T00:00:00Z"}},
            "request.time must be an ISO 8601 time",
            id="no day",
        ),
        pytest.param(
            {"request": {**REQUEST, "uri": 1}}, "request.uri must be a string", id="number as uri"
        ),
        pytest.param(
            {"request": {**REQUEST, "verb": {}}}, "request.verb must be a string", id="odd verb"
        ),
        pytest.param(
            {"request": {**REQUEST, "headers": []}},
            "request.headers must be an object",
            id="array as headers",
        ),
        pytest.param(
            {"request": REQUEST, "response": 200},
            "response must be an object",
            id="number as response",
        ),
        pytest.param(
            {"request": REQUEST, "response": {}}, "response.status is required", id="no status"
        ),
        pytest.param(
            {"request": REQUEST, "response": {"status": "200"}},
            "response.status must be an integer",
            id="string as status",
        ),
        pytest.param(
            {"request": REQUEST, "response": {"status": True}},
            "response.status must be an integer",
            id="true as status",
        ),
        pytest.param(
            {"request": REQUEST, "response": {"status": 2**64 - 1}},
            "response.status must be from 0 to 999",
            id="a status larger than a column",
        ),
        pytest.param(
            {"request": REQUEST, "transaction_id": {}},
            "transaction_id must be a string",
            id="object as transaction id",
        ),
        pytest.param(
            {"request": REQUEST, "user_id": True}, "user_id must be a string", id="true as user"
        ),
        pytest.param(
            {"request": REQUEST, "metadata": "x"},
            "metadata must be an object",
            id="string as metadata",
        ),
        pytest.param(
            {"request": {**REQUEST, "body": json.loads("[" * 63 + "]" * 63)}},
            "it is nested deeper than the limit of 64 levels",
            id="nested too deep",
        ),
        pytest.param(
            {"request": {**REQUEST, "body": json.loads("[" * 500 + "]" * 500)}},
            "it is nested too deep to be stored",
            id="nested far too deep",
        ),
    ],
)
def test_an_invalid_event_is_named_and_nothing_of_its_batch_is_stored(
    collector: Any, an_event: Any, event: object, error: str
) -> None:
    batch = [an_event(), event, an_event()]
    answer = collector.http.post("/v1/events/batch", json=batch)
    assert (answer.status_code, answer.json()) == (400, {"error": f"event 1: {error}"})
    answer = collector.http.post("/v1/events", json=event)
    assert (answer.status_code, answer.json()) == (400, {"error": f"event: {error}"})
    assert collector.rows() == []
    assert [each.reason for each in collector.refusals()] == [
        f"event 1: {error}",
        f"event: {error}",
    ]


def test_62_levels_below_an_event_are_taken(collector: Any, event: Any) -> None:
    event["request"]["body"] = json.loads("[" * 62 + "]" * 62)
    assert collector.http.post("/v1/events", json=event).status_code == 201


def test_what_was_refused_is_kept_without_keys(collector: Any) -> None:
    body = '{"request": {"headers": {"Authorization": "Bearer abc", "X-Api-Key": "def"}},'
    body += '"session_token":"ghi", "user_id": "ada"}'
    answer = collector.http.post("/v1/events", content=body)
    assert answer.status_code == 400
    (refusal,) = collector.refusals()
    assert (refusal.source, refusal.path, refusal.status) == ("moesif", "/v1/events", 400)
    assert refusal.reason == "event: request.time is required"
    assert b'"user_id": "ada"' in refusal.content
    assert not any(key in refusal.content for key in (b"abc", b"def", b"ghi"))
    assert collector.inlet.counts().refused == 1


def test_of_what_was_refused_4_kib_are_kept(collector: Any) -> None:
    collector.http.post("/v1/events", json=["x" * 100_000])
    (refusal,) = collector.refusals()
    assert len(refusal.content) == 4_096
    assert refusal.content.startswith(b'["xxx')


def test_an_event_of_over_a_mebibyte_has_its_bodies_cut(collector: Any, event: Any) -> None:
    """As Moesif does: what is left is base64 of the beginning."""
    import base64

    event["request"]["body"] = "ä" * 600_000
    event["response"]["body"] = {"items": ["x" * 1_000] * 500}
    assert collector.http.post("/v1/events", json=event).status_code == 201
    stored = collector.event()
    for name, whole in (("request", 1_200_000), ("response", 501_511)):
        message = stored[name]
        assert message["transfer_encoding"] == "base64"
        assert len(message["body"]) == 450_000
        assert stored["metadata"]["apilog"][f"{name}_body_cut"] == whole
    assert base64.b64decode(stored["request"]["body"]).decode(errors="ignore") == "ä" * 168_750


def test_no_text_of_a_call_has_a_nul(event: Any) -> None:
    event["user_id"] = "a\0da"
    event["request"]["uri"] = "https://shop.example/a\0b?c\0d"
    call = call_of(event, 0)
    assert (call.user, call.path, call.query) == ("a\ufffdda", "/a\ufffdb", "c\ufffdd")


@pytest.mark.parametrize("size", [1, 1_200_000])
def test_no_text_of_a_body_has_a_nul_even_if_it_is_cut(event: Any, size: int) -> None:
    event["request"]["body"] = "x\0y" + "ä" * size
    assert call_of(event, 0).text.startswith("x\ufffdyä")


def test_an_event_that_is_too_large_without_its_bodies_is_413(collector: Any, event: Any) -> None:
    event["metadata"] = {"much": "x" * 1_100_000}
    answer = collector.http.post("/v1/events", json=event)
    assert answer.status_code == 413
    assert "the limit is 1048576" in answer.json()["error"]


def test_a_batch_of_10000_events_is_taken_and_one_more_is_413(
    collector: Any, an_event: Any
) -> None:
    batch = [an_event(transaction_id=str(number)) for number in range(10_000)]
    assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
    assert collector.inlet.counts().stored == 10_000
    answer = collector.http.post("/v1/events/batch", json=[*batch, batch[0]])
    assert answer.status_code == 413
    assert answer.json() == {"error": "the batch has more events than the limit of 10000"}


def test_a_very_large_batch_is_stored_event_by_event(collector: Any, an_event: Any) -> None:
    batch = [an_event(transaction_id=str(number), tags="x" * 20_000) for number in range(600)]
    assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
    assert len(collector.rows()) == 600
    assert collector.event("599") == batch[599]


def test_nothing_is_stored_of_a_very_large_batch_with_an_invalid_event(
    collector: Any, an_event: Any
) -> None:
    batch = [an_event(tags="x" * 20_000) for _ in range(600)]
    answer = collector.http.post("/v1/events/batch", json=[*batch, {}])
    assert answer.status_code == 400
    assert answer.json() == {"error": "event 600: request is required"}
    assert collector.rows() == []


@pytest.mark.parametrize(
    ("kind", "key", "more"),
    [
        ("users", "user_id", {}),
        ("companies", "company_id", {"company_domain": "acme.com"}),
        ("subscriptions", "subscription_id", {"company_id": "c1", "status": "active"}),
    ],
)
def test_profiles_are_taken_alone_and_in_batches_and_add_up(
    collector: Any, kind: str, key: str, more: dict[str, str]
) -> None:
    name = key.removesuffix("_id")
    first = {key: "x1", **more, "session_token": None, "metadata": {"plan": "pro"}}
    assert collector.http.post(f"/v1/{kind}", json=first).status_code == 201
    later = [{key: "x1", **more, "ip_address": "203.0.113.7"}, {key: 2, **more}]
    response = collector.http.post(f"/v1/{kind}/batch", json=later)
    assert response.status_code == 201
    assert response.headers["x-moesif-config-etag"] == "apilog-1"
    expected = {key: "x1", **more, "metadata": {"plan": "pro"}, "ip_address": "203.0.113.7"}
    assert collector.profile(name, "x1") == expected
    assert collector.profile(name, "2") == {key: 2, **more}


@pytest.mark.parametrize(
    ("path", "said", "error"),
    [
        ("/v1/users", {}, "user: user_id is required"),
        ("/v1/users", {"user_id": ""}, "user: user_id is required"),
        ("/v1/users", {"user_id": {}}, "user: user_id must be a string"),
        ("/v1/users", [], "user: a user must be an object"),
        ("/v1/users/batch", [{"user_id": "a"}, 1], "user 1: a user must be an object"),
        ("/v1/users/batch", {"user_id": "a"}, "a batch must be an array"),
        ("/v1/companies", {"name": "acme"}, "company: company_id is required"),
        (
            "/v1/users",
            {"user_id": "a", "metadata": []},
            "user: metadata must be an object",
        ),
        (
            "/v1/subscriptions",
            {"subscription_id": "s", "status": "active"},
            "subscription: company_id is required",
        ),
        (
            "/v1/subscriptions",
            {"subscription_id": "s", "company_id": "c", "status": "odd"},
            f"subscription: status must be one of {STATUSES}",
        ),
        ("/v1/actions", {}, "action: action_name is required"),
        ("/v1/actions", {"action_name": "x"}, "action: request is required"),
        ("/v1/actions", {"action_name": "x", "request": {}}, "action: request.uri is required"),
    ],
)
def test_updates_that_cannot_be_kept_are_named(
    collector: Any, path: str, said: Any, error: str
) -> None:
    answer = collector.http.post(path, json=said)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_an_action_is_a_call_of_its_own_kind(collector: Any) -> None:
    action = {
        "action_name": "Clicked 'Sign up'",
        "request": {"uri": "https://shop.test/welcome?x=1", "time": None},
        "user_id": "ada",
        "metadata": {"button": "green"},
        "transaction_id": None,
    }
    assert collector.http.post("/v1/actions/batch", json=[action]).status_code == 201
    row = collector.row()
    assert (row.method, row.route, row.path) == ("ACTION", "Clicked 'Sign up'", "/welcome")
    assert (row.user, row.status, row.source) == ("ada", None, "moesif")
    event = collector.event()
    assert event["action_name"] == "Clicked 'Sign up'"
    assert event["metadata"] == {"button": "green"}


def test_the_documents_are_neutral_and_are_sent_once(collector: Any) -> None:
    config = collector.http.get("/v1/config")
    assert config.json() == {
        "sample_rate": 100,
        "user_sample_rate": {},
        "company_sample_rate": {},
        "user_rules": {},
        "company_rules": {},
        "regex_config": [],
    }
    rules = collector.http.get("/v1/rules")
    assert rules.json() == []
    for path, answer, header in (
        ("/v1/config", config, "x-moesif-config-etag"),
        ("/v1/rules", rules, "x-moesif-rules-tag"),
    ):
        tag = answer.headers[header]
        again = collector.http.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers[header]) == (304, b"", tag)
        other = collector.http.get(path, headers={"If-None-Match": "another"})
        assert other.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/v1/events", "/v1/events/batch", "/v1/users", "/v1/actions", "/v1/losses", "/api/events",
     "/collect/event"],
)  # fmt: skip
def test_pages_cannot_send(collector: Any, path: str) -> None:
    answer = collector.http.post(path, json=[], headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert collector.rows() == []


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/batch", "/v1/users"])
def test_other_methods_are_405(collector: Any, path: str) -> None:
    assert collector.http.get(path).status_code == 405
    assert collector.http.options(path).status_code == 405


def test_a_body_that_comes_in_chunks_is_taken(collector: Any, event: Any) -> None:
    text = json.dumps(event).encode()

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(text), 50):
            yield text[start : start + 50]

    assert collector.http.post("/v1/events", content=chunks()).status_code == 201
    assert collector.event() == event

"""What the collector takes, what it refuses, and what it says about it."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apilog.collector.ingest import (
    MAX_BATCH_EVENTS,
    MAX_INFLATED_BYTES,
    MAX_WIRE_BYTES,
    Refused,
    batch_of_events,
)
from apilog.collector.store import StoreFull, StoreUnavailable

if TYPE_CHECKING:
    import httpx


def refusal(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def test_one_event_is_stored_whole_with_its_unknown_keys(client: Any, an_event: Any) -> None:
    event = an_event(future={"field": [1, None, "ü"]}, weight=None, tags=None)
    response = client.post("/v1/events", json=event)
    assert (response.status_code, response.json()) == (201, {})
    assert client.events() == [event]


def test_a_batch_is_stored_in_its_order(client: Any, an_event: Any) -> None:
    batch = [an_event(user_id=str(number)) for number in range(3)]
    assert client.post("/v1/events/batch", json=batch).status_code == 201
    assert client.events() == batch


def test_an_empty_batch_is_fine(client: Any) -> None:
    assert client.post("/v1/events/batch", json=[]).status_code == 201
    assert client.events() == []


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no application id"),
        pytest.param({"X-Moesif-Application-Id": "anything"}, id="any application id"),
        pytest.param({"Content-Type": "text/plain"}, id="any content type"),
    ],
)
def test_an_event_is_taken_with(client: Any, an_event: Any, headers: dict[str, str]) -> None:
    response = client.post("/v1/events", content=json.dumps(an_event()), headers=headers)
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("GZip", gzip.compress, id="gzip in odd case"),
        pytest.param("x-gzip", gzip.compress, id="the old name of gzip"),
        pytest.param("deflate", zlib.compress, id="deflate as the RFC has it"),
        pytest.param("deflate", raw_deflate, id="deflate without its header"),
        pytest.param("identity", bytes, id="identity"),
    ],
)
def test_a_body_may_be_encoded_as(client: Any, an_event: Any, coding: str, encode: Any) -> None:
    body = encode(json.dumps([an_event()]).encode())
    headers = {"Content-Encoding": coding}
    assert client.post("/v1/events/batch", content=body, headers=headers).status_code == 201
    assert client.events() == [an_event()]


@pytest.mark.parametrize(
    "codings",
    [
        pytest.param([("Content-Encoding", "br")], id="brotli"),
        pytest.param([("Content-Encoding", "gzip, gzip")], id="two layers in one line"),
        pytest.param([("Content-Encoding", "gzip")] * 2, id="two layers in two lines"),
    ],
)
def test_an_unknown_encoding_is_415(client: Any, codings: list[tuple[str, str]]) -> None:
    response = client.post("/v1/events", content=gzip.compress(b"{}"), headers=codings)
    assert refusal(response)[0] == 415


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("gzip", b"[]", id="not gzip at all"),
        pytest.param("gzip", b"", id="nothing"),
        pytest.param("gzip", gzip.compress(b"[]")[:-4], id="gzip cut short"),
        pytest.param("gzip", gzip.compress(b"[]") + b"x", id="gzip with a tail"),
        pytest.param("gzip", gzip.compress(b"[") + gzip.compress(b"]"), id="two gzip members"),
        pytest.param("deflate", b"", id="empty deflate"),
        pytest.param("deflate", b"\x78", id="one byte of deflate"),
        pytest.param("", b"", id="an empty body"),
        pytest.param("", b"[{]", id="broken JSON"),
        pytest.param("", b'["\xff"]', id="not UTF-8"),
        pytest.param("", "[]".encode("utf-16"), id="UTF-16"),
        pytest.param("", b'["\\ud800"]', id="a lone surrogate"),
        pytest.param("", b"[NaN]", id="NaN"),
        pytest.param("", b"[" * 100_000, id="deep and open"),
        pytest.param("", b"[" * 9_999 + b"]" * 9_999, id="deep"),
        pytest.param("", b"{}", id="an object instead of a batch"),
        pytest.param("", b"null", id="null"),
    ],
)
def test_a_damaged_batch_is_400(client: Any, coding: str, body: bytes) -> None:
    headers = {"Content-Encoding": coding} if coding else {}
    response = client.post("/v1/events/batch", content=body, headers=headers)
    assert refusal(response)[0] == 400


def test_an_event_nested_too_deep_to_store_is_400(client: Any, an_event: Any) -> None:
    body = json.dumps(an_event(deep=0)).replace('"deep": 0', '"deep": ' + "[" * 500 + "]" * 500)
    status, error = refusal(client.post("/v1/events", content=body))
    assert (status, error) == (400, "event: the event cannot be stored: Recursion limit reached")


REQUEST = {"time": "2026-11-20T21:06:10Z", "uri": "http://a/", "verb": "GET"}


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
            {"request": REQUEST, "transaction_id": 7},
            "transaction_id must be a string",
            id="number as transaction id",
        ),
        pytest.param(
            {"request": REQUEST, "metadata": "x"},
            "metadata must be an object",
            id="string as metadata",
        ),
    ],
)
def test_an_invalid_event_is_named_and_nothing_of_its_batch_is_stored(
    client: Any, an_event: Any, event: object, error: str
) -> None:
    batch = [an_event(), event, an_event()]
    assert refusal(client.post("/v1/events/batch", json=batch)) == (400, f"event 1: {error}")
    assert refusal(client.post("/v1/events", json=event)) == (400, f"event: {error}")
    assert client.events() == []


def test_null_stands_for_every_optional_field(client: Any) -> None:
    """The Python SDK sends every field it knows."""
    optional = ["response", "user_id", "company_id", "session_token", "transaction_id"]
    optional += ["metadata", "tags", "direction", "weight", "blocked_by"]
    request = {**REQUEST, "headers": None, "body": None, "ip_address": None}
    event = {"request": request, **dict.fromkeys(optional)}
    assert client.post("/v1/events", json=event).status_code == 201
    assert client.events() == [event]


def test_a_batch_sent_again_is_stored_once(client: Any, an_event: Any) -> None:
    batch = [an_event(transaction_id="a"), an_event(transaction_id="b")]
    for _ in range(2):
        assert client.post("/v1/events/batch", json=batch).status_code == 201
    assert client.events() == batch


def test_one_transaction_id_is_stored_once_within_a_batch_too(client: Any, an_event: Any) -> None:
    batch = [an_event(transaction_id="a"), an_event(transaction_id="a", user_id="late")]
    assert client.post("/v1/events/batch", json=batch).status_code == 201
    assert client.events() == batch[:1]


@pytest.mark.parametrize("missing", [{}, {"transaction_id": None}, {"transaction_id": ""}])
def test_events_without_a_transaction_id_are_all_stored(
    client: Any, an_event: Any, missing: dict[str, object]
) -> None:
    for _ in range(2):
        client.post("/v1/events", json=an_event(**missing))
    assert len(client.events()) == 2


def test_a_body_over_the_wire_limit_is_413(client: Any) -> None:
    body = b" " * (MAX_WIRE_BYTES + 1)
    assert refusal(client.post("/v1/events", content=body))[0] == 413


def test_a_body_over_the_wire_limit_is_413_where_its_length_was_not_announced(client: Any) -> None:
    async def chunks() -> Any:
        for _ in range(MAX_WIRE_BYTES // 2**20 + 1):
            yield b" " * 2**20

    assert refusal(client.post("/v1/events", content=chunks()))[0] == 413


def test_a_body_at_the_wire_limit_is_taken(client: Any, an_event: Any) -> None:
    body = json.dumps(an_event()).encode().ljust(MAX_WIRE_BYTES)
    assert client.post("/v1/events", content=body).status_code == 201


def test_a_body_at_the_inflated_limit_is_taken_and_one_byte_more_is_413(
    client: Any, an_event: Any
) -> None:
    body = json.dumps(an_event()).encode().ljust(MAX_INFLATED_BYTES)
    for content, status in ((body, 201), (body + b" ", 413)):
        response = client.post(
            "/v1/events",
            content=gzip.compress(content, 1),
            headers={"Content-Encoding": "gzip"},
        )
        assert response.status_code == status


def test_a_batch_of_too_many_events_is_413(client: Any) -> None:
    body = b"[" + b"0," * MAX_BATCH_EVENTS + b"0]"
    status, error = refusal(client.post("/v1/events/batch", content=body))
    assert (status, error) == (413, "a batch of 10001 events; the limit is 10000")


def test_the_largest_batch_is_stored(client: Any, an_event: Any) -> None:
    batch = [an_event(transaction_id=str(number)) for number in range(MAX_BATCH_EVENTS)]
    assert client.post("/v1/events/batch", json=batch).status_code == 201
    last = client.get(f"/api/events?after={MAX_BATCH_EVENTS - 1}").json()["events"]
    assert [row["event"] for row in last] == batch[-1:]


def test_a_full_disk_is_507_and_nothing_is_half_stored(
    client: Any, store: Any, an_event: Any
) -> None:
    store._writer.execute("PRAGMA max_page_count = 20")
    batch = [an_event(user_id="x" * 1_000) for _ in range(500)]
    response = client.post("/v1/events/batch", json=batch)
    assert refusal(response) == (507, "cannot store or read: database or disk is full")
    assert response.headers["Retry-After"] == "5"
    assert client.events() == []
    assert client.post("/v1/events", json=an_event()).status_code == 201


def test_a_database_that_another_program_holds_is_503(
    client: Any, store: Any, an_event: Any, tmp_path: Any
) -> None:
    store._writer.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    response = client.post("/v1/events", json=an_event())
    other.close()
    assert refusal(response) == (503, "cannot store or read: database is locked")
    assert response.headers["Retry-After"] == "5"
    assert client.post("/v1/events", json=an_event()).status_code == 201


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(StoreFull("full"), 507, id="full"),
        pytest.param(StoreUnavailable("busy"), 503, id="busy"),
    ],
)
def test_any_store_may_ask_for_a_later_try(
    client_of: Any, an_event: Any, error: Exception, status: int
) -> None:
    class Failing:
        def add(self, records: object) -> None:
            raise error

    response = client_of(Failing()).post("/v1/events", json=an_event())
    assert (response.status_code, response.headers["Retry-After"]) == (status, "5")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
DURATIONS = st.fixed_dictionaries({"duration_ms": JSON})
ALMOST_EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "request": st.fixed_dictionaries(
            {"time": st.text() | JSON, "uri": st.text() | JSON, "verb": st.text() | JSON},
            optional={"headers": JSON},
        ),
        "response": JSON | st.fixed_dictionaries({"status": st.integers(), "time": JSON}),
        "metadata": JSON | st.fixed_dictionaries({"apilog": JSON | DURATIONS}),
        "transaction_id": JSON,
    },
)


@given(st.binary() | st.lists(ALMOST_EVENTS | JSON).map(lambda v: json.dumps(v).encode()))
@settings(database=None, deadline=None)
def test_every_body_is_taken_or_refused(body: bytes) -> None:
    """Nothing but Refused leaves the decoder, so nothing a sender does is a 500."""
    with suppress(Refused):
        assert all(json.loads(record.payload) for record in batch_of_events(body))

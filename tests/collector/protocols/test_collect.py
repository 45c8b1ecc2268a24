"""``/collect/event``: batches of flat events, answered one by one, and counted in windows."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from apilog.collector.protocols.collect import RateLimit

PING = re.compile(r'\{"pingId": "[0-9a-f-]{36}"\}')


def sent(collector: Any, *events: Any, **more: Any) -> Any:
    return collector.http.post("/collect/event", json={"messageBody": list(events), **more})


def test_events_are_answered_one_by_one(collector: Any) -> None:
    answer = sent(collector, {"eventType": "VIEW"}, {"eventType": "PING", "pingId": "p1"})
    assert answer.status_code == 201
    first, second = answer.json()
    assert first["headers"] == second["headers"] == {}
    assert PING.fullmatch(first["value"])
    assert second["value"] == '{"pingId": "p1"}'
    assert {row.method for row in collector.rows()} == {"VIEW", "PING"}


@pytest.mark.parametrize("name", ["messageHeaders", "messageheader"])
def test_headers_have_two_spellings(collector: Any, name: str) -> None:
    headers = {"source": "shop"}
    event = {
        "eventType": "CLICK",
        "eventLocation": "PAYWALL",
        "anonId": "a1",
        "url": "https://s.test/x?y=1",
    }
    assert sent(collector, event, **{name: headers}).status_code == 201
    row = collector.row()
    assert (row.method, row.route, row.user) == ("CLICK", "PAYWALL", "a1")
    assert (row.path, row.query, row.source) == ("/x", "y=1", "collect")
    assert collector.event()["metadata"]["received"] == {"event": event, name: headers}


def test_what_our_own_destination_tells_is_the_call_itself(collector: Any) -> None:
    event = {
        "eventType": "API_CALL",
        "transactionId": "0198c5e0-0000-7000-8000-000000000001",
        "timestamp": "2026-11-20T21:06:10.700Z",
        "name": "GET /items/{id}",
        "path": "/items/7",
        "userId": "ada",
        "method": "GET",
        "route": "/items/{id}",
        "status": 200,
        "status_class": "2xx",
        "duration_ms": 12.5,
        "company_id": "acme",
    }
    for _ in range(2):
        assert sent(collector, event).status_code == 201
    row = collector.row()
    assert (row.id, row.method, row.route) == (event["transactionId"], "GET", "/items/{id}")
    assert (row.status, row.duration, row.user, row.company) == (200, 12_500, "ada", "acme")
    assert (row.path, row.time) == ("/items/7", 1_795_208_770_700_000)


@pytest.mark.parametrize("field", ["transactionId", "transaction_id", "id"])
def test_an_id_makes_an_event_one(collector: Any, field: str) -> None:
    for _ in range(2):
        assert sent(collector, {"eventType": "VIEW", field: "x1"}).status_code == 201
    assert collector.row().id == "x1"


@pytest.mark.parametrize(
    "stamp", [1_795_208_770, 1_795_208_770.0, 1_795_208_770_000, "2026-11-20T21:06:10Z"]
)
def test_times_are_texts_seconds_or_milliseconds(collector: Any, stamp: Any) -> None:
    assert sent(collector, {"eventType": "VIEW", "timestamp": stamp}).status_code == 201
    assert collector.row().time == 1_795_208_770_000_000


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "messageBody should not be empty"),
        ([], "messageBody should not be empty"),
        ({"messageBody": []}, "messageBody should not be empty"),
        ({"messageBody": {}}, "messageBody should not be empty"),
        ({"messageBody": [7]}, "invalid event type"),
        ({"messageBody": [{}]}, "invalid event type"),
        ({"messageBody": [{"eventType": 7}]}, "invalid event type"),
        ({"messageBody": [{"eventType": "VIEW"}, {"eventType": " "}]}, "invalid event type"),
    ],
)
def test_what_is_refused_is_400_and_nothing_is_stored(
    collector: Any, body: Any, message: str
) -> None:
    answer = collector.http.post("/collect/event", json=body)
    said = {"error": "Bad Request", "message": message, "statusCode": 400}
    assert (answer.status_code, answer.json()) == (400, said)
    assert collector.rows() == []
    assert [each.reason for each in collector.refusals()] == [message]


def test_every_answer_says_how_many_are_left(collector: Any) -> None:
    before = time.time()
    found = [
        sent(collector, {"eventType": "VIEW"}),
        collector.http.post("/collect/event", content=b"{"),
        sent(collector, {"eventType": "VIEW"}),
    ]
    left = [int(each.headers["x-ratelimit-remaining"]) for each in found]
    assert left == [5_999, 5_998, 5_997]
    assert {each.headers["x-ratelimit-limit"] for each in found} == {"6000"}
    reset = int(found[0].headers["x-ratelimit-reset"])
    assert before + 59 < reset < time.time() + 62


def test_one_too_many_is_429_until_the_window_ends() -> None:
    now = [1_000.5]
    limit = RateLimit(2, 60.0, lambda: now[0])
    assert limit.count() == (False, headers("2", "1", "1061"))
    assert limit.count() == (False, headers("2", "0", "1061"))
    assert limit.count() == (True, headers("2", "0", "1061"))
    now[0] = 1_060.9
    assert limit.count()[0]
    now[0] = 1_061.0
    assert limit.count() == (False, headers("2", "1", "1121"))


def headers(limit: str, remaining: str, reset: str) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": limit,
        "X-RateLimit-Remaining": remaining,
        "X-RateLimit-Reset": reset,
    }


def test_429_is_answered_in_its_words_and_nothing_is_read(tmp_path: Any) -> None:
    import asyncio

    import httpx
    from starlette.applications import Starlette

    from apilog.collector.inlet import Inlet
    from apilog.collector.protocols import collect
    from apilog.collector.protocols.desk import Desk
    from apilog.collector.protocols.reading import Reader
    from apilog.collector.store.sqlite import SqliteStore

    store = SqliteStore(tmp_path)
    inlet = Inlet(store)

    async def call() -> list[httpx.Response]:
        app = Starlette(routes=[*collect.routes(Desk(inlet, Reader(inlet)), requests=1)])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            body = {"messageBody": [{"eventType": "VIEW"}]}
            return [await http.post("/collect/event", json=body) for _ in range(2)]

    taken, refused = asyncio.run(call())
    inlet.close()
    assert store.size().calls == 1
    store.close()
    assert (taken.status_code, taken.headers["x-ratelimit-remaining"]) == (201, "0")
    assert (refused.status_code, json.loads(refused.text)) == (
        429, {"message": "Too Many Requests", "statusCode": 429},
    )  # fmt: skip
    assert refused.headers["x-ratelimit-remaining"] == "0"

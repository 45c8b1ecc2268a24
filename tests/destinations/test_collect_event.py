"""What an event collection API receives at ``/collect/event``, and what its answers mean."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from servers.collect_event import EVENT_TYPES
from servers.collect_event import CollectEvent as Server
from servers.plain import Reply

from apilog import Client, ConfigError, Rejected, RetryLater
from apilog.destinations import CollectEvent
from apilog.exceptions import DeliveryError, Partly

PATIENCE = 30.0


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with server.running():
        yield server


@pytest.fixture
def collect(server: Server) -> Iterator[Callable[..., CollectEvent]]:
    """Make a destination for *server*."""
    made: list[CollectEvent] = []

    def collect(**options: Any) -> CollectEvent:
        made.append(CollectEvent(server.url, **options))
        return made[-1]

    yield collect
    for each in made:
        each.close()


def test_a_batch_is_one_request_of_flat_events(
    server: Server, collect: Callable[..., CollectEvent], an_event: Callable[..., bytes]
) -> None:
    collect().send([an_event(user_id="u1"), an_event()])
    (asked,) = server.requests
    assert (asked.verb, asked.path) == ("POST", "/collect/event")
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["user-agent"].startswith("apilog/")
    assert "content-encoding" not in asked.headers
    assert set(asked.document) == {"messageBody"}
    first, second = server.stored
    assert first == {
        "eventType": "API_CALL",
        "transactionId": "0198c5e0-0000-7000-8000-000000000001",
        "timestamp": "2026-11-20T21:06:10.700Z",
        "name": "GET /items/{id}",
        "path": "/items/7",
        "userId": "u1",
        "method": "GET",
        "route": "/items/{id}",
        "status": 200,
        "status_class": "2xx",
        "duration_ms": 12.34,
    }
    assert "userId" not in second


@pytest.mark.parametrize("spelling", ["messageHeaders", "messageheader"])
def test_the_sample_of_the_documentation_can_be_told(
    server: Server,
    collect: Callable[..., CollectEvent],
    an_event: Callable[..., bytes],
    spelling: str,
) -> None:
    """Its events are said to have properties, and its object of headers has two spellings."""
    server.event_types = EVENT_TYPES
    left_out = dict.fromkeys(
        ("timestamp", "name", "path", "method", "route", "status", "status_class", "duration_ms")
    )
    destination = collect(
        event_type="VIEW",
        constants={"clientId": "5f92a62013332e0f667794dc", "eventLocation": "PAYWALL"},
        headers={"version": "1"},
        headers_field=spelling,
        id_field="pingId",
        properties=lambda event: {**left_out, "anonId": "a-1", "clickAction": "none"},
    )
    destination.send([an_event(user_id="u1")])
    assert server.requests[0].document == {
        "messageBody": [
            {
                "eventType": "VIEW",
                "eventLocation": "PAYWALL",
                "clientId": "5f92a62013332e0f667794dc",
                "pingId": "0198c5e0-0000-7000-8000-000000000001",
                "userId": "u1",
                "anonId": "a-1",
                "clickAction": "none",
            }
        ],
        spelling: {"version": "1"},
    }
    assert server.headers == [{"version": "1"}]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="telling nothing of the client"),
        pytest.param(
            {"forward_client_ip": "full", "forward_user_agent": True, "headers": {"a": [1, "\0"]}},
            id="telling everything",
        ),
    ],
)
def test_a_thousand_hostile_calls_are_all_taken(
    server: Server, collect: Callable[..., CollectEvent], settings: dict[str, Any]
) -> None:
    exchanges = hostile.EXCHANGES if settings else hostile.FEW
    stats = hostile.suffer(collect(properties=hostile.properties, **settings), exchanges)
    assert stats.dropped == {}
    assert len(server.stored) == stats.delivered == exchanges
    assert b"session-secret" not in b"".join(asked.body for asked in server.requests)


def test_hostile_calls_come_through_a_spool(
    server: Server, collect: Callable[..., CollectEvent], tmp_path: Path
) -> None:
    stats = hostile.suffer(collect(properties=hostile.properties), 200, spool=tmp_path / "spool")
    assert (stats.dropped, len(server.stored)) == ({}, 200)


def test_a_server_with_smaller_bodies_is_learned_from(call: Callable[..., None]) -> None:
    server = Server(largest_body=5_000)
    with server.running():
        destination = CollectEvent(server.url)
        with Client(destination, flush_interval=60, shutdown_timeout=PATIENCE) as client:
            for _ in range(300):
                call(client)
    assert client.stats().dropped == {}
    assert len(server.stored) == 300
    assert sum(len(asked.body) > 5_000 for asked in server.requests) < 8


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, (None, None), id="by default"),
        pytest.param({"forward_client_ip": "full"}, ("192.0.2.77", None), id="the address"),
        pytest.param({"forward_client_ip": "truncated"}, ("192.0.2.0", None), id="its network"),
        pytest.param({"forward_user_agent": True}, (None, "curl/8.0"), id="the user agent"),
    ],
)
def test_the_client_is_told_of_by_choice(
    server: Server,
    collect: Callable[..., CollectEvent],
    an_event: Callable[..., bytes],
    settings: dict[str, Any],
    expected: tuple[str | None, str | None],
) -> None:
    event = json.loads(an_event())
    event["request"] |= {"ip_address": "192.0.2.77", "headers": {"User-Agent": "curl/8.0"}}
    collect(**settings).send([json.dumps(event).encode()])
    assert (server.stored[0].get("ip"), server.stored[0].get("userAgent")) == expected


def test_queries_stay_away(
    server: Server, collect: Callable[..., CollectEvent], call: Callable[..., None]
) -> None:
    with Client(collect()) as client:
        call(client, "/items", QUERY_STRING="q=secret-word")
    assert b"secret-word" not in server.requests[0].body


def test_a_function_that_fails_costs_its_field_only(
    server: Server, collect: Callable[..., CollectEvent], call: Callable[..., None]
) -> None:
    def fail(_: object) -> Any:
        raise ValueError("secret")

    with Client(collect(name=fail, properties=fail)) as client:
        call(client, "/items/7")
    assert client.stats().faults["mapping_failed"] == 2
    assert server.stored[0]["name"] == "GET /items/{id}"


def test_an_event_type_that_is_not_on_the_list_is_a_setting_to_mend(
    server: Server, collect: Callable[..., CollectEvent], an_event: Callable[..., bytes]
) -> None:
    server.event_types = EVENT_TYPES
    with pytest.raises(Rejected, match="event_type = 'API_CALL'") as caught:
        collect().send([an_event()])
    assert caught.value.why == "closed"
    collect(event_type="VIEW").send([an_event()])
    assert len(server.stored) == 1


def test_a_wrong_event_type_costs_nothing_while_the_client_lives(
    server: Server,
    collect: Callable[..., CollectEvent],
    call: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.event_types = EVENT_TYPES
    client = Client(collect(), flush_interval=0.01)
    for _ in range(5):
        call(client)
    assert not client.flush(0.5)
    assert (client.stats().queued, client.stats().dropped) == (5, {})
    assert "event_type = 'API_CALL' is not on its list" in caplog.text
    server.event_types = None
    assert client.close(PATIENCE)
    assert len(server.stored) == 5


@pytest.mark.parametrize(
    ("reply", "kind", "why"),
    [
        pytest.param(Reply(400, {"message": "bad"}), Rejected, "refused", id="a bad request"),
        pytest.param(Reply(413), Rejected, "too_large", id="too much at once"),
        pytest.param(Reply(404), Rejected, "closed", id="a wrong address"),
        pytest.param(Reply(200, body=b"\n<html>"), Rejected, "closed", id="a page"),
        pytest.param(Reply(500), RetryLater, None, id="a failure"),
        pytest.param(Reply(503), RetryLater, None, id="a proxy without a server"),
    ],
)
def test_every_answer_becomes_a_verdict(
    server: Server,
    collect: Callable[..., CollectEvent],
    an_event: Callable[..., bytes],
    reply: Reply,
    kind: type[DeliveryError],
    why: str | None,
) -> None:
    server.prepared.append(reply)
    with pytest.raises(kind) as caught:
        collect().send([an_event()])
    assert getattr(caught.value, "why", None) == why


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(201, [{"headers": {}, "value": '{"pingId": "uuid"}'}]), id="documented"),
        pytest.param(Reply(200), id="empty"),
        pytest.param(Reply(204), id="without content"),
    ],
)
def test_every_other_success_is_one(
    server: Server,
    collect: Callable[..., CollectEvent],
    an_event: Callable[..., bytes],
    reply: Reply,
) -> None:
    server.prepared.append(reply)
    collect().send([an_event()])
    assert not server.prepared


def test_what_is_no_event_is_refused_and_the_others_arrive(
    server: Server, collect: Callable[..., CollectEvent], an_event: Callable[..., bytes]
) -> None:
    with pytest.raises(Partly) as caught:
        collect().send([an_event(), b"{}", b'{"$users":{}}', an_event()])
    assert caught.value.rejected == {1: "not an event", 2: "not an event"}
    assert caught.value.retry == {}
    assert len(server.stored) == 2


def test_an_event_that_is_refused_is_found(
    call: Callable[..., None],
) -> None:
    class Picky(Server):
        """Refuses what no rule tells us of."""

        def _problem(self, event: Any) -> str:
            return "path must not be poison" if event["path"] == "/poison" else ""

    other = Picky()
    with other.running():
        destination = CollectEvent(other.url)
        with Client(destination, shutdown_timeout=PATIENCE) as client:
            for path in ("/a", "/b", "/poison", "/c", "/d"):
                call(client, path)
            assert client.flush(PATIENCE)
    assert client.stats().dropped == {"rejected": 1}
    assert sorted(event["path"] for event in other.stored) == ["/a", "/b", "/c", "/d"]


def test_a_used_up_limit_is_respected_before_any_429(
    an_event: Callable[..., bytes],
) -> None:
    server = Server(requests_a_window=2, window=60)
    with server.running():
        destination = CollectEvent(server.url)
        destination.send([an_event()])
        destination.send([an_event()])
        with pytest.raises(RetryLater, match="rate limit") as caught:
            destination.send([an_event()])
        destination.close()
    assert caught.value.after == pytest.approx(60, abs=3)
    assert len(server.requests) == 2
    assert server.too_many == 0


def test_a_limit_that_others_used_up_is_respected_after_a_429(
    server: Server, collect: Callable[..., CollectEvent], an_event: Callable[..., bytes]
) -> None:
    reset = f"{time.time() + 30:.0f}"
    limits = {
        "X-RateLimit-Limit": "1000",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": reset,
    }
    server.prepared.append(Reply(429, {"statusCode": 429}, limits))
    with pytest.raises(RetryLater) as caught:
        collect().send([an_event()])
    assert caught.value.after == pytest.approx(30, abs=3)


def test_a_client_keeps_within_the_limit_and_loses_nothing(call: Callable[..., None]) -> None:
    server = Server(requests_a_window=2, window=0.2)
    with server.running():
        destination = CollectEvent(server.url, batch_items=1)
        with Client(destination, flush_interval=0.05, shutdown_timeout=PATIENCE) as client:
            for _ in range(4):
                call(client)
            assert client.flush(PATIENCE)
    assert (client.stats().delivered, client.stats().dropped) == (4, {})
    assert (len(server.stored), server.too_many) == (4, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"base_url": "collect.test"}, "base_url", id="an address without a scheme"),
        pytest.param({"event_type": ""}, "event_type", id="an empty type"),
        pytest.param({"event_type": 7}, "event_type", id="a type that is no text"),
        pytest.param({"event_type": "a\nb"}, "event_type", id="a type with a line end"),
        pytest.param({"id_field": None}, "id_field", id="a field without a name"),
        pytest.param({"constants": [("secret", 1)]}, "constants", id="constants in a list"),
        pytest.param({"headers": "secret"}, "headers", id="headers that are a text"),
        pytest.param({"headers_field": "headers"}, "headers_field", id="a third spelling"),
        pytest.param({"batch_items": 0}, "batch_items", id="no items"),
        pytest.param({"name": "x"}, "name", id="a name that is no function"),
        pytest.param({"forward_client_ip": True}, "forward_client_ip", id="another choice"),
        pytest.param({"exclude": 5}, "exclude", id="a condition that is a number"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    settings = {"base_url": "http://127.0.0.1:9", **options}
    with pytest.raises(ConfigError, match=words) as caught:
        CollectEvent(settings.pop("base_url"), **settings)
    assert "secret" not in str(caught.value)


def test_constants_are_in_no_repr(collect: Callable[..., CollectEvent], server: Server) -> None:
    assert repr(collect(constants={"clientId": "secret"})) == f"<CollectEvent at {server.url}>"

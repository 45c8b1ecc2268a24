"""What Logimoni receives, and where its keys never are."""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from servers.logimoni import PROJECT_KEY, USER_KEY
from servers.logimoni import Logimoni as Server
from servers.plain import Reply

from apilog import Client, ConfigError, Rejected, RetryLater
from apilog.destinations import Logimoni
from apilog.exceptions import DeliveryError, Partly

AnEvent = Callable[..., bytes]
SECRET = "very-secret"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server("Calls", "Errors", "Orders", "Missing", "Admin")
    with server.running():
        yield server


@pytest.fixture
def new_logimoni(server: Server) -> Iterator[Callable[..., Logimoni]]:
    made: list[Logimoni] = []

    def make(category: Any = "Calls", **options: Any) -> Logimoni:
        made.append(
            Logimoni(USER_KEY, PROJECT_KEY, category=category, base_url=server.url, **options)
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def logimoni(new_logimoni: Callable[..., Logimoni]) -> Logimoni:
    return new_logimoni()


def request(uri: str = "http://shop.test/items/7?x=1", verb: str = "GET") -> dict[str, Any]:
    return {"time": "2026-11-20T21:06:10.700Z", "uri": uri, "verb": verb, "headers": {}}


def response(status: int) -> dict[str, Any]:
    return {"time": "2026-11-20T21:06:10.712Z", "status": status, "headers": {}}


def own(**more: Any) -> dict[str, Any]:
    return {"apilog": more}


def outcome(logimoni: Logimoni, *batch: bytes) -> DeliveryError | None:
    try:
        logimoni.send(batch)
    except DeliveryError as error:
        return error
    return None


# What is told


def test_the_documents_own_sample_can_be_produced(
    server: Server, new_logimoni: Callable[..., Logimoni], an_event: AnEvent
) -> None:
    new_logimoni("Orders", message=lambda _: "Order 7 was paid").send([an_event()])
    (asked,) = server.requests
    assert (asked.verb, asked.path) == ("POST", "/api/events")
    assert asked.headers["content-type"] == "application/json"
    assert "content-encoding" not in asked.headers
    assert asked.document == {
        "userKey": USER_KEY,
        "projectKey": PROJECT_KEY,
        "categoryName": "Orders",
        "message": "Order 7 was paid",
    }
    assert server.stored == [("Orders", "Order 7 was paid")]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param(
            {
                "request": request("http://shop.test/v1/items/7"),
                "response": response(500),
                "metadata": own(route="/v1/items/{id}", duration_ms=12.51),
            },
            "GET /v1/items/{id} 500 12.5ms",
            id="a call",
        ),
        pytest.param({"metadata": own()}, "GET /items/{id} 200", id="one of unknown duration"),
        pytest.param(
            {"response": None, "metadata": own(exception="KeyError", duration_ms=3)},
            "GET /items/{id} KeyError 3.0ms",
            id="one that failed",
        ),
        pytest.param(
            {"response": None, "metadata": own()}, "GET /items/{id} aborted", id="one cut off"
        ),
    ],
)
def test_a_call_is_one_line_without_its_query(
    server: Server, logimoni: Logimoni, an_event: AnEvent, changes: dict[str, Any], line: str
) -> None:
    logimoni.send([an_event(**changes)])
    assert server.stored == [("Calls", line)]


def test_name_and_properties_are_parts_of_the_line(
    server: Server, new_logimoni: Callable[..., Logimoni], an_event: AnEvent
) -> None:
    new_logimoni(
        name=lambda event: "look at an item",
        properties=lambda event: {"plan": "pro", "deep": {"n": 1}},
    ).send([an_event(metadata=own())])
    assert server.stored == [("Calls", "look at an item 200 plan=pro deep.n=1")]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("a\nb\r\nc\td", "a b c d"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
        ("nul\0lone\ud800", "nul\N{REPLACEMENT CHARACTER}lone?"),
        ("line\N{LINE SEPARATOR}para\N{PARAGRAPH SEPARATOR}next\x85", "line para next"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gpj", "gpj"),
        ("x" * 5_000, "x" * 2_000),
        ("\N{FIRE}" * 2_000, "\N{FIRE}" * 1_000),
    ],
)
def test_a_message_is_one_line_without_control_characters(
    server: Server,
    new_logimoni: Callable[..., Logimoni],
    an_event: AnEvent,
    said: str,
    line: str,
) -> None:
    new_logimoni(message=lambda _: said).send([an_event()])
    assert server.stored == [("Calls", line)]


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(lambda _: 1 / 0, id="one that fails"),
        pytest.param(lambda _: None, id="one that says nothing"),
        pytest.param(lambda _: " \n\0"[:2], id="one that says a blank"),
        pytest.param(lambda _: 7, id="one that says a number"),
        pytest.param(lambda _: "\x07", id="one that says what is no text"),
    ],
)
def test_a_message_function_that_is_no_use_leaves_the_usual_line(
    server: Server, new_logimoni: Callable[..., Logimoni], an_event: AnEvent, message: Any
) -> None:
    new_logimoni(message=message).send([an_event(metadata=own())])
    assert server.stored == [("Calls", "GET /items/{id} 200")]


# Categories

TABLE = {
    "POST /orders": "Orders",
    "/admin/*": "Admin",
    "404": "Missing",
    "5xx": "Errors",
    "default": "Calls",
}


@pytest.mark.parametrize(
    ("verb", "path", "status", "category"),
    [
        ("GET", "/items/7", 200, "Calls"),
        ("GET", "/items/7", 404, "Missing"),
        ("GET", "/items/7", 500, "Errors"),
        ("GET", "/items/7", 503, "Errors"),
        ("POST", "/orders", 201, "Orders"),
        ("POST", "/orders", 500, "Orders"),
        ("GET", "/orders", 200, "Calls"),
        ("GET", "/admin/users", 404, "Admin"),
        ("GET", "/items/7", None, "Calls"),
    ],
)
def test_the_first_row_of_the_table_that_fits_counts(
    server: Server,
    new_logimoni: Callable[..., Logimoni],
    an_event: AnEvent,
    verb: str,
    path: str,
    status: int | None,
    category: str,
) -> None:
    event = an_event(
        request=request(f"http://x{path}", verb),
        response=None if status is None else response(status),
    )
    new_logimoni(TABLE).send([event])
    assert server.stored[0][0] == category


def test_a_row_may_be_a_route(
    server: Server, new_logimoni: Callable[..., Logimoni], an_event: AnEvent
) -> None:
    logimoni = new_logimoni({"GET /items/{id}": "Orders", "default": "Calls"})
    logimoni.send([an_event(metadata=own(route="/items/{id}"))])
    logimoni.send([an_event(metadata=own(route="/items/{id}/lines"))])
    assert [category for category, _ in server.stored] == ["Orders", "Calls"]


def test_a_category_may_be_a_function_of_the_event(
    server: Server, new_logimoni: Callable[..., Logimoni], an_event: AnEvent
) -> None:
    new_logimoni(lambda event: "Admin" if event.user_id == "root" else "Calls").send(
        [an_event(user_id="root"), an_event()]
    )
    assert sorted(category for category, _ in server.stored) == ["Admin", "Calls"]


@pytest.mark.parametrize(
    "function",
    [lambda _: 1 / 0, lambda _: "", lambda _: None, lambda _: 7, lambda _: "\n\x07"],
    ids=["that fails", "empty", "None", "a number", "control characters"],
)
def test_an_event_without_a_category_is_counted(
    server: Server,
    new_logimoni: Callable[..., Logimoni],
    call: Callable[..., None],
    function: Any,
) -> None:
    with Client(new_logimoni(function)) as client:
        call(client)
        client.flush(1)
        client.close(1)
        stats = client.stats()
    assert stats.captured == stats.queued + sum(stats.dropped.values()) == 1
    assert server.requests == []


# Answers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_an_arrival(
    server: Server, logimoni: Logimoni, an_event: AnEvent, status: int
) -> None:
    server.prepared.append(Reply(status))
    assert outcome(logimoni, an_event()) is None


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_trouble_is_tried_again(
    server: Server, logimoni: Logimoni, an_event: AnEvent, status: int
) -> None:
    server.prepared.append(Reply(status))
    assert isinstance(outcome(logimoni, an_event()), RetryLater)
    assert outcome(logimoni, an_event()) is None


@pytest.mark.parametrize("status", [302, 400, 401, 402, 403, 404, 405, 415, 422])
def test_before_anything_was_taken_a_refusal_is_a_setting_to_mend(
    server: Server, logimoni: Logimoni, an_event: AnEvent, status: int
) -> None:
    server.prepared.append(Reply(status))
    refusal = outcome(logimoni, an_event(), an_event())
    assert isinstance(refusal, Rejected)
    assert refusal.why == "closed"
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
def test_later_it_is_the_event(
    server: Server, logimoni: Logimoni, an_event: AnEvent, status: int
) -> None:
    logimoni.send([an_event()])
    server.prepared.append(Reply(status))
    some = outcome(logimoni, an_event(), an_event())
    assert isinstance(some, Partly)
    assert list(some.rejected) == [0]
    assert not some.retry


def test_a_category_that_does_not_exist_costs_its_own_events_and_no_others(
    server: Server, new_logimoni: Callable[..., Logimoni], call: Callable[..., None]
) -> None:
    logimoni = new_logimoni({"/typo*": "Ordrs", "default": "Calls"})
    with Client(logimoni, shutdown_timeout=10) as client:
        for number in range(20):
            call(client, f"/typo/{number}" if number in (3, 8) else f"/items/{number}")
        assert client.flush(10)
        stats = client.stats()
    assert (stats.delivered, stats.dropped) == (18, {"rejected": 2})


def test_an_update_is_rejected_alone(server: Server, logimoni: Logimoni, an_event: AnEvent) -> None:
    some = outcome(logimoni, b'{"$users":{"user_id":"u1"}}', an_event())
    assert isinstance(some, Partly)
    assert list(some.rejected) == [0]
    assert len(server.stored) == 1


# Keys


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500])
def test_the_keys_are_in_no_error_no_log_and_no_repr(
    server: Server,
    new_logimoni: Callable[..., Logimoni],
    an_event: AnEvent,
    call: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    caplog.set_level(logging.NOTSET)
    logimoni = new_logimoni()
    server.prepared.extend([Reply(status, {"you": "sent", "userKey": USER_KEY})] * 2)
    error = outcome(logimoni, an_event())
    assert error is not None
    assert SECRET not in "".join(traceback.format_exception(error))
    assert SECRET not in repr(error.__dict__)
    with Client(logimoni, shutdown_timeout=2) as client:
        call(client)
    assert SECRET not in caplog.text
    assert caplog.records
    assert SECRET not in repr(logimoni)
    assert SECRET not in f"{client.stats()}"
    assert repr(copy.copy(logimoni)) == f"<Logimoni at {server.url}>"


def test_the_keys_are_in_no_error_of_a_server_that_is_not_there(
    an_event: AnEvent, server: Server
) -> None:
    logimoni = Logimoni(USER_KEY, PROJECT_KEY, category="x", base_url="http://127.0.0.1:9")
    error = outcome(logimoni, an_event())
    assert isinstance(error, RetryLater)
    assert SECRET not in "".join(traceback.format_exception(error))


def test_the_keys_are_in_no_file_of_the_spool(
    server: Server,
    new_logimoni: Callable[..., Logimoni],
    call: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The spool holds events, of which the messages are made when they are sent."""
    from apilog.cli import main

    spool = tmp_path / "spool"
    server.prepared.extend([Reply(503)] * 5)
    with Client(new_logimoni(), spool=spool, shutdown_timeout=0.3) as client:
        call(client, "/items/7")
    files = [each for each in spool.rglob("*") if each.is_file()]
    assert any(b"/items/7" in each.read_bytes() for each in files), "the event is there"
    for each in files:
        assert SECRET.encode() not in each.read_bytes()
        assert SECRET not in each.name
    assert main(["spool", str(spool)]) == 0
    assert SECRET not in "".join(capsys.readouterr())
    server.prepared.clear()
    with Client(new_logimoni(), spool=spool, shutdown_timeout=5) as client:
        client.wake()
        call(client, "/items/8")
        assert client.flush(10)
    assert len(server.stored) == 2


@pytest.mark.parametrize(
    "key", ["", None, 7, b"secret", "secret\n", " secret", "se\0cret", "s" * 501]
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_key_that_cannot_be_one_is_named_and_not_repeated(key: Any, place: int) -> None:
    keys = ["plain", "plain"]
    keys[place] = key
    with pytest.raises(ConfigError, match=("user_key", "project_key")[place]) as caught:
        Logimoni(*keys, category="Calls")
    assert "secret" not in f"{caught.value}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"category": ""}, "category = ''"),
        ({"category": "a\nb"}, "category"),
        ({"category": None}, "category = None"),
        ({"category": {}}, "no 'default'"),
        ({"category": {"5xx": "Errors"}}, "no 'default'"),
        ({"category": {"6xx": "Errors", "default": "Calls"}}, "'6xx' in the table"),
        ({"category": {500: "Errors", "default": "Calls"}}, "500 in the table is no text"),
        ({"category": {"5xx": None, "default": "Calls"}}, "category = None"),
        ({"message": "x"}, "message"),
        ({"name": "x"}, "name"),
        ({"sample_rate": -1}, "sample_rate"),
        ({"base_url": "logimoni.com"}, "base_url"),
    ],
)
def test_a_setting_that_cannot_work_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Logimoni(USER_KEY, PROJECT_KEY, **{"category": "Calls", **given})
    assert words in f"{caught.value}"
    assert SECRET not in f"{caught.value}"


def test_the_default_is_logimoni_itself() -> None:
    assert repr(Logimoni("u", "p", category="Calls")) == "<Logimoni at https://logimoni.com>"


# Everything at once


def test_hostile_calls_are_all_stored(
    server: Server, new_logimoni: Callable[..., Logimoni]
) -> None:
    logimoni = new_logimoni(TABLE, properties=hostile.properties)
    stats = hostile.suffer(logimoni)
    assert stats.delivered == len(server.stored) == hostile.EXCHANGES
    assert {category for category, _ in server.stored} >= {"Calls", "Errors", "Missing"}
    assert all(len(message.splitlines()) == 1 for _, message in server.stored)
    assert all("session-secret" not in message for _, message in server.stored)

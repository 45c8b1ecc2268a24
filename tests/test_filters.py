"""Filters: each destination receives the calls it wants, and what it does not want is counted."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from apilog import Client, Event
from apilog.complaints import Complaints
from apilog.destinations import Filter, Memory
from apilog.events import EventRequest, EventResponse
from apilog.exceptions import ConfigError
from apilog.gated_encoder import Gate
from apilog.sampling import weight_of
from apilog.shipment import Shipment
from apilog.wsgi import ApiLogMiddleware

EVENT = Event(
    request=EventRequest(time="t", uri="http://shop.test/items/7?x=1", verb="GET"),
    response=EventResponse(time="t", status=200),
    metadata={"apilog": {"route": "/items/{id}"}},
)


def event(
    verb: str = "GET", path: str = "/items/7", status: int | None = 200, route: str | None = None
) -> Event:
    response = None if status is None else EventResponse(time="t", status=status)
    own = {} if route is None else {"apilog": {"route": route}}
    request = EventRequest(time="t", uri=f"http://shop.test{path}", verb=verb)
    return Event(request=request, response=response, metadata=own)  # type: ignore[arg-type]


class Wanting(Memory):
    """A destination of one's own, with a filter."""

    def __init__(self, **conditions: Any) -> None:
        super().__init__()
        self.filter = Filter(**conditions)

    @property
    def paths(self) -> list[str]:
        return [each.request.uri.partition("127.0.0.1")[2] for each in self.events]


Call = Callable[..., None]


@pytest.fixture
def call() -> Call:
    """Make a call of an app that answers with the status that the path names, and 200 else."""

    def call(client: Client, path: str, verb: str = "GET") -> None:
        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            last = environ["PATH_INFO"].rpartition("/")[2]
            status = f"{last} Whatever" if last.isdigit() and len(last) == 3 else "200 OK"
            start_response(status, [("Content-Length", "2")])
            return [b"ok"]

        environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": verb}
        setup_testing_defaults(environ)
        response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
        assert b"".join(response) == b"ok"
        if hasattr(response, "close"):  # one that is recorded
            response.close()

    return call


# Conditions


@pytest.mark.parametrize(
    ("condition", "fits", "does_not"),
    [
        pytest.param("/items/7", event(), event(path="/items/70"), id="a path"),
        pytest.param("/items/*", event(path="/items/7/x"), event(path="/item/7"), id="a glob"),
        pytest.param("/*", event(path="/"), None, id="every path"),
        pytest.param("/a.b", event(path="/a.b"), event(path="/axb"), id="a dot is a dot"),
        pytest.param("POST /items/*", event("POST"), event("GET"), id="a method and a path"),
        pytest.param(
            "GET /items/{id}", event(route="/items/{id}"), event(route="/items"), id="a route"
        ),
        pytest.param("5xx", event(status=503), event(status=404), id="a class of statuses"),
        pytest.param("404", event(status=404), event(status=403), id="one status"),
        pytest.param("2xx", event(), event(status=None), id="a status where there is no answer"),
        pytest.param(
            lambda each: each.request.verb == "PUT", event("PUT"), event(), id="functions"
        ),
        pytest.param(("404", "/b"), event(path="/b"), event(path="/c"), id="one of several"),
        pytest.param("/caf%C3%A9", event(path="/caf%C3%A9"), event(path="/cafe"), id="percent"),
    ],
)
def test_a_condition_fits_what_it_says(condition: Any, fits: Event, does_not: Event | None) -> None:
    only, exclude = Filter(only=condition), Filter(exclude=condition)
    assert only.admits(fits)
    assert not exclude.admits(fits)
    if does_not is not None:
        assert not only.admits(does_not)
        assert exclude.admits(does_not)


def test_what_is_excluded_stays_away_even_if_it_is_wanted() -> None:
    both = Filter(only="5xx", exclude="/health")
    assert both.weigh(event(status=500)) == 1
    assert both.weigh(event(path="/health", status=500)) is None
    assert both.weigh(event()) is None


def test_without_conditions_nobody_is_asked() -> None:
    assert not Filter().is_selective
    assert Filter(only="5xx").is_selective
    assert Filter(exclude="5xx").is_selective
    assert Filter(sample_rate=0.5).is_selective


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param({"only": "items"}, "only = 'items'", id="a path without a slash"),
        pytest.param({"only": "*"}, "only = '*'", id="a star without a slash"),
        pytest.param({"exclude": "6xx"}, "exclude = '6xx'", id="a status that does not exist"),
        pytest.param({"only": ["get /items"]}, "only = 'get /items'", id="a method in lower case"),
        pytest.param({"only": [404]}, "only = 404", id="a number"),
        pytest.param({"only": 404}, "only, exclude", id="a number alone"),
        pytest.param({"sample_rate": 1.5}, "sample_rate = 1.5", id="a rate above one"),
        pytest.param({"sample_rate": -0.1}, "sample_rate = -0.1", id="a negative rate"),
        pytest.param({"sample_rate": True}, "sample_rate = True", id="a rate that is a bool"),
        pytest.param({"sample_rate": "0.5"}, "sample_rate = '0.5'", id="a rate that is text"),
        pytest.param({"sample_rate": float("nan")}, "sample_rate = nan", id="not a number"),
    ],
)
def test_what_cannot_work_is_named_at_once(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match="expected") as refused:
        Filter(**options)
    assert str(refused.value).startswith(named)


# Sampling


@pytest.mark.parametrize("rate", [1.0, 0.9, 0.75, 0.5, 0.3, 0.1, 0.03])
def test_weights_add_up_to_what_there_was(rate: float) -> None:
    dice = random.Random(20_261_121).random
    calls = 100_000
    total = sum(weight_of(rate, dice) for _ in range(calls))
    assert abs(total - calls) < 4 * (calls * (1 / rate - 1) + calls * 0.25) ** 0.5


def test_every_call_is_kept_at_rate_one_and_none_at_rate_zero() -> None:
    assert {weight_of(1.0) for _ in range(1_000)} == {1}
    assert {weight_of(0.0) for _ in range(1_000)} == {0}
    assert {weight_of(0) for _ in range(1_000)} == {0}


def test_a_weight_is_never_further_than_one_from_the_exact_one() -> None:
    dice = random.Random(1).random
    assert {weight_of(0.3, dice) for _ in range(1_000)} == {0, 3, 4}


# Destinations


def test_destinations_with_different_filters_share_one_exchange(call: Call) -> None:
    everything, errors, orders = Memory(), Wanting(only="5xx"), Wanting(exclude="GET /items*")
    with Client([everything, errors, orders]) as client:
        for path in ("/items", "/orders/503", "/items/500", "/other"):
            call(client, path)
        assert client.flush(10)
        stats = client.stats()
    assert len(everything.raw) == 4
    assert errors.paths == ["/orders/503", "/items/500"]
    assert orders.paths == ["/orders/503", "/other"]
    assert {json.loads(raw)["transaction_id"] for raw in errors.raw} < {
        json.loads(raw)["transaction_id"] for raw in everything.raw
    }
    assert set(errors.raw) < set(everything.raw)  # encoded once
    assert (stats.captured, stats.delivered, stats.dropped) == (12, 8, {"filtered": 4})


@pytest.mark.parametrize("spooled", [False, True], ids=["in memory", "with a spool"])
def test_every_call_has_its_place_in_the_account(spooled: bool, call: Call, tmp_path: Path) -> None:
    target = Wanting(exclude="/health", sample_rate=0.5)
    options = {"spool": str(tmp_path / "spool")} if spooled else {}
    with Client(target, **options) as client:
        for number in range(200):
            call(client, "/health" if number % 2 else "/items")
        assert client.flush(10)
        stats = client.stats()
    assert stats.dropped["filtered"] == 100
    assert stats.delivered + stats.dropped["sampled_out"] == 100
    assert stats.delivered == len(target.events)
    assert {each.weight for each in target.events} == {2}


def test_the_rate_of_a_destination_and_that_of_the_client_multiply(call: Call) -> None:
    target = Wanting(sample_rate=0.5)
    with Client(target, sample_rate=0.25) as client:
        for _ in range(400):
            call(client, "/items")
        assert client.flush(10)
    assert target.events
    assert {each.weight for each in target.events} == {8}


def test_a_filter_that_fails_keeps_the_event_back_and_is_counted(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    def picky(each: Event) -> bool:
        raise ValueError(f"no {each.request.uri}")

    other, target = Memory(), Wanting(exclude=picky)
    with Client([target, other]) as client:
        call(client, "/items/c4n4ry")
        call(client, "/items")
        assert client.flush(10)
        stats = client.stats()
    assert target.raw == []
    assert len(other.raw) == 2
    assert stats.dropped == {"filter_failed": 2}
    assert stats.faults["filter_failed"] == 2
    (line,) = [each.getMessage() for each in caplog.records]
    assert "ValueError" in line
    assert "c4n4ry" not in line


def test_a_filter_sees_the_masked_event(call: Call) -> None:
    seen: list[str] = []
    target = Wanting(only=lambda each: seen.append(each.request.uri) or True)
    with Client(target) as client:
        environ: dict[str, Any] = {"PATH_INFO": "/items", "QUERY_STRING": "token=c4n4ry"}
        setup_testing_defaults(environ)

        def app(_: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            return [b""]

        response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
        list(response)
        response.close()
        assert client.flush(10)
    assert seen == ["http://127.0.0.1/items?token=***"]


def test_asked_twice_a_filter_gives_the_same_verdict(call: Call, tmp_path: Path) -> None:
    asked: list[str] = []

    def chance(each: Event) -> bool:
        if each.response is None:  # the call has only begun
            return True
        asked.append(each.request.uri)
        return len(asked) % 2 == 1

    target = Wanting(only=chance, sample_rate=0.5)
    spool = str(tmp_path / "spool")
    with Client(target, spool=spool, durability="request") as client:
        for number in range(50):
            call(client, f"/items/{number}")
        assert client.flush(10)
        stats = client.stats()
    assert len(asked) == len(set(asked)) == 50
    assert stats.dropped["filtered"] == 25
    assert stats.delivered + stats.dropped["sampled_out"] == 25
    assert stats.captured == 50
    assert stats.delivered == len(target.raw)


DYING = """
import os, sys
from wsgiref.util import setup_testing_defaults
from apilog import Client
from apilog.destinations import Filter, Memory
from apilog.wsgi import ApiLogMiddleware

def app(environ, start_response):
    if environ["PATH_INFO"] == "/dies":
        os._exit(7)
    start_response("200 OK", [])
    return [b""]

target = Memory()
target.filter = Filter(exclude="/admin/*")
client = Client(target, spool=sys.argv[1], durability="request", flush_interval=3600.0)
still_open = []
for path in ("/admin/secrets", "/items", "/dies"):
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    still_open.append(ApiLogMiddleware(app, client=client)(environ, lambda *_: print))
"""


def test_a_call_that_dies_with_its_process_is_filtered_too(tmp_path: Path) -> None:
    """What the spool notes when a call begins must not reach who is not to have it."""
    spool = tmp_path / "spool"
    command = [sys.executable, "-W", "error", "-c", DYING, str(spool)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (7, "")
    heir = Memory()
    Shipment(spool, heir, once=True, interval=1.0, batch_size=10).run()
    paths = [each.request.uri.partition("127.0.0.1")[2] for each in heir.events]
    assert sorted(paths) == ["/dies", "/items"]


# Destinations of one's own


def test_a_destination_may_choose_by_itself(call: Call) -> None:
    class Choosing(Memory):
        is_selective = True

        def weigh(self, each: Event) -> int | None:
            return {"/a": 1, "/b": 0, "/c": None, "/d": 5}[each.request.uri[-2:]]

    target = Choosing()
    with Client(target) as client:
        for path in ("/a", "/b", "/c", "/d"):
            call(client, path)
        assert client.flush(10)
        dropped = client.stats().dropped
    assert [(each.request.uri[-2:], each.weight) for each in target.events] == [
        ("/a", 1),
        ("/d", 5),
    ]
    assert dropped == {"sampled_out": 1, "filtered": 1}


def test_a_filter_that_is_none_is_named() -> None:
    class Wrong(Memory):
        filter = "5xx"

    with pytest.raises(ConfigError, match=r"filter of Wrong is of class str: expected a Filter"):
        Client(Wrong())


def test_a_method_called_filter_is_the_destinations_own() -> None:
    class Other(Memory):
        def filter(self, batch: Sequence[bytes]) -> None: ...

    assert Gate(Other(), Complaints()).is_always_open


def test_a_gate_multiplies_weights_and_lets_updates_pass() -> None:
    gate = Gate(Wanting(sample_rate=0.5), Complaints())
    text = json.dumps(replace(EVENT, weight=3).document()).encode()
    passed = {each for each in (gate.passed(text) for _ in range(200)) if isinstance(each, bytes)}
    assert {json.loads(each)["weight"] for each in passed} == {6}
    update = b'{"$users":{"user_id":"u"}}'
    assert {gate.passed(update) for _ in range(20)} == {update}

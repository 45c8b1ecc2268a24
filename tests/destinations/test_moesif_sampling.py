"""Moesif's own sampling: rates by user, company and fields, from afar and off every path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from servers.moesif import Moesif as Server
from servers.plain import Reply

from apilog import Client, ConfigError, Event
from apilog.destinations import Memory, Moesif
from apilog.destinations._moesif_remote import LATEST, SOONEST, RemoteDocument
from apilog.destinations._moesif_sampling import Sampling
from apilog.exceptions import DeliveryError

KEY = "eyJhcHAiOiIxOTg6MTI0Iiwib3JnIjoiODg6MjEwIn0.an-application-id"
PATIENCE = 20.0


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.checks_age = False
    with server.running():
        yield server
        server.config_gate.set()


@pytest.fixture
def moesif(server: Server) -> Iterator[Moesif]:
    moesif = Moesif(KEY, base_url=server.url)
    yield moesif
    moesif.close()


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def percentage(an_event: Callable[..., bytes], faults: list[str]) -> Callable[..., float]:
    """Return the percentage that a configuration gives an event with these changes."""

    def percentage(config: Any, **changes: Any) -> float:
        return Sampling(config, faults.append).percentage(Event.from_json(an_event(**changes)))

    return percentage


def rule(rate: Any, *conditions: tuple[str, str]) -> dict[str, Any]:
    each = [{"path": path, "value": value} for path, value in conditions]
    return {"conditions": each, "sample_rate": rate}


ITEMS = ("request.route", "/items/.*")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(None, 100, id="no configuration"),
        pytest.param({}, 100, id="an empty one"),
        pytest.param({"sample_rate": 25}, 25, id="one rate for all"),
        pytest.param({"sample_rate": 0}, 0, id="nothing at all"),
        pytest.param({"sample_rate": 25, "user_sample_rate": {"u1": 50}}, 50, id="the user's"),
        pytest.param({"sample_rate": 25, "user_sample_rate": {"u2": 50}}, 25, id="another user's"),
        pytest.param({"company_sample_rate": {"acme": 10}}, 10, id="the company's"),
        pytest.param(
            {"user_sample_rate": {"u1": 80}, "company_sample_rate": {"acme": 10}},
            80,
            id="the user's before the company's",
        ),
        pytest.param(
            {"user_sample_rate": {"u1": 0}, "company_sample_rate": {"acme": 10}},
            0,
            id="none of a user is a rate as well",
        ),
        pytest.param({"sample_rate": 50, "regex_config": [rule(5, ITEMS)]}, 5, id="a rule's"),
        pytest.param(
            {"sample_rate": 50, "regex_config": [rule(100, ITEMS)]}, 100, id="a rule's beats all's"
        ),
        pytest.param({"regex_config": [rule(0, ITEMS)]}, 0, id="a rule's that is none"),
        pytest.param(
            {"regex_config": [rule(5, ITEMS), rule(1, ITEMS)]}, 5, id="the first of two rules"
        ),
        pytest.param(
            {"user_sample_rate": {"u1": 80}, "regex_config": [rule(5, ITEMS)]},
            5,
            id="the smaller of user and rule: the rule",
        ),
        pytest.param(
            {"user_sample_rate": {"u1": 3}, "regex_config": [rule(5, ITEMS)]},
            3,
            id="the smaller of user and rule: the user",
        ),
        pytest.param(
            {"company_sample_rate": {"acme": 3}, "regex_config": [rule(5, ITEMS)]},
            3,
            id="the smaller of company and rule",
        ),
        pytest.param(
            {"regex_config": [rule(5, ITEMS, ("request.verb", "POST"))]}, 100, id="half a rule"
        ),
        pytest.param(
            {"regex_config": [rule(5, ITEMS, ("request.verb", "GET"))]}, 5, id="a whole rule"
        ),
        pytest.param({"regex_config": [rule(5, ("response.status", "^2"))]}, 5, id="by status"),
        pytest.param(
            {"regex_config": [rule(5, ("request.ip_address", r"192\.0\."))]}, 5, id="by address"
        ),
        pytest.param(
            {"regex_config": [rule(5, ("request.headers.accept", "json"))]}, 5, id="by a header"
        ),
        pytest.param(
            {"regex_config": [rule(5, ("request.body.operationName", "^Ping$"))]}, 5, id="by body"
        ),
        pytest.param(
            {"regex_config": [rule(5, ("request.nothing", ".*"))]}, 100, id="a field there is not"
        ),
        pytest.param(
            {"regex_config": [rule(5, ("request.route", r"\?"))]}, 100, id="a route has no query"
        ),
        pytest.param({"regex_config": [rule(5, ("user_id", "^u1$"))]}, 5, id="by the user's id"),
    ],
)
def test_the_rules_have_the_documented_order(
    percentage: Callable[..., float], faults: list[str], config: Any, expected: float
) -> None:
    event = {
        "user_id": "u1",
        "company_id": "acme",
        "request": {
            "time": "2026-11-20T21:06:10.700Z",
            "uri": "http://shop.test/items/7?x=1",
            "verb": "GET",
            "headers": {"Accept": "application/json"},
            "ip_address": "192.0.2.7",
            "body": {"operationName": "Ping"},
        },
    }
    assert percentage(config, **event) == expected
    assert not faults


BAD_RULES = {
    "no conditions": {"sample_rate": 1},
    "empty conditions": rule(1),
    "no rate": {"conditions": [{"path": "request.route", "value": "/items"}]},
    "a rate that is a text": rule("1", ITEMS),
    "a rate beyond 100": rule(101, ITEMS),
    "a rate below 0": rule(-1, ITEMS),
    "a rate that is True": rule(True, ITEMS),
    "a bad expression": rule(1, ("request.route", "(items")),
    "an expression that can take forever": rule(1, ("request.route", "(.*)*/items/7$")),
    "a very long expression": rule(1, ("request.route", "/items" + "|x" * 1_000)),
    "an expression that is a number": rule(1, ("request.route", 7)),  # type: ignore[arg-type]
    "a path that is None": rule(1, (None, "/items")),  # type: ignore[arg-type]
    "a condition that is a text": {"conditions": ["request.route"], "sample_rate": 1},
    "None": None,
    "a text": "x",
    "a list": [rule(1, ITEMS)],
}


@pytest.mark.parametrize("bad", BAD_RULES.values(), ids=BAD_RULES.keys())
def test_a_bad_rule_never_disables_the_rest(
    percentage: Callable[..., float], faults: list[str], bad: Any
) -> None:
    config = {"sample_rate": 50, "regex_config": [bad, rule(5, ITEMS)]}
    assert percentage(config) == 5
    assert len(faults) == (bad is not None)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"sample_rate": "all"}, 100, id="a rate that is a text"),
        pytest.param({"sample_rate": -5}, 100, id="a rate below 0"),
        pytest.param({"sample_rate": None}, 100, id="a rate that is None"),
        pytest.param({"sample_rate": 7, "user_sample_rate": [1]}, 7, id="users in a list"),
        pytest.param({"sample_rate": 7, "user_sample_rate": {"u1": "x"}}, 7, id="a user's text"),
        pytest.param({"sample_rate": 7, "regex_config": {"a": 1}}, 7, id="rules in an object"),
        pytest.param([1, 2], 100, id="a list"),
        pytest.param("x", 100, id="a text"),
    ],
)
def test_what_cannot_be_read_leaves_the_rest_in_force(
    percentage: Callable[..., float], config: Any, expected: float
) -> None:
    assert percentage(config, user_id="u1") == expected


def test_a_slow_expression_only_sees_short_values(percentage: Callable[..., float]) -> None:
    config = {"regex_config": [rule(5, ("request.uri", "^.*foo.*bar.*$"))]}
    for length, expected in ((10, 5), (4_000, 100)):
        request = {
            "time": "",
            "uri": f"http://a/{'x' * length}foobar",
            "verb": "GET",
            "headers": {},
        }
        assert percentage(config, request=request) == expected


@pytest.mark.parametrize("rate", [100, 50, 30, 7, 0.5])
def test_the_sum_of_weights_is_unbiased(
    an_event: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    monkeypatch.setattr("apilog.chance.roll", Random(7).random)
    event = Event.from_json(an_event())
    sampling = Sampling({"sample_rate": rate}, lambda _: None)
    calls = 20_000
    total = sum(sampling.roll(event) for _ in range(calls))
    deviation = (calls * (100 / rate - 1)) ** 0.5
    assert abs(total - calls) <= 4 * deviation


def test_own_filter_and_remote_rates_multiply(
    server: Server, an_event: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apilog.chance.roll", Random(7).random)
    moesif = Moesif(KEY, base_url=server.url, sample_rate=0.5, exclude="/health")
    moesif._take_config({"sample_rate": 50})
    assert moesif.is_selective
    event = Event.from_json(an_event())
    weights = [moesif.weigh(event) for _ in range(4_000)]
    assert set(weights) == {0, 4}
    assert sum(weight or 0 for weight in weights) == pytest.approx(4_000, rel=0.1)
    excluded = an_event(
        request={"time": "", "uri": "http://a/health", "verb": "GET", "headers": {}}
    )
    assert moesif.weigh(Event.from_json(excluded)) is None
    moesif.close()


def test_without_rules_nobody_is_asked_to_weigh(moesif: Moesif) -> None:
    assert not moesif.is_selective


@pytest.mark.parametrize("spooled", [False, True], ids=["memory", "spool"])
def test_the_configuration_arrives_and_holds(
    server: Server, moesif: Moesif, call: Callable[..., None], spooled: bool, tmp_path: Path
) -> None:
    server.config = {"sample_rate": 100, "regex_config": [rule(0, ITEMS)]}
    options = {"spool": str(tmp_path / "spool")} if spooled else {}
    with Client(moesif, flush_interval=0.05, **options) as client:
        call(client, "/first")
        server.wait_for(lambda: len(server.config_asked) == 1)
        _until(lambda: moesif.is_selective)
        call(client, "/items/7")
        call(client, "/orders")
        assert client.flush(PATIENCE)
        paths = [event["request"]["uri"].partition("127.0.0.1")[2] for event in server.events]
        assert paths == ["/first", "/orders"]
        assert client.stats().dropped == {"sampled_out": 1}
        assert client.stats().delivered == 2
    assert not server.refusals


def test_what_arrives_has_its_weight(
    server: Server, moesif: Moesif, call: Callable[..., None]
) -> None:
    server.config = {"sample_rate": 50}
    moesif._take_config(server.config)
    with Client([moesif, memory := Memory()]) as client:
        for _ in range(40):
            call(client)
        assert client.flush(PATIENCE)
        assert {event["weight"] for event in server.events} == {2}
        assert 0 < len(server.events) < 40
        assert [event.weight for event in memory.events] == [1] * 40  # others have their own


def test_other_rates_of_the_client_count_as_well(
    server: Server, moesif: Moesif, call: Callable[..., None]
) -> None:
    server.config = {"sample_rate": 50}
    moesif._take_config(server.config)
    with Client(moesif, sample_rate=0.5) as client:
        for _ in range(60):
            call(client)
        assert client.flush(PATIENCE)
        assert {event["weight"] for event in server.events} == {4}


def test_nothing_is_asked_before_the_first_call(server: Server) -> None:
    with Client(Moesif(KEY, base_url=server.url)) as client:
        client.wake()
        assert client.flush(0.2)
    assert not server.requests


def test_a_configuration_that_nobody_wants_is_not_asked_for(
    server: Server, call: Callable[..., None]
) -> None:
    with Client(Moesif(KEY, base_url=server.url, remote_sampling=False)) as client:
        call(client)
        assert client.flush(PATIENCE)
    assert [asked.verb for asked in server.requests] == ["POST"]


def test_a_configuration_that_hangs_delays_nothing_and_is_asked_once(
    server: Server, moesif: Moesif, call: Callable[..., None]
) -> None:
    server.config_gate.clear()
    with Client(moesif, flush_interval=0.01) as client:
        call(client)
        server.wait_for(lambda: bool(server.config_asked))
        began = time.monotonic()
        for _ in range(20):
            call(client)
            assert client.flush(PATIENCE)
        assert len(server.events) == 21
    assert time.monotonic() - began < 4  # the end of the client did not wait for it either
    assert len(server.config_asked) == 1


HANGING = """
import sys
from wsgiref.util import setup_testing_defaults
from apilog.destinations import Moesif
from apilog.wsgi import ApiLogMiddleware

def app(environ, start_response):
    start_response("200 OK", [])
    return [b""]

recorded = ApiLogMiddleware(app, destination=Moesif(sys.argv[1], base_url=sys.argv[2]))
for _ in range(3):
    environ = {}
    setup_testing_defaults(environ)
    response = recorded(environ, lambda *_: lambda _: None)
    list(response)
    response.close()
print("served", flush=True)
sys.stdin.read()
"""


def test_a_configuration_that_hangs_does_not_hold_up_the_end_of_the_process(
    server: Server,
) -> None:
    server.config_gate.clear()
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    with subprocess.Popen(
        [sys.executable, "-c", HANGING, KEY, server.url],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "served\n"
        server.wait_for(lambda: bool(server.config_asked))
        began = time.monotonic()
        _, said = process.communicate("")
        watchdog.cancel()
    assert (process.returncode, said) == (0, "")
    assert time.monotonic() - began < 4  # the server still has not answered
    assert len(server.events) == 3


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(500), id="500"),
        pytest.param(Reply(401), id="401"),
        pytest.param(Reply(200, body=b"<html>"), id="no JSON"),
        pytest.param(Reply(200, body=b"[]"), id="no object"),
        pytest.param(Reply(200, body=b'{"a":"' + b"x" * 5_000_000 + b'"}'), id="too long"),
        pytest.param(Reply(302, headers={"Location": "http://192.0.2.1/"}), id="elsewhere"),
    ],
)
def test_an_answer_that_cannot_be_used_is_counted_and_costs_nothing(
    server: Server, moesif: Moesif, call: Callable[..., None], reply: Reply
) -> None:
    with Client(moesif, flush_interval=0.01) as client:
        server.failing["/v1/config"] = reply
        call(client)
        _until(lambda: client.stats().faults.get("config_failed") == 1)
        call(client)
        assert client.flush(PATIENCE)
        assert not moesif.is_selective
        assert client.stats().delivered == 2


def test_a_server_without_a_configuration_is_no_trouble(
    server: Server, moesif: Moesif, call: Callable[..., None]
) -> None:
    server.missing.add("/v1/config")
    with Client(moesif, flush_interval=0.01) as client:
        call(client)
        server.wait_for(lambda: any(asked.path == "/v1/config" for asked in server.requests))
        assert client.flush(PATIENCE)
        assert not client.stats().faults


def test_a_faulty_rule_is_counted(
    server: Server, moesif: Moesif, call: Callable[..., None]
) -> None:
    server.config = {"regex_config": [rule(1, ("request.route", "(")), rule(0, ITEMS)]}
    with Client(moesif, flush_interval=0.01) as client:
        call(client)
        _until(lambda: moesif.is_selective)
        assert client.stats().faults == {"faulty_rule": 1}


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def transport(server: Server) -> Iterator[Any]:
    from apilog.destinations._http import HttpTransport

    transport = HttpTransport(server.url, {"X-Moesif-Application-Id": KEY})
    yield transport
    transport.close()


def test_a_new_tag_means_ask_again_but_once_a_minute(server: Server, transport: Any) -> None:
    clock, taken = Clock(), []
    document = RemoteDocument("/v1/config", "X-Moesif-Config-ETag", taken.append, clock=clock)
    assert document.is_due
    document.fetch(transport)
    assert not document.is_due
    document.hear({"X-Moesif-Config-ETag": "config-1"})
    clock.now += SOONEST
    assert not document.is_due  # nothing new
    document.hear({"X-Moesif-Config-ETag": "config-2"})
    assert document.is_due
    clock.now -= 1
    assert not document.is_due
    clock.now += 1
    server.config, server.config_tag = {"sample_rate": 5}, "config-2"
    document.fetch(transport)
    assert not document.is_due
    assert taken == [{}, {"sample_rate": 5}]
    assert server.config_asked == [None, "config-1"]


def test_what_is_known_is_not_sent_again(server: Server, transport: Any) -> None:
    clock, taken = Clock(), []
    document = RemoteDocument("/v1/config", "X-Moesif-Config-ETag", taken.append, clock=clock)
    document.fetch(transport)
    clock.now += LATEST
    assert document.is_due
    document.fetch(transport)  # 304
    assert taken == [{}]
    assert not document.is_due


def test_an_old_instance_of_the_server_does_not_cause_a_storm(
    server: Server, transport: Any
) -> None:
    """Instances behind one address may know different versions for a while."""
    clock = Clock()
    document = RemoteDocument("/v1/config", "X-Moesif-Config-ETag", lambda _: None, clock=clock)
    asked = 0
    for second in range(600):
        document.hear({"X-Moesif-Config-ETag": f"config-{second % 2 + 1}"})
        clock.now += 1
        if document.is_due:
            document.fetch(transport)
            asked += 1
    assert asked <= 11


def test_failures_make_the_pause_longer(server: Server, transport: Any) -> None:
    clock, asked = Clock(), []
    document = RemoteDocument("/v1/config", "X-Moesif-Config-ETag", lambda _: None, clock=clock)
    server.prepared.extend([Reply(500)] * 10)
    for _ in range(3_600):
        clock.now += 1
        if document.is_due:
            asked.append(clock.now)
            with pytest.raises(DeliveryError):
                document.fetch(transport)
    pauses = [after - before for before, after in pairwise(asked)]
    assert pauses == [60, 120, 240, 480, 900, 900]


def test_many_threads_of_requests_do_not_ask_twice(server: Server, moesif: Moesif) -> None:
    server.config_gate.clear()
    threads = [threading.Thread(target=moesif.refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    server.wait_for(lambda: bool(server.config_asked))
    moesif.refresh()
    assert len(server.config_asked) == 1


@pytest.mark.parametrize("name", ["governance", "remote_sampling"])
def test_a_switch_is_true_or_false(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Moesif(KEY, **{name: "yes"})  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"only": 7}, {"exclude": "health"}, {"sample_rate": 2}])
def test_a_filter_that_cannot_work_is_a_setting_to_fix(given: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Moesif(KEY, **given)
    assert KEY not in str(caught.value)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


def test_the_sample_of_the_documentation_is_understood(
    percentage: Callable[..., float], faults: list[str]
) -> None:
    config = json.loads("""{
        "sample_rate": 100, "user_sample_rate": {}, "company_sample_rate": {},
        "user_rules": {}, "company_rules": {},
        "regex_config": [{
            "conditions": [{"path": "request.route", "value": "/health/.*"}], "sample_rate": 0
        }]
    }""")
    health = {"time": "", "uri": "http://a/health/live", "verb": "GET", "headers": {}}
    assert percentage(config) == 100
    assert percentage(config, request=health) == 0
    assert not faults

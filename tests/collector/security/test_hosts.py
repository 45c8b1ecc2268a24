"""DNS rebinding: only our own names are answered, on every route."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from apilog.collector.guard import names_of

OURS = [
    "localhost",
    "LOCALHOST:80",
    "LocalHost:8090",
    "localhost:",
    "127.0.0.1",
    "127.0.0.1:8090",
    "[::1]",
    "[::1]:8090",
]
OTHERS = [
    "evil.test",
    "evil.test:8090",
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "127.0.0.1.nip.io:8090",
    "localhost.",
    "localhost.:8090",
    "127.0.0.1.",
    "::1",
    "[::1",
    "[::2]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[localhost]",
    "127.0.0.2",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",
    "192.0.2.7:8090",
    "",
    " ",
    ":8090",
    "localhost:80:80",
    "localhost:x",
    "localhost:99999",
    "localhost:-1",
    "localhost@evil.test",
    "user@localhost",
    "localhost/evil.test",
    "localhost evil.test",
    "localhost,evil.test",
    "evil.test#localhost",
]
ROUTES = [
    ("GET", "/"),
    ("GET", "/calls/1"),
    ("GET", "/assets/app.js"),
    ("GET", "/healthz"),
    ("GET", "/view/calls"),
    ("GET", "/view/live"),
    ("POST", "/view/login"),
    ("POST", "/v1/events/batch"),
    ("POST", "/api/send"),
    ("POST", "/log"),
    ("POST", "/collect/event"),
    ("GET", "/nowhere"),
]


@pytest.mark.parametrize("host", OURS)
def test_our_own_names_are_answered(collected: Any, host: str) -> None:
    assert collected().get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=lambda part: part)
def test_any_other_name_is_misdirected(collected: Any, method: str, path: str) -> None:
    collector = collected()
    answers = {
        host: collector.request(method, path, headers={"Host": host}).status_code for host in OTHERS
    }
    assert answers == dict.fromkeys(OTHERS, 421)


def test_two_hosts_or_none_are_misdirected(collected: Any) -> None:
    collector = collected()
    twice = [("Host", "localhost"), ("Host", "localhost")]
    assert collector.get("/healthz", headers=twice).status_code == 421

    request = httpx.Request("GET", "http://localhost/healthz")
    del request.headers["Host"]
    assert collector.send(request).status_code == 421


def test_a_misdirected_event_is_not_stored(collected: Any, an_event: Any) -> None:
    collector = collected()
    answer = collector.post("/v1/events", json=an_event(), headers={"Host": "evil.test"})
    assert answer.status_code == 421
    assert collector.store.size().calls == 0


@pytest.mark.parametrize(
    ("bound", "host"),
    [
        pytest.param("192.0.2.9", "192.0.2.9:8090", id="an address"),
        pytest.param("Dev.Local", "dev.local:8090", id="a name"),
        pytest.param("::2", "[::2]:8090", id="an IPv6 address"),
    ],
)
def test_names_that_we_are_given_are_answered(collected: Any, bound: str, host: str) -> None:
    collector = collected(names=names_of(bound))
    assert collector.get("/healthz", headers={"Host": host}).status_code == 200


def test_the_address_that_a_connection_arrived_at_is_ours(collected: Any) -> None:
    """No name stands for it, so no name can have been pointed to it."""
    collector = collected()
    there = "http://192.0.2.9:8090"
    assert collector.get("/healthz", base=there).status_code == 200
    other = {"Host": "192.0.2.8:8090"}
    assert collector.get("/healthz", base=there, headers=other).status_code == 421

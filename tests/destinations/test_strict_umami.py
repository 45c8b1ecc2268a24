"""The strict Umami itself: one that takes everything proves nothing about a destination."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import hostile
import pytest
from servers import web_address
from servers.plain import Asked, Reply
from servers.umami import DOMAIN, WEBSITE, Umami

FINE = {"website": WEBSITE, "hostname": DOMAIN, "url": "/", "name": "x"}
OLD, NEW = "3.1.0", "next"


def answered(version: str, body: Any, path: str = "/api/send", agent: str = "") -> Reply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Umami(version).handle(Asked("POST", path, {"user-agent": agent}, content))


def event(**changes: Any) -> dict[str, Any]:
    payload = {**FINE, **changes}
    payload = {name: value for name, value in payload.items() if value is not ...}
    return {"type": "event", "payload": payload}


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        pytest.param({}, 200, 200, id="nothing wrong"),
        pytest.param({"website": "x"}, 400, 400, id="a website that is no UUID"),
        pytest.param({"website": WEBSITE[:-1] + "7"}, 400, 400, id="an unknown website"),
        pytest.param({"website": ...}, 400, 400, id="no website"),
        pytest.param({"name": "x" * 51}, 400, 400, id="a long name"),
        pytest.param({"name": "\N{FIRE}" * 26}, 400, 400, id="a long name in UTF-16"),
        pytest.param({"name": None}, 400, 400, id="null for a name"),
        pytest.param({"name": "=1"}, 200, 400, id="a formula"),
        pytest.param({"tag": "\t"}, 200, 400, id="a control character"),
        pytest.param({"name": "\0x"}, 500, 400, id="a NUL"),
        pytest.param({"hostname": ...}, 200, 400, id="no hostname"),
        pytest.param({"hostname": "other.test"}, 200, 400, id="another hostname"),
        pytest.param({"hostname": "www.shop.test"}, 200, 200, id="the hostname with www"),
        pytest.param({"hostname": "evil:99999"}, 500, 400, id="no host"),
        pytest.param({"url": "//evil:99999/"}, 400, 400, id="no address"),
        pytest.param({"url": "/" + "x" * 500}, 200, 400, id="a long path"),
        pytest.param({"url": "/?" + "x" * 501}, 200, 400, id="a long query"),
        pytest.param({"url": "https://a:b@shop.test/"}, 200, 400, id="a password"),
        pytest.param({"url": "/%00"}, 500, 500, id="an escaped NUL"),
        pytest.param({"url": "/?utm_term=" + "x" * 256}, 500, 200, id="a long campaign"),
        pytest.param({"url": "/?gclid=%00"}, 500, 500, id="a NUL in a click id"),
        pytest.param({"title": "%00"}, 500, 500, id="an escaped NUL in the title"),
        pytest.param({"title": "x" * 501}, 200, 400, id="a long title"),
        pytest.param({"id": "x" * 51}, 500, 400, id="a long id"),
        pytest.param({"language": "x" * 36}, 400, 400, id="a long language"),
        pytest.param({"screen": "x" * 12}, 400, 400, id="a long screen"),
        pytest.param({"browser": "x" * 21}, 200, 400, id="a long browser"),
        pytest.param({"timestamp": 0}, 200, 400, id="1970"),
        pytest.param({"timestamp": 1.5}, 400, 400, id="half a second"),
        pytest.param({"data": []}, 400, 400, id="data that is a list"),
        pytest.param({"data": {"a": "x" * 501}}, 500, 400, id="a long text"),
        pytest.param({"data": {"a": 10**15}}, 500, 400, id="a large number"),
        pytest.param({"data": {"a": "\0"}}, 500, 400, id="a NUL in data"),
        pytest.param({"data": {"\0": 1}}, 500, 400, id="a NUL in a key"),
        pytest.param({"data": {"a": "2026-13-01T00:00:00Z"}}, 500, 400, id="an impossible date"),
        pytest.param({"data": {"x" * 91: 1}}, 200, 400, id="a long key"),
        pytest.param({"data": {"x" * 501: 1}}, 500, 400, id="a very long key"),
        pytest.param({"data": {f"k{n}": n for n in range(51)}}, 200, 400, id="many keys"),
        pytest.param({"data": {"a": ["x" * 499]}}, 500, 400, id="a long list"),
    ],
)
def test_it_refuses_what_the_real_one_refuses(changes: dict[str, Any], old: int, new: int) -> None:
    assert answered(OLD, event(**changes)).status == old
    assert answered(NEW, event(**changes)).status == new


@pytest.mark.parametrize(
    "agent",
    [
        "curl/8.0", "python-requests/2.32", "apilog/0.1", "node", "Mozilla/5.0",
        "Mozilla/5.0 (compatible; x)", "x https://example.org",
    ],
)  # fmt: skip
def test_it_turns_bots_away_without_a_word(agent: str) -> None:
    assert answered(OLD, event(), agent=agent).document == {"beep": "boop"}
    assert "cache" not in answered(OLD, [event()], "/api/batch", agent=agent).document
    assert "cache" in answered(OLD, event(userAgent=hostile.CHROME), agent=agent).document


@pytest.mark.parametrize(
    "agent", ["", hostile.CHROME, hostile.SAFARI, "Mozilla/5.0 (X11; Linux x86_64) apilog/0.1"]
)
def test_it_takes_others_for_people(agent: str) -> None:
    assert "cache" in answered(OLD, event(), agent=agent).document


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"\x1f\x8b\x08", 400, id="gzip"),
        pytest.param(b'[{"a":NaN}]', 400, id="NaN"),
        pytest.param({"0": event()}, 400, id="an object"),
        pytest.param([event()] * 20, 200, id="twenty"),
        pytest.param([event()] * 21, 400, id="more than twenty"),
        pytest.param([], 400, id="nothing"),
        pytest.param([event(title="x" * 60_000)] * 18, 413, id="more than a megabyte"),
    ],
)
def test_it_bounds_batches(body: Any, status: int) -> None:
    assert answered(NEW, body, "/api/batch").status == status


def test_items_of_a_batch_are_judged_one_by_one() -> None:
    said = answered(
        OLD, [event(), event(name=None), event(data={"a": 1e15})], "/api/batch"
    ).document
    assert (said["size"], said["processed"], said["errors"]) == (3, 1, 2)
    assert [each["index"] for each in said["details"]] == [1, 2]
    assert said["cache"]


def test_half_of_what_the_database_refuses_is_stored() -> None:
    server = Umami(OLD)
    server.handle(Asked("POST", "/api/send", {}, json.dumps(event(data={"a": "\0"})).encode()))
    assert (len(server.halves), server.stored) == (1, [])


@pytest.mark.parametrize(
    ("text", "host", "path", "query"),
    [
        ("/a/../b?x#y", "localhost", "/b", "x"),
        ("//other/x", "other", "/x", ""),
        ("/\\other/x", "other", "/x", ""),
        ("/.//other/x", "localhost", "//other/x", ""),
        ("https:other", "other", "/", ""),
        ("/a b\N{FIRE}", "localhost", "/a%20b%F0%9F%94%A5", ""),
        ("mailto:x", "", "x", ""),
        ("", "localhost", "/", ""),
    ],
)
def test_addresses_are_read_as_browsers_do(text: str, host: str, path: str, query: str) -> None:
    found = web_address.parsed(text)
    assert (found.host, found.path, found.query) == (host, path, query)


def test_every_hostile_part_comes_in_a_thousand_exchanges() -> None:
    seen: Counter[str] = Counter()
    for number in range(hostile.EXCHANGES):
        each = hostile.exchange(number)
        parts = [each.status, each.user, each.metadata, *each.environ.values()]
        seen.update({repr(part) for part in parts})
        seen["agent"] += "HTTP_USER_AGENT" in each.environ
    lists = (
        hostile.STATUSES,
        hostile.USERS,
        hostile.METADATA,
        hostile.ADDRESSES,
        hostile.AGENTS[1:],
    )
    wired = (hostile.METHODS, hostile.PATHS, hostile.QUERIES, hostile.HOSTS)
    expected = [part for parts in lists for part in parts]
    expected += [hostile._wire(part) for parts in wired for part in parts]
    assert [part for part in expected if not seen[repr(part)]] == []
    assert 0 < seen["agent"] < hostile.EXCHANGES

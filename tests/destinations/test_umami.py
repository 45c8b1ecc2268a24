"""What Umami receives, and that it takes it: 3.1.0, 3.3.1, and what comes next."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import hostile
import pytest
from servers.umami import DOMAIN, VERSIONS, WEBSITE
from servers.umami import Umami as Server

from apilog import Client, ConfigError
from apilog.destinations import Umami
from apilog.exceptions import Partly

BROWSER = hostile.CHROME
NOTHING: dict[str, Any] = dict.fromkeys(
    ("hostname", "url", "name", "tag", "id", "timestamp", "ip", "userAgent", "data")
)
"""Every field of ours left out, but for the website."""


in_every_version = pytest.mark.parametrize("server", VERSIONS, indirect=True)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Return the strictest Umami, or another one that destinations have to live with."""
    server = Server(getattr(request, "param", "next"))
    with server.running():
        yield server


@pytest.fixture
def umami(server: Server) -> Iterator[Callable[..., Umami]]:
    """Make a destination for *server*."""
    made: list[Umami] = []

    def umami(**options: Any) -> Umami:
        made.append(Umami(WEBSITE, **{"base_url": server.url, "hostname": DOMAIN, **options}))
        return made[-1]

    yield umami
    for each in made:
        each.close()


@pytest.fixture
def now_event(an_event: Callable[..., bytes]) -> Callable[..., bytes]:
    """Return an event of now; *request* changes its request."""

    def now_event(request: dict[str, Any] | None = None, **changes: Any) -> bytes:
        event = json.loads(an_event(**changes))
        moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        event["request"] |= {"time": moment.replace("+00:00", "Z"), **(request or {})}
        return json.dumps(event).encode()

    return now_event


@in_every_version
def test_a_batch_is_one_request_of_custom_events(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes]
) -> None:
    umami().send([now_event(), now_event({"verb": "POST"}, user_id="u1")])
    (asked,) = server.requests
    assert (asked.verb, asked.path) == ("POST", "/api/batch")
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["user-agent"].startswith("Mozilla/5.0 (X11; Linux x86_64) apilog/")
    assert not {"content-encoding", "x-umami-cache", "origin", "cookie"} & asked.headers.keys()
    first, second = asked.document
    assert first["type"] == second["type"] == "event"
    payload = first["payload"]
    assert payload.pop("timestamp") == pytest.approx(time.time(), abs=5)
    assert payload.pop("userAgent") == asked.headers["user-agent"]
    assert payload == {
        "website": WEBSITE,
        "hostname": DOMAIN,
        "url": "/items/7?x=1",
        "name": "GET /items/{id}",
        "tag": "2xx",
        "data": {
            "method": "GET",
            "route": "/items/{id}",
            "status": 200,
            "status_class": "2xx",
            "duration_ms": 12.34,
            "transaction_id": "0198c5e0-0000-7000-8000-000000000001",
        },
    }
    assert second["payload"]["name"] == "POST /items/{id}"
    assert second["payload"]["id"] == "u1"
    assert len(server.stored) == 2


@in_every_version
def test_an_event_alone_goes_to_send(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes]
) -> None:
    umami().send([now_event()])
    (asked,) = server.requests
    assert asked.path == "/api/send"
    assert server.stored == [asked.document]


@in_every_version
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="telling nothing of the client"),
        pytest.param(
            {"forward_client_ip": "full", "forward_user_agent": True}, id="telling everything"
        ),
        pytest.param({"batch_items": 1}, id="one request an event", marks=pytest.mark.long),
    ],
)
def test_a_thousand_hostile_calls_are_all_taken(
    server: Server, umami: Callable[..., Umami], settings: dict[str, Any]
) -> None:
    if server.version != "next":
        settings = {"hostname": None, **settings}
    is_all = "forward_client_ip" in settings and server.version == "next"  # the strictest
    exchanges = hostile.EXCHANGES if is_all else hostile.FEW
    stats = hostile.suffer(umami(properties=hostile.properties, **settings), exchanges)
    assert stats.dropped == {}
    assert (server.bots, server.halves) == ([], [])
    assert len(server.stored) == stats.delivered == exchanges
    assert b"session-secret" not in b"".join(asked.body for asked in server.requests)
    assert all(len(asked.body) < 1_000_000 for asked in server.requests)


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_hostile_calls_come_through_a_spool(
    umami: Callable[..., Umami], server: Server, durability: str, tmp_path: Path
) -> None:
    destination = umami(properties=hostile.properties)
    stats = hostile.suffer(destination, 200, spool=tmp_path / "spool", durability=durability)
    assert (stats.dropped, len(server.stored)) == ({}, 200)


@pytest.mark.parametrize(
    ("settings", "address", "agent", "told"),
    [
        pytest.param({}, None, "Mozilla/5.0 (X11; Linux x86_64) apilog/", None, id="by default"),
        pytest.param({"forward_client_ip": "full"}, "192.0.2.77", None, None, id="the address"),
        pytest.param({"forward_client_ip": "truncated"}, "192.0.2.0", None, None, id="its network"),
        pytest.param({"forward_user_agent": True}, None, BROWSER, None, id="the browser"),
    ],
)
def test_the_client_is_told_of_by_choice(
    server: Server,
    umami: Callable[..., Umami],
    now_event: Callable[..., bytes],
    settings: dict[str, Any],
    address: str | None,
    agent: str | None,
    told: str | None,
) -> None:
    event = now_event({"ip_address": "192.0.2.77", "headers": {"User-Agent": BROWSER}})
    umami(**settings).send([event])
    payload = server.stored[0]["payload"]
    assert payload.get("ip") == address
    assert agent is None or payload["userAgent"].startswith(agent)
    assert payload["data"].get("user_agent") == told


def test_a_client_that_is_no_browser_is_told_of_in_data(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes]
) -> None:
    umami(forward_user_agent=True).send([now_event({"headers": {"user-agent": "curl/8.0"}})])
    payload = server.stored[0]["payload"]
    assert payload["userAgent"].startswith("Mozilla/5.0 (X11; Linux x86_64) apilog/")
    assert payload["data"]["user_agent"] == "curl/8.0"


@in_every_version
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "x" * 51, "x" * 50),
        ("name", "\N{FIRE}" * 26, "\N{FIRE}" * 25),
        ("name", "x" + "\N{FIRE}" * 25, "x" + "\N{FIRE}" * 24),
        ("name", "=1+1", "'=1+1"),
        ("name", "\t@SUM(A1)", "'@SUM(A1)"),
        ("name", "a\0b", "a\ufffdb"),
        ("tag", "-" + "x" * 60, "'-" + "x" * 48),
        ("title", "x" * 501, "x" * 500),
        ("title", "%00", "\ufffd"),
        ("language", "x" * 36, "x" * 35),
        ("screen", "12345x123456", "12345x12345"),
        ("id", "x" * 50, "x" * 50),
        ("id", "x" * 51, "4e2b2c6d5c5b2a6b"),
        (
            "referrer",
            "https://user:password@other.example:8443/x?y",
            "https://other.example:8443/x?y",
        ),
        ("referrer", "javascript:alert(1)", None),
        ("referrer", "https://evil:99999/", None),
        ("referrer", "//evil:99999/", None),
        ("referrer", "/back#top", "/back#top"),
        ("url", "/" + "x" * 600, "/" + "x" * 499),
        ("url", "/" + "%41" * 200, "/" + "%41" * 166),
        ("url", "/a?" + "q=" + "x" * 600, "/a?q=" + "x" * 498),
        ("url", "/a?x=1&" + "y" * 600, "/a?x=1"),
        ("url", "/?utm_source=" + "x" * 256 + "&b=1", "/?b=1"),
        ("url", "/?utm_source=" + "x" * 255, "/?utm_source=" + "x" * 255),
        ("url", "/?gclid=%00", "/"),
        ("url", "/a%00b", "/a%EF%BF%BDb"),
        ("url", "//evil:99999/", None),
        ("browser", "x" * 21, "x" * 20),
        ("userAgent", None, None),
        ("ip", "unix:", None),
        ("timestamp", 0, None),
        ("timestamp", 4_000_000_000_000, None),
        ("timestamp", "soon", None),
        ("data", "text", None),
        ("unknown", "x", None),
    ],
)
def test_every_field_is_made_to_fit(
    server: Server,
    umami: Callable[..., Umami],
    now_event: Callable[..., bytes],
    field: str,
    value: Any,
    expected: Any,
) -> None:
    umami(fields=lambda _: {field: value}).send([now_event()])
    found = server.stored[0]["payload"].get(field)
    if field == "id" and len(value) > 50:
        assert len(found) == 32
        assert found != value[:32]
    else:
        assert found == expected


@in_every_version
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10**15 - 1, 10**15 - 1),
        (10**15, "1000000000000000"),
        (-(10**15), "-1000000000000000"),
        (1e300, "1e+300"),
        (True, True),
        ("x" * 501, "x" * 500),
        ("a\0b", "a\ufffdb"),
        ("2026-02-28T12:00:00Z", "2026-02-28T12:00:00Z"),
        ("2026-13-01T00:00:00Z", "2026-13-01 00:00:00Z"),
        ("2026-01-01T00:00:00+99:99", "2026-01-01 00:00:00+99:99"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01 00:00:00+05:00"),
        ([1, "a", None], "1, a, None"),
        ({"b": 1}, None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_every_value_in_data_is_made_to_fit(
    server: Server,
    umami: Callable[..., Umami],
    now_event: Callable[..., bytes],
    value: Any,
    expected: Any,
) -> None:
    umami(properties=lambda _: {"a": value}).send([now_event()])
    assert server.stored[0]["payload"]["data"].get("a") == expected


@in_every_version
def test_measures_are_told_before_an_apps_hundred_properties(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes]
) -> None:
    umami(properties=lambda _: {f"k{n}": n for n in range(100)}).send([now_event()])
    data = server.stored[0]["payload"]["data"]
    assert len(data) == 50
    assert data["status"] == 200
    assert data["k0"] == 0


@in_every_version
@pytest.mark.parametrize("age", [31 * 86_400, -600], ids=["from before a month", "from tomorrow"])
def test_an_event_of_another_time_says_its_time_in_data(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes], age: int
) -> None:
    moment = datetime.fromtimestamp(time.time() - age, timezone.utc)
    said = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    umami().send([now_event({"time": said})])
    payload = server.stored[0]["payload"]
    assert "timestamp" not in payload
    assert payload["data"]["time"] == said


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://Shop.Test:8443/", "shop.test"),
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://xn--bcher-kva.test/", "xn--bcher-kva.test"),
        ("http://xn--a/", None),
        ("http://1.2.3.999/", None),
        ("http://[::1]/", None),
        (f"http://{'x.' * 60}test/", None),
        ("http:///", None),
    ],
)
def test_without_a_setting_the_hostname_is_the_one_that_was_called(
    now_event: Callable[..., bytes], uri: str, expected: str | None
) -> None:
    server = Server("3.1.0")
    with server.running():
        umami = Umami(WEBSITE, base_url=server.url)
        umami.send([now_event({"uri": uri})])
        umami.close()
    assert server.stored[0]["payload"].get("hostname") == expected


def test_functions_of_the_users_say_name_tag_and_more(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes]
) -> None:
    umami(
        name=lambda event: f"call {event.request.verb}",
        tag=lambda event: "slow",
        properties=lambda event: {"plan": "pro"},
        fields=lambda event: {"title": "Items"},
    ).send([now_event()])
    payload = server.stored[0]["payload"]
    assert (payload["name"], payload["tag"], payload["title"]) == ("call GET", "slow", "Items")
    assert payload["data"]["plan"] == "pro"


@pytest.mark.parametrize("said", ["", " ", "\x01\x1b", None, 7])
def test_a_name_that_is_none_leaves_the_usual_one(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes], said: Any
) -> None:
    """Without a name it would count as a page that somebody looked at."""
    umami(name=lambda _: said).send([now_event()])
    assert server.stored[0]["payload"]["name"] == "GET /items/{id}"


def test_a_function_that_fails_costs_its_field_only(
    server: Server, umami: Callable[..., Umami], call: Callable[..., None]
) -> None:
    def fail(_: object) -> Any:
        raise ValueError("secret")

    with Client(umami(name=fail, tag=fail, properties=fail, fields=fail)) as client:
        call(client, "/items/7")
    stats = client.stats()
    assert (stats.delivered, stats.faults["mapping_failed"]) == (1, 4)
    assert server.stored[0]["payload"]["name"] == "GET /items/{id}"


@in_every_version
def test_users_are_told_of_if_that_is_wished(server: Server, umami: Callable[..., Umami]) -> None:
    with Client(umami(identify=True)) as client:
        user = {"user_id": "u1", "company_id": "acme", "metadata": {"plan": "pro", "password": "x"}}
        assert client.update_user(user, wait=hostile.PATIENCE)
        assert client.update_users([{"user_id": "u" * 60}, {"user_id": "u3"}])
    first, second, third = server.stored
    assert first["type"] == second["type"] == "identify"
    payload = first["payload"]
    assert (payload["website"], payload["id"]) == (WEBSITE, "u1")
    assert payload["data"]["plan"] == "pro"
    assert payload["data"]["company_id"] == "acme"
    assert payload["data"]["password"] != "x"
    assert len(second["payload"]["id"]) == 32
    assert third["payload"]["id"] == "u3"


def test_users_are_not_told_of_otherwise(
    server: Server, umami: Callable[..., Umami], now_event: Callable[..., bytes]
) -> None:
    with Client(umami()) as client:
        assert not client.update_user({"user_id": "u1"})
    with pytest.raises(Partly) as caught:
        umami().send([b'{"$users":{"user_id":"u1"}}', now_event()])
    assert caught.value.rejected == {0: "not an event"}
    assert caught.value.retry == {}
    assert [item["type"] for item in server.stored] == ["event"]


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(
            {
                "payload": {
                    "hostname": DOMAIN,
                    "language": "en-US",
                    "referrer": "",
                    "screen": "1920x1080",
                    "title": "dashboard",
                    "url": "/",
                    "website": WEBSITE,
                    "name": "event-name",
                    "data": {"foo": "bar"},
                },
                "type": "event",
            },
            id="the documentation's",
        ),
        pytest.param(
            {
                "type": "event",
                "payload": {
                    "website": WEBSITE, "url": "/home", "hostname": "example.com", "title": "Home",
                },
            },
            id="a page view of @umami/node",
        ),
        pytest.param(
            {
                "type": "event",
                "payload": {
                    "website": WEBSITE, "name": "signup", "data": {"plan": "pro", "amount": 12.5},
                },
            },
            id="an event of @umami/node",
        ),
        pytest.param(
            {
                "type": "event",
                "payload": {
                    "website": WEBSITE, "screen": "0x0", "language": "en-US", "title": "T",
                    "hostname": "shop.example.com",
                    "url": "https://shop.example.com/products?a=1#h",
                    "referrer": "https://example.org/", "tag": "v1",
                },
            },
            id="the tracker script's",
        ),
    ],
)  # fmt: skip
def test_the_sample_payloads_can_be_told(
    now_event: Callable[..., bytes], item: dict[str, Any]
) -> None:
    server = Server("3.1.0")
    with server.running():
        umami = Umami(
            WEBSITE,
            base_url=server.url,
            fields=lambda _: {**NOTHING, **item["payload"]},
        )
        umami.send([now_event(user_id="u1")])
        umami.close()
    assert server.stored == [item]
    assert server.requests[0].document == item


def test_a_filter_keeps_calls_away(
    server: Server, umami: Callable[..., Umami], call: Callable[..., None]
) -> None:
    with Client(umami(only="/api/*", exclude="/api/health")) as client:
        for path in ("/api/items", "/api/health", "/page"):
            call(client, path)
    assert [item["payload"]["url"] for item in server.stored] == ["/api/items"]
    assert client.stats().dropped == {"filtered": 2}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"website_id": "my-website"}, "website_id", id="no UUID"),
        pytest.param({"website_id": None}, "website_id", id="no website"),
        pytest.param({"website_id": WEBSITE + "\n"}, "website_id", id="a line end"),
        pytest.param({"base_url": "umami.test"}, "base_url", id="an address without a scheme"),
        pytest.param({"hostname": "https://shop.test"}, "hostname", id="an address for a host"),
        pytest.param({"hostname": ""}, "hostname", id="an empty host"),
        pytest.param({"batch_items": 0}, "batch_items", id="no items"),
        pytest.param({"batch_items": 501}, "batch_items", id="too many items"),
        pytest.param({"batch_items": True}, "batch_items", id="items that are no number"),
        pytest.param({"name": "GET"}, "name", id="a name that is no function"),
        pytest.param({"properties": {}}, "properties", id="properties that are no function"),
        pytest.param({"tag": "v1"}, "tag", id="a tag that is no function"),
        pytest.param({"fields": {"title": "x"}}, "fields", id="fields that are no function"),
        pytest.param({"forward_client_ip": "yes"}, "forward_client_ip", id="another choice"),
        pytest.param({"only": "items"}, "only", id="a condition that is no path"),
        pytest.param({"sample_rate": 2}, "sample_rate", id="a rate above 1"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    settings = {"website_id": WEBSITE, "base_url": "http://127.0.0.1:9", **options}
    with pytest.raises(ConfigError, match=words):
        Umami(**settings)


def test_the_website_is_in_no_repr() -> None:
    umami = Umami(WEBSITE, base_url="https://umami.test/stats")
    assert repr(umami) == "<Umami at https://umami.test/stats>"
    umami.close()


def test_a_path_before_the_api_is_kept(server: Server, now_event: Callable[..., bytes]) -> None:
    umami = Umami(WEBSITE, base_url=f"{server.url}/stats/")
    with pytest.raises(Exception, match="404"):
        umami.send([now_event()])
    umami.close()
    assert server.requests[0].path == "/stats/api/send"

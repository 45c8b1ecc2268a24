"""The other strict servers: what they refuse is what the real ones refuse."""

from __future__ import annotations

import copy
import gzip
import http.client
import json
import time
from typing import Any

import pytest
from servers import swetrix, umami
from servers.collect_event import EVENT_TYPES
from servers.collect_event import CollectEvent as CollectEventServer
from servers.logimoni import PROJECT_KEY, USER_KEY
from servers.logimoni import Logimoni as LogimoniServer
from servers.moesif import Moesif as MoesifServer
from servers.plain import Asked, Reply
from servers.swetrix import PROJECT
from servers.swetrix import Swetrix as SwetrixServer
from servers.umami import Umami as UmamiServer
from systems import APPLICATION

JSON = {"content-type": "application/json"}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"
GONE = object()


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return *document* with *changes* in it: dotted names, and GONE for none."""
    document = copy.deepcopy(document)
    for name, value in changes.items():
        *above, last = name.split(".")
        place = document
        for each in above:
            place = place[each]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return document


# Moesif

NOW = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
EVENT = {
    "request": {
        "time": NOW,
        "uri": "https://shop.test/items",
        "verb": "GET",
        "headers": {"Accept": "*/*"},
    },
    "response": {"time": NOW, "status": 200, "headers": {}},
}
ACTION = {"action_name": "Paid", "request": {"uri": "https://shop.test/"}}
SUBSCRIPTION = {"subscription_id": "s1", "company_id": "c1", "status": "active"}


def moesif(path: str, document: Any, **headers: str) -> Reply:
    lines = {**JSON, "x-moesif-application-id": APPLICATION, **headers}
    lines = {name.replace("_", "-"): value for name, value in lines.items()}
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return MoesifServer().handle(Asked("POST", path, lines, content))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, 201, id="nothing wrong"),
        pytest.param({"response": None}, 201, id="no response"),
        pytest.param({"request.time": "2020-01-01T00:00:00"}, 400, id="more than 30 days old"),
        pytest.param({"request.time": "yesterday"}, 400, id="no time"),
        pytest.param({"request.time": GONE}, 400, id="without a time"),
        pytest.param({"request.uri": "/items"}, 400, id="a path for an address"),
        pytest.param({"request.uri": "http://[::1/"}, 400, id="no address"),
        pytest.param(
            {"request.uri": "http://a/?" + "&".join(f"k{n}=1" for n in range(501))},
            400,
            id="501 parameters",
        ),
        pytest.param({"request.verb": GONE}, 400, id="without a verb"),
        pytest.param({"request.headers": {"A": ["b"]}}, 400, id="a header twice"),
        pytest.param({"request.headers": GONE}, 400, id="without headers"),
        pytest.param({"request.transfer_encoding": ""}, 201, id="an empty transfer encoding"),
        pytest.param({"request.transfer_encoding": "gzip"}, 400, id="another transfer encoding"),
        pytest.param(
            {"request.transfer_encoding": "base64", "request.body": "\N{FIRE}"}, 400, id="no base64"
        ),
        pytest.param({"request.ip_address": 7}, 400, id="an address that is no text"),
        pytest.param({"response.status": "200"}, 400, id="a status that is no number"),
        pytest.param({"user_id": 7}, 400, id="a user that is no text"),
        pytest.param({"tags": ["a"]}, 400, id="tags in a list"),
        pytest.param({"span": "x"}, 400, id="a span that is no object"),
        pytest.param({"metadata": "x"}, 400, id="metadata that is no object"),
        pytest.param({"direction": "Sideways"}, 400, id="another direction"),
        pytest.param({"weight": 0}, 400, id="no weight"),
        pytest.param({"weight": 1.5}, 400, id="half a weight"),
        pytest.param({"transaction_id": "1"}, 400, id="an id that is no UUID"),
        pytest.param({"request.body": "x" * 1_100_000}, 400, id="more than a megabyte"),
    ],
)
def test_moesif_refuses_an_event(changes: dict[str, Any], status: int) -> None:
    document = changed(EVENT, changes)
    assert moesif("/v1/events", document).status == status
    assert moesif("/v1/events/batch", [EVENT, document]).status == status
    packed = gzip.compress(json.dumps([document]).encode())
    assert moesif("/v1/events/batch", packed, content_encoding="gzip").status == status


@pytest.mark.parametrize(
    ("path", "document", "status"),
    [
        pytest.param("/v1/actions", ACTION, 201, id="an action"),
        pytest.param("/v1/actions", {**ACTION, "action_name": ""}, 400, id="one without a name"),
        pytest.param("/v1/actions", {"action_name": "x"}, 400, id="one without a request"),
        pytest.param("/v1/actions", {**ACTION, "user_id": 7}, 400, id="one of a number"),
        pytest.param("/v1/actions", {**ACTION, "transaction_id": "7"}, 400, id="one of another id"),
        pytest.param("/v1/users", {"user_id": "u1"}, 201, id="a user"),
        pytest.param("/v1/users", {"metadata": {}}, 400, id="nobody"),
        pytest.param("/v1/users", {"user_id": 7}, 400, id="a number"),
        pytest.param("/v1/users", {"user_id": "u1", "modified_time": "x"}, 400, id="no time"),
        pytest.param("/v1/users", {"user_id": "u1", "campaign": []}, 400, id="no campaign"),
        pytest.param("/v1/companies", {"company_id": "c1"}, 201, id="a company"),
        pytest.param("/v1/companies", {"user_id": "u1"}, 400, id="none"),
        pytest.param("/v1/subscriptions", SUBSCRIPTION, 201, id="a subscription"),
        pytest.param(
            "/v1/subscriptions", {**SUBSCRIPTION, "status": "bought"}, 400, id="another status"
        ),
        pytest.param(
            "/v1/subscriptions", {**SUBSCRIPTION, "company_id": None}, 400, id="one of nobody"
        ),
        pytest.param(
            "/v1/subscriptions",
            {**SUBSCRIPTION, "items": [{"plan_id": "p1"}, {}]},
            400,
            id="an item without a plan",
        ),
        pytest.param("/v1/users/batch", {"user_id": "u1"}, 400, id="one for a batch"),
        pytest.param("/v1/users", [{"user_id": "u1"}], 400, id="a batch for one"),
        pytest.param("/v1/events/batch", b'[{"a":NaN}]', 400, id="NaN"),
        pytest.param("/v1/actions/batch", b"[" + b" " * 16_000_000 + b"]", 400, id="over 15 MB"),
    ],
)
def test_moesif_refuses_what_else_it_is_told(path: str, document: Any, status: int) -> None:
    assert moesif(path, document).status == status


def test_moesif_asks_for_the_key_and_a_type() -> None:
    assert moesif("/v1/events", EVENT, x_moesif_application_id="short").status == 401
    assert moesif("/v1/events", EVENT, content_type="text/plain").status == 400
    assert moesif("/v1/events", EVENT, content_encoding="br").status == 400
    assert moesif("/v1/events", b"{}", content_encoding="gzip").status == 400


def test_moesif_keeps_one_event_of_each_id() -> None:
    server = MoesifServer()
    event = {**EVENT, "transaction_id": "0198c5e0-0000-7000-8000-000000000001"}
    lines = {**JSON, "x-moesif-application-id": APPLICATION}
    for _ in range(2):
        server.handle(Asked("POST", "/v1/events/batch", lines, json.dumps([event]).encode()))
    assert (len(server.events), server.duplicates) == (1, 1)


# Swetrix

CUSTOM = {"pid": PROJECT, "ev": "x"}
MANNERS = {"accept": "*/*", "accept-language": "en", "accept-encoding": "identity"}


def swetrix_says(path: str, document: Any, **headers: str) -> Reply:
    lines = {**JSON, **MANNERS, "user-agent": BROWSER}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return SwetrixServer().handle(Asked("POST", path, lines, content))


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        pytest.param("/log/custom", {}, 201, id="a custom event"),
        pytest.param("/v1/log/custom/", {}, 201, id="another path to it"),
        pytest.param("/log/other", {}, 404, id="no path"),
        pytest.param("/log/custom", {"pid": "a--aaaaaaaaa"}, 400, id="no project's id"),
        pytest.param("/log/custom", {"pid": "aaaaaaaaaaaa"}, 404, id="an unknown project"),
        pytest.param("/log/custom", {"ev": GONE}, 400, id="no name"),
        pytest.param("/log/custom", {"ev": "x" * 256}, 201, id="a name"),
        pytest.param("/log/custom", {"ev": "\N{FIRE}" * 129}, 400, id="a long name"),
        pytest.param("/log/custom", {"qs": "x" * 2_049}, 400, id="a long query"),
        pytest.param("/log/custom", {"profileId": "x" * 257}, 400, id="a long profile"),
        pytest.param("/log/custom", {"lc": 7}, 400, id="a locale that is no text"),
        pytest.param("/log/custom", {"meta": []}, 400, id="meta in a list"),
        pytest.param("/log/custom", {"meta": {"a": {}}}, 400, id="meta in depth"),
        pytest.param("/log/custom", {"meta": {f"k{n}": 1 for n in range(101)}}, 400, id="101 keys"),
        pytest.param("/log/custom", {"meta": {"k": "x" * 2_000}}, 400, id="much meta"),
        pytest.param("/log", {"pg": 7}, 500, id="a page that is a number"),
        pytest.param("/log", {"lc": "nonsense", "perf": {"dns": -1}}, 201, id="what is dropped"),
        pytest.param("/log/error", {"name": "KeyError"}, 201, id="an error"),
        pytest.param("/log/error", {}, 400, id="an error without a name"),
        pytest.param("/log/error", {"name": "x" * 201}, 400, id="a long name of an error"),
        pytest.param("/log/error", {"name": "x", "message": "x" * 2_001}, 400, id="much to say"),
        pytest.param("/log/error", {"name": "x", "filename": "x" * 1_001}, 400, id="a long file"),
        pytest.param("/log/error", {"name": "x", "stackTrace": "x" * 7_501}, 400, id="a stack"),
        pytest.param("/log/error", {"name": "x", "lineno": "7"}, 400, id="a line that is text"),
        pytest.param("/log/hb", {}, 403, id="a heartbeat of nobody"),
    ],
)
def test_swetrix_refuses(path: str, changes: dict[str, Any], status: int) -> None:
    document = changed(CUSTOM, changes)
    assert swetrix_says(path, document).status == status
    packed = gzip.compress(json.dumps(document).encode())
    assert swetrix_says(path, packed, content_encoding="gzip").status == status


def test_swetrix_refuses_a_large_body_another_type_and_other_origins() -> None:
    assert swetrix_says("/log", {"pid": PROJECT, "pg": "x" * 102_400}).status == 413
    assert swetrix_says("/log", {"pid": PROJECT}, content_type="text/plain").status == 400
    assert swetrix_says("/log", {"pid": PROJECT}, origin="https://x.test").status == 400


@pytest.mark.parametrize(
    ("headers", "is_robot"),
    [
        pytest.param({}, False, id="a browser"),
        pytest.param({"user_agent": ""}, False, id="no user agent"),
        pytest.param({"user_agent": "apilog/1.0"}, True, id="a program"),
        pytest.param({"user_agent": "curl/8.0"}, True, id="curl"),
        pytest.param({"accept": ""}, False, id="one header less"),
        pytest.param({"accept": "", "accept_language": ""}, True, id="two headers less"),
    ],
)
def test_swetrix_stores_nothing_of_robots(headers: dict[str, str], is_robot: bool) -> None:
    reply = swetrix_says("/log/custom", CUSTOM, **headers)
    assert (reply.status, reply.document) == (201, swetrix.ROBOT if is_robot else {})


@pytest.mark.parametrize("changes", [{"pg": "/.env"}, {"ref": "https://semalt.com/"}])
def test_swetrix_stores_nothing_of_probes_and_spam(changes: dict[str, str]) -> None:
    assert swetrix_says("/log/custom", {**CUSTOM, **changes}).document == swetrix.ROBOT


# Logimoni, and the collection of events


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, 200, id="nothing wrong"),
        pytest.param({"userKey": "x"}, 401, id="a wrong key"),
        pytest.param({"projectKey": GONE}, 400, id="no key"),
        pytest.param({"categoryName": "Cals"}, 404, id="an unknown category"),
        pytest.param({"message": 7}, 400, id="a number"),
        pytest.param({"message": ""}, 400, id="nothing"),
        pytest.param({"message": "a\nb"}, 400, id="two lines"),
    ],
)
def test_logimoni_refuses(changes: dict[str, Any], status: int) -> None:
    fine = {
        "userKey": USER_KEY, "projectKey": PROJECT_KEY, "categoryName": "Calls", "message": "x",
    }  # fmt: skip
    content = json.dumps(changed(fine, changes)).encode()
    reply = LogimoniServer().handle(Asked("POST", "/api/events", JSON, content))
    assert reply.status == status


@pytest.mark.parametrize(
    ("document", "status"),
    [
        pytest.param({"messageBody": [{"eventType": "VIEW"}]}, 201, id="nothing wrong"),
        pytest.param(
            {"messageBody": [{"eventType": "VIEW"}], "messageheader": {}}, 201, id="headers"
        ),
        pytest.param(
            {"messageBody": [{"eventType": "VIEW"}], "messageHeaders": {}}, 201, id="also headers"
        ),
        pytest.param({"messageBody": [{"eventType": "API_CALL"}]}, 400, id="a type of our own"),
        pytest.param({"messageBody": []}, 400, id="nothing"),
        pytest.param({"messageBody": {"eventType": "VIEW"}}, 400, id="no list"),
        pytest.param([{"eventType": "VIEW"}], 400, id="a list alone"),
        pytest.param({"messageBody": [{"eventType": "VIEW", "a": {}}]}, 400, id="depth"),
    ],
)
def test_the_collection_of_events_refuses(document: Any, status: int) -> None:
    server = CollectEventServer(EVENT_TYPES)
    content = json.dumps(document).encode()
    assert server.handle(Asked("POST", "/collect/event", JSON, content)).status == status


# Umami, beside what its own tests say


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("OPTIONS", "/api/send", 204),
        ("GET", "/api/send", 405),
        ("PUT", "/api/batch", 405),
        ("HEAD", "/api/batch", 405),
        ("POST", "/api/send/", 308),
        ("POST", "/api/other", 404),
    ],
)
def test_umami_answers_other_requests(verb: str, path: str, status: int) -> None:
    server = UmamiServer()
    with server.running():
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        connection.request(verb, path)
        assert connection.getresponse().status == status
        connection.close()


def item(**changes: Any) -> dict[str, Any]:
    payload = {"website": umami.WEBSITE, "hostname": umami.DOMAIN, "url": "/", **changes}
    return {"type": "event", "payload": payload}


def umami_says(server: UmamiServer, path: str, document: Any) -> Reply:
    return server.handle(Asked("POST", path, {}, json.dumps(document).encode()))


def test_umami_counts_the_items_of_each_minute() -> None:
    server = UmamiServer("next")
    for _ in range(60):
        assert umami_says(server, "/api/batch", [item()] * 20).status == 200
    refused = umami_says(server, "/api/send", item())
    assert (refused.status, refused.headers) == (429, {"Retry-After": "60"})
    assert umami_says(UmamiServer("3.3.1"), "/api/batch", [item()] * 500).status == 200
    assert umami_says(UmamiServer("3.3.1"), "/api/batch", [item()] * 501).status == 400


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        pytest.param({"lcp": 60_001}, 400, 400, id="a page that takes more than a minute"),
        pytest.param(
            {"data": {f"a{n}": {f"b{m}": m for m in range(30)} for n in range(4)}},
            200,
            400,
            id="more than a hundred keys in all",
        ),
        pytest.param(
            {"data": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}, 200, 400, id="much depth"
        ),
        pytest.param({"data": {"a": list(range(51))}}, 200, 400, id="a list of 51"),
    ],
)
def test_umami_refuses(changes: dict[str, Any], old: int, new: int) -> None:
    assert umami_says(UmamiServer("3.1.0"), "/api/send", item(**changes)).status == old
    assert umami_says(UmamiServer("next"), "/api/send", item(**changes)).status == new

"""What the README says of the collector, run."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apilog import Client, serve_command
from apilog.collector import gate, loads, sessions
from apilog.collector.call import Call
from apilog.collector.connections import MAX_CONNECTIONS
from apilog.collector.filter_language import ALIASES, FIELDS, MOST_CONDITIONS, parse
from apilog.collector.filter_terms import MOST_CHARACTERS
from apilog.collector.protocols import (
    collect,
    event_call,
    inflating,
    json_text,
    moesif_batch,
    reading,
    refusing,
    swetrix_body,
    umami,
)
from apilog.collector.query import Query
from apilog.collector.store.register import MOST_REFUSALS
from apilog.collector.store.sqlite import SqliteStore, now
from apilog.collector.view import live

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.partition("## See every call\n")[2].partition("\n## ")[0]
COMMANDS = [
    shlex.split(line, comments=True) for line in re.findall(r"^\$ apilog (.+)$", SECTION, re.M)
]
PATIENCE = 30.0


def table(beginning: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the table whose heading begins so."""
    lines = iter(SECTION.partition(f"\n{beginning}")[2].splitlines()[2:])
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def code(cell: str) -> list[str]:
    """Return what stands in *cell* as code."""
    return re.findall(r"`([^`]+)`", cell)


def test_it_prints_what_is_shown(apilog: Any) -> None:
    shown = SECTION.partition("$ apilog serve\n")[2].partition("\n```")[0].splitlines()
    assert len(shown) == 2
    process = apilog("serve", "--port", "0")
    for line in shown:
        pattern = re.escape(line).replace("8090", r"\d+").replace(re.escape("..."), r"[\w-]+")
        assert re.fullmatch(pattern, process.stdout.readline().rstrip("\n"))


def test_every_option_is_in_the_table_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APILOG_DATA", raising=False)
    parser = argparse.ArgumentParser(add_help=False)
    serve_command.add_options(parser)
    usual = parser.parse_args([])
    rows = {code(row[0])[0].split()[0]: row[1] for row in table("| option ")}
    actions = {action.option_strings[0]: action for action in parser._actions}
    assert list(rows) == ["--data", *[name for name in actions if name != "--data"]]
    for name, default in rows.items():
        if default in ("none", "off"):
            assert actions[name].default in (None, False, [])
        else:
            assert parser.parse_args([name, *code(default)]) == usual


def a_call(number: int, *, user: str, status: int, an_event: Any) -> dict[str, Any]:
    event: dict[str, Any] = an_event(
        uri=f"/items/{number}",
        user_id=user,
        metadata={"apilog": {"route": "/items/{id}"}},
    )
    event["response"]["status"] = status
    return event


def test_the_commands_do_what_is_said_of_them(
    serving: Any, apilog: Any, finished: Any, an_event: Any, tmp_path: Path
) -> None:
    commands = {words[0]: words for words in COMMANDS}
    assert list(commands) == ["serve", "tail", "query", "export", "purge", "lint"]
    with serving(*commands["serve"][1:]) as collector:
        batch = [
            a_call(7, user="ada", status=200, an_event=an_event),
            a_call(8, user="bob", status=503, an_event=an_event),
        ]
        assert collector.http.post("/v1/events/batch", json=batch).status_code == 201

        tail = apilog(*commands["tail"])
        assert "/items/8" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert finished(tail) == (0, "", "")

        code, out, _ = finished(apilog(*commands["query"]))
        assert (code, out.count("\n")) == (0, 1)
        assert "/items/8" in out

        assert finished(apilog(*commands["export"]))[0] == 0
        (entry,) = json.loads((tmp_path / "ada.har").read_bytes())["log"]["entries"]
        assert entry["request"]["url"] == "http://shop.test/items/7"

        assert finished(apilog(*commands["purge"])) == (0, "apilog: removed 1 call\n", "")
        assert [row["user"] for row in collector.rows()] == ["bob"]

        code, _, err = finished(apilog(*commands["lint"]))
        assert (code, err) in ((0, ""), (1, ""))


def test_behind_a_proxy_it_has_a_name_and_a_token(serving: Any) -> None:
    (shown,) = re.findall(r"`apilog (serve [^`]+)`", SECTION)
    with serving(*shlex.split(shown)[1:]) as collector:
        named = collector.http.get("/healthz", headers={"Host": "logs.example"})
        assert named.status_code == 200
        token = (collector.data / "sender-token").read_text().strip()
        with Client(f"{collector.url}{token}") as client:
            assert client.track_action(
                {"action_name": "Hello", "request": {"uri": "https://shop.test/"}}, wait=PATIENCE
            )
        assert [row["route"] for row in collector.rows()] == ["Hello"]


def addresses() -> list[str]:
    """Return every path that the table says is taken."""
    found: list[str] = []
    for system, _, taken in table("| system "):
        paths = code(taken)
        if system == "Moesif":
            paths = [path for path in paths if path not in ("/batch", "/v1/config", "/v1/rules")]
            found += [f"{path}/batch" for path in paths]
        if system == "Swetrix":
            paths.remove("/v1")
            found += [f"/v1{path}" for path in paths]
        found += paths
    return found


def test_every_address_in_the_table_takes_something(collected: Any) -> None:
    collector = collected()
    for path in addresses():
        method = "GET" if path.endswith("/noscript") else "POST"
        status = collector.request(method, path, json=[]).status_code
        assert status not in (404, 405, 500), path
    for path in ("/v1/config", "/v1/rules"):
        assert collector.get(path).status_code == 200


TOKEN = "open-sesame-0123456789"
SHOWN = {
    "as the application id": ("/v1/events", {"X-Moesif-Application-Id": TOKEN}),
    "as X-Api-Key": ("/collect/event", {"X-Api-Key": TOKEN}),
    "as bearer token": ("/api/send", {"Authorization": f"Bearer {TOKEN}"}),
    "as the first part of the address": (f"/{TOKEN}/api/events", {}),
}


@pytest.mark.parametrize(("path", "headers"), SHOWN.values(), ids=SHOWN)
def test_a_token_is_shown(collected: Any, path: str, headers: dict[str, str]) -> None:
    collector = collected(sender_token=TOKEN)
    assert collector.post("/v1/events", json={}).status_code == 401
    assert collector.post(path, json={}, headers=headers).status_code == 400


def stored() -> list[Call]:
    """Return calls of which every example finds some, and none finds all."""
    usual: dict[str, Any] = {"source": "moesif", "event": b"{}"}
    calls: list[dict[str, Any]] = [
        {
            "method": "GET", "path": "/items/7", "route": "/items/{id}", "host": "shop.example",
            "status": 200, "duration": 300_000, "user": "ada", "company": "acme",
            "session": "s-1", "ip": "203.0.113.9", "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
            "response_size": 1_500,
        },
        {
            "method": "POST", "path": "/checkout", "route": "/checkout", "host": "shop.test",
            "status": 500, "duration": 2_000_000, "user": "bob", "error": "KeyError",
            "request_size": 20_000, "response_size": 2_000_000, "text": "It is out of stock.",
            "source": "umami",
        },
        {
            "method": "GET", "path": "/out of stock", "route": "/health", "status": 404,
            "duration": 5_000, "text": "a refund",
        },
        {"method": "DELETE", "path": "/carts/1", "error": "aborted", "response_size": 0},
    ]  # fmt: skip
    return [
        Call(**{**usual, "id": f"call-{number}", "time": now() - number, **call})
        for number, call in enumerate(calls)
    ]


FILTERS = list(table("| field "))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path_factory.mktemp("filters") / "data")
    made.add(stored())
    yield made
    made.close()


@pytest.mark.parametrize("example", [each for row in FILTERS for each in code(row[1])])
def test_an_example_of_a_filter_finds_some_calls_and_not_all(
    store: SqliteStore, example: str
) -> None:
    found = store.page(Query(parse(example)), limit=10).rows
    assert 0 < len(found) < len(stored())


def test_every_field_is_in_the_table() -> None:
    *fields, none = [row[0] for row in FILTERS]
    assert sorted(fields) == sorted(f"`{field}`" for field in FIELDS)
    assert none == "none"


def test_every_short_name_is_there() -> None:
    sentence = re.search(r"^(`verb`.+) are short for (.+?)\.", SECTION, re.M | re.S)
    assert sentence is not None
    assert dict(zip(code(sentence[1]), code(sentence[2]), strict=True)) == ALIASES


def test_every_key_does_something() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "viewer" / "src").rglob("*.ts*")]
    known = re.findall(r'keys: "([^"]+)"|^  \["(g .)"', "\n".join(sources), re.M)
    shown = [key for row in table("| key ") for key in code(" ".join(row))]
    assert shown
    assert set(shown) <= {one or other for one, other in known}


def test_the_limits_are_those_of_the_source() -> None:
    mebibyte = 1 << 20
    told = [
        f"{reading.MAX_WIRE_BYTES // mebibyte} MiB as it travels",
        f"Swetrix: {swetrix_body.MAX_BYTES // 1024} KiB",
        f"unpacked {inflating.MAX_INFLATED_BYTES // mebibyte} MiB and {inflating.MAX_RATIO} times",
        f"events in a request | {moesif_batch.MAX_ITEMS:,} |",
        f"an event | {event_call.MAX_EVENT_BYTES // mebibyte} MiB |",
        f"JSON | {json_text.MAX_DEPTH} levels |",
        f"{event_call.MAX_SEARCHED:,} characters",
        f"connections | {MAX_CONNECTIONS} |",
        f"live pages | {live.MOST_STREAMS} |",
        f"{loads.MOST_CALLS:,}, or {loads.MOST_BYTES // mebibyte} MiB",
        f"{MOST_CONDITIONS} terms, {MOST_CHARACTERS:,} characters",
        f"the newest {MOST_REFUSALS:,}, of each {refusing.KEPT_BYTES:,} bytes",
        f"{collect.REQUESTS:,} requests a minute",
        f"{gate.MAX_SENDER_FAILURES} a minute from one address",
        f"for {sessions.SESSION_SECONDS // 3600} hours",
    ]
    assert [each for each in told if each not in SECTION.replace("\n", " ")] == []
    assert umami.MAX_ITEMS == collect.MAX_EVENTS == moesif_batch.MAX_ITEMS
    assert (sessions.MAX_FAILURES, collect.WINDOW) == (10, 60)

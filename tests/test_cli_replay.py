"""``apilog replay``: what was recorded arrives once, masked, however often it is interrupted."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from http_kit import Handler, Listener, serving
from hypothesis import given
from hypothesis import strategies as st

from apilog import cli, json_elements, progress
from apilog.json_elements import Elements
from apilog.replay_source import source_of
from apilog.spool import Spool
from apilog.throttle import Throttle, per_second

HALF_A_MINUTE = 30


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Replay = Callable[..., Answer]
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_options_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APILOG_")]:
        monkeypatch.delenv(name)


class Endpoint(Listener):
    """An endpoint that refuses batches with poison, and can be told to answer otherwise."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.healthy_posts = 1_000_000
        """After so many it is down."""
        self.batches: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.changed = threading.Condition()
        super().__init__(_Handler)

    @property
    def numbers(self) -> list[int]:
        """What arrived, by the number in its path."""
        return [int(each["request"]["uri"].rpartition("/")[2]) for each in self.events]

    def answer(self, events: list[dict[str, Any]]) -> int:
        with self.changed:
            self.batches.append(len(events))
            self.changed.notify_all()
        self.gate.wait(HALF_A_MINUTE)
        with self.changed:
            if self.status is not None:
                return self.status
            if len(self.batches) > self.healthy_posts:
                return 503
            if any("poison" in each.get("metadata", {}) for each in events):
                return 400
            self.events += events
            self.changed.notify_all()
            return 201

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, HALF_A_MINUTE), self.batches


class _Handler(Handler):
    server: Endpoint

    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answer(json.loads(body))
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint()) as server:
        yield server
        server.gate.set()


@pytest.fixture
def replay(endpoint: Endpoint, capfd: pytest.CaptureFixture[str]) -> Replay:
    """Run the command in this process, to the endpoint unless something else is said."""

    def run(path: Path, *options: str, to: str | None = endpoint.url) -> Answer:
        code = cli.main(["replay", str(path), *(["--to", to] if to else []), *options])
        return Answer(code, *capfd.readouterr())

    return run


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "request": {
            "time": "2026-11-20T21:06:10.700Z",
            "uri": f"http://shop.test/items/{number}",
            "verb": "GET",
            "headers": {"Accept": "*/*"},
        },
        "response": {"time": "2026-11-20T21:06:10.712Z", "status": 200, "headers": {}},
        "transaction_id": f"0198c5e0-0000-7000-8000-{number:012d}",
        **more,
    }


POISON = {"metadata": {"poison": 1}}


@pytest.fixture
def ndjson(tmp_path: Path) -> Write:
    """Write events with these numbers, and other lines as they are, one a line."""

    def write(*lines: int | dict[str, Any] | str, name: str = "calls.ndjson") -> Path:
        path = tmp_path / name
        texts = [
            each
            if isinstance(each, str)
            else json.dumps(event(each) if isinstance(each, int) else each)
            for each in lines
        ]
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        return path

    return write


def entry(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "startedDateTime": "2026-11-20T22:06:10.7004567+01:00",
        "time": 12.5,
        "request": {
            "method": "POST",
            "url": f"https://shop.test/items/{number}?token=c4n4ry",
            "httpVersion": "h2",
            "headers": [
                {"name": ":path", "value": f"/items/{number}?token=c4n4ry"},
                {"name": "Cookie", "value": "sid=c4n4ry"},
                {"name": "Accept", "value": "*/*"},
            ],
            "queryString": [{"name": "token", "value": "c4n4ry"}],
            "cookies": [{"name": "sid", "value": "c4n4ry"}],
            "postData": {"mimeType": "application/json", "text": '{"password":"c4n4ry","a":1}'},
        },
        "response": {
            "status": 201,
            "headers": [{"name": "Content-Type", "value": "text/plain"}],
            "cookies": [],
            "content": {"mimeType": "text/plain", "text": 'said "{[" twice \\'},
        },
        **more,
    }


def har(*entries: dict[str, Any]) -> dict[str, Any]:
    log = {"version": "1.2", "comment": "entries", "pages": [{"id": "entries", "title": "["}]}
    return {"log": {**log, "entries": list(entries)}}


def result(delivered: int = 0, rejected: str = "0", unreadable: int = 0, **more: Any) -> str:
    left_out, left = more.get("left_out", "0"), more.get("left", 0)
    return (
        f"delivered {delivered}, rejected {rejected}, unreadable {unreadable},"
        f" left out {left_out}, left {left}"
    )


# Everything arrives


def test_events_one_a_line_arrive_in_their_order(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    answer = replay(ndjson(*range(250)))
    assert answer == (0, f"{result(250)}\n", "")
    assert endpoint.numbers == list(range(250))
    assert endpoint.batches == [100, 100, 50]
    assert endpoint.events[7] == event(7)


def test_events_are_masked_by_the_rules_of_the_environment(
    replay: Replay, ndjson: Write, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_MASK_FIELDS", "shoe_size")
    raw = event(1)
    raw["request"] |= {
        "uri": "http://u:c4n4ry@shop.test/items/1?api_key=c4n4ry",
        "headers": {"Authorization": "Bearer c4n4ry"},
        "body": {"password": "c4n4ry", "shoe_size": 47, "b": 2},
    }
    assert replay(ndjson(raw)).code == 0
    (arrived,) = endpoint.events
    assert "c4n4ry" not in json.dumps(arrived)
    assert arrived["request"]["body"] == {"password": "***", "shoe_size": "***", "b": 2}
    assert arrived["transaction_id"] == raw["transaction_id"]


def test_what_was_masked_stays_as_it_is(
    replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    raw = event(1)
    raw["request"] |= {"body": {"password": "c4n4ry"}, "headers": {"Cookie": "a=c4n4ry"}}
    once, twice = tmp_path / "once", tmp_path / "twice"
    assert replay(ndjson(raw), to=once.as_uri()).code == 0
    assert replay(once, to=twice.as_uri()).code == 0
    assert twice.read_bytes() == once.read_bytes()


def test_masking_can_be_left_out_for_events(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    raw = event(1, user_id="ada", company_id={"password": "kept"})
    assert replay(ndjson(raw), "--no-mask").code == 0
    assert endpoint.events == [raw]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("list.json", json.dumps([event(n) for n in range(3)]), id="a list"),
        pytest.param("l.json", json.dumps([event(n) for n in range(3)], indent=2), id="indented"),
        pytest.param(
            "v.json",
            "\n\n".join(json.dumps(event(n), indent=1) for n in range(3)),
            id="values one behind the other",
        ),
        pytest.param(
            "bom.ndjson",
            "\ufeff\n" + "\r\n\n".join(json.dumps(event(n)) for n in range(3)),
            id="lines of Windows, with a mark, and without a last line end",
        ),
        pytest.param(
            "quarantine.ndjson",
            "".join(
                json.dumps({"reason": "rejected", "time": "t", "event": event(n)}) + "\n"
                for n in range(3)
            ),
            id="the quarantine of a spool",
        ),
        pytest.param("h.har", json.dumps(har(*map(entry, range(3)))), id="a HAR file"),
        pytest.param("i.har", json.dumps(har(*map(entry, range(3))), indent=4), id="indented HAR"),
    ],
)
def test_a_recording_is_known_by_its_content(
    name: str, text: str, replay: Replay, tmp_path: Path, endpoint: Endpoint
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert replay(path) == (0, f"{result(3)}\n", "")
    uris = [each["request"]["uri"].partition("?")[0] for each in endpoint.events]
    assert [uri.rpartition("/")[2] for uri in uris] == ["0", "1", "2"]


def test_an_entry_of_a_har_file_becomes_an_event_and_is_masked(
    replay: Replay, tmp_path: Path, endpoint: Endpoint
) -> None:
    path = tmp_path / "calls.har"
    path.write_text(json.dumps(har(entry(1))))
    assert replay(path).code == 0
    (arrived,) = endpoint.events
    assert "c4n4ry" not in json.dumps(arrived)
    request, response = arrived["request"], arrived["response"]
    assert request == {
        "time": "2026-11-20T21:06:10.700Z",
        "verb": "POST",
        "uri": "https://shop.test/items/1?token=***",
        "headers": {"Cookie": "sid=***", "Accept": "*/*", "Content-Type": "application/json"},
        "body": {"password": "***", "a": 1},
    }
    assert (response["status"], response["time"]) == (201, "2026-11-20T21:06:10.712Z")
    assert response["body"] == 'said "{[" twice \\'
    assert arrived["metadata"]["apilog"]["duration_ms"] == 12.5
    assert len(arrived["transaction_id"]) == 36


def test_a_call_without_an_answer_becomes_an_event_without_response(
    replay: Replay, tmp_path: Path, endpoint: Endpoint
) -> None:
    blocked = entry(1, response={"status": 0, "headers": [], "content": {}}, startedDateTime="?")
    path = tmp_path / "calls.har"
    path.write_text(json.dumps(har(blocked)))
    assert replay(path).code == 0
    (arrived,) = endpoint.events
    assert "response" not in arrived
    assert arrived["request"]["time"].endswith("Z")


def test_a_har_file_never_goes_unmasked(
    replay: Replay, tmp_path: Path, endpoint: Endpoint, ndjson: Write
) -> None:
    path = tmp_path / "calls.har"
    path.write_text(json.dumps(har(entry(1))))
    answer = replay(path, "--no-mask")
    assert answer.code == 2
    assert "nobody has masked what is in a HAR file" in answer.err
    answer = replay(ndjson(entry(1), name="entries.ndjson"), "--no-mask")
    assert (answer.code, answer.out) == (1, f"{result(0, unreadable=1)}\n")
    assert endpoint.batches == []


def test_calls_without_an_id_get_the_same_one_every_time(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    raw = {name: value for name, value in event(1).items() if name != "transaction_id"}
    path = ndjson(raw, raw, entry(3))
    assert replay(path).code == 0
    assert replay(path).code == 0
    ids = [each["transaction_id"] for each in endpoint.events]
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3


def test_a_destination_receives_what_its_filter_lets_pass(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    failed = event(2)
    failed["response"]["status"] = 503
    to = f"moesif://c4n4ry-key@127.0.0.1:{endpoint.server_port}?insecure=1&only=5xx"
    answer = replay(ndjson(1, failed, 3), to=to)
    assert answer == (0, f"{result(1, left_out='2 (filtered 2)')}\n", "")
    assert endpoint.numbers == [2]


def test_updates_go_to_destinations_that_take_them(
    replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    """A spool may hold them, and so may what was refused of one."""
    user = {"user_id": "ada", "metadata": {"plan": "pro", "password": "c4n4ry"}}
    path = ndjson(1, {"$users": user})
    to = f"moesif://key@127.0.0.1:{endpoint.server_port}?insecure=1"
    assert replay(path, to=to) == (0, f"{result(2)}\n", "")
    masked = {**user, "metadata": {"plan": "pro", "password": "***"}}
    assert [each for each in endpoint.events if "user_id" in each] == [masked]
    answer = replay(path, to=(tmp_path / "calls").as_uri())
    assert answer == (0, f"{result(1, left_out='1 (not_taken 1)')}\n", "")


# What does not arrive


def test_what_cannot_be_read_is_named_by_its_line_and_not_quoted(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    path = ndjson(1, "c4n4ry {", "[]", '{"c4n4ry": 1}', '{"request": {"uri": 7}}', 2, '{"request":')
    answer = replay(path)
    assert answer.code == 1
    assert answer.out == f"{result(2, unreadable=5)}\n"
    assert endpoint.numbers == [1, 2]
    assert "c4n4ry" not in answer.err
    assert answer.err.splitlines() == [
        "apilog: line 2 left out: it is no JSON",
        "apilog: line 3 left out: it is no object",
        "apilog: line 4 left out: it is no event: request.uri is missing",
        "apilog: line 5 left out: request.uri is not as expected: a string",
        "apilog: line 7 left out: it is no JSON",
    ]


def test_a_har_file_that_is_taken_for_a_line_is_recognised(replay: Replay, tmp_path: Path) -> None:
    path = tmp_path / "calls.har"
    path.write_text(json.dumps({"x": 1, **har(entry(1))}))
    answer = replay(path)
    assert (answer.code, answer.out) == (1, f"{result(unreadable=1)}\n")
    assert (
        "line 1 left out: it is a whole HAR file: apilog replay --format har reads it" in answer.err
    )
    assert replay(path, "--format", "har").out == f"{result(1)}\n"


@pytest.mark.parametrize("cut", [1, 5, 40, 200], ids=["one byte", "five", "forty", "two hundred"])
def test_a_file_that_was_cut_off_loses_only_its_last_call(
    cut: int, replay: Replay, tmp_path: Path, endpoint: Endpoint
) -> None:
    path = tmp_path / "calls.har"
    text = json.dumps(har(*map(entry, range(3))))
    path.write_text(text[: text.rindex("]") - cut])
    answer = replay(path)
    assert answer.code == 1
    assert answer.out == f"{result(2, unreadable=1)}\n"


def test_what_the_endpoint_refuses_is_kept_beside_and_can_be_replayed(
    replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    bad = [event(number, **POISON) for number in (3, 77)]
    path = ndjson(*range(3), bad[0], *range(4, 77), bad[1], *range(78, 150))
    answer = replay(path)
    kept = tmp_path / "calls.ndjson.rejected.ndjson"
    assert answer.code == 1
    assert answer.out == f"{result(148, '2 (rejected 2)')}\n"
    assert f"apilog: what was refused is in {kept}\n" in answer.err
    assert [json.loads(line) for line in kept.read_text().splitlines()] == bad
    assert kept.stat().st_mode & 0o777 == 0o600
    assert sorted([*endpoint.numbers, 3, 77]) == list(range(150))
    assert replay(kept, to=(tmp_path / "mended").as_uri()).out == f"{result(2)}\n"


def test_a_wrong_key_ends_it_at_once_and_is_not_shown(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    endpoint.status = 401
    to = f"moesif://c4n4ry-key@127.0.0.1:{endpoint.server_port}?insecure=1"
    path = ndjson(1, 2)
    answer = replay(path, to=to)
    assert (answer.code, answer.out) == (1, f"{result(left=2)}\n")
    assert "apilog: ended before line 1: the endpoint takes nothing: 401 from" in answer.err
    assert f"apilog replay {path} --to URL --resume" in answer.err
    assert len(endpoint.batches) == 1
    state = (path.parent / "calls.ndjson.replay.json").read_text()
    assert "c4n4ry" not in answer.err + answer.out + state


@pytest.mark.parametrize("status", [400, 503], ids=["refuses everything", "is down"])
def test_an_endpoint_that_takes_nothing_is_left_alone_after_a_while(
    status: int, replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.status = status
    path = ndjson(*range(10))
    answer = replay(path, "--patience", "0.2")
    assert (answer.code, answer.out) == (1, f"{result(left=10)}\n")
    assert "nothing was taken" in answer.err
    assert not (tmp_path / "calls.ndjson.rejected.ndjson").exists()
    endpoint.status = None
    assert replay(path, "--resume").out == f"{result(10)}\n"
    assert sorted(endpoint.numbers) == list(range(10))


def test_without_anything_that_listens_everything_is_left(
    replay: Replay, ndjson: Write, tmp_path: Path
) -> None:
    answer = replay(ndjson(1), "--patience", "0", to="http://127.0.0.1:9")
    assert (answer.code, answer.out) == (1, f"{result(left=1)}\n")
    assert "ConnectError at 127.0.0.1" in answer.err


def test_a_rejected_call_in_the_middle_of_an_outage_is_counted_once(
    replay: Replay, ndjson: Write, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call has exactly one place, however the replay is cut to pieces."""
    monkeypatch.setenv("APILOG_BATCH_SIZE", "8")
    lines: list[Any] = [event(n, **POISON) if n % 10 == 3 else n for n in range(60)]
    path = ndjson(*lines[:30], "no json", *lines[30:])
    for posts in range(5, 200, 7):
        endpoint.healthy_posts = len(endpoint.batches) + posts % 11 + 1
        answer = replay(path, "--resume", "--patience", "0")
        if answer.err.find("--resume") < 0:
            break
    assert answer.out.startswith(result(54, "6 (rejected 6)", unreadable=1))
    good = [n for n in range(60) if n % 10 != 3]
    assert sorted(endpoint.numbers) == good  # each once: nothing was sent again
    kept = Path(f"{path}.rejected.ndjson").read_text().splitlines()
    assert len(kept) == 6


# Going on


def test_a_replay_goes_on_where_it_ended(replay: Replay, ndjson: Write, endpoint: Endpoint) -> None:
    endpoint.healthy_posts = 2
    path = ndjson(*range(350))
    first = replay(path, "--patience", "0")
    assert (first.code, first.out) == (1, f"{result(200, left=100)}\n")
    assert "apilog: ended before line 201: " in first.err
    assert "(57 % are done)" in first.err
    endpoint.healthy_posts = 1_000_000
    assert replay(path, "--resume") == (0, f"{result(350)}; 150 of them in this run\n", "")
    assert endpoint.numbers == list(range(350))


def test_an_interrupted_replay_is_not_begun_anew_by_mistake(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    endpoint.healthy_posts = 1
    path = ndjson(*range(150))
    replay(path, "--patience", "0")
    endpoint.healthy_posts = 1_000_000
    answer = replay(path)
    assert answer.code == 2
    assert "ended early, at line 100; --resume goes on there; --from 1 begins anew" in answer.err
    assert endpoint.numbers == list(range(100))
    assert replay(path, "--from", "1").out == f"{result(150)}\n"


def test_a_har_file_is_resumed_too(
    replay: Replay, tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_BATCH_SIZE", "3")
    path = tmp_path / "calls.har"
    path.write_text(json.dumps(har(*map(entry, range(10))), indent=2))
    endpoint.healthy_posts = 2
    assert replay(path, "--patience", "0").out == f"{result(6, left=3)}\n"
    endpoint.healthy_posts = 1_000_000
    assert replay(path, "--resume").out == f"{result(10)}; 4 of them in this run\n"
    uris = [each["request"]["uri"].partition("?")[0] for each in endpoint.events]
    assert uris == [f"https://shop.test/items/{number}" for number in range(10)]


def test_a_file_that_has_grown_is_read_on(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    path = ndjson(1, 2)
    assert replay(path, "--resume").out == f"{result(2)}\n"
    with path.open("a") as file:
        file.write(json.dumps(event(3)) + "\n")
    assert replay(path, "--resume").out == f"{result(3)}; 1 of them in this run\n"
    assert replay(path, "--resume").out == f"{result(3)}; 0 of them in this run\n"
    assert endpoint.numbers == [1, 2, 3]
    assert replay(path).out == f"{result(3)}\n"  # the last one was ended
    assert endpoint.numbers == [1, 2, 3, 1, 2, 3]


def test_it_begins_with_the_line_that_is_named(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    path = ndjson(1, "", 3, 4)
    assert replay(path, "--from", "3").out == f"{result(2)}\n"
    assert endpoint.numbers == [3, 4]
    answer = replay(path, "--from", "5")
    assert (answer.code, answer.err) == (2, "apilog: --from 5: the last line is 4\n")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda path: path.write_text("{}\n" * 4_000), "another file", id="another"),
        pytest.param(lambda path: path.write_text(""), "it is empty", id="an empty one"),
        pytest.param(
            lambda path: path.write_text(path.read_text()[:-100]), "a longer file", id="shorter"
        ),
        pytest.param(
            lambda path: Path(f"{path}.replay.json").write_text("{"), "no state", id="cut"
        ),
        pytest.param(
            lambda path: Path(f"{path}.replay.json").write_text("{}"), "no state", id="no state"
        ),
        pytest.param(
            lambda path: Path(f"{path}.replay.json").write_text('{"version": 2}'),
            "another apilog",
            id="a newer one",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_not_followed(
    change: Callable[[Path], object],
    problem: str,
    replay: Replay,
    ndjson: Write,
    endpoint: Endpoint,
) -> None:
    path = ndjson(1, 2)
    replay(path)
    change(path)
    answer = replay(path, "--resume")
    assert answer.code == 2
    assert problem in answer.err
    assert endpoint.numbers == [1, 2]


def test_the_state_of_one_destination_is_not_that_of_another(
    replay: Replay, ndjson: Write, tmp_path: Path
) -> None:
    path = ndjson(1, 2)
    replay(path)
    other = (tmp_path / "other").as_uri()
    answer = replay(path, "--resume", to=other)
    assert answer.code == 2
    assert "name another one with --state" in answer.err
    assert replay(path, "--resume", "--state", str(tmp_path / "s"), to=other).code == 0


def test_another_key_or_address_after_nothing_was_taken_needs_no_word(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    endpoint.status = 401
    path = ndjson(1, 2)
    assert replay(path, to=f"moesif://typo@127.0.0.1:{endpoint.server_port}?insecure=1").code == 1
    endpoint.status = None
    assert replay(path) == (0, f"{result(2)}\n", "")


@pytest.mark.parametrize("again", ["--resume", "--from=1"])
def test_what_stands_behind_the_place_may_change(
    again: str, replay: Replay, ndjson: Write, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_BATCH_SIZE", "2")
    endpoint.healthy_posts = 1
    replay(ndjson(1, 2, 3, 4), "--patience", "0")
    endpoint.healthy_posts = 1_000_000
    assert replay(ndjson(1, 2, 30, 40, 5), again).out.startswith(result(5))
    assert endpoint.numbers == [1, 2, *([] if again == "--resume" else [1, 2]), 30, 40, 5]


def test_what_stands_before_the_place_may_not(
    replay: Replay, ndjson: Write, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its beginning is the same, but a place in it is no place between two lines any more."""
    monkeypatch.setenv("APILOG_BATCH_SIZE", "100")
    endpoint.healthy_posts = 1
    replay(ndjson(*range(200)), "--patience", "0")
    endpoint.healthy_posts = 1_000_000
    path = ndjson(*range(50), event(50, user_id="ada"), *range(51, 200))
    answer = replay(path, "--resume")
    assert answer.code == 2
    assert "is of another file; --from 1 begins anew" in answer.err
    assert endpoint.numbers == list(range(100))


def test_two_replays_never_share_a_state(
    start: Callable[..., subprocess.Popen[str]], ndjson: Write, endpoint: Endpoint, replay: Replay
) -> None:
    path = ndjson(*range(300))
    process = start(str(path), "--to", endpoint.url, "--rate", "20")
    endpoint.wait_for(lambda: len(endpoint.batches) >= 2)
    for option in ("--resume", "--from=1"):
        answer = replay(path, option)
        assert (answer.code, answer.out) == (2, "")
        assert "is held by another replay" in answer.err
    process.kill()
    process.communicate(timeout=HALF_A_MINUTE)
    assert replay(path, "--resume").out.startswith(result(300))


@pytest.mark.parametrize("option", ["--state", "--rejected", "--to"])
def test_the_recording_is_never_written_to(
    option: str, replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    path = ndjson(1, 2)
    before = path.read_bytes()
    link = path.with_name("link")
    link.symlink_to(path)
    if option == "--to":
        answer = replay(path, "--from", "1", to=link.as_uri())
    else:
        answer = replay(path, "--from", "1", option, str(link))
    assert answer.code == 2
    assert "are one file, " in answer.err
    assert path.read_bytes() == before
    assert endpoint.batches == []


@pytest.mark.parametrize("content", ["mine\n", '{"a": 1}\n', "[]"], ids=["text", "JSON", "a list"])
def test_a_file_that_is_no_state_is_not_written_over(
    content: str, replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text(content)
    answer = replay(ndjson(1), "--from", "1", "--state", str(other))
    assert answer.code == 2
    assert "is no state of a replay; name another one with --state" in answer.err
    assert other.read_text() == content
    assert endpoint.batches == []


def test_a_device_is_no_place_for_a_state(replay: Replay, ndjson: Write) -> None:
    answer = replay(ndjson(1), "--state", os.devnull)
    assert answer.code == 2
    assert "is no regular file" in answer.err


def test_that_refused_events_could_not_be_kept_is_found_out_before_anything_is_sent(
    replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    for place in (tmp_path, tmp_path / "no" / "where"):
        answer = replay(ndjson(1), "--rejected", str(place))
        assert answer.code == 2
        assert f"--rejected {place} cannot be written" in answer.err
    assert endpoint.batches == []


def test_how_to_go_on_keeps_the_options(
    replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.status = 503
    path, state, refused = ndjson(1), tmp_path / "s", tmp_path / "r"
    options = f"--rate 600/m --state {state} --rejected {refused} --format ndjson --patience 0"
    answer = replay(path, *options.split(), "--no-mask")
    assert answer.err.endswith(
        "apilog: apilog send URL finds out what would mend it\n"
        f"apilog: to go on (0 % are done): apilog replay {path} --to URL {options}"
        " --no-mask --resume\n"
    )
    assert "s is beyond --patience 0: 503 from 127.0.0.1" in answer.err


def test_a_state_that_cannot_be_written_is_found_out_before_anything_is_sent(
    replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    answer = replay(ndjson(1), "--state", str(tmp_path / "no" / "where"))
    assert answer.code == 2
    assert "cannot be written" in answer.err
    assert endpoint.batches == []


# Signals


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run the command in a process of its own."""
    started: list[subprocess.Popen[str]] = []
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)

    def start(
        *arguments: str, stdin: int | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "apilog", "replay", *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths, **environment},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "kill"])
def test_a_signal_ends_it_cleanly_and_says_how_to_go_on(
    number: signal.Signals,
    start: Callable[..., subprocess.Popen[str]],
    ndjson: Write,
    endpoint: Endpoint,
    replay: Replay,
) -> None:
    path = ndjson(*range(500))
    process = start(str(path), "--to", endpoint.url, "--rate", "40")
    endpoint.wait_for(lambda: len(endpoint.events) >= 20)
    process.send_signal(number)
    out, err = process.communicate(timeout=HALF_A_MINUTE)
    assert process.returncode == 1, err
    done = len(endpoint.events)
    assert out.startswith(f"delivered {done}, ")
    assert f"ended before line {done + 1}: it was stopped" in err
    assert f"apilog replay {path} --to URL --rate 40 --resume" in err
    assert "Traceback" not in err
    assert replay(path, "--resume").out.startswith(result(500))
    assert endpoint.numbers == list(range(500))  # each once


def test_a_second_signal_ends_it_at_once(
    start: Callable[..., subprocess.Popen[str]], ndjson: Write, endpoint: Endpoint, replay: Replay
) -> None:
    path = ndjson(*range(3))
    endpoint.gate.clear()
    process = start(str(path), "--to", endpoint.url)
    endpoint.wait_for(lambda: len(endpoint.batches) == 1)
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HALF_A_MINUTE)
    assert process.returncode == -signal.SIGINT
    endpoint.gate.set()
    assert replay(path, "--resume").out == f"{result(3)}\n"


def test_a_kill_costs_nothing_and_sends_one_batch_again_at_most(
    start: Callable[..., subprocess.Popen[str]], ndjson: Write, endpoint: Endpoint, replay: Replay
) -> None:
    path = ndjson(*range(300))
    for posts in (2, 5, 9):
        process = start(
            str(path), "--to", endpoint.url, "--rate", "100", "--resume", APILOG_BATCH_SIZE="10"
        )
        endpoint.wait_for(lambda posts=posts: len(endpoint.batches) >= posts)  # type: ignore[misc]
        process.kill()
        process.communicate(timeout=HALF_A_MINUTE)
    assert replay(path, "--resume").out.startswith(result(300))
    often = Counter(endpoint.numbers)
    assert set(often) == set(range(300))
    assert sum(times - 1 for times in often.values()) <= 3 * 10


# The rate


def test_events_go_out_evenly() -> None:
    now = 100.0
    throttle = Throttle(10.0, lambda: now)
    assert throttle.together == 2
    assert [throttle.pause(2) for _ in range(3)] == pytest.approx([0.0, 0.2, 0.4])
    now += 60.0
    later = [throttle.pause(1) for _ in range(2)]  # nothing is caught up
    assert later == pytest.approx([0.0, 0.1])


def test_a_slow_rate_lets_events_go_out_one_by_one() -> None:
    throttle = Throttle(per_second("30/m"), lambda: 0.0)
    assert throttle.together == 1
    assert [throttle.pause(1) for _ in range(3)] == [0.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("text", "rate"), [("100", 100.0), ("2.5/s", 2.5), ("600/m", 10.0), ("3600/h", 1.0)]
)
def test_a_rate_is_a_number_in_a_time(text: str, rate: float) -> None:
    assert per_second(text) == rate


@pytest.mark.parametrize("text", ["0", "0/s", "-1", "fast", "1/d", "", "1e3", "١"])
def test_a_rate_that_is_none_is_refused(
    text: str, capfd: pytest.CaptureFixture[str], ndjson: Write
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["replay", str(ndjson(1)), f"--rate={text}", "--to", "http://127.0.0.1:9"])
    assert "is no rate, such as 100/s" in capfd.readouterr().err


def test_batches_are_small_enough_for_the_rate(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    assert replay(ndjson(*range(60)), "--rate", "80/s").code == 0
    assert endpoint.batches == [20, 20, 20]


# Spools


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Store events in a spool, and leave it as a process does that ends, or live on."""
    living: list[Spool] = []

    def store(*numbers: int, alive: bool = False) -> Path:
        directory = tmp_path / "spool"
        spool = Spool(directory, report=lambda *_: None)
        for number in numbers:
            spool.append(json.dumps(event(number)).encode())
        living.append(spool)
        if not alive:
            spool.close()
        return directory

    yield store
    for spool in living:
        spool.close()


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_spool_is_replayed_and_stays_as_it_is(
    replay: Replay, store: Callable[..., Path], endpoint: Endpoint, tmp_path: Path
) -> None:
    store(1, 2, 3)
    directory = store(4, 5)
    before = files(directory)
    assert replay(directory) == (0, f"{result(5)}\n", "")
    assert endpoint.numbers == [1, 2, 3, 4, 5]
    assert files(directory) == before
    assert (tmp_path / "spool.replay.json").exists()


def test_a_spool_is_resumed_in_the_middle_of_a_segment(
    replay: Replay,
    store: Callable[..., Path],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APILOG_BATCH_SIZE", "2")
    store(1, 2, 3, 4, 5)
    directory = store(6, 7)
    endpoint.healthy_posts = 1
    first = replay(directory, "--patience", "0")
    assert first.out == f"{result(2, left=2)}\n"
    endpoint.healthy_posts = 1_000_000
    assert replay(directory, "--resume").out == f"{result(7)}; 5 of them in this run\n"
    assert endpoint.numbers == [1, 2, 3, 4, 5, 6, 7]


def test_segments_of_living_processes_are_passed_over(
    replay: Replay, store: Callable[..., Path], endpoint: Endpoint
) -> None:
    store(1)
    directory = store(2, alive=True)
    answer = replay(directory)
    assert answer == (0, f"{result(1)}\n", "apilog: 1 segment of living processes passed over\n")


def test_what_cannot_be_read_in_a_spool_is_counted(
    replay: Replay, store: Callable[..., Path], endpoint: Endpoint
) -> None:
    directory = store(*range(6))
    (path,) = directory.glob("*.seg")
    content = bytearray(path.read_bytes())
    content[content.index(b"/items/3") + 2] ^= 1
    path.write_bytes(content)
    answer = replay(directory)
    assert (answer.code, answer.out) == (1, f"{result(5, unreadable=1)}\n")
    assert endpoint.numbers == [0, 1, 2, 4, 5]
    assert (
        replay(directory, "--resume").out == f"{result(5, unreadable=1)}; 0 of them in this run\n"
    )


def test_what_is_not_replayed_with_a_spool_is_named(
    replay: Replay, store: Callable[..., Path], endpoint: Endpoint, tmp_path: Path
) -> None:
    directory = store(1)
    (directory / "destination-2").mkdir()
    (directory / "updates").mkdir()
    other = f"apilog: {directory / 'destination-2'} holds the events of another destination\n"
    other += f"apilog: {directory / 'updates'} holds updates of users and the like\n"
    assert replay(directory) == (0, f"{result(1)}\n", other)
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = f"apilog: nothing of a spool is in {empty}\n"
    assert replay(empty) == (0, f"{result(0)}\n", nothing)


def test_the_state_of_one_spool_is_not_that_of_another(
    replay: Replay, store: Callable[..., Path], endpoint: Endpoint, tmp_path: Path
) -> None:
    state = str(tmp_path / "state")
    directory = store(1)
    assert replay(directory, "--state", state).code == 0
    other = directory.rename(tmp_path / "other")
    store(2)
    assert replay(directory, "--state", state, "--resume").out.startswith(result(2))
    answer = replay(other, "--state", state, "--resume")
    assert answer.code == 2
    assert "is of another file" in answer.err


def test_it_is_said_to_which_segments_it_does_not_come_back(
    replay: Replay, store: Callable[..., Path], endpoint: Endpoint
) -> None:
    store(1, alive=True)
    answer = replay(store(2))
    assert answer.err == (
        "apilog: 1 segment of living processes passed over\n"
        "apilog: --resume does not come back to 1 of them: apilog ship delivers them\n"
    )
    assert endpoint.numbers == [2]


# What is said


def test_what_a_browser_logs_beside_calls_is_left_out(
    replay: Replay, tmp_path: Path, endpoint: Endpoint
) -> None:
    image, socket = entry(2), entry(3)
    image["request"]["url"] = "data:application/json,{c4n4ry}"
    socket["request"]["url"] = "wss://shop.test/items/3?token=c4n4ry"
    path = tmp_path / "calls.har"
    path.write_text(json.dumps(har(entry(1), image, socket)))
    dry = replay(path, "--dry-run")
    assert dry.code == 0
    assert dry.out.startswith("1 event (")
    assert ") would be sent, 0 unreadable, 2 left out, " in dry.out
    assert replay(path) == (0, f"{result(1, left_out='2 (not_http 2)')}\n", "")
    (arrived,) = endpoint.events
    noted = {note["path"] for note in arrived["metadata"]["apilog"]["masked"]}
    assert noted == {"/request/uri?token", "/request/headers/Cookie", "/request/body/password"}


@pytest.mark.parametrize(
    "content",
    ["[1, 2]", '{"log": {"entries": []}}'],
    ids=["a list of numbers", "an empty HAR file"],
)
def test_that_there_was_no_call_is_said(content: str, replay: Replay, tmp_path: Path) -> None:
    path = tmp_path / "nothing.json"
    path.write_text(content)
    assert replay(path) == (0, f"{result(0)}\n", "apilog: no call was found\n")


@pytest.mark.parametrize("source", ["-", "/dev/stdin"])
def test_a_pipe_cannot_be_replayed_which_is_said(
    source: str, start: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start(source, "--to", "console:", stdin=subprocess.PIPE)
    out, err = process.communicate(json.dumps(event(1)), timeout=HALF_A_MINUTE)
    assert (process.returncode, out) == (2, "")
    assert err == f"apilog: {source}: it is no file that can be read again: save it in one first\n"


def test_events_that_moesif_drops_for_their_age_are_counted(
    replay: Replay, ndjson: Write, endpoint: Endpoint
) -> None:
    old = event(1)
    old["request"]["time"] = "2017-01-31T00:00:00.000Z"
    young = event(2)
    young["request"]["time"] = "2999-01-31T00:00:00.000Z"
    to = f"moesif://key@127.0.0.1:{endpoint.server_port}?insecure=1"
    said = "apilog: 1 event of calls over 30 days ago: Moesif drops such events\n"
    assert replay(ndjson(old, young), to=to) == (0, f"{result(2)}\n", said)


def test_a_dry_run_sends_nothing_and_writes_nothing(
    replay: Replay, ndjson: Write, endpoint: Endpoint, tmp_path: Path
) -> None:
    masked = event(2, metadata={"password": "c4n4ry"})
    path = ndjson(1, masked, "no json")
    answer = replay(path, "--dry-run", to=None)
    assert answer.code == 1
    assert answer.out.startswith("2 events (")
    assert answer.out.endswith(") would be sent, 1 unreadable, 1 place masked\n")
    assert answer.err == "apilog: line 3 left out: it is no JSON\n"
    assert endpoint.batches == []
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "no such file", id="a file that is not there"),
        pytest.param(b"", "it is empty", id="an empty file"),
        pytest.param(b" \n\n", "it is empty", id="an empty file with lines"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", "neither events", id="raw HTTP"),
        pytest.param(gzip.compress(b"{}"), "it is compressed: unpack it", id="a compressed file"),
        pytest.param(b"SQLite format 3\0...", "a database", id="a database"),
    ],
)
def test_what_is_no_recording_is_named(
    content: bytes | None, problem: str, replay: Replay, tmp_path: Path
) -> None:
    path = tmp_path / "it"
    if content is not None:
        path.write_bytes(content)
    answer = replay(path)
    assert answer.code == 2
    assert answer.err.startswith(f"apilog: {path}: ")
    assert problem in answer.err


def test_without_a_destination_nothing_is_done(
    replay: Replay, ndjson: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ndjson(1)
    answer = replay(path, to=None)
    assert (answer.code, answer.out) == (2, "")
    assert "APILOG_DESTINATION" in answer.err
    monkeypatch.setenv("APILOG_DESTINATION", (tmp_path / "calls").as_uri())
    assert replay(path, to=None).code == 0


def test_without_a_terminal_there_is_a_line_now_and_then() -> None:
    now = 0.0
    stream = io.StringIO()
    lines = progress.Lines(stream, 200, clock=lambda: now)
    for second in range(25):
        now = float(second)
        lines.show(second * 8, f"{second} delivered")
    assert stream.getvalue() == "apilog: 40 %: 10 delivered\napilog: 80 %: 20 delivered\n"


def test_on_a_terminal_there_is_a_bar(
    start: Callable[..., subprocess.Popen[str]], ndjson: Write, endpoint: Endpoint
) -> None:
    pytest.importorskip("rich")
    shown = on_a_terminal(ndjson(*range(150), "no json"), endpoint)
    assert "100%" in shown
    assert "\x1b[" in shown  # drawn over and over
    assert shown.index("\x1b[?25h") < shown.index("100%")  # the cursor stays, whatever happens
    assert "150 delivered" in shown
    assert "line 151 left out: it is no JSON" in shown


def test_without_rich_there_is_no_bar_and_nothing_is_missed(
    ndjson: Write, endpoint: Endpoint
) -> None:
    script = "import sys; sys.modules['rich'] = None"
    shown = on_a_terminal(ndjson(*range(150), "no json"), endpoint, script)
    assert shown == "apilog: line 151 left out: it is no JSON\r\n"
    assert len(endpoint.events) == 150


def on_a_terminal(path: Path, endpoint: Endpoint, before: str = "") -> str:
    """Return what the command shows on a terminal."""
    import pty

    ours, theirs = pty.openpty()
    code = f"{before}\nfrom apilog.cli import main; main()"
    command = [sys.executable, "-c", code, "replay", str(path), "--to", endpoint.url]
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": paths, "TERM": "xterm", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # EIO: the other side is closed
            while piece := os.read(ours, 4096):
                shown += piece
        os.close(ours)
        process.wait(HALF_A_MINUTE)
    return shown.decode()


# Reading without reading everything


class Pieces(io.RawIOBase):
    """A file of JSON that gives so many bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content = content
        self._size = size

    def read(self, size: int = -1) -> bytes:
        piece, self._content = self._content[: self._size], self._content[self._size :]
        return piece


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\{}[]:,é\n', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["log", "entries", 'a"', "\\", "{"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    before=TREES,
    elements=st.lists(st.dictionaries(st.text(max_size=3), TREES, max_size=3), max_size=5),
    after=TREES,
    size=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
)
def test_elements_are_found_whatever_stands_around_them(
    before: Any, elements: list[Any], after: Any, size: int, indent: int | None
) -> None:
    root = {"first": before, "log": {"x": before, "entries": elements, "y": after}, "z": after}
    if "log" in json.dumps(before) + json.dumps(after):  # `entries` may stand elsewhere, too
        root = {"log": {"entries": elements}}
    for value, path in ((root, [b"log", b"entries"]), (elements, [])):
        content = json.dumps(value, ensure_ascii=False, indent=indent).encode()
        found = list(Elements(Pieces(content, size), path))  # type: ignore[arg-type]
        assert [json.loads(each.content or b"") for each in found] == elements
        for each, number in zip(found, range(1, 10)):  # noqa: B905
            rest = Elements(Pieces(content[each.end :], size), path, each.end)  # type: ignore[arg-type]
            assert [json.loads(one.content or b"") for one in rest] == elements[number:]
    content = "".join(json.dumps(each, indent=indent) for each in elements).encode()
    found = list(Elements(Pieces(content, size), None))  # type: ignore[arg-type]
    assert [json.loads(each.content or b"") for each in found] == elements


def test_an_element_that_is_too_large_is_passed_over() -> None:
    content = json.dumps([{"a": 1}, {"b": "x" * 1_000}, {"c": 3}]).encode()
    for size in (1, 7, 10_000):
        found = Elements(Pieces(content, size), [], largest=500)  # type: ignore[arg-type]
        assert [each.content for each in found] == [b'{"a": 1}', None, b'{"c": 3}']


READ = """
import resource, sys
from apilog.replay_source import Place, source_of
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
source = source_of(sys.argv[1])
before = peak()
print(sum(1 for _ in source.items(Place())), peak() - before)
"""


@pytest.mark.parametrize("form", ["ndjson", "har"])
def test_a_large_file_is_read_in_little_memory(form: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    line = json.dumps({**event(1), "metadata": {"text": "{[x" * 10_000}}) + "\n"
    with path.open("w") as file:
        file.write('{"log": {"entries": [' if form == "har" else "")
        for number in range(2_000):
            file.write("," if form == "har" and number else "")
            file.write(line)
        file.write("]}}" if form == "har" else "")
    assert path.stat().st_size > 60_000_000
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    count, grown = map(int, done.stdout.split())
    assert count == 2_000
    assert grown < 24  # MiB


def test_lines_that_are_too_large_are_passed_over(
    ndjson: Write, replay: Replay, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint
) -> None:
    monkeypatch.setattr("apilog.replay_source.LARGEST", 10_000)
    path = ndjson(1, "x" * 50_000, 3)
    answer = replay(path)
    assert (answer.code, answer.out) == (1, f"{result(2, unreadable=1)}\n")
    assert "line 2 left out: it is too large, damaged or cut off" in answer.err
    assert endpoint.numbers == [1, 3]


def test_chunks_are_what_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_elements, "_CHUNK", 11)
    path = tmp_path / "calls.har"
    path.write_text(json.dumps(har(*map(entry, range(3)))))
    source = source_of(str(path))
    from apilog.replay_source import Place

    places = [item.after for item in source.items(Place())]
    assert [each.number for each in places] == [1, 2, 3]
    assert [item.after for item in source.items(places[1])] == places[2:]

"""The live stream on a real socket: everything that arrives, once, whatever happens between."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from apilog.collector.store.sqlite import SqliteStore
from apilog.collector.view import live

PATIENCE = 20.0


class Messages:
    """Reads a stream, message by message."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()
        self.last_id = ""

    def next(self) -> tuple[str, Any]:
        """Return the next event and its data; a comment is the event ""."""
        event, data = "", None
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "event":
                event = value
            elif name == "data":
                data = json.loads(value)
            elif line == "" and data is not None:
                return event, data
            elif line.startswith(":"):
                return "", line
        return "end", None

    def keys(self, count: int) -> list[str]:
        """Return the ids of the next *count* calls."""
        found: list[str] = []
        while len(found) < count:
            event, data = self.next()
            assert event in ("calls", ""), event
            if event == "calls":
                assert 1 <= len(data["rows"]) <= live.MOST_ROWS
                found += [row["id"] for row in data["rows"]]
        return found


@contextmanager
def logged_in(served: Any) -> Iterator[httpx.Client]:
    token = (served.collected.directory / "viewer-token").read_text().strip()
    headers = {"X-Apilog-CSRF": "1"}
    with httpx.Client(
        base_url=served.url, headers=headers, timeout=PATIENCE, trust_env=False
    ) as http:
        assert http.post("/view/login", json={"token": token}).status_code == 204
        yield http


@contextmanager
def streaming(http: httpx.Client, **options: Any) -> Iterator[Messages]:
    with http.stream("GET", "/view/live", **options) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        messages = Messages(answer)
        event, data = messages.next()
        assert event == "hello"
        assert data == {"position": messages.last_id}
        yield messages


def test_what_arrives_is_told_in_the_order_of_arrival(listening: Any, an_event: Any) -> None:
    served = listening()
    with logged_in(served) as http, streaming(http) as messages:
        for part in range(3):
            batch = [an_event(ago=60 - part) for _ in range(5)]
            assert http.post("/v1/events/batch", json=batch).status_code == 201
            assert messages.keys(5) == [each["transaction_id"] for each in batch]


def test_what_was_there_before_is_not_told(listening: Any, add: Any) -> None:
    served = listening()
    add(served.collected, {}, {})
    with logged_in(served) as http, streaming(http) as messages:
        keys = add(served.collected, {})
        assert messages.keys(1) == keys


def test_only_what_the_filter_asks_for_is_told(listening: Any, add: Any) -> None:
    served = listening()
    with logged_in(served) as http, streaming(http, params={"q": "status:5xx"}) as messages:
        keys = add(served.collected, {"status": 200}, {"status": 503}, {"status": 404})
        assert messages.keys(1) == [keys[1]]


def test_to_ask_only_for_the_headers_begins_no_stream(listening: Any) -> None:
    with logged_in(listening()) as http:
        answer = http.head("/view/live")
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_wrong_filter_ends_before_it_begins(listening: Any) -> None:
    served = listening()
    with logged_in(served) as http:
        answer = http.get("/view/live", params={"q": "stat:5"})
        assert (answer.status_code, answer.json()["at"]) == (400, 0)


@pytest.mark.parametrize("how", ["header", "parameter"])
def test_a_stream_goes_on_where_it_broke_off(listening: Any, add: Any, how: str) -> None:
    served = listening()
    with logged_in(served) as http:
        with streaming(http) as messages:
            seen = add(served.collected, {})
            assert messages.keys(1) == seen
            position = messages.last_id
        missed = add(served.collected, *({} for _ in range(450)))
        options = (
            {"headers": {"Last-Event-ID": position}}
            if how == "header"
            else {"params": {"position": position}}
        )
        with streaming(http, **options) as messages:
            assert messages.keys(450) == missed


def test_a_stream_of_an_empty_store_goes_on_as_well(listening: Any, add: Any) -> None:
    served = listening()
    with logged_in(served) as http:
        with streaming(http) as messages:
            position = messages.last_id
            assert position
        missed = add(served.collected, {})
        with streaming(http, headers={"Last-Event-ID": position}) as messages:
            assert messages.keys(1) == missed


def test_a_quiet_filter_moves_on_all_the_same(listening: Any, add: Any) -> None:
    """Else a reader that comes back would have everything looked through once more."""
    served = listening()
    with logged_in(served) as http:
        with http.stream("GET", "/view/live", params={"q": "status:5xx"}) as answer:
            lines = answer.iter_lines()
            hello = [next(lines) for _ in range(4)]
            add(served.collected, {"status": 200})
            silent = [next(lines) for _ in range(2)]
        assert silent[0].startswith("id: ")
        assert silent[0] != hello[1]
        assert silent[1] == ""


def test_what_another_process_stored_is_told_too(listening: Any, add: Any) -> None:
    """Nothing wakes the stream here: the call does not come through its own inlet."""
    served = listening()
    with logged_in(served) as http, streaming(http) as messages:
        keys = add(served.collected, {})
        assert messages.keys(1) == keys


@pytest.mark.parametrize("position", ["x", "1:", "-", "0:0;DROP TABLE call", "1" * 500])
def test_a_position_that_is_none_is_lost_and_the_stream_goes_on(
    listening: Any, add: Any, position: str
) -> None:
    served = listening()
    with (
        logged_in(served) as http,
        http.stream("GET", "/view/live", headers={"Last-Event-ID": position}) as answer,
    ):
        messages = Messages(answer)
        assert messages.next()[0] == "hello"
        assert messages.next() == ("lost", {})
        keys = add(served.collected, {})
        assert messages.keys(1) == keys


def test_a_position_without_end_is_refused(listening: Any) -> None:
    served = listening()
    with logged_in(served) as http:
        answer = http.get("/view/live", params={"position": "1" * 20_000})
        assert answer.status_code == 400


def test_a_reader_far_behind_is_told_so(
    listening: Any, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_BEHIND", 3)
    monkeypatch.setattr(live, "MOST_ROWS", 10)
    served = listening()
    with logged_in(served) as http:
        with streaming(http) as messages:
            position = messages.last_id
        add(served.collected, *({} for _ in range(100)))
        with streaming(http, headers={"Last-Event-ID": position}) as messages:
            assert len(messages.keys(30)) == 30
            assert messages.next() == ("lost", {})
            keys = add(served.collected, {})
            assert messages.keys(1) == keys


def test_a_stream_shows_that_it_lives(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BETWEEN_BEATS", 0.2)
    served = listening()
    with logged_in(served) as http, streaming(http) as messages:
        assert messages.next() == ("", ": still here")


def test_a_stream_ends_with_its_session(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BETWEEN_BEATS", 0.2)
    served = listening()
    with logged_in(served) as http, streaming(http) as messages:
        assert http.post("/view/logout").status_code == 204
        while (event := messages.next()[0]) != "end":
            assert event == ""


def test_streams_leave_connections_for_the_others(
    listening: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 1)
    served = listening()
    with logged_in(served) as http:
        with streaming(http):
            refused = http.get("/view/live")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        eventually(lambda: begins(http))


def begins(http: httpx.Client) -> bool:
    with http.stream("GET", "/view/live") as answer:
        return answer.status_code == 200


def test_a_server_that_stops_ends_its_streams(listening: Any) -> None:
    served = listening()
    with logged_in(served) as http, streaming(http) as messages:
        served.collected.app._wakeups._loop.call_soon_threadsafe(served.collected.app.stop)
        while (event := messages.next()[0]) != "end":
            assert event == ""


def test_ten_messages_a_second_carry_thousands_of_calls(listening: Any, add: Any) -> None:
    served = listening()
    with logged_in(served) as http, streaming(http) as messages:
        keys: list[str] = []

        def store() -> None:
            for _ in range(10):
                keys.extend(add(served.collected, *({} for _ in range(150))))

        writing = threading.Thread(target=store)
        writing.start()
        found = messages.keys(1_500)
        writing.join(PATIENCE)
        assert found == keys


def test_two_stores_on_one_folder_share_positions(collected: Any, add: Any) -> None:
    collector = collected()
    reader = SqliteStore(collector.directory, writable=False)
    try:
        before = reader.position()
        keys = add(collector, {})
        from apilog.collector.query import Query

        news = reader.news(before, Query(), limit=10)
        assert [row.id for row in news.rows] == keys
        assert news.position == collector.store.position()
    finally:
        reader.close()

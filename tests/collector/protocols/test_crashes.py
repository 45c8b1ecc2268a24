"""What was answered with 2xx is there, once, whatever happens to the process and to the disk."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from apilog.collector.query import Query
from apilog.collector.store.sqlite import SqliteStore

Serving = Callable[..., Any]
PATIENCE = 30.0
SENDERS = 3
MIB = 1024 * 1024


class Sender(threading.Thread):
    """Send batches one after the other until the collector is gone; remember what it took."""

    def __init__(self, url: str, an_event: Callable[..., Any], name: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._an_event = an_event
        self._prefix = name
        self.sent: dict[str, list[Any]] = {}
        self.taken: set[str] = set()
        """Batches that were answered with 201."""

    def run(self) -> None:
        with (
            suppress(httpx.TransportError),
            httpx.Client(base_url=self._url, trust_env=False, timeout=PATIENCE) as http,
        ):
            for number in range(100_000):
                key = f"{self._prefix}-{number}"
                ids = [f"{key}-{each}" for each in range(random.Random(key).randint(1, 40))]
                self.sent[key] = [self._an_event(transaction_id=each) for each in ids]
                answer = http.post("/v1/events/batch", json=self.sent[key])
                if answer.status_code == 201:
                    self.taken.add(key)

    def ids(self, keys: set[str]) -> Iterator[str]:
        for key in keys:
            for event in self.sent[key]:
                yield event["transaction_id"]


def stored(data: Path) -> Counter[str]:
    """Return how often each id is in the store."""
    found: Counter[str] = Counter()
    with closing(SqliteStore(data, writable=False)) as store:
        place = None
        while True:
            page = store.page(Query(), limit=1_000, place=place)
            found.update(row.id for row in page.rows)
            place = page.next
            if place is None:
                return found


def kill_in_rounds(serving: Serving, an_event: Callable[..., Any], rounds: int) -> None:
    """Kill a collector in the middle of its work, again and again, on the same folder."""
    taken: set[str] = set()
    unanswered: set[str] = set()
    dice = random.Random(6)
    data = Path()
    for turn in range(rounds):
        with serving() as collector:
            data = collector.data
            senders = [Sender(collector.url, an_event, f"{turn}-{each}") for each in range(SENDERS)]
            for sender in senders:
                sender.start()
            deadline = time.monotonic() + PATIENCE
            wanted = dice.randint(1, 25)
            while sum(len(sender.taken) for sender in senders) < wanted:
                assert time.monotonic() < deadline
                time.sleep(dice.random() / 100)
            collector.process.kill()
            collector.process.wait(PATIENCE)
            for sender in senders:
                sender.join(PATIENCE)
                assert not sender.is_alive()
                taken |= set(sender.ids(sender.taken))
                unanswered |= set(sender.ids(set(sender.sent) - sender.taken))
    found = stored(data)
    assert taken - found.keys() == set(), "taken and not there"
    assert [key for key, count in found.items() if count > 1] == []
    assert found.keys() - taken <= unanswered, "there and never sent"
    assert len(taken) > 10 * rounds
    assert unanswered, "nobody was ever interrupted"


def test_kill_9_during_ingest_loses_nothing_that_was_taken(
    serving: Serving, an_event: Callable[..., Any]
) -> None:
    kill_in_rounds(serving, an_event, 6)


@pytest.mark.long
def test_200_times_kill_9_during_ingest_lose_nothing_that_was_taken(
    serving: Serving, an_event: Callable[..., Any]
) -> None:
    kill_in_rounds(serving, an_event, 200)


def test_what_was_interrupted_is_stored_once_when_it_is_sent_again(
    serving: Serving, an_event: Callable[..., Any]
) -> None:
    with serving() as collector:
        sender = Sender(collector.url, an_event, "again")
        sender.start()
        deadline = time.monotonic() + PATIENCE
        while len(sender.taken) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        collector.process.kill()
        sender.join(PATIENCE)
    with serving() as collector:
        for batch in sender.sent.values():
            assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
        data = collector.data
    found = stored(data)
    assert found.keys() == set(sender.ids(set(sender.sent)))
    assert set(found.values()) == {1}


def test_a_collector_that_is_stopped_answers_what_it_has_taken(
    serving: Serving, an_event: Callable[..., Any]
) -> None:
    with serving() as collector:
        senders = [Sender(collector.url, an_event, f"{each}") for each in range(SENDERS)]
        for sender in senders:
            sender.start()
        deadline = time.monotonic() + PATIENCE
        while sum(len(sender.taken) for sender in senders) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        collector.process.terminate()
        assert collector.process.wait(PATIENCE) == 0
        data = collector.data
        for sender in senders:
            sender.join(PATIENCE)
    found = stored(data)
    assert all(found[key] == 1 for sender in senders for key in sender.ids(sender.taken))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(place)]
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("only root can make a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_507_nothing_is_half_stored_and_room_mends_it(
    serving: Serving, an_event: Callable[..., Any], small_disk: Path
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(12 * MIB))
    taken: list[str] = []

    def post(http: httpx.Client) -> httpx.Response:
        key = f"{len(taken)}-{time.monotonic_ns()}"
        noise = random.Random(key).randbytes(3_000).hex()
        batch = [an_event(transaction_id=f"{key}-{each}", tags=noise) for each in range(100)]
        answer = http.post("/v1/events/batch", json=batch)
        if answer.status_code == 201:
            taken.extend(event["transaction_id"] for event in batch)
        return answer

    with serving(data="small/data") as collector:
        answer = post(collector.http)
        while answer.status_code == 201:
            answer = post(collector.http)
        assert answer.status_code == 507, answer.text
        assert answer.headers["retry-after"] == "5"
        full = len(taken)
        assert full >= 100
        for _ in range(3):
            assert post(collector.http).status_code == 507
        ballast.unlink()
        deadline = time.monotonic() + PATIENCE
        while post(collector.http).status_code != 201:
            assert time.monotonic() < deadline
        assert len(taken) == full + 100
        with collector.viewer() as viewer:
            held = viewer.get("/view/health").json()["store"]["calls"]
        assert held == len(taken)
        data = collector.data
    found = stored(data)
    assert found == Counter(taken)


def test_a_store_that_may_have_no_more_is_507_in_every_protocols_words(
    serving: Serving, an_event: Callable[..., Any]
) -> None:
    browser = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    bodies: dict[str, Any] = {
        "/api/send": {
            "type": "event",
            "payload": {"website": "c8861a92-8899-418e-af74-c8bab41c9766"},
        },
        "/log": {"pid": "aUn1quEid-3x", "pg": "/"},
        "/api/events": {
            "userKey": "u", "projectKey": "p", "categoryName": "Calls", "message": "hello",
        },
        "/collect/event": {"messageBody": [{"eventType": "VIEW"}]},
    }  # fmt: skip
    with serving("--max-size", "2MB") as collector:
        answer = collector.http.post("/v1/events", json=an_event())
        number = 0
        while answer.status_code == 201:
            noise = random.Random(number).randbytes(20_000).hex()
            batch = [an_event(tags=noise) for _ in range(20)]
            answer = collector.http.post("/v1/events/batch", json=batch)
            number += 1
        assert answer.status_code == 507
        assert "--max-size" in answer.json()["error"]
        for path, body in bodies.items():
            answer = collector.http.post(path, json=body, headers={"User-Agent": browser})
            assert answer.status_code == 507, path
            assert answer.headers["retry-after"] == "5"
            assert isinstance(json.loads(answer.text), dict)

"""A disk that takes seconds for a write: one call pays for finding that out, and no other waits."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from spool_kit.faults import PATIENCE, FaultyFiles, GatedFiles
from spool_kit.reports import Reports, drained

from apilog import Client, Stats
from apilog.spool import Spool, SpoolError
from apilog.spool.pace import CALM, SLOW
from apilog.wsgi import ApiLogMiddleware

NewSpool = Callable[..., Spool]
NewClient = Callable[..., Client]

STUCK = 5.0
"""Seconds that the slow write takes, by the clock of the disk: nobody here waits for them."""


class Slow(FaultyFiles):
    """A disk that takes *seconds* for each write, by its own clock."""

    seconds = 0.0

    def write(self, descriptor: int, content: bytes) -> int:
        self.elapsed += self.seconds
        return super().write(descriptor, content)


def test_a_disk_is_slow_from_one_slow_write_until_all_were_fast_for_a_while(
    new_spool: NewSpool, reports: Reports
) -> None:
    files = Slow()
    spool = new_spool(files=files)
    spool.append(b"1")
    assert not spool.is_slow
    files.seconds = STUCK
    spool.append(b"2")
    assert spool.is_slow
    files.seconds = 0.0
    spool.append(b"3")
    assert spool.is_slow, "that was only one"
    files.elapsed += CALM / 2
    files.seconds = SLOW
    spool.append(b"4")
    files.seconds = 0.0
    spool.append(b"5")
    files.elapsed += CALM / 2
    spool.append(b"6")
    assert spool.is_slow, "it began again"
    files.elapsed += CALM / 2
    spool.append(b"7")
    assert not spool.is_slow
    assert reports == {"slow": 2}
    assert drained(spool) == [b"%d" % number for number in range(1, 8)]


def test_a_disk_that_is_only_busy_is_not_slow(new_spool: NewSpool, reports: Reports) -> None:
    files = Slow()
    files.seconds = SLOW / 5
    spool = new_spool(files=files)
    for _ in range(20):
        spool.append(b"{}")
    assert not spool.is_slow
    assert not reports


def test_a_slow_beginning_of_a_call_counts_as_well(new_spool: NewSpool) -> None:
    files = Slow()
    spool = new_spool(files=files)
    files.seconds = SLOW
    ticket = spool.start(b"begun")
    assert spool.is_slow
    files.seconds = 0.0
    spool.append(b"{}", started=ticket)
    spool.renew()
    assert not spool.is_slow, "a forked child finds out for itself"


def test_who_waited_for_a_slow_write_in_vain_says_so(new_spool: NewSpool, reports: Reports) -> None:
    files = GatedFiles()
    spool = new_spool(files=files)
    spool.append(b"before")
    files.shut()
    thread = threading.Thread(target=spool.append, args=(b"slow",))
    thread.start()
    assert files.hangs.wait(PATIENCE)
    with pytest.raises(SpoolError):
        spool.append(b"waited")
    assert spool.is_slow
    assert reports == {"slow": 1}
    files.open_again(after=STUCK)
    thread.join(PATIENCE)
    assert reports == {"slow": 2}
    assert drained(spool) == [b"before", b"slow"]


@pytest.mark.parametrize("end", ["another event", "the end", "a crash"])
def test_a_call_without_an_event_does_not_wait_for_a_slow_disk(
    end: str, new_spool: NewSpool, reports: Reports
) -> None:
    """What it had begun is taken back by whatever is written next; it did not get that far."""
    files = Slow()
    spool, other = new_spool(files=files), new_spool()
    skipped = spool.start(b"skipped")
    files.seconds = SLOW
    spool.append(b"1")
    writes = files.calls["write"]
    spool.cancel(skipped)
    assert files.calls["write"] == writes
    if end == "another event":
        spool.append(b"2")
        spool.renew()
    elif end == "the end":
        spool.close()
    else:
        spool.renew()
    other.adopt()
    aborted = end == "a crash"
    assert reports["aborted"] == aborted
    expected = {"another event": [b"1", b"2"], "the end": [b"1"], "a crash": [b"skipped", b"1"]}
    assert drained(other) == expected[end]


# Requests


class Endpoint:
    """Keeps the paths of the calls that were delivered."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def send(self, batch: Sequence[bytes]) -> None:
        uris = [json.loads(event)["request"]["uri"] for event in batch]
        self.paths += [uri.removeprefix("http://127.0.0.1") for uri in uris]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> GatedFiles:
    files = GatedFiles()
    monkeypatch.setattr("apilog.spool.spool.Files", lambda: files)
    return files


@pytest.fixture
def new_client(endpoint: Endpoint, place: Path, disk: GatedFiles) -> Iterator[NewClient]:
    with ExitStack() as stack:

        def make(**options: Any) -> Client:
            wanted = {"durability": "request", "flush_interval": 0.02, **options}
            client = Client(endpoint, spool=str(place), **wanted)
            stack.callback(client.close, 5)
            return client

        yield make
        disk.open_again(after=0.0)


def call(client: Client, path: str) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    assert b"".join(response) == b"hello"
    getattr(response, "close", lambda: None)()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


def is_balanced(stats: Stats) -> bool:
    places = (stats.queued, stats.delivered, stats.spooled, stats.quarantined)
    return stats.captured == sum(places) + sum(stats.dropped.values()) and min(places) >= 0


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a way to ask what was logged of the slowness."""
    caplog.set_level(logging.INFO)
    return lambda: [each.message for each in caplog.records if "is slow" in each.message]


@pytest.mark.parametrize("crash_capture", [True, False], ids=["at its beginning", "at its end"])
def test_one_call_is_held_up_by_a_stuck_write_and_no_other(
    crash_capture: bool,
    new_client: NewClient,
    disk: GatedFiles,
    endpoint: Endpoint,
    said: Callable[[], list[str]],
) -> None:
    client = new_client(crash_capture=crash_capture)
    call(client, "/before")
    assert client.flush(PATIENCE)
    disk.shut()
    stuck = threading.Thread(target=call, args=(client, "/stuck"), name="stuck")
    stuck.start()
    assert disk.hangs.wait(PATIENCE)
    disk.writers.clear()

    def load(name: str) -> None:
        for number in range(20):
            call(client, f"/{name}/{number}")

    names = [f"request-{number}" for number in range(4)]
    threads = [threading.Thread(target=load, args=(name,), name=name) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert disk.hangs.is_set(), "all of them were answered, and the one write hangs still"
    until(lambda: len(endpoint.paths) == 81)
    assert stuck.is_alive(), "what was handed over is even delivered meanwhile"
    assert not disk.writers, "nobody got so far as to write"
    disk.open_again(after=STUCK)
    stuck.join(PATIENCE)
    assert client.flush(PATIENCE)
    everything = {f"/{name}/{number}" for name in names for number in range(20)}
    assert sorted(endpoint.paths) == sorted({"/before", "/stuck", *everything})
    stats = client.stats()
    assert is_balanced(stats)
    assert (stats.delivered, stats.dropped) == (82, {})
    assert 2 <= stats.faults["spool_slow"] <= 10, "the stuck one, and who had met it in the door"
    assert len(said()) == 1


def test_requests_write_again_when_the_worker_has_found_the_disk_fast_for_a_while(
    new_client: NewClient, disk: GatedFiles, endpoint: Endpoint, place: Path
) -> None:
    client = new_client()
    disk.shut()
    stuck = threading.Thread(target=call, args=(client, "/stuck"), name="stuck")
    stuck.start()
    assert disk.hangs.wait(PATIENCE)
    disk.open_again(after=STUCK)
    stuck.join(PATIENCE)
    here = threading.current_thread().name
    for seconds in (0.0, CALM / 2, CALM / 2):
        disk.elapsed += seconds
        disk.writers.clear()
        call(client, "/handed-over")
        until(lambda: disk.writers["apilog-worker"] > 0)
        assert client.flush(PATIENCE)
        assert disk.writers[here] == 0
    call(client, "/itself")
    assert disk.writers[here] > 0
    assert client.flush(PATIENCE)
    assert endpoint.paths == ["/stuck", *["/handed-over"] * 3, "/itself"]


def test_a_call_that_waits_for_the_worker_is_kept_within_bounds(
    new_client: NewClient, disk: GatedFiles, endpoint: Endpoint
) -> None:
    client = new_client(queue_events=20, batch_size=5)
    disk.shut()
    stuck = threading.Thread(target=call, args=(client, "/stuck"))
    stuck.start()
    assert disk.hangs.wait(PATIENCE)
    disk.open_again(after=STUCK)
    stuck.join(PATIENCE)
    assert client.flush(PATIENCE)
    disk.shut()
    call(client, "/0")
    assert disk.hangs.wait(PATIENCE), "the worker hangs now"
    for number in range(1, 60):
        call(client, f"/{number}")
    assert disk.hangs.is_set()
    stats = client.stats()
    assert is_balanced(stats)
    assert stats.dropped["queue_full"] >= 60 - 20 - 5
    assert stats.queued <= 20
    disk.open_again(after=STUCK)
    assert client.flush(PATIENCE)
    stats = client.stats()
    assert is_balanced(stats)
    assert stats.delivered == 61 - stats.dropped["queue_full"] == len(set(endpoint.paths))
    assert "/59" in endpoint.paths, "the oldest went first"


def test_a_call_that_is_skipped_while_the_disk_hangs_is_not_held_up_and_leaves_nothing(
    new_client: NewClient, disk: GatedFiles, endpoint: Endpoint
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def skip(request: Any, response: Any) -> bool:
        if request["PATH_INFO"] != "/skipped":
            return False
        entered.set()
        return leave.wait(PATIENCE)

    client = new_client(skip=skip)
    skipped = threading.Thread(target=call, args=(client, "/skipped"))
    skipped.start()
    assert entered.wait(PATIENCE), "its beginning is on the disk"
    disk.shut()
    stuck = threading.Thread(target=call, args=(client, "/stuck"))
    stuck.start()
    assert disk.hangs.wait(PATIENCE)
    call(client, "/finds-out")
    leave.set()
    skipped.join(PATIENCE)
    assert not skipped.is_alive()
    assert disk.hangs.is_set()
    disk.open_again(after=STUCK)
    stuck.join(PATIENCE)
    assert client.close(PATIENCE)
    stats = client.stats()
    assert (stats.dropped, is_balanced(stats)) == ({"skipped": 1}, True)
    later = new_client()
    call(later, "/later")
    assert later.flush(PATIENCE)
    assert sorted(endpoint.paths) == ["/finds-out", "/later", "/stuck"]

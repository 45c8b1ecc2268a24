"""The pipeline with a disk: what it promises of events between the response and the endpoint."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apilog import Client, Stats
from apilog.exceptions import ConfigError, Rejected, RetryLater
from apilog.shipper import ROUND
from apilog.wsgi import ApiLogMiddleware

New = Callable[..., Any]
Call = Callable[..., None]
Balanced = Callable[[Stats], bool]

LONG = 3600
PATIENCE = 20.0


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def new_client(spool: Path) -> Iterator[New]:
    with ExitStack() as stack:

        def make(destination: Any, **options: Any) -> Client:
            options = {"spool": str(spool), "flush_interval": 0.05, **options}
            client = Client(destination, **options)
            stack.callback(client.close, 0)
            return client

        yield make


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def on_disk(spool: Path) -> bytes:
    return b"".join(each.read_bytes() for each in spool.rglob("*.seg"))


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_an_event_is_on_disk_while_the_endpoint_hangs(
    new_client: New, destination: Any, call: Call, spool: Path, durability: str, balanced: Balanced
) -> None:
    destination.gate.clear()
    client = new_client(destination, durability=durability)
    call(client, "/first")
    destination.wait_for(lambda: len(destination.attempts) == 1)
    call(client, "/second")
    wait_for(lambda: b"/second" in on_disk(spool))
    stats = client.stats()
    assert (stats.spooled, stats.queued, balanced(stats)) == (2, 0, True)
    destination.gate.set()
    assert client.flush(10)
    assert destination.paths == ["/first", "/second"]


def test_with_request_durability_it_is_there_when_the_call_is_over(
    new_client: New, destination: Any, call: Call, spool: Path
) -> None:
    destination.gate.clear()
    client = new_client(destination, durability="request", flush_interval=LONG)
    call(client, "/now")
    assert b"/now" in on_disk(spool)
    assert client.stats().spooled == 1


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_what_was_not_delivered_is_delivered_by_the_next_process(
    new_client: New, destination: Any, call: Call, durability: str, balanced: Balanced
) -> None:
    destination.script.extend([RetryLater("down")] * 100)
    client = new_client(destination, durability=durability, flush_interval=LONG)
    for number in range(5):
        call(client, f"/{number}")
    assert client.close(0.2)
    stats = client.stats()
    assert (stats.spooled, stats.dropped, balanced(stats)) == (5, {}, True)
    destination.script.clear()
    later = new_client(destination)
    call(later, "/later")
    wait_for(lambda: len(destination.events) == 6)
    assert sorted(destination.paths) == sorted([*(f"/{number}" for number in range(5)), "/later"])
    wait_for(lambda: later.stats().delivered == 6)
    stats = later.stats()
    assert (stats.captured, stats.adopted, stats.spooled, balanced(stats)) == (6, 5, 0, True)


def test_a_refused_event_is_kept_where_a_person_finds_it(
    new_client: New, destination: Any, call: Call, spool: Path, balanced: Balanced
) -> None:
    def send(batch: Any, send: Any = destination.send) -> None:
        if any(b"/refused" in event for event in batch):
            raise Rejected("400")
        send(batch)

    destination.send = send
    client = new_client(destination, flush_interval=LONG)
    for path in ("/0", "/refused", "/1"):
        call(client, path)
    assert client.flush(10)
    stats = client.stats()
    assert (stats.delivered, stats.quarantined, stats.dropped) == (2, 1, {})
    assert balanced(stats)
    kept = [each.read_bytes() for each in (spool / "quarantine").iterdir()]
    assert b"/refused" in b"".join(kept)


def test_what_a_dead_process_left_and_nobody_takes_does_not_stop_the_living(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    def send(batch: Any, send: Any = destination.send) -> None:
        if any(b"/refused" in event for event in batch):
            raise Rejected("400")
        send(batch)

    destination.send = send
    for number in range(2):
        dead = new_client(destination, flush_interval=LONG)
        call(dead, f"/refused/{number}")
        assert dead.close(5)
        assert dead.stats().spooled >= 1, "it may be the endpoint, and not the event"
    client = new_client(destination, flush_interval=0.05)
    call(client, "/good")
    wait_for(lambda: client.stats().delivered == 1 and client.stats().quarantined == 2)
    assert destination.paths == ["/good"]
    assert balanced(client.stats())


def test_a_directory_that_cannot_be_used_costs_no_event(
    new_client: New, destination: Any, call: Call, spool: Path, apilog_log: Any, balanced: Balanced
) -> None:
    spool.mkdir()
    spool.chmod(0o777)
    client = new_client(destination)
    for number in range(3):
        call(client, f"/{number}")
    assert client.flush(10)
    assert destination.paths == ["/0", "/1", "/2"]
    stats = client.stats()
    assert balanced(stats)
    assert stats.faults["spool_unsafe"] > 0
    assert sum("spool cannot be used" in record.message for record in apilog_log.records) == 1
    assert list(spool.iterdir()) == []


def test_events_go_back_to_the_disk_when_it_can_be_used_again(
    new_client: New, destination: Any, call: Call, spool: Path
) -> None:
    destination.script.extend([RetryLater("down")] * 1000)
    spool.mkdir()
    spool.chmod(0o777)
    client = new_client(destination, flush_interval=LONG)
    call(client, "/waits")
    wait_for(lambda: client.stats().faults.get("spool_unsafe", 0) > 0)
    spool.chmod(0o700)
    time.sleep(0.5)  # the directory is asked again after half a second
    call(client, "/second")
    wait_for(lambda: client.stats().spooled == 2)
    assert b"/waits" in on_disk(spool)


def test_files_are_for_nobody_else(
    new_client: New, destination: Any, call: Call, spool: Path
) -> None:
    destination.gate.clear()
    before = os.umask(0)
    try:
        client = new_client(destination, durability="request")
        call(client, "/")
    finally:
        os.umask(before)
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(each.stat().st_mode) for each in spool.rglob("*") if each.is_file()}
    assert modes == {0o600}


def test_only_what_is_masked_reaches_the_disk(
    new_client: New, destination: Any, spool: Path
) -> None:
    destination.gate.clear()
    client = new_client(destination, durability="request", flush_interval=LONG)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        wait_for(lambda: b"hunter2" not in on_disk(spool) and b"/login" in on_disk(spool))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"password": "hunter2"}']

    environ = {
        "PATH_INFO": "/login",
        "QUERY_STRING": "token=hunter2",
        "REQUEST_METHOD": "GET",
        "SERVER_NAME": "test",
        "HTTP_AUTHORIZATION": "Bearer hunter2hunter2",
    }
    response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    assert b"".join(response) == b'{"password": "hunter2"}'
    response.close()
    assert b"hunter2" not in on_disk(spool)
    assert b"/login" in on_disk(spool)


def test_a_call_that_is_skipped_leaves_nothing_behind(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    client = new_client(destination, durability="request", skip=lambda *_: True)
    call(client, "/skipped")
    client.close(1)
    later = new_client(destination)
    call(later, "/later")
    assert later.flush(10)
    assert destination.paths == ["/later"]
    assert (client.stats().dropped, balanced(client.stats())) == ({"skipped": 1}, True)


def test_every_destination_has_a_spool_of_its_own(
    new_client: New, new_destination: New, call: Call, spool: Path
) -> None:
    working, down = new_destination(), new_destination()
    down.script.extend([RetryLater("down")] * 1000)
    client = new_client([working, down])
    call(client, "/both")
    working.wait_for(lambda: len(working.batches) == 1)
    wait_for(lambda: b"/both" in on_disk(spool / "destination-2"))
    client.close(0.1)
    down.script.clear()
    later = new_client([working, down])
    call(later, "/later")
    assert later.flush(10)
    wait_for(lambda: sorted(down.paths) == ["/both", "/later"])
    assert working.paths == ["/both", "/later"]


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_the_account_balances_at_every_moment(
    new_client: New, destination: Any, call: Call, balanced: Balanced, durability: str
) -> None:
    dice = iter(range(10**9))

    def send(batch: Any, send: Any = destination.send) -> None:
        if next(dice) % 5 == 1:
            raise RetryLater("trouble", after=0)
        if any(b"/refused/" in event for event in batch):
            raise Rejected("no")
        send(batch)

    destination.send = send
    client = new_client(destination, durability=durability, batch_size=50, flush_interval=0.01)
    wrong: list[Stats] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            stats = client.stats()
            if not balanced(stats):
                wrong.append(stats)

    def load(name: str) -> None:
        for number in range(150):
            call(client, f"{'/refused' if number == 70 else '/plain'}/{name}/{number}")

    threads = [threading.Thread(target=load, args=(str(each),)) for each in range(3)]
    watcher = threading.Thread(target=watch)
    for thread in (watcher, *threads):
        thread.start()
    for thread in threads:
        thread.join(30)
    assert client.flush(30)
    over.set()
    watcher.join(10)
    stats = client.stats()
    assert wrong == []
    assert (stats.captured, stats.delivered, stats.quarantined) == (450, 447, 3)
    assert len(destination.events) == 447
    ids = {json.loads(event)["transaction_id"] for event in destination.events}
    assert len(ids) == 447


def test_a_forked_child_ships_its_own_and_leaves_the_parents_alone(
    new_client: New, destination: Any, call: Call, spool: Path, tmp_path: Path
) -> None:
    from apilog.destinations import File

    destination.gate.clear()
    client = new_client(File(tmp_path / "events.ndjson"), durability="request", flush_interval=LONG)
    call(client, "/parent")
    child = os.fork()
    if not child:
        code = 1
        try:
            call(client, "/child")
            code = 0 if client.flush(10) and client.stats().captured == 1 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    shipped = (tmp_path / "events.ndjson").read_text()
    assert "/child" in shipped
    assert "/parent" not in shipped
    assert client.flush(10)
    assert "/parent" in (tmp_path / "events.ndjson").read_text()


def test_bad_settings_name_the_fix() -> None:
    with pytest.raises(ConfigError, match="durability = 'always': expected 'worker' or 'request'"):
        Client("memory:", durability="always")
    with pytest.raises(ConfigError, match="spool = 3: expected a path"):
        Client("memory:", spool=3)


def test_what_is_left_is_delivered_before_the_first_call(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.script.extend([RetryLater("down")] * 100)
    client = new_client(destination, flush_interval=LONG)
    call(client, "/left")
    client.close(0.2)
    destination.script.clear()
    later = new_client(destination)
    later.wake()
    wait_for(lambda: destination.paths == ["/left"])


MANY_ROUNDS = 2 * ROUND + 20
"""Batches of one event; after a round another process would have its turn."""


@pytest.fixture
def left(new_client: New, new_destination: New, call: Call) -> int:
    """Have a process end before its endpoint takes anything; return how many events that left."""
    down = new_destination()
    down.script.extend([RetryLater("down")] * 1000)
    client = new_client(down, flush_interval=LONG)
    for number in range(MANY_ROUNDS):
        call(client, f"/{number}")
    client.close(0.2)
    return MANY_ROUNDS


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_what_was_left_waits_for_no_interval(
    new_client: New, destination: Any, left: int, durability: str
) -> None:
    later = new_client(destination, durability=durability, batch_size=7, flush_interval=LONG)
    later.wake()
    wait_for(lambda: len(destination.events) == left)


def test_the_last_shipping_goes_on_after_a_round(
    new_client: New, destination: Any, call: Call
) -> None:
    destination.gate.clear()
    client = new_client(destination, batch_size=1, flush_interval=LONG, durability="request")
    for number in range(MANY_ROUNDS):
        call(client, f"/{number}")
    closing = threading.Thread(target=client.close, args=(PATIENCE,))
    closing.start()
    wait_for(lambda: client._lanes.of_calls[0]._ledger.closed)
    destination.gate.set()
    closing.join(PATIENCE)
    assert len(destination.events) == MANY_ROUNDS


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_a_flush_that_waits_for_nothing_ships_all_the_same(
    new_client: New, destination: Any, call: Call, durability: str
) -> None:
    client = new_client(destination, durability=durability, flush_interval=LONG)
    for number in range(3):
        call(client, f"/{number}")
    client.flush(0)
    wait_for(lambda: len(destination.events) == 3)


def test_without_file_locks_only_the_spool_is_missed(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "import apilog\n"
        "apilog.Client('memory:').close()\n"
        "try: apilog.Client('memory:', spool='spool')\n"
        "except apilog.ConfigError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.stdout, done.stderr) == ("spool: needs a POSIX system (fcntl is missing)\n", "")


def test_of_two_apps_at_one_spool_one_ships_at_a_time(
    new_client: New, new_destination: New, call: Call
) -> None:
    """Whoever has the turn may also deliver what the other one left."""
    destinations = [new_destination(), new_destination()]
    first, second = (new_client(each, durability="request") for each in destinations)
    destinations[0].gate.clear()
    call(first, "/first/0")
    destinations[0].wait_for(lambda: len(destinations[0].attempts) == 1)
    for number in range(10):
        call(second, f"/second/{number}")
    assert not second.flush(0.3)
    assert destinations[1].attempts == [], "two at a time"
    destinations[0].gate.set()
    assert first.flush(PATIENCE)
    assert second.flush(PATIENCE)
    paths = [path for each in destinations for path in each.paths]
    assert sorted(paths) == ["/first/0", *(f"/second/{number}" for number in range(10))]


def test_an_event_too_large_for_the_endpoint_even_without_bodies_is_kept_aside(
    new_client: New, destination: Any, call: Call, balanced: Balanced
) -> None:
    def send(batch: Any, send: Any = destination.send) -> None:
        if sum(map(len, batch)) > 2_000:
            raise Rejected("413", why="too_large")
        send(batch)

    destination.send = send
    client = new_client(destination, durability="request", flush_interval=LONG)
    call(client, "/small")
    call(client, "/with-a-large-body", b"x" * 5_000)
    call(client, "/far" * 1_000)
    assert client.flush(PATIENCE)
    assert sorted(destination.paths) == ["/small", "/with-a-large-body"]
    stats = client.stats()
    assert (stats.delivered, stats.quarantined, balanced(stats)) == (2, 1, True)
    omitted = [
        json.loads(event)["metadata"]["apilog"].get("response_body_omitted")
        for event in destination.events
    ]
    assert sorted(map(str, omitted)) == ["None", "too_large"]

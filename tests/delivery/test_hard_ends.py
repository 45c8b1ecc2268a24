"""Processes that end badly, at a moment that is chosen: what was under way there is not lost."""

from __future__ import annotations

import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from harness.lives import PATIENCE, Life
from harness.load import Browser
from harness.payload import PROCESS_HEADER, claim_in, path_of
from harness.servers import is_installed
from harness.sink import Fault, Sink, Wire
from harness.stage import Stage

BATCH = 20
TWO_WORKERS = {"workers": 2}
Events = Mapping[int, Mapping[str, Any]]


@pytest.fixture
def told(stage: Stage) -> Events:
    """Return what the sink was told of every id; the last time counts."""
    told: dict[int, Mapping[str, Any]] = {}
    receive = stage.sink.receive

    def keep(events: Any) -> None:
        told.update({claim_in(event) or 0: event for event in events})
        receive(events)

    stage.sink.receive = keep
    return told


def needs(server: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not is_installed(server), reason=f"{server} is not installed")


# The one who ships


def held(*, stored: bool) -> Fault:
    """Read a batch to its end, store it or not, and say nothing."""

    def fault(sink: Sink, wire: Wire) -> bool:
        post = sink.read(wire)
        if stored:
            sink.store(post)
        sink.struck("held")
        sink.is_healthy_within()
        return False

    return fault


def hand_over(stage: Stage, shipping: Life, *, stored: bool) -> tuple[Life, float]:
    """Kill *shipping* in the middle of a post; return its sibling and how long that one took."""
    strokes, batches = stage.sink.faulted["held"], stage.sink.stored
    stage.sink.misbehave(held(stored=stored), times=1)
    stage.call(BATCH)
    assert stage.sink.wait_for(lambda: stage.sink.faulted["held"] > strokes, PATIENCE)
    sibling = stage.start("uvicorn", **stage.durable(batch_size=BATCH))
    stage.until(lambda: stage.ask("/-/pid")["pid"] == sibling.pid)
    killed = shipping.kill()
    assert stage.sink.wait_for(lambda: stage.sink.stored > batches, PATIENCE)
    stage.drain()
    took = time.monotonic() - killed
    stage.sink.behave()
    return sibling, took


def hand_over_again_and_again(stage: Stage, times: int, *, stored: bool) -> None:
    life = stage.start("uvicorn", **stage.durable(batch_size=BATCH))
    seconds = []
    for _ in range(times):
        life, took = hand_over(stage, life, stored=stored)
        seconds.append(took)
    report = stage.check()
    stage.probe()
    assert stage.sink.faulted["held"] == times
    assert report.duplicate <= times * BATCH
    assert report.duplicate >= times * stored, "what was stored was never sent again"
    ordered = sorted(seconds)
    print(f"\nadopted after {ordered[times // 2]:.3f} s, at most {ordered[-1]:.3f} s; {report}")


STORED = pytest.mark.parametrize("stored", [False, True], ids=["before", "after"])


@STORED
def test_a_sibling_delivers_what_was_being_posted_when_its_process_was_killed(
    stage: Stage, stored: bool
) -> None:
    """Killed once the endpoint has the whole batch: *before* or *after* it is stored there."""
    hand_over_again_and_again(stage, 2, stored=stored)


@pytest.mark.long
@STORED
def test_one_sibling_after_the_other_delivers_what_was_being_posted(
    stage: Stage, stored: bool
) -> None:
    hand_over_again_and_again(stage, 40, stored=stored)


# All at once

RESTARTED = 5.0
"""Seconds after the next start in which what all the dead left is to be delivered; a ten
thousandth more for every event."""


def kill_all(stage: Stage, times: int, *, calls: int) -> None:
    """Kill every worker while the endpoint is away; it comes back with the next life."""
    options, took = stage.durable(batch_size=BATCH), []
    for _ in range(times):
        stage.sink.refuse()
        life = stage.start("gunicorn threads", settings=TWO_WORKERS, **options)
        with stage.load():
            stage.wait_for_answers(calls, life)
            life.kill()
            left = stage.oracle.outstanding
            stage.sink.behave()
            life = stage.start("gunicorn threads", settings=TWO_WORKERS, **options)
        assert left >= calls, "they left before the end"
        stage.call()
        began = time.monotonic()
        stage.drain(seconds=RESTARTED + stage.oracle.outstanding / 10_000)
        took.append(time.monotonic() - began)
        assert stage.oracle.outstanding == 0
        life.kill()
    report = stage.check()
    stage.start_next("uvicorn", **options)
    stage.probe()
    print(f"\ndelivered after {max(took):.3f} s at most; {report}")


def test_what_all_workers_left_is_delivered_soon_after_the_next_start(stage: Stage) -> None:
    kill_all(stage, 1, calls=100)


@pytest.mark.long
def test_what_all_workers_left_is_delivered_after_every_start_of_a_hundred(stage: Stage) -> None:
    kill_all(stage, 100, calls=50)


# One call


def doomed(stage: Stage, query: str) -> int:
    """Make a call that does not come to its end; return its id."""
    claim = stage.oracle.doom()
    with suppress(OSError):
        Browser(stage.port, stage.oracle).call(claim, query)
    return claim


def found(stage: Stage, claim: int, *, quiet: bool = True) -> None:
    """Check that a doomed call is told, and all the others too."""
    stage.call()  # somebody must be awake to find it
    assert stage.oracle.wait_for(lambda: stage.oracle.is_delivered(claim), PATIENCE)
    stage.drain()
    stage.check(quiet=quiet)
    stage.probe()


@pytest.mark.parametrize("death", ["killed", "crashed"])
def test_a_call_in_which_the_process_dies_is_told_as_aborted_by_a_sibling(
    stage: Stage, told: Events, death: str
) -> None:
    """Killed as for its memory, or by its own fault; the calls before it are delivered whole."""
    stage.start("gunicorn threads", settings=TWO_WORKERS, **stage.durable())
    stage.call(5)
    claim = doomed(stage, f"?{death}")
    found(stage, claim)
    assert stage.oracle.report().aborted == 1
    own = told[claim]["metadata"]["apilog"]
    assert (own["aborted"], own["process_died"]) == (True, True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn threads"])
def test_a_call_that_finds_no_memory_is_told_and_the_process_goes_on(
    stage: Stage, told: Events, server: str
) -> None:
    life = stage.start(server, enabled=False)
    bare = heard(stage, stage.oracle.doom(), "?hungry")
    life.stop()
    stage.start(server, **stage.durable())
    pid = stage.ask("/-/pid")["pid"]
    claim = stage.oracle.doom()
    assert heard(stage, claim, "?hungry") == bare
    stage.call(5)
    assert stage.ask("/-/pid")["pid"] == pid
    found(stage, claim, quiet=False)
    assert_same_tail(*stage.lives)
    assert told[claim]["metadata"]["apilog"]["exception"] == "MemoryError"
    assert told[claim]["response"]["status"] == 500


def assert_same_tail(bare: Life, recorded: Life, *_: Life) -> None:
    """Check that the traceback that the server prints, if it does, ends as without us.

    What we say ourselves, of a thread that did not start for example, is another matter.
    """
    said = [each.said().splitlines() for each in (bare, recorded)]
    tails = [[line for line in lines if not line.startswith("apilog: ")][-1:] for lines in said]
    assert tails[0] == tails[1]


def heard(stage: Stage, claim: int, query: str) -> bytes:
    """Make the call for *claim* on a connection of its own; return every byte of the answer.

    Time and process number are taken out: no two answers have them in common.
    """
    head = (
        f"GET {path_of(claim)}{query} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n"
    )
    answer = b""
    with socket.create_connection(("127.0.0.1", stage.port), PATIENCE) as connection:
        connection.sendall(head.encode())
        with suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                answer += piece
    return re.sub(rb"(?im)^(date|%b): .*\r\n" % PROCESS_HEADER.encode(), b"", answer)


@pytest.mark.parametrize(
    "server",
    [
        "uvicorn",
        "gunicorn sync",
        pytest.param("gunicorn threads", marks=pytest.mark.long),
        pytest.param("gunicorn uvicorn", marks=pytest.mark.long),
    ],
)
def test_a_view_that_exits_is_answered_as_without_us_and_told(
    stage: Stage, told: Events, server: str
) -> None:
    """Some servers answer with a 500 and go on, some end their process; others fall apart."""

    def leave(life: Life) -> tuple[bytes, bool]:
        before = stage.ask("/-/pid")["pid"]
        answer = heard(stage, claim, "?leave")
        if life.wait(0.5):  # the whole server may have ended
            return answer, True
        return answer, bool(stage.ask("/-/pid")["pid"] != before)

    claim = stage.oracle.doom()
    life = stage.start(server, enabled=False)
    bare = leave(life)
    if life.code is None:
        life.kill()
    claim = stage.oracle.doom()
    life = stage.start(server, **stage.durable())
    stage.call(5)
    assert leave(life) == bare
    if life.code is not None:
        stage.start(server, **stage.durable())
    found(stage, claim, quiet=False)
    assert_same_tail(*stage.lives)
    assert told[claim]["metadata"]["apilog"]["exception"] == "SystemExit"


@pytest.mark.parametrize(
    "server",
    [
        "gunicorn threads",
        pytest.param("gunicorn sync", marks=pytest.mark.long),
        pytest.param("gunicorn uvicorn", marks=pytest.mark.long),
    ],
)
def test_a_call_that_hangs_when_the_server_is_to_end_is_told_as_aborted(
    stage: Stage, told: Events, server: str
) -> None:
    """Its worker has the server's own patience to end, then it is killed."""
    life = stage.start(server, settings={"graceful_timeout": 1}, **stage.durable())
    stage.call(5)
    claim = stage.oracle.doom()
    caller = threading.Thread(target=call_in_vain, args=(stage, claim, "?block"))
    caller.start()
    stage.until(lambda: f"{path_of(claim)}?block".encode() in stage.on_disk())
    life.stop()
    caller.join(PATIENCE)
    assert stage.oracle.report().aborted == 0
    stage.start("uvicorn", **stage.durable())
    found(stage, claim)
    assert stage.oracle.report().aborted == 1
    assert told[claim]["metadata"]["apilog"]["process_died"]


def call_in_vain(stage: Stage, claim: int, query: str) -> None:
    with suppress(OSError):
        Browser(stage.port, stage.oracle).call(claim, query)


# Every worker


@pytest.mark.parametrize("spooled", [False, True], ids=["memory", "spool"])
def test_each_of_four_workers_of_a_preloaded_app_delivers_its_calls(
    stage: Stage, spooled: bool
) -> None:
    """What was made before the fork must work after it, in every worker."""
    options = stage.durable() if spooled else {}
    settings = {"workers": 4, "preload_app": True}
    stage.start("gunicorn threads", settings=settings, **options)
    workers: set[int] = set()
    while len(workers) < 4 or stage.oracle.answered < 200:
        (claim,) = stage.call()
        workers.add(stage.oracle.answer(claim)[1])
    stage.drain()
    report = stage.check()
    assert report.delivered == report.claimed >= 200
    assert report.duplicate == 0


# While calls come in


@pytest.mark.parametrize(
    ("server", "settings"),
    [
        pytest.param("uvicorn", {}, id="uvicorn"),
        pytest.param("gunicorn threads", TWO_WORKERS, id="gunicorn threads"),
        pytest.param("gunicorn sync", TWO_WORKERS, id="gunicorn sync", marks=pytest.mark.long),
        pytest.param(
            "gunicorn gevent",
            TWO_WORKERS,
            id="gunicorn gevent",
            marks=[pytest.mark.long, needs("gunicorn gevent")],
        ),
        pytest.param("gunicorn uvicorn", {}, id="gunicorn uvicorn", marks=pytest.mark.long),
        pytest.param("gunicorn asgi", {}, id="gunicorn asgi", marks=pytest.mark.long),
        pytest.param("hypercorn", {}, id="hypercorn", marks=[pytest.mark.long, needs("hypercorn")]),
        pytest.param("waitress", {}, id="waitress", marks=[pytest.mark.long, needs("waitress")]),
    ],
)
def test_calls_that_are_answered_while_the_server_ends_are_delivered(
    stage: Stage, server: str, settings: dict[str, Any]
) -> None:
    with stage.load():
        for _ in range(2):
            life = stage.start(server, settings=settings, **stage.durable(batch_size=BATCH))
            stage.wait_for_answers(100, life)
            life.stop(signal.SIGTERM)
        life = stage.start("uvicorn", **stage.durable(batch_size=BATCH))
        stage.wait_for_answers(1, life)
    stage.drain()
    stage.check()
    stage.probe()

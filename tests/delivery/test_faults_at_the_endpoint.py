"""An endpoint that fails in every way it can: afterwards everything has arrived, and once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from harness import faults
from harness.lives import PATIENCE, Life
from harness.oracle import Report
from harness.sink import Fault
from harness.stage import Stage

CALLS = 120
RATE = 400.0
BATCH = 20
QUIET = 1.0
"""Seconds without a post after which a client has settled down to wait."""

SERVERS = ("uvicorn", "gunicorn threads")

Proof = Callable[[Stage, Report], None]


@dataclass(frozen=True)
class Trouble:
    """One way to fail, and what shows that it was met as it must be."""

    id: str
    fault: Fault
    name: str
    """Under which the sink counts the strokes."""
    strokes: int = 2
    """How many there are at least, before the fault ends."""
    proof: Proof = lambda stage, report: None
    lasts: bool = False
    """Whether everything that can arrive must arrive although the fault never ends."""
    restart: bool = False
    """Whether the client rightly waits so long that the test goes on with its next life."""
    poison: frozenset[int] = frozenset()


def waited_as_told(stage: Stage, report: Report) -> None:
    """No post came within the second that every 429 asked for."""
    times = [post.at for post in stage.sink.posts][: stage.sink.faulted["429"] + 1]
    assert all(later - told >= 0.99 for told, later in pairwise(times))


def kept_its_calm(stage: Stage, report: Report) -> None:
    """An endpoint in trouble is asked now and then, not by a storm."""
    assert len(stage.sink.posts) <= 10 + 2 * report.delivered // BATCH


def sent_twice(stage: Stage, report: Report) -> None:
    assert report.duplicate >= 1


def quarantined_one(stage: Stage, report: Report) -> None:
    assert stage.stats()["quarantined"] == 1


ELSEWHERE = "http://127.0.0.1:9/v1/events/batch"

TROUBLES = [
    Trouble("500", faults.status(500), "500", proof=kept_its_calm),
    Trouble("503", faults.status(503), "503", proof=kept_its_calm),
    Trouble("slow down", faults.status(429, Retry_After="1"), "429", proof=waited_as_told),
    Trouble("too large for one post", faults.too_large(20_000), "413", 1, lasts=True),
    Trouble(
        "one poison event",
        faults.poison([50]),
        "400",
        1,
        lasts=True,
        poison=frozenset([50]),
        proof=quarantined_one,
    ),
    Trouble("stored, but it does not say so", faults.lose_ack, "lost ack", proof=sent_twice),
    Trouble("hangs", faults.hang, "hang", 1),
    Trouble("answers a byte at a time", faults.trickle, "trickle", 1),
    Trouble("resets before it reads", faults.reset_before, "reset"),
    Trouble("resets amid a batch", faults.reset_amid, "reset"),
    Trouble("resets after a batch", faults.reset_after, "reset"),
    Trouble("answers garbage", faults.garbage, "garbage"),
    Trouble("wrong key", faults.status(401), "401", 1, restart=True, proof=kept_its_calm),
    Trouble(
        "one thing after the other",
        faults.in_turn(faults.lose_ack, faults.status(500), faults.reset_amid),
        "500",
        proof=sent_twice,
    ),
]

EVERYDAY = {
    "500": "uvicorn",
    "slow down": "gunicorn threads",
    "too large for one post": "uvicorn",
    "one poison event": "gunicorn threads",
    "stored, but it does not say so": "gunicorn threads",
    "hangs": "uvicorn",
    "answers a byte at a time": "gunicorn threads",
    "resets amid a batch": "uvicorn",
    "wrong key": "uvicorn",
    "one thing after the other": "uvicorn",
}
"""What is tried every day, and on which server; the whole table takes minutes."""


def play(stage: Stage, server: str, trouble: Trouble) -> None:
    """Load and fault; the fault ends; all drains; the invariants hold; one more call passes."""
    options = stage.durable(batch_size=BATCH)
    life = stage.start(server, **options)
    stage.sink.misbehave(trouble.fault)
    with stage.load(rate=RATE):
        stage.wait_for_answers(CALLS, life)
        struck = stage.sink.wait_for(
            lambda: stage.sink.faulted[trouble.name] >= trouble.strokes, PATIENCE
        )
    assert struck, f"the fault did not happen: {stage.sink.faulted}"
    if trouble.restart:
        assert stage.sink.is_quiet_for(QUIET, PATIENCE), "it asks and asks"
    if not trouble.lasts:
        stage.sink.behave()
    if trouble.restart:
        life.stop()
        stage.start_next(server, **options)
    stage.drain(without=trouble.poison)
    trouble.proof(stage, stage.check(without=trouble.poison))
    stage.probe()
    stage.stats()


@pytest.mark.parametrize(
    ("server", "trouble"),
    [
        pytest.param(EVERYDAY[trouble.id], trouble, id=f"{trouble.id} to {EVERYDAY[trouble.id]}")
        for trouble in TROUBLES
        if trouble.id in EVERYDAY
    ],
)
def test_whatever_the_endpoint_does_everything_arrives(
    stage: Stage, server: str, trouble: Trouble
) -> None:
    play(stage, server, trouble)


@pytest.mark.long
@pytest.mark.parametrize(
    ("server", "trouble"),
    [
        pytest.param(server, trouble, id=f"{trouble.id} to {server}")
        for trouble in TROUBLES
        for server in SERVERS
        if EVERYDAY.get(trouble.id) != server
    ],
)
def test_whatever_the_endpoint_does_to_any_server_everything_arrives(
    stage: Stage, server: str, trouble: Trouble
) -> None:
    play(stage, server, replace(trouble, strokes=trouble.strokes + (not trouble.restart)))


def test_a_redirect_is_not_followed(stage: Stage) -> None:
    elsewhere = stage.new_sink(stage.oracle.receive)
    stage.sink.misbehave(faults.redirect(elsewhere.url + "/v1/events/batch"))
    options = stage.durable(batch_size=BATCH)
    life = stage.start("uvicorn", **options)
    stage.call(BATCH)
    assert stage.sink.wait_for(lambda: stage.sink.faulted["307"] >= 1, PATIENCE)
    stage.sink.behave()
    life.stop()
    stage.start_next("uvicorn", **options)
    stage.drain()
    stage.check()
    stage.probe()
    assert elsewhere.connections == 0


@pytest.mark.parametrize("calls", [1, 5, 50])
def test_events_are_kept_while_an_endpoint_refuses_everything(stage: Stage, calls: int) -> None:
    """Then it is not the events: they go to it once it is well again, without a restart."""
    stage.sink.misbehave(faults.status(400))
    life = stage.start("uvicorn", **stage.durable(batch_size=50, flush_interval=0.5))
    with stage.load(rate=RATE):
        stage.wait_for_answers(calls, life)
    assert stage.sink.is_quiet_for(QUIET, PATIENCE), "it asks and asks"
    assert 2 <= stage.sink.faulted["400"] <= 70
    stage.sink.behave()
    stage.drain()
    stage.check()
    stage.probe()
    assert stage.stats()["quarantined"] == 0


def retried(stage: Stage, times: int, life: Life) -> None:
    """Wait until the client has tried *times* times in vain; calls go on meanwhile."""
    while stage.stats()["retries"] < times:
        stage.wait_for_answers(5, life)


def test_an_endpoint_that_refuses_connections_gets_everything_when_it_is_back(
    stage: Stage,
) -> None:
    stage.sink.refuse()
    life = stage.start("gunicorn threads", **stage.durable(batch_size=BATCH))
    with stage.load(rate=100):
        stage.wait_for_answers(CALLS, life)
        retried(stage, 2, life)
        assert not stage.sink.posts
        stage.sink.behave()
    stage.drain()
    stage.check()
    stage.probe()


def test_an_endpoint_that_comes_and_goes_gets_everything(stage: Stage) -> None:
    """Every time it is there it stores at least one batch, and then it is gone again."""
    life = stage.start("uvicorn", **stage.durable(batch_size=BATCH))
    stage.sink.refuse()
    with stage.load(rate=RATE):
        for _ in range(3):
            retried(stage, stage.stats()["retries"] + 1, life)
            stored = stage.sink.stored + 1
            stage.sink.behave()
            assert stage.sink.wait_for(lambda enough=stored: stage.sink.stored >= enough, PATIENCE)
            stage.sink.refuse()
    stage.sink.behave()
    stage.drain()
    stage.check()
    stage.probe()

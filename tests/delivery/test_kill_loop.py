"""SIGKILL at any moment: a call that was answered is delivered, by whoever lives next."""

from __future__ import annotations

import pytest
from harness.kills import Kills, kill_lives, kill_workers
from harness.oracle import Report
from harness.payload import path_of
from harness.stage import Stage

WORKER_LAG = 0.1
"""Seconds after which an answered call is on disk with ``durability="worker"``."""

STARVED = 10
"""One life in so many may be later than that: a busy machine gives some processes no time."""

BATCH = 50
"""Events in a batch: a kill between its delivery and the note of it costs so many duplicates."""

TWO_WORKERS = {"workers": 2}


def settled(stage: Stage, kills: Kills) -> Report:
    """Let a living process drain the spool; check the invariants, and that the kills hit calls."""
    stage.call()  # a process looks for what the dead left once it has something to do
    stage.drain()
    report = stage.check()
    stage.probe()
    assert kills.cut_off, "no call was under way at any kill"
    assert report.aborted, "no killed call was found in the spool"
    assert report.duplicate <= BATCH * len(kills.at)
    print(f"\n{len(kills.at)} kills, {kills.cut_off} calls cut off; {report}")
    return report


@pytest.mark.parametrize(
    ("server", "settings"),
    [("uvicorn", {}), ("gunicorn threads", TWO_WORKERS)],
    ids=["uvicorn", "gunicorn with two workers"],
)
def test_no_answered_call_is_lost_when_lives_are_killed(
    stage: Stage, server: str, settings: dict[str, int]
) -> None:
    kills = kill_lives(stage, server, 40, stage.durable(batch_size=BATCH), settings=settings)
    report = settled(stage, kills)
    assert len(kills.at) == 40
    assert report.responded > 40


def test_no_answered_call_is_lost_when_workers_are_killed_beside_their_siblings(
    stage: Stage,
) -> None:
    kills = kill_workers(stage, "gunicorn threads", 20, stage.durable(batch_size=BATCH))
    report = settled(stage, kills)
    assert len(kills.at) == 20
    assert report.responded > 20


def younger_than_promised(stage: Stage, kills: Kills) -> None:
    """Check that what was lost was answered just before a kill, and everything else is there."""
    stage.probe()  # what the dead left goes first
    stage.until(lambda: stage.stats()["spooled"] + stage.stats()["queued"] == 0)
    missing = stage.oracle.missing
    report = stage.check(without=missing, aborted=False)
    lost = [stage.oracle.answer(claim) for claim in missing]
    ages = {process: kills.lag(at, process) for at, process in sorted(lost, reverse=True)}
    oldest = max(ages.values(), default=0.0)
    print(f"\n{len(kills.at)} kills cost {len(missing)} calls, the oldest {oldest:.3f} s; {report}")
    late = {process: age for process, age in ages.items() if age > WORKER_LAG}
    assert len(late) <= len(kills.at) // STARVED, late
    assert kills.cut_off, "no call was under way at any kill"


def test_a_kill_costs_at_most_what_the_worker_was_about_to_store(stage: Stage) -> None:
    kills = kill_lives(stage, "uvicorn", 20, stage.durable("worker"), longest=0.3, rate=100.0)
    younger_than_promised(stage, kills)


@pytest.mark.parametrize("durability", ["request", "worker"])
def test_the_command_ships_what_the_dead_left_without_any_app(
    stage: Stage, durability: str
) -> None:
    stage.sink.refuse()
    life = stage.start("uvicorn", **stage.durable(durability))
    stage.call(30)
    wanted = [f'{path_of(claim)}"'.encode() for claim in range(1, 31)]
    stage.until(lambda: all(each in stage.on_disk() for each in wanted))
    life.kill()
    stage.sink.behave()
    shipped = stage.ship()
    assert shipped.returncode == 0, shipped.stderr
    assert stage.check().delivered == 30
    assert stage.ship().returncode == 0
    assert stage.check().duplicate == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("server", "settings", "lives"),
    [
        pytest.param("uvicorn", {}, 800, id="uvicorn"),
        pytest.param("gunicorn threads", TWO_WORKERS, 500, id="gunicorn with two workers"),
        pytest.param("gunicorn sync", TWO_WORKERS, 300, id="gunicorn with two plain workers"),
        pytest.param("gunicorn uvicorn", {}, 100, id="gunicorn with a worker of uvicorn"),
        pytest.param("gunicorn asgi", {}, 100, id="gunicorn with its own ASGI worker"),
    ],
)
def test_no_answered_call_is_lost_in_thousands_of_kills(
    stage: Stage, server: str, settings: dict[str, int], lives: int
) -> None:
    settled(
        stage, kill_lives(stage, server, lives, stage.durable(batch_size=BATCH), settings=settings)
    )


@pytest.mark.long
def test_no_answered_call_is_lost_when_hundreds_of_workers_are_killed(stage: Stage) -> None:
    settled(stage, kill_workers(stage, "gunicorn threads", 200, stage.durable(batch_size=BATCH)))


@pytest.mark.long
def test_no_kill_of_many_costs_more_than_the_worker_was_about_to_store(stage: Stage) -> None:
    kills = kill_lives(stage, "uvicorn", 150, stage.durable("worker"), longest=0.3, rate=100.0)
    younger_than_promised(stage, kills)

"""An endpoint that is away for a while: the app does not notice, and nothing is missing after."""

from __future__ import annotations

import time

import pytest
from harness import faults
from harness.lives import PATIENCE, Life
from harness.stage import Stage

RATE = 200.0
MEBIBYTE = 1 << 20


def percentile(values: list[float], share: float) -> float:
    """Return the value that this share of *values* does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def watched(stage: Stage, life: Life, seconds: float) -> tuple[float, int]:
    """Let the load run for *seconds*; return the app's p99 in that time, and its memory peak."""
    began = time.monotonic()
    stage.wait_for_answers(int(seconds * RATE), life, within=3 * seconds + PATIENCE)
    times = [took for at, took in stage.ask("/-/times")["says"] if at >= began]
    return percentile(times, 0.99), int(stage.ask("/-/memory")["says"])


def sit_out(stage: Stage, durability: str, seconds: float, *, healthy: float) -> None:
    """Compare the app in an outage of *seconds*, of three kinds, with itself before and after."""
    life = stage.start("uvicorn", **stage.durable(durability))
    with stage.load(rate=RATE):
        watched(stage, life, 1.0)
        before, memory_before = watched(stage, life, healthy)
        posts = len(stage.sink.posts)
        during = []
        for kind in (
            lambda: stage.sink.misbehave(faults.hang),
            lambda: stage.sink.misbehave(faults.status(503)),
            stage.sink.refuse,
        ):
            kind()
            p99, memory = watched(stage, life, seconds / 3)
            during.append(p99)
        posts = len(stage.sink.posts) - posts
        waiting = stage.oracle.outstanding
        stage.sink.behave()
        after, _ = watched(stage, life, healthy)
    stage.drain(seconds=2 * PATIENCE)
    report = stage.check()
    stage.probe()
    print(f"\np99 {before:.5f}, {during}, {after:.5f} s; {memory - memory_before} bytes more")
    print(report)
    assert waiting > 0.8 * RATE * seconds, "there was no outage"
    assert stage.sink.faulted["hang"] >= 1
    assert stage.stats()["retries"] >= 1
    assert posts <= 10 + seconds, "a storm"
    assert memory - memory_before <= 64 * MEBIBYTE
    assert max(during) <= max(before, after) + WITHIN[seconds]


WITHIN = {5.0: 0.025, 60.0: 0.001}
"""Seconds that a p99 may be worse: a wait for the network would show. The longer the run, the
less of it is noise."""


@pytest.mark.parametrize("durability", ["request"])
def test_an_app_does_not_notice_a_short_outage(stage: Stage, durability: str) -> None:
    sit_out(stage, durability, 5.0, healthy=1.0)


@pytest.mark.long
@pytest.mark.parametrize("durability", ["worker"])
def test_an_app_does_not_notice_a_long_outage(stage: Stage, durability: str) -> None:
    sit_out(stage, durability, 60.0, healthy=10.0)

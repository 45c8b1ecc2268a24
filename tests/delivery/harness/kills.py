"""Life after life on one spool, each killed at a moment that dice choose."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from harness.stage import Stage

EARLY = 0.15
"""Share of the lives that are killed without waiting for their first answer."""

BEAT = 0.005
"""Seconds between two looks at the clock."""


@dataclass
class Kills:
    """What a loop did."""

    at: dict[int, float] = field(default_factory=dict)
    """When each process was killed, on the monotonic clock."""
    cut_off: int = 0
    """Calls that were under way, and never got their whole answer."""

    late: list[tuple[float, float]] = field(default_factory=list)
    """When a thread of ours woke up late, and by how many seconds: the machine was busy."""

    def lag(self, moment: float, process: int) -> float:
        """Return the seconds from *moment* to the kill of *process*, but for a busy machine's."""
        kill = self.at[process]
        return kill - moment - sum(late for at, late in self.late if moment <= at <= kill + late)


class _Metronome:
    """Measure how late the machine is, because promises of milliseconds are about idle ones."""

    def __init__(self, late: list[tuple[float, float]]) -> None:
        self._late = late
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        before = time.monotonic()
        while not self._over.wait(BEAT):
            now = time.monotonic()
            if now - before > 2 * BEAT:
                self._late.append((now, now - before - BEAT))
            before = now


def kill_lives(
    stage: Stage,
    server: str,
    count: int,
    options: dict[str, Any],
    *,
    longest: float = 0.06,
    rate: float | None = None,
    settings: dict[str, Any] | None = None,
) -> Kills:
    """Kill *count* lives of *server* under load, all their processes at once."""
    dice, kills = random.Random(), Kills()
    with _Metronome(kills.late), stage.load(rate=rate) as load:
        for _ in range(count):
            life = stage.start(server, settings=settings, **options)
            if dice.random() >= EARLY:
                stage.wait_for_answers(1, life)
            time.sleep(dice.uniform(0, longest))
            kills.at[life.pid] = life.kill()
            assert life.code == -signal.SIGKILL, life.said()
        stage.start(server, settings=settings, **options)
    kills.cut_off = load.cut_off
    return kills


def kill_workers(
    stage: Stage, server: str, count: int, options: dict[str, Any], *, longest: float = 0.06
) -> Kills:
    """Kill *count* workers of one life, one at a time; it begins new ones by itself."""
    dice, kills = random.Random(), Kills()
    stage.start(server, settings={"workers": 2}, **options)
    with stage.load() as load:
        while len(kills.at) < count:
            worker = int(stage.ask("/-/pid")["pid"])
            time.sleep(dice.uniform(0, longest))
            if worker not in kills.at:
                os.kill(worker, signal.SIGKILL)
                kills.at[worker] = time.monotonic()
    kills.cut_off = load.cut_off
    return kills

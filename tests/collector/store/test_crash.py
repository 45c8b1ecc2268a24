"""A process that is killed while it stores: what it said is stored is there, once."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from apilog.collector.store.schema import unpacked

DAY = 86_400_000_000
WATCHDOG_SECONDS = 60

WRITER = """
import sys
from itertools import count
from apilog.collector.call import Call
from apilog.collector.store.sqlite import SqliteStore

directory, now, run = sys.argv[1], int(sys.argv[2]), sys.argv[3]
store = SqliteStore(directory, clock=lambda: now)
for number in count():
    batch = [
        Call(id=f"{run}-{number}-{part}", time=now - (part % 3) * 86_400_000_000, source="moesif",
             method="GET", route=f"/{run}", user=f"user {part}", status=200 + part,
             event=b'{"filling":"%s"}' % (b"x" * 700), text=f"word{part} of {run}")
        for part in range(40)
    ]
    assert store.add(batch) == 40
    print(number, flush=True)
"""


def stored_before_the_kill(directory: Path, now: int, run: str, batches: int) -> int:
    """Run a writer, kill it after so many batches or in the middle of one; return the last."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", WRITER, str(directory), str(now), run]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        watchdog = threading.Timer(WATCHDOG_SECONDS, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert process.stderr is not None
        said = [process.stdout.readline() for _ in range(batches)]
        # The next batch is under way by now, and dies with the process.
        process.kill()
        said += process.stdout.readlines()
        watchdog.cancel()
        assert process.stderr.read() == b""
    numbers = [int(line) for line in said if line.endswith(b"\n")]
    assert numbers == list(range(len(numbers)))
    return len(numbers)


def check(directory: Path, promised: set[str]) -> None:
    """See that each file is sound and agrees with itself, and that what was promised is there."""
    found: list[str] = []
    for path in sorted(directory.glob("20*.db")):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            here = [unpacked(key) for (key,) in db.execute("SELECT id FROM call")]
            for query in (
                "SELECT count(*) FROM call JOIN payload USING (seq)",
                "SELECT calls FROM tally",
                "SELECT sum(n) FROM roll5",
                "SELECT sum(n) FROM roll60",
            ):
                assert db.execute(query).fetchone() == (len(here),), (path, query)
            words = db.execute("SELECT count(*) FROM words('of')").fetchone()
            assert words == (len(here),)
            found += here
    assert len(set(found)) == len(found)
    assert promised <= set(found)


def a_life(directory: Path, now: int, run: str, dice: random.Random) -> set[str]:
    batches = stored_before_the_kill(directory, now, run, dice.randrange(1, 25))
    return {f"{run}-{number}-{part}" for number in range(batches) for part in range(40)}


def lives(directory: Path, now: int, count: int) -> None:
    dice = random.Random(count)
    promised: set[str] = set()
    for number in range(count):
        promised |= a_life(directory, now, f"run{number}", dice)
        if number % 10 == 0:
            check(directory, promised)
    check(directory, promised)


def test_what_was_promised_outlives_kills(tmp_path: Path, now: int) -> None:
    lives(tmp_path / "data", now, 6)


@pytest.mark.long
def test_what_was_promised_outlives_many_kills(tmp_path: Path, now: int) -> None:
    lives(tmp_path / "data", now, 100)


def test_a_batch_that_was_half_stored_is_completed_when_it_comes_again(
    opened: Any, a_call: Any, now: int
) -> None:
    # As a kill between two commits leaves it: one day of the batch is there.
    batch = [a_call(id=str(number), time=now - number % 2 * DAY) for number in range(10)]
    with closing(opened()) as store:
        assert store.add(batch[::2]) == 5
    store = opened()
    assert store.add(batch) == 5
    assert store.size().calls == 10

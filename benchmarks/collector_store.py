"""What the collector's store takes in: calls a second, bytes, memory, milliseconds.

Each row is measured in its own process, so that its memory is its own:

    python benchmarks/collector_store.py DIR [--events 300000] [--days 3] [--batch 250]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import process
import tables
import traffic

from apilog.collector.store.sqlite import SqliteStore

DAY = 86_400_000_000
EVER = timedelta(days=3650)
GOALS = {True: 11_000, False: 20_000}
"""Calls a second, with a text index and without."""

DISK = {True: 1_200, False: 900}
"""Goals in bytes a call."""

MEMORY = 250
"""Goal in MiB."""


def filled(given: argparse.Namespace) -> dict[str, Any]:
    """Add calls of the last days to a folder; return what it took."""
    end = time.time_ns() // 1_000
    calls = traffic.Traffic(
        given.events, begin=end - given.days * DAY, end=end, random_ids=given.random_ids
    )
    walls: list[float] = []
    cpu = 0.0
    with closing(SqliteStore(given.folder, keep=EVER, search=not given.no_search)) as store:
        for part in calls.batches(given.batch):
            began, worked = time.perf_counter(), time.process_time()
            store.add(part)
            walls.append(time.perf_counter() - began)
            cpu += time.process_time() - worked
        memory = process.resident()
    return {
        "rate": given.events / sum(walls),
        "tenths": [round(rate) for rate in tenths(walls, given.batch)],
        "cpu": cpu / given.events * 1e6,
        "median": tables.percentile(walls, 50) * 1e3,
        "slowest": max(walls) * 1e3,
        "disk": sum(path.stat().st_size for path in given.folder.iterdir()) / given.events,
        "memory": memory / 2**20,
    }


def tenths(walls: Sequence[float], batch: int) -> tuple[float, float]:
    """Return the calls a second of the first and of the last tenth."""
    size = max(1, len(walls) // 10)
    first, last = walls[:size], walls[-size:]
    return len(first) * batch / sum(first), len(last) * batch / sum(last)


def fill(given: argparse.Namespace, folder: Path, *, search: bool = True) -> dict[str, Any]:
    """Fill a folder anew in a process of its own; return what it took."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [
        *(sys.executable, __file__, str(folder), "--events", str(given.events)),
        *("--days", str(given.days), "--batch", str(given.batch)),
        *(["--random-ids"] if given.random_ids else []),
        *([] if search else ["--no-search"]),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def report(given: argparse.Namespace, folder: Path) -> None:
    """Print how fast calls are stored, without a text index and then with one, which stays."""
    print(f"{given.events:,} calls of {given.days} days in batches of {given.batch}\n")
    tables.head(
        *("text index", "calls/s", "first, last tenth", "CPU us a call", "batch p50 ms"),
        *("slowest ms", "bytes a call on disk", "resident MiB"),
    )
    for search in (False, True):
        found = fill(given, folder, search=search)
        first, last = found["tenths"]
        tables.row(
            [
                "yes" if search else "no",
                tables.at_least(found["rate"], GOALS[search]),
                f"{first:,}, {last:,}",
                f"{found['cpu']:.1f}",
                f"{found['median']:.1f}",
                f"{found['slowest']:.0f}",
                tables.at_most(found["disk"], DISK[search]),
                tables.at_most(found["memory"], MEMORY),
            ]
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which calls there are."""
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--batch", type=int, default=250, help="calls that the store takes at once")
    parser.add_argument("--random-ids", action="store_true", help="UUIDs of version 4, not 7")


def main() -> None:
    """Fill a folder, and print what it took as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    add_options(parser)
    parser.add_argument("--no-search", action="store_true", help="no text index")
    print(json.dumps(filled(parser.parse_args())))


if __name__ == "__main__":
    main()

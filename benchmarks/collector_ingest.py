"""How many calls a second a collector takes over HTTP, and how soon it says that they are on disk.

The collector is a process of its own, and so is what sends (`collector_load.py`). A batch counts
once it is acknowledged. Then some batches are sent again, and each call must be stored once.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import collector_load
import tables
import traffic
from collector_serving import Serving, serving
from collector_store import DAY, DISK, EVER, MEMORY

from apilog.collector.query import Query
from apilog.collector.store.sqlite import SqliteStore

RATES = {True: 8_000, False: 15_000}
"""Goals in calls a second, with a text index and without."""

BATCHES = (500, 100)
"""Calls in a batch; the folder of the last is that to which the steady ones are added."""

AGAIN = 20
"""Each batch of so many is sent twice."""

STEADY_SECONDS = 20
STEADY_RATE = 1_000
STEADY_BATCH = 100
STEADY_GOAL = 50
"""Goal in milliseconds for 99 of 100 batches."""

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """What the collector took, as its sender and the system saw it."""

    sent: dict[str, float]
    cpu: float
    """Microseconds a call."""
    memory: tuple[float, float]
    again: float
    """Calls that were sent a second time."""


def report(directory: Path, *, count: int, days: int, random_ids: bool) -> Path:
    """Print what a collector takes as fast as it can; return the folder of the last one."""
    print(
        f"{count:,} calls of {days} days, gzip, over {collector_load.CONNECTIONS} connections"
        " kept alive\n"
    )
    tables.head(
        *("batch, text index", "calls/s", "first, last tenth", "CPU us a call", "sender's CPU us"),
        *("p50 ms", "p99 ms", "bytes a call on disk", "resident MiB", "its peak"),
    )
    folder = directory / "ingest"
    end = time.time_ns() // 1_000
    again = 0.0
    for batch in BATCHES:
        file = directory / "batches"
        calls = traffic.Traffic(count, begin=end - days * DAY, end=end, random_ids=random_ids)
        contents = collector_load.prepared(file, calls, batch)
        for search in (False, True):
            shutil.rmtree(folder, ignore_errors=True)
            with serving(folder, search=search) as collector:
                run = taken(collector, file)
            disk = sum(path.stat().st_size for path in folder.iterdir()) / count
            print_run(run, batch, disk, search=search)
            verify(folder, contents)
            again += run.again
        file.unlink()
    print(
        f"\n{contents.size / count:,.0f} bytes a call before compression. Every call is stored"
        f" once, though {again:,.0f} were sent twice.",
        flush=True,
    )
    return folder


def report_onto(directory: Path, folder: Path, *, count: int, random_ids: bool) -> None:
    """Print what a collector takes as fast as it can, on top of all that *folder* holds already."""
    with closing(SqliteStore(folder, keep=EVER, writable=False)) as store:
        held = store.size().calls
    print(f"\n{count:,} calls of the last day, to {held:,} that are there, with a text index\n")
    tables.head("batch", "calls/s", "first, last tenth", "p50 ms", "p99 ms", "resident MiB")
    file = directory / "batches"
    end = time.time_ns() // 1_000
    for seed, batch in enumerate(BATCHES, end):  # none of these calls is there already
        calls = traffic.Traffic(count, begin=end - DAY, end=end, seed=seed, random_ids=random_ids)
        collector_load.prepared(file, calls, batch)
        with serving(folder) as collector:
            sent = load(collector, file)
            resident, _ = collector.memory()
        file.unlink()
        tables.row(
            [
                str(batch),
                tables.at_least(sent["rate"], RATES[True]),
                f"{sent['first']:,.0f}, {sent['last']:,.0f}",
                f"{sent['p50']:.1f}",
                f"{sent['p99']:.1f}",
                tables.at_most(resident, MEMORY),
            ]
        )


def report_steady(directory: Path, folder: Path, *, random_ids: bool) -> None:
    """Print how soon a collector acknowledges a quiet flow of calls, added to *folder*."""
    file = directory / "steady"
    begin = time.time_ns() // 1_000
    calls = traffic.Traffic(
        STEADY_RATE * STEADY_SECONDS,
        begin=begin,
        end=begin + STEADY_SECONDS * 1_000_000,
        seed=2,
        random_ids=random_ids,
    )
    collector_load.prepared(file, calls, STEADY_BATCH)
    with serving(folder) as collector:
        sent = load(collector, file, every=STEADY_BATCH / STEADY_RATE)
    file.unlink()
    print(
        f"\n{STEADY_RATE:,} calls a second for {STEADY_SECONDS} s in batches of {STEADY_BATCH},"
        " with a text index; a batch waits from the moment it was due\n"
    )
    tables.head("acknowledged", "p50 ms", "p99 ms")
    tables.row(
        [f"{sent['calls']:,.0f}", f"{sent['p50']:.1f}", tables.at_most(sent["p99"], STEADY_GOAL, 1)]
    )


def taken(collector: Serving, file: Path) -> Run:
    """Send a file, and then some of it again; return what the first time took."""
    worked = collector.cpu()
    sent = load(collector, file)
    worked = collector.cpu() - worked
    memory = collector.memory()
    again = load(collector, file, step=AGAIN)
    return Run(sent, worked / sent["calls"] * 1e6, memory, again["calls"])


def load(collector: Serving, file: Path, *, every: float = 0.0, step: int = 1) -> dict[str, float]:
    """Send a file from a process of its own; return what it saw."""
    command = [
        *(sys.executable, collector_load.__file__, str(file), "--port", str(collector.port)),
        *("--every", str(every), "--step", str(step)),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def print_run(run: Run, batch: int, disk: float, *, search: bool) -> None:
    """Print a row of the table."""
    sent, (now, most) = run.sent, run.memory
    tables.row(
        [
            f"{batch}, {'yes' if search else 'no'}",
            tables.at_least(sent["rate"], RATES[search]),
            f"{sent['first']:,.0f}, {sent['last']:,.0f}",
            f"{run.cpu:.1f}",
            f"{sent['cpu']:.1f}",
            f"{sent['p50']:.1f}",
            f"{sent['p99']:.1f}",
            tables.at_most(disk, DISK[search]),
            tables.at_most(now, MEMORY),
            f"{most:,.0f}",
        ]
    )


def verify(folder: Path, contents: collector_load.Contents) -> None:
    """End everything unless a folder holds exactly what was sent, each call once."""
    count = ids = 0
    place: str | None = None
    with closing(SqliteStore(folder, keep=EVER, writable=False)) as store:
        while True:
            page = store.page(Query(), limit=PAGE, place=place)
            count += len(page.rows)
            ids += sum(collector_load.number_of(row.id) for row in page.rows)
            place = page.next
            if place is None:
                break
    if (count, ids) != (contents.calls, contents.ids):
        raise SystemExit(f"{count:,} calls are stored, or others than the {contents.calls:,} sent")

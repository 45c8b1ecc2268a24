"""What it costs to keep an event on disk, beside the bare system call: microseconds an event."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from apilog.spool import Spool

EVENT = b'{"request":{"verb":"GET"},"filling":"' + b"x" * 1960 + b'"}'
ROUNDS = 5


def measured(work: Callable[[], None], count: int) -> tuple[float, float]:
    """Return CPU and wall-clock microseconds that *work* takes for each of *count* events."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return (
        (time.process_time() - cpu) / count * 1e6,
        (time.perf_counter() - wall) / count * 1e6,
    )


def floor(directory: str, count: int) -> Callable[[], None]:
    """Return the work of writing events to one file, with nothing else."""
    descriptor = os.open(f"{directory}/floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def work() -> None:
        for _ in range(count):
            os.write(descriptor, EVENT)

    return work


def main() -> None:
    """Print the best of some rounds of each: the rest is the machine's noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--directory", help="on the disk to be measured", default=None)
    options = parser.parse_args()
    count = options.events
    best: dict[str, tuple[float, float]] = {}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            results = {"os.write": measured(floor(directory, count), count)}
            results |= spooled(directory, count)
            for name, result in results.items():
                best[name] = min(result, best.get(name, result))
    print(f"{len(EVENT)} bytes an event, best of {ROUNDS} rounds of {count} events")
    for name, (cpu, wall) in best.items():
        print(f"{name:24} {cpu:7.2f} us CPU {wall:7.2f} us")


def spooled(directory: str, count: int) -> dict[str, tuple[float, float]]:
    """Measure everything that a spool does with an event."""
    spool = Spool(Path(directory, "spool"), report=print)

    def append() -> None:
        for _ in range(count):
            spool.append(EVENT)

    def begin_and_append() -> None:
        for _ in range(count):
            ticket = spool.start(EVENT[:400])
            spool.append(EVENT, started=ticket)

    def ship() -> None:
        while (parcel := spool.next(100, 1 << 20)) is not None:
            spool.settle(parcel)

    results = {"append": measured(append, count), "next and settle": measured(ship, count)}
    results["start and append"] = measured(begin_and_append, count)
    ship()
    spool.close()
    return results


if __name__ == "__main__":
    main()

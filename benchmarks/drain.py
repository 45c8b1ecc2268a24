"""How fast what waits is delivered once the endpoint takes it, and what the spool costs an event.

Prints a Markdown table: 10,000 events of 2 KB, on one core (the endpoint has another), from the
queue in memory and from a spool that an earlier process left; and the CPU that recording an event
takes until it is delivered, without a spool and with each durability.

    python benchmarks/drain.py [--events 10000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import sink

import apilog
from apilog.capture import Exchange, RequestHead
from apilog.destinations import Collector
from apilog.exceptions import RetryLater

DICE = random.Random(7)
WORDS = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike".split()


def body() -> bytes:
    """Return JSON that makes an event of about 2 KB."""
    rows = [
        {"id": DICE.randrange(10**6), "name": " ".join(DICE.choices(WORDS, k=4)), "open": True}
        for _ in range(24)
    ]
    return json.dumps(rows, separators=(",", ":")).encode()


BODIES = [body() for _ in range(500)]


def head(source: object) -> RequestHead:
    """Return the head of a small request."""
    lines = [("Host", "test"), ("User-Agent", "bench/1.0"), ("Accept", "*/*")]
    return RequestHead("GET", "http", "test", "/rows", "page=2", "127.0.0.1", lines)


def exchanges(client: apilog.Client, count: int) -> Iterator[Exchange]:
    """Make calls that have ended."""
    for number in range(count):
        made = client.begin("/rows", None, head)
        assert made is not None
        made.respond(200, [("Content-Type", "application/json")])
        made.body_sent(BODIES[number % len(BODIES)])
        made.finish()
        yield made


class Down:
    """An endpoint that is not there."""

    def send(self, batch: object) -> None:
        """Take nothing."""
        raise RetryLater("down")


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core, where the system lets it choose."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def drained(client: apilog.Client, count: int, began: float) -> float:
    """Return the events a second that arrived since *began*."""
    while client.stats().delivered < count:
        if time.perf_counter() - began > 120:
            raise SystemExit(f"not drained: {client.stats()}")
        time.sleep(0.002)
    return count / (time.perf_counter() - began)


def from_memory(port: int, count: int) -> float:
    """Return how many events a second go from the queue to the endpoint."""
    with apilog.Client(
        Collector(f"http://127.0.0.1:{port}"), queue_events=2 * count, queue_bytes=1 << 30
    ) as client:
        made = list(exchanges(client, count))
        began = time.perf_counter()
        for each in made:
            client.submit(each)
        client.flush(0)
        return drained(client, count, began)


def from_spool(port: int, count: int) -> float:
    """Return how many events a second go from what a process left to the endpoint."""
    with tempfile.TemporaryDirectory() as directory:
        with apilog.Client(
            Down(), spool=directory, queue_events=2 * count, queue_bytes=1 << 30
        ) as client:
            for each in exchanges(client, count):
                client.submit(each)
            client.flush(0)
            while client.stats().spooled < count:
                time.sleep(0.01)
            client.close(0)
        began = time.perf_counter()
        destination = Collector(f"http://127.0.0.1:{port}")
        with apilog.Client(destination, spool=directory) as client:
            for each in exchanges(client, 1):
                client.submit(each)
            return drained(client, count + 1, began)


def cpu(port: int, count: int, **options: Any) -> float:
    """Return the microseconds of CPU an event, from its end until it is delivered."""
    with apilog.Client(
        Collector(f"http://127.0.0.1:{port}"),
        queue_events=2 * count,
        queue_bytes=1 << 30,
        **options,
    ) as client:
        began = time.process_time()
        for each in exchanges(client, count):
            client.submit(each)
        if not client.flush(120):
            raise SystemExit(f"not delivered: {client.stats()}")
        return (time.process_time() - began) / count * 1e6


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with sink.running() as port, one_core():
        print("| drained from | events a second |\n|---|---:|")
        for name, drain in (("memory", from_memory), ("a spool", from_spool)):
            rates = [drain(port, given.events) for _ in range(given.rounds)]
            print(f"| {name} | {statistics.median(rates):,.0f} |", flush=True)
        print("\n| spool | CPU an event | more than without |\n|---|---:|---:|")
        spent: dict[str, list[float]] = {"none": [], "worker": [], "request": []}
        for _ in range(given.rounds):
            for durability, each in spent.items():
                with tempfile.TemporaryDirectory() as directory:
                    options = {"spool": directory, "durability": durability}
                    used = {} if durability == "none" else options
                    each.append(cpu(port, given.events // 2, **used))
        floor = statistics.median(spent["none"])
        for durability, each in spent.items():
            middle = statistics.median(each)
            print(f"| {durability} | {middle:.0f} µs | {middle - floor:.0f} µs |", flush=True)


if __name__ == "__main__":
    main()

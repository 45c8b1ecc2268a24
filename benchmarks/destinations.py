"""How fast each destination delivers what waits, and what that costs an event.

Prints a Markdown table: events of 2 KB from the queue to a local server, which has a process and a
core of its own; the sender has one core. The CPU is all that the sender used, from the end
of a call: masking, encoding, making the destination's own words of it, and sending.

    python benchmarks/destinations.py [--events 5000] [--rounds 3] [--only Swetrix]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import drain
import sink

import apilog
from apilog.delivery import Destination
from apilog.destinations import (
    CollectEvent,
    Collector,
    File,
    Logimoni,
    Moesif,
    Swetrix,
    Umami,
)

WEBSITE = "c8861a92-8899-418e-af74-c8bab41c9766"

MAKERS: Mapping[str, Callable[[str, str], Destination]] = {
    "Moesif": lambda url, _: Moesif("application-id", base_url=url),
    "Collector": lambda url, _: Collector(url),
    "Umami": lambda url, _: Umami(WEBSITE, base_url=url),
    "Swetrix": lambda url, _: Swetrix("aUn1quEid-3x", base_url=url),
    "Logimoni": lambda url, _: Logimoni("user", "project", category="Calls", base_url=url),
    "CollectEvent": lambda url, _: CollectEvent(url),
    "File": lambda _, directory: File(Path(directory) / "events.ndjson"),
}
"""Each destination, made of the server's address and a directory."""


def measured(make: Callable[[str, str], Destination], url: str, count: int) -> tuple[float, float]:
    """Return events a second, and microseconds of CPU an event."""
    with (
        tempfile.TemporaryDirectory() as directory,
        apilog.Client(make(url, directory), queue_events=2 * count, queue_bytes=1 << 30) as client,
    ):
        made = list(drain.exchanges(client, count))
        gc.collect()
        used, began = time.process_time(), time.perf_counter()
        for each in made:
            client.submit(each)
        client.flush(0)
        rate = drain.drained(client, count, began)
        return rate, (time.process_time() - used) / count * 1e6


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=MAKERS, action="append")
    given = parser.parse_args()
    with sink.running() as port, drain.one_core():
        print("| destination | events a second | CPU an event |\n|---|---:|---:|")
        for name in given.only or MAKERS:
            results = [
                measured(MAKERS[name], f"http://127.0.0.1:{port}", given.events)
                for _ in range(given.rounds)
            ]
            rate, cpu = (statistics.median(each) for each in zip(*results, strict=True))
            print(f"| {name} | {rate:,.0f} | {cpu:.0f} µs |", flush=True)


if __name__ == "__main__":
    main()

"""What a recorded call costs: CPU until delivered, and time in the request, beside bare and floor.

Prints a Markdown table: for Flask, Django and FastAPI and five workloads the CPU added per call, of
all threads, until the event was delivered to a local endpoint; the same for a floor written by hand
(`floor.py`); their ratio; and the median time added to the call itself. Bare, floor and apilog take
turns in small rounds, and medians are compared, because machines are noisy.

    python benchmarks/overhead.py [--rounds 15] [--only flask]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import sink
from floor import ASGIFloor, Floor, WSGIFloor
from workloads import (
    WORKLOADS,
    Workload,
    call_asgi,
    call_wsgi,
    django_app,
    fastapi_app,
    flask_app,
)

import apilog
from apilog.destinations import Collector


@dataclass
class Variant:
    """One way to run an app, and what waits until its events are delivered."""

    name: str
    app: Any
    settle: Callable[[int], None]
    calls: int = 0


def variants(framework: str, port: int) -> list[Variant]:
    """Return *framework*'s app bare, on the floor, and recorded by apilog."""
    floor = Floor("127.0.0.1", port)
    client = apilog.Client(Collector(f"http://127.0.0.1:{port}"), queue_bytes=1 << 30)

    def settle(calls: int) -> None:
        if not client.flush(60):
            raise SystemExit("events were not delivered in time")

    if framework == "flask":
        from apilog_flask import ApiLog

        bare, lowest, recorded = flask_app(), WSGIFloor(flask_app(), floor), flask_app()
        ApiLog(recorded, client=client)
    elif framework == "django":
        import apilog_django.settings

        bare = django_app([])
        lowest = WSGIFloor(django_app([]), floor)
        apilog_django.settings._client = client  # noqa: SLF001 - its own is made of settings
        recorded = django_app(["apilog_django.ApiLogMiddleware"])
    else:
        from apilog_fastapi import ApiLogMiddleware

        bare, lowest, recorded = fastapi_app(), ASGIFloor(fastapi_app(), floor), fastapi_app()
        recorded.add_middleware(ApiLogMiddleware, client=client)
    return [
        Variant("bare", bare, lambda calls: None),
        Variant("floor", lowest, floor.flush),
        Variant("apilog", recorded, settle),
    ]


def measured(variant: Variant, workload: Workload, call: Any) -> tuple[float, float]:
    """Run one round; return microseconds of CPU a call until delivered, and of its median time."""
    variant.calls += workload.calls
    began = time.process_time()
    seconds = [timing.whole for timing in call(variant.app, workload)]
    variant.settle(variant.calls)
    cpu = (time.process_time() - began) / workload.calls
    return cpu * 1e6, statistics.median(seconds) * 1e6


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each variant (15)")
    parser.add_argument("--only", choices=("flask", "django", "fastapi"))
    arguments = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, {arguments.rounds} rounds\n")
    print("| app | call | bare CPU | floor adds | apilog adds | ratio | median time added |")
    print("|---|---|---:|---:|---:|---:|---:|")
    with sink.running() as port:
        for framework in [arguments.only] if arguments.only else ["flask", "django", "fastapi"]:
            call = call_asgi if framework == "fastapi" else call_wsgi
            each = variants(framework, port)
            for workload in WORKLOADS:
                rounds = [
                    [measured(variant, workload, call) for variant in each]
                    for _ in range(arguments.rounds + 1)
                ][1:]  # the first one warms up
                cpu = [statistics.median(r[n][0] for r in rounds) for n in range(3)]
                latency = [statistics.median(r[n][1] for r in rounds) for n in range(3)]
                floor, ours = cpu[1] - cpu[0], cpu[2] - cpu[0]
                print(
                    f"| {framework} | {workload.name} | {cpu[0]:.0f} µs | {floor:.0f} µs"
                    f" | {ours:.0f} µs | {ours / floor:.2f} | {latency[2] - latency[0]:.1f} µs |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

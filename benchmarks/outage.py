"""What a call takes while its endpoint is healthy, absent, silent, or answers 500.

The endpoint must not be felt: prints, for each state from the very start, the median and the 99th
percentile of a call's time beside the bare app, and by how much the process grew. The states take
turns in small rounds, each with a client of its own, because machines are noisy.

    python benchmarks/outage.py [--calls 4000]
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import sink
from workloads import WORKLOADS, call_wsgi, flask_app

import apilog
from apilog.destinations import Collector
from apilog_flask import ApiLog

ROUND = 200


@contextmanager
def silent() -> Iterator[int]:
    """Accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def failing() -> Iterator[int]:
    """Answer 500 to everything."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 20)
                connection.sendall(
                    b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def absent() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def recorded(port: int) -> Any:
    """Return the app, recorded for an endpoint on *port*."""
    app = flask_app()
    ApiLog(app, client=apilog.Client(Collector(f"http://127.0.0.1:{port}"), shutdown_timeout=0.5))
    return app


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=4_000, help="calls in each state (4000)")
    arguments = parser.parse_args()
    workload = replace(WORKLOADS[1], calls=ROUND)
    with ExitStack() as stack:
        states = {
            "bare": flask_app(),
            "healthy": recorded(stack.enter_context(sink.running())),
            "absent": recorded(absent()),
            "silent": recorded(stack.enter_context(silent())),
            "answers 500": recorded(stack.enter_context(failing())),
        }
        seconds: dict[str, list[float]] = {name: [] for name in states}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(arguments.calls // ROUND):
            for name, app in states.items():
                seconds[name] += [timing.whole for timing in call_wsgi(app, workload)]
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print("| endpoint | median | p99 | against bare |\n|---|---:|---:|---:|")
    bare = statistics.median(seconds["bare"])
    for name, each in seconds.items():
        median, high = statistics.median(each), statistics.quantiles(each, n=100)[98]
        added = (median - bare) * 1e6
        print(f"| {name} | {median * 1e6:.0f} µs | {high * 1e6:.0f} µs | +{added:.0f} µs |")
    print(
        f"\nThe process grew by {grown:.0f} MiB, with three queues of 32 MiB that nobody emptied."
    )


if __name__ == "__main__":
    main()

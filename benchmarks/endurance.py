"""Whether a process grows while it records: memory, objects and files over a million calls.

No two calls are alike: each has a path, a user, a credential and an id of its own, so that whatever
is remembered by one of these shows. Every hundredth is of 2 KB in and 10 KB out. All are delivered
to a local endpoint, and the account has to balance. Linux only: memory is read from ``/proc``.

    python benchmarks/endurance.py [--calls 1000000]
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

sys.path.insert(0, str(Path(__file__).parent))

import calibration
import process
import sink
import tables

import apilog
from apilog.destinations import Collector
from apilog.wsgi import ApiLogMiddleware

STEPS = 10
AT_ONCE = 2_000
"""Calls after which the worker catches up, so that none is dropped."""

LARGE_EVERY = 100
GROWTH = 2.0
"""Goal: MiB from the first step, when all is warm, to the last."""

SMALL_IN, SMALL_OUT = b'{"sku":"A-1","count":2}', b'{"ok":true,"left":41}'
LARGE_IN, LARGE_OUT = (
    json.dumps({"rows": [{"id": n, "name": f"name {n}"} for n in range(rows)]}).encode()
    for rows in (70, 330)
)


def shop(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer an order as large as it was asked."""
    order = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [LARGE_OUT if len(order) > len(SMALL_IN) else SMALL_OUT]


def environ_of(number: int) -> dict[str, Any]:
    """Return the environ of a call like no other."""
    body = SMALL_IN if number % LARGE_EVERY else LARGE_IN
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/orders/{number}",
        "QUERY_STRING": f"page={number}",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"Bearer {uuid.uuid4().hex}",
        "HTTP_X_REQUEST_ID": uuid.uuid4().hex,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "shop.user": f"user-{number}",
        "wsgi.input": io.BytesIO(body),
    }
    setup_testing_defaults(environ)
    return environ


def user(environ: dict[str, Any], *_: object) -> str:
    """Name the user of a call."""
    return str(environ["shop.user"])


class Step(NamedTuple):
    """What a part of the calls left behind."""

    resident: float
    """MiB."""
    objects: int
    threads: int
    files: int
    cpu: float
    """Microseconds a call."""


def play(app: Any, numbers: range, client: apilog.Client) -> None:
    """Make the calls, and have them delivered."""
    for start in numbers[::AT_ONCE]:
        for number in range(start, min(start + AT_ONCE, numbers.stop)):
            response = app(environ_of(number), lambda *_: None)
            b"".join(response)
            response.close()
        if not client.flush(60):
            raise SystemExit("events were not delivered in time")


def step(app: Any, numbers: range, client: apilog.Client) -> Step:
    """Make the calls, and see what they left behind."""
    began = time.process_time()
    play(app, numbers, client)
    spent = time.process_time() - began
    gc.collect()
    return Step(
        process.resident() / 2**20,
        len(gc.get_objects()),
        threading.active_count(),
        process.open_files(),
        spent / len(numbers) * 1e6,
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=1_000_000)
    size = parser.parse_args().calls // STEPS
    calibration.describe()
    tables.head("calls", "resident MiB", "objects", "threads", "open files", "CPU us a call")
    with sink.running() as port:
        client = apilog.Client(Collector(f"http://127.0.0.1:{port}"), identify_user=user)
        app = ApiLogMiddleware(shop, client=client)
        steps = []
        for number in range(STEPS):
            end = (number + 1) * size
            found = step(app, range(number * size, end), client)
            steps.append(found)
            tables.row(
                [
                    f"{end:,}",
                    f"{found.resident:,.1f}",
                    f"{found.objects:,}",
                    *(str(found.threads), str(found.files), f"{found.cpu:,.0f}"),
                ]
            )
        stats = client.stats()
    grown = steps[-1].resident - steps[0].resident
    print(f"\nGrown by {tables.at_most(grown, GROWTH, 1)} MiB since the first row.")
    print(f"Captured {stats.captured:,}, delivered {stats.delivered:,}, dropped {stats.dropped}.")
    if not stats.captured == stats.delivered == size * STEPS:
        raise SystemExit("the account does not balance")


if __name__ == "__main__":
    main()

"""What apilog adds to the start of an app: its import, and being mounted.

Each start is a process of its own; those of all kinds take turns, and medians are compared. What is
imported once by the first mounting is shown for itself, as most of it is httpx, which imports rich,
click and h2 as well where they are installed. To mount for https, certificates are read.

    python benchmarks/startup.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import calibration
import tables

IMPORT_GOAL = 30
MOUNT_GOAL = 5
"""Milliseconds."""


class Mounting(NamedTuple):
    """Code that makes an app, imports what records it, and mounts that."""

    app: str
    imported: str
    mounted: str


MOUNTINGS = {
    "Flask": Mounting(
        "import flask; app = flask.Flask('app')",
        "from apilog_flask import ApiLog",
        "ApiLog(app, destination=DESTINATION)",
    ),
    "FastAPI": Mounting(
        "import fastapi; app = fastapi.FastAPI()",
        "from apilog_fastapi import ApiLogMiddleware",
        "app.add_middleware(ApiLogMiddleware, destination=DESTINATION);"
        " app.middleware_stack = app.build_middleware_stack()",
    ),
    "bare WSGI": Mounting(
        "app = lambda environ, start_response: []",
        "from apilog.wsgi import ApiLogMiddleware",
        "ApiLogMiddleware(app, destination=DESTINATION)",
    ),
}
PROGRAM = """
import time
laps, last = {{}}, time.perf_counter()
def lap(name):
    global last
    laps[name] = (time.perf_counter() - last) * 1e3
    last = time.perf_counter()
DESTINATION = {destination!r}
{start.app}
lap("app")
import apilog
lap("import")
{start.imported}
from apilog.destinations import Collector
Collector("http://127.0.0.1:9")
lap("all")
{start.mounted}
lap("mount")
import json
print(json.dumps(laps))
"""
DESTINATIONS = {"http": "http://127.0.0.1:9", "https": "https://127.0.0.1:9"}


def started(start: Mounting, destination: str) -> dict[str, float]:
    """Start an app in a process of its own; return the milliseconds of each part."""
    program = PROGRAM.format(destination=destination, start=start)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    laps: dict[str, float] = json.loads(done.stdout)
    return laps


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    kinds = [(app, scheme) for app in MOUNTINGS for scheme in DESTINATIONS]
    found: dict[tuple[str, str], list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for app, scheme in kinds:
            found[app, scheme].append(started(MOUNTINGS[app], DESTINATIONS[scheme]))
    calibration.describe()
    tables.head("ms, median", "`import apilog`", "what the mounting imports", "mounting it")
    for (app, scheme), laps in found.items():
        part = {name: statistics.median(each[name] for each in laps) for name in laps[0]}
        tables.row(
            [
                f"{app}, {scheme}",
                tables.at_most(part["import"], IMPORT_GOAL, 1),
                f"{part['all']:.1f}",
                tables.at_most(part["mount"], MOUNT_GOAL, 1),
            ]
        )


if __name__ == "__main__":
    main()

"""What the collector takes in, answers and shows: calls a second, bytes, memory, milliseconds.

    python benchmarks/collector.py [--events 300000] [--days 3] [--only ingest] [--onto DIR]

Prints Markdown, goals beside what was measured. Calls are those of ``traffic.py``, in the order of
time; the time to make them does not count. The parts: `store` adds calls in a process, `queries`
asks it, `ingest` sends them to ``apilog serve``, `start` starts that, `viewer` looks at its pages
in chromium.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import calibration
import collector_ingest
import collector_queries
import collector_serving
import collector_store
import collector_viewer

from apilog.collector.store.sqlite import SqliteStore

PARTS = ("store", "queries", "ingest", "start", "viewer")


def measure(part: str, given: argparse.Namespace, directory: Path) -> None:
    """Print one part, and how fast the machine was; most need a folder that holds calls."""
    print(f"\n## {part.capitalize()}\n")
    calibration.report(directory)
    folder = directory / "data"
    if part == "store":
        collector_store.report(given, folder)
        return
    if part == "ingest":
        last = collector_ingest.report(
            directory, count=given.events, days=given.days, random_ids=given.random_ids
        )
        collector_ingest.report_steady(directory, last, random_ids=given.random_ids)
        if given.onto:
            collector_ingest.report_onto(
                directory, given.onto, count=given.events, random_ids=given.random_ids
            )
        return
    if not folder.exists():
        collector_store.fill(given, folder)
    if part == "queries":
        with closing(SqliteStore(folder, keep=collector_store.EVER)) as store:
            collector_queries.report(store, rounds=given.rounds)
    elif part == "start":
        collector_serving.report(folder, directory / "new")
    else:
        collector_viewer.report(folder)


def options() -> argparse.ArgumentParser:
    """Return what may be said on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    collector_store.add_options(parser)
    parser.add_argument("--rounds", type=int, default=20, help="of each query")
    parser.add_argument("--onto", type=Path, help="a folder with calls, to which ingest adds more")
    parser.add_argument("--directory", type=Path, help="on the disk to be measured")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given several times")
    return parser


def main() -> None:
    """Measure all parts, or some."""
    given = options().parse_args()
    # A collector that was started must not outlive us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    calibration.describe()
    with tempfile.TemporaryDirectory(dir=given.directory) as temporary:
        directory = Path(temporary)
        for part in PARTS:
            if part in (given.only or PARTS):
                measure(part, given, directory)
        print()
        calibration.report(directory)


if __name__ == "__main__":
    main()

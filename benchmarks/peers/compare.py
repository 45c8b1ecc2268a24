"""apilog beside its peers: the same apps and calls, each side shown to deliver.

    python benchmarks/peers/environments.py
    python benchmarks/peers/compare.py [--sides bare,apilog,moesif] [--frameworks fastapi]
        [--rounds 5] [--calls 400] [--rate 1000] [--loads 3] [--measures process,servers]

Prints a Markdown table for each measure; frameworks and workloads are rows, sides are columns. Each
side runs in a process and an environment of its own; the sides take turns in small rounds, and
medians are compared. Everything goes to endpoints on the loopback that count what arrives. CPU is
that of the whole process, all threads, until everything has arrived; latency is measured at a
steady rate. Then real servers are measured at saturation (`saturation.py`). Linux only.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from contextlib import ExitStack

import saturation
import side_process
from columns import Table, legend, machine
from counting import Count
from environments import make
from side_process import SideProcess
from sides import FRAMEWORKS, SIDES, WORKLOADS

RECORDED = ("/json", "/small")
"""Workloads whose CPU is measured; the stream is there for its first byte."""


class Measures:
    """The tables of what is measured in one process."""

    def __init__(self, sides: Sequence[str]) -> None:
        self.cpu = Table(
            "CPU added to a call until it is delivered, µs (bare: all of it)", sides, best=min
        )
        self.ratio = Table("CPU added, apilog's = 1", sides, "{:.2f}")
        self.median = Table("Median time added to a call, µs (bare: all of it)", sides, best=min)
        self.tail = Table("99th percentile of time added, µs (bare: all of it)", sides, best=min)
        self.first = Table(
            "Median time added to the first byte, µs (bare: all of it)", sides, best=min
        )
        self.memory = Table(
            "Memory after the last round above bare, MB (and growth since the first)",
            sides,
            "{:.0f} ({:+.1f})",
            best=min,
        )
        self.delivered = Table(
            "Events delivered, % (bytes of request and response bodies an event)",
            sides,
            "{:.1f} ({:,.0f} + {:,.0f})",
        )

    def measure(self, framework: str, given: argparse.Namespace) -> None:
        """Measure all sides of *framework* in turns."""
        with ExitStack() as stack:
            processes = [
                stack.enter_context(side_process.running(side, framework)) for side in given.sides
            ]
            for workload in RECORDED:
                self._cpu(
                    f"{FRAMEWORKS[framework]}, {WORKLOADS[workload]}", processes, workload, given
                )
            self._memory(FRAMEWORKS[framework], processes)
            for workload in WORKLOADS:
                row = f"{FRAMEWORKS[framework]}, {WORKLOADS[workload]}"
                self._latency(row, processes, workload, given)

    def _cpu(
        self,
        row: str,
        processes: Sequence[SideProcess],
        workload: str,
        given: argparse.Namespace,
    ) -> None:
        for side in processes:
            side.round(workload, given.calls)  # warms up
        rounds = [
            {side.name: side.round(workload, given.calls) for side in processes}
            for _ in range(given.rounds)
        ]
        bare = statistics.median(each["bare"].cpu for each in rounds)
        self.cpu.put(row, "bare", bare)
        for side in given.sides[1:]:
            added = statistics.median(each[side].cpu - each["bare"].cpu for each in rounds)
            self.cpu.put(row, side, added)
            arrived = Count(*map(sum, zip(*(each[side].arrived for each in rounds), strict=True)))
            events = arrived.events or 1
            self.delivered.put(
                row,
                side,
                100 * arrived.events / given.calls / given.rounds,
                arrived.request_bytes / events,
                arrived.response_bytes / events,
            )
        if "apilog" in given.sides:
            for side in given.sides[1:]:
                self.ratio.put(
                    row, side, self.cpu.figure(row, side) / self.cpu.figure(row, "apilog")
                )

    def _memory(self, row: str, processes: Sequence[SideProcess]) -> None:
        bare = processes[0].memory[-1]
        for side in processes:
            first, last = side.memory[0], side.memory[-1]
            self.memory.put(row, side.name, (last - bare) / 1e6, (last - first) / 1e6)

    def _latency(
        self,
        row: str,
        processes: Sequence[SideProcess],
        workload: str,
        given: argparse.Namespace,
    ) -> None:
        whole: dict[str, list[float]] = {side.name: [] for side in processes}
        first: dict[str, list[float]] = {side.name: [] for side in processes}
        for _ in range(given.rounds):
            for side in processes:
                timings = side.paced(workload, given.calls, given.rate)
                whole[side.name] += timings["whole"]
                first[side.name] += timings["first"]
        for table, figures in (
            (self.median, {name: statistics.median(each) for name, each in whole.items()}),
            (
                self.tail,
                {name: statistics.quantiles(each, n=100)[98] for name, each in whole.items()},
            ),
            (self.first, {name: statistics.median(each) for name, each in first.items()}),
        ):
            for name, figure in figures.items():
                table.put(row, name, figure if name == "bare" else figure - figures["bare"])

    def show(self) -> None:
        """Print the tables."""
        for table in (
            self.cpu,
            self.ratio,
            self.median,
            self.tail,
            self.first,
            self.memory,
            self.delivered,
        ):
            print(table)


def some_of(known: Sequence[str], text: str) -> list[str]:
    """Return the names in *text*, in the order of those *known*."""
    names = text.split(",")
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"unknown: {', '.join(unknown)} (known: {', '.join(known)})")
    return [name for name in known if name in names]


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sides", default=",".join(SIDES), help="bare is always there")
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS))
    parser.add_argument("--measures", default="process,servers")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side (5)")
    parser.add_argument("--calls", type=int, default=400, help="calls in a round (400)")
    parser.add_argument(
        "--rate", type=float, default=1000, help="calls a second for latency (1000)"
    )
    parser.add_argument("--loads", type=int, default=3, help="loads on each server (3)")
    parser.add_argument("--seconds", type=int, default=4, help="of each load (4)")
    given = parser.parse_args()
    given.sides = some_of(list(SIDES), f"bare,{given.sides}")
    given.frameworks = some_of(list(FRAMEWORKS), given.frameworks)
    measures = some_of(["process", "servers"], given.measures)
    for name in {SIDES[side].environment for side in given.sides}:
        make(name)
    print(f"{machine()}\n\n{legend(given.sides)}")
    if "process" in measures:
        print(
            f"{given.rounds} rounds of {given.calls} calls; latency at {given.rate:.0f} a second.\n"
        )
        in_process = Measures(given.sides)
        for framework in given.frameworks:
            in_process.measure(framework, given)
        in_process.show()
    if "servers" in measures:
        saturation.measure(given.sides, given.frameworks, given.loads, given.seconds)


if __name__ == "__main__":
    main()

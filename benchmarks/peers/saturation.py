"""Servers at saturation: requests a second beside the bare app, and the events that arrive.

uvicorn (FastAPI) and gunicorn (one worker of four threads: Flask, Django) on one core; the load and
the endpoint on the other. Nothing is helped here: each side sends when it would, has some seconds
after the load, and what its exit handlers bring after SIGTERM counts too.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

import endpoint
import workloads
from columns import Table
from environments import python
from load import Request, applied, until_it_answers
from sides import FRAMEWORKS, SIDES, WORKLOADS

HERE = Path(__file__).parent
AFTERWARDS = 5
"""Seconds that a side has after the load, before its server is asked to end."""
GTHREAD = ("--worker-class=gthread", "--workers=1", "--threads=4")
EXIT = 20
"""Seconds that a server has to end; then it is killed."""
REQUESTS = {
    each.path: Request(each.method, each.path, each.content_type, each.body)
    for each in workloads.WORKLOADS
    if each.path in ("/json", "/small")
}


class Loaded(NamedTuple):
    """Requests a second, requests for each second of CPU, and the share of events that arrived."""

    rate: float
    rate_of_cpu: float
    delivered: float


def measure(sides: Sequence[str], frameworks: Sequence[str], rounds: int, seconds: int) -> None:
    """Measure in *rounds* of so many seconds, and print the tables."""
    rates = Table("Requests a second at saturation, % of bare's (bare: all)", sides, best=max)
    of_cpu = Table(
        "Requests for each second of the server's CPU, % of bare's (bare: all); other processes on"
        " the machine change this less",
        sides,
        best=max,
    )
    delivered = Table("Events delivered at saturation, %", sides, "{:.1f}")
    for framework in frameworks:
        for path in REQUESTS:
            row = f"{FRAMEWORKS[framework]}, {WORKLOADS[path]}"
            turns = [
                {side: loaded(side, framework, path, seconds) for side in sides}
                for _ in range(rounds)
            ]
            for table, name in ((rates, "rate"), (of_cpu, "rate_of_cpu")):
                bare = [getattr(turn["bare"], name) for turn in turns]
                table.put(row, "bare", statistics.median(bare))
                for side in sides[1:]:
                    each = [getattr(turn[side], name) for turn in turns]
                    shares = [100 * ours / all_ for ours, all_ in zip(each, bare, strict=True)]
                    table.put(row, side, statistics.median(shares))
            for side in sides[1:]:
                arrived = statistics.median(turn[side].delivered for turn in turns)
                delivered.put(row, side, 100 * arrived)
    print(rates)
    print(of_cpu)
    print(delivered)


def loaded(side: str, framework: str, path: str, seconds: int) -> Loaded:
    """Put *side* under load."""
    with endpoint.running() as place, serving(side, framework, place.url) as server:
        until_it_answers(server.port, 30)
        before = server.cpu()
        with on_core(-1):
            load = applied(server.port, REQUESTS[path], seconds)
        cpu = server.cpu() - before
        ends = time.monotonic() + AFTERWARDS
        while place.count().events < load.requests and time.monotonic() < ends and side != "bare":
            time.sleep(0.1)
    # Calls that were under way when the load ended are recorded, but were not counted there.
    delivered = min(1.0, place.count().events / load.requests)
    return Loaded(load.requests / load.seconds, load.requests / cpu, delivered)


class Server(NamedTuple):
    """A server that runs, with its workers."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(map(_cpu, [self.pid, *map(int, children)]))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(side: str, framework: str, url: str) -> Iterator[Server]:
    """Serve *side* on the first core."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        number = listening.fileno()
        interpreter = str(python(SIDES[side].environment))
        command = [interpreter, "-m", "gunicorn", "serve:app", f"--bind=fd://{number}", *GTHREAD]
        if framework == "fastapi":
            command = [interpreter, "serve.py", str(number)]
        chosen = {"PEERS_SIDE": side, "PEERS_FRAMEWORK": framework, "PEERS_URL": url}
        with on_core(0):
            process = subprocess.Popen(
                command,
                cwd=HERE,
                env=os.environ | chosen | {"PYTHONPATH": str(HERE)},
                pass_fds=[number],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        with process:
            try:
                yield Server(listening.getsockname()[1], process.pid)
            finally:
                process.terminate()
                try:
                    process.wait(EXIT)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Keep this thread, and what it starts, on one of the cores it may use."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

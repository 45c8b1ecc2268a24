"""``apilog serve`` as a process of its own, how soon it serves, and what it takes of the machine.

Linux only: CPU and memory are read from ``/proc``.
"""

from __future__ import annotations

import http.client
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import tables

PATIENCE = 60.0
"""Seconds after which a wait for the process has failed."""

FOREVER = "3650d"
STARTS = 5
START_GOAL = 1_000
TICKS = os.sysconf("SC_CLK_TCK")


class Serving:
    """A collector on a free port of this machine, with its data in *directory*."""

    def __init__(self, directory: Path, *, search: bool = True) -> None:
        self.directory = directory
        command = [
            *(sys.executable, "-m", "apilog", "serve", "--port", "0", "--keep", FOREVER),
            *("--data", str(directory)),
            *([] if search else ["--no-search"]),
        ]
        began = time.perf_counter()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            self.port = self._announced()
            self._ask_health()
        except BaseException:
            self.stop()
            raise
        self.start = time.perf_counter() - began
        """Seconds until it was healthy, from the start of the process."""

    @property
    def url(self) -> str:
        """Return where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, in all its threads."""
        said = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        fields = said.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> tuple[float, float]:
        """Return the MiB that it has in use, mapped files included: now, and at the most."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        now, most = (int(sizes[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        return now, most

    def stop(self) -> None:
        """End it as Ctrl-C does, or, if it does not listen, at once."""
        self._process.terminate()
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _announced(self) -> int:
        """Return the port that it says it listens on."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(PATIENCE, self._process.kill)
        watchdog.start()
        try:
            said = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not said:
            raise SystemExit("apilog serve did not start")
        return int(said.rstrip("/\n").rpartition(":")[2])

    def _ask_health(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with closing(connection):
            connection.request("GET", "/healthz")
            if (status := connection.getresponse().status) != 200:
                raise SystemExit(f"apilog serve says {status} of its health")


@contextmanager
def serving(directory: Path, *, search: bool = True) -> Iterator[Serving]:
    """Run a collector for the length of a ``with`` block."""
    collector = Serving(directory, search=search)
    try:
        yield collector
    finally:
        collector.stop()


def report(filled: Path, empty: Path) -> None:
    """Print how soon a collector serves whose folder is *filled*, or new at *empty*."""
    tables.head("folder", "from exec to healthy, ms, median", "slowest")
    for name, directory in (("new", empty), ("filled", filled)):
        spent = []
        for _ in range(STARTS):
            shutil.rmtree(empty, ignore_errors=True)
            with serving(directory) as collector:
                spent.append(collector.start * 1e3)
        tables.row(
            [name, tables.at_most(statistics.median(spent), START_GOAL), f"{max(spent):,.0f}"]
        )

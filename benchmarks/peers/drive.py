"""The process of one side: it makes the calls that it is told on standard input, and measures them.

`compare.py` starts it with the interpreter of the side's environment. One line of JSON comes for
each step, and one goes back.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from adapters import Recorded
from workloads import WORKLOADS, Timing, call_asgi, call_wsgi


class Driver:
    """Make calls of one recorded app."""

    def __init__(self, framework: str, recorded: Recorded) -> None:
        self._call: Any = call_asgi if framework == "fastapi" else call_wsgi
        self._recorded = recorded

    def burst(self, workload: str, calls: int) -> dict[str, Any]:
        """Make *calls* calls, one after another, and send what the side would keep waiting."""
        while calls > 0:
            self._timed(workload, min(calls, self._recorded.burst), 0)
            self._recorded.flush()
            calls -= self._recorded.burst
        return {}

    def paced(self, workload: str, calls: int, rate: float) -> dict[str, Any]:
        """Make *rate* calls a second, and return the seconds of each."""
        timings = self._timed(workload, calls, rate)
        self._recorded.flush()
        return {
            "first": [each.first for each in timings],
            "whole": [each.whole for each in timings],
        }

    def spent(self) -> dict[str, Any]:
        """Return the seconds of CPU of all threads, and the bytes of memory."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return {"cpu": time.process_time(), "memory": pages * os.sysconf("SC_PAGE_SIZE")}

    def _timed(self, path: str, calls: int, rate: float) -> list[Timing]:
        workload = next(each for each in WORKLOADS if each.path == path)
        return list(self._call(self._recorded.app, replace(workload, calls=calls), rate))


def main() -> None:
    """Do what the lines say, until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("side")
    parser.add_argument("framework")
    parser.add_argument("url")
    given = parser.parse_args()
    adapter = importlib.import_module(f"adapters.{given.side}")
    driver = Driver(given.framework, adapter.recorded(given.framework, given.url))
    steps: dict[str, Any] = {"burst": driver.burst, "paced": driver.paced, "spent": driver.spent}
    for line in sys.stdin:
        step = json.loads(line)
        print(json.dumps(steps[step.pop("do")](**step)), flush=True)
    # What the exit handlers of some sides wait for is of no interest any more.
    os._exit(0)


if __name__ == "__main__":
    main()

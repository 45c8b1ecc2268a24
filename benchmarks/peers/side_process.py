"""The process of one side, from outside: started, told what to do, and ended by its handle."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import endpoint
from counting import Count
from environments import python
from sides import SIDES

DRIVE = Path(__file__).parent / "drive.py"
DELIVERY_SECONDS = 10
"""Time without a new event after which what is missing counts as lost."""

PACED_SECONDS = 2
"""The same where nobody counts, and a new round only should not begin beside an old one's work."""


class Spent(NamedTuple):
    """What one call cost in a round: microseconds of CPU, and what arrived of all."""

    cpu: float
    arrived: Count


@dataclass
class SideProcess:
    """One side of one framework, its endpoint, and how it is told what to do."""

    name: str
    process: subprocess.Popen[str]
    endpoint: endpoint.Endpoint
    log: IO[bytes]
    memory: list[int] = field(default_factory=list)

    def round(self, workload: str, calls: int) -> Spent:
        """Make *calls* calls, wait until all is delivered, and return what that took."""
        cpu, before = self._ask("spent")["cpu"], self.endpoint.count()
        self._ask("burst", workload=workload, calls=calls)
        self._settle(before.events + calls, DELIVERY_SECONDS)
        spent = self._ask("spent")
        self.memory.append(spent["memory"])
        arrived = Count(
            *(now - then for now, then in zip(self.endpoint.count(), before, strict=True))
        )
        return Spent((spent["cpu"] - cpu) / calls * 1e6, arrived)

    def paced(self, workload: str, calls: int, rate: float) -> dict[str, list[float]]:
        """Make *rate* calls a second, and return how long the calls took, in microseconds."""
        before = self.endpoint.count()
        timings = self._ask("paced", workload=workload, calls=calls, rate=rate)
        self._settle(before.events + calls, PACED_SECONDS)
        return {name: [1e6 * each for each in seconds] for name, seconds in timings.items()}

    def _settle(self, events: int, patience: float) -> None:
        if self.name == "bare":
            return
        last, changed = -1, time.monotonic()
        while (now := self.endpoint.count().events) < events:
            if now != last:
                last, changed = now, time.monotonic()
            if time.monotonic() - changed > patience:
                return
            time.sleep(0.02)

    def _ask(self, step: str, **options: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": step, **options}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.log.seek(0)
            raise SystemExit(f"{self.name} ended: {self.log.read().decode(errors='replace')}")
        return json.loads(answer)


@contextmanager
def running(name: str, framework: str) -> Iterator[SideProcess]:
    """Run the side *name* and its endpoint."""
    with endpoint.running() as place, tempfile.TemporaryFile() as log:
        interpreter = python(SIDES[name].environment)
        command = [str(interpreter), str(DRIVE), name, framework, place.url]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                yield SideProcess(name, process, place, log)
            finally:
                process.kill()

"""The stage of a scenario: one port, one spool, one sink and one oracle, over many lives.

A scenario is always the same: load and faults; the faults end; everything drains within a deadline;
the invariants are checked; one more call shows that all of it still works; and last, what the
scenario is about is shown to have happened, for one that did nothing would pass as well.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.lives import PATIENCE, Forge, Life, listening
from harness.load import Browser, Load
from harness.oracle import Oracle, Report
from harness.sink import Sink, sinks


class Stage:
    """What a scenario plays on."""

    def __init__(
        self, forge: Forge, folder: Path, port: socket.socket, new_sink: Callable[..., Sink]
    ) -> None:
        self._forge = forge
        self._folder = folder
        self._listening = port
        self.new_sink = new_sink
        self.port: int = port.getsockname()[1]
        self.oracle = Oracle()
        self.sink = new_sink(self.oracle.receive)
        self.spool = folder / "spool"
        self.lives: list[Life] = []

    def start(self, server: str, *, settings: dict[str, Any] | None = None, **options: Any) -> Life:
        """Begin a life of *server*, with *settings* of its own and *options* for the client."""
        life = self._forge.start(
            server,
            self._listening,
            sink=self.sink.url,
            log=self._folder / f"{len(self.lives)}.log",
            options={"flush_interval": 0.05, "shutdown_timeout": 1.0, **options},
            settings=settings,
        )
        self.lives.append(life)
        return life

    def start_next(self, server: str, **options: Any) -> Life:
        """Begin a life that goes on where another one ended, and give it something to do.

        A process looks for what the dead left behind once it has a call of its own.
        """
        life = self.start(server, **options)
        self.call()
        return life

    def durable(self, durability: str = "request", **options: Any) -> dict[str, Any]:
        """Return the options of a client that loses nothing."""
        return {"spool": str(self.spool), "durability": durability, **options}

    def load(self, *, threads: int = 4, rate: float | None = None) -> Load:
        """Return a load on the port, for a ``with``."""
        return Load(self.port, self.oracle, threads=threads, rate=rate)

    def call(self, times: int = 1, query: str = "") -> list[int]:
        """Make calls one after the other, each answered in full; return their ids."""
        claims = [self.oracle.claim() for _ in range(times)]
        browser = Browser(self.port, self.oracle)
        try:
            for claim in claims:
                browser.call(claim, query)
        finally:
            browser.close()
        return claims

    def wait_for_answers(self, more: int, life: Life, *, within: float = PATIENCE) -> None:
        """Wait until *more* calls of a load are answered, by *life* or one beside it."""
        wanted = self.oracle.answered + more
        end = time.monotonic() + within
        while not self.oracle.wait_for(lambda: self.oracle.answered >= wanted, 0.5):
            assert not life.wait(0), life.said()
            assert time.monotonic() < end, f"no answers; {life.said()}"

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait, for what has no event of its own, until *condition* holds; it may be cut off."""
        end = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError):
                if condition():
                    return
            assert time.monotonic() < end, "did not happen"
            time.sleep(0.02)

    def ask(self, path: str) -> Any:
        """Return what the door of the app says; with several processes, that of any one."""
        browser = Browser(self.port, self.oracle)
        try:
            return browser.ask(path)
        finally:
            browser.close()

    def stats(self) -> dict[str, Any]:
        """Return the account of the process that answers, which must be balanced (I2)."""
        stats: dict[str, Any] = self.ask("/-/stats")["says"]
        places = [stats[name] for name in ("queued", "delivered", "spooled", "quarantined")]
        assert stats["captured"] == sum(places) + sum(stats["dropped"].values()), stats
        assert min(places) >= 0, stats
        return stats

    def on_disk(self) -> bytes:
        """Return what stands in the spool, waiting or delivered."""
        return b"".join(each.read_bytes() for each in self.spool.glob("*.seg"))

    def ship(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Ship the spool without any app, by the command."""
        path = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
        command = ["ship", str(self.spool), "--to", self.sink.url, "--once", *arguments]
        return subprocess.run(
            [sys.executable, "-m", "apilog.cli", *command],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )

    def drain(self, *, without: Collection[int] = (), seconds: float = PATIENCE) -> None:
        """Wait until everything that was answered is delivered, but for *without*."""
        lost = frozenset(without)
        oracle = self.oracle
        oracle.wait_for(lambda: oracle.outstanding <= len(lost) and oracle.missing <= lost, seconds)

    def check(
        self, *, without: Collection[int] = (), aborted: bool = True, quiet: bool = True
    ) -> Report:
        """Assert what must hold after every scenario, and return the report.

        *without* is what must not have been delivered. Calls that were answered in part must at
        least be there as *aborted*, if the mode promises that. No life that is to be *quiet* may
        have printed a traceback.
        """
        report = self.oracle.report(self.sink.losses.values())
        assert report.missing == frozenset(without), _few(report.missing)
        assert not report.spurious, _few(report.spurious)
        assert not report.corrupted, _few(report.corrupted)
        assert not report.doubled, _few(report.doubled)
        if aborted:
            assert not report.silent, _few(report.silent)
        for life in self.lives:
            assert not (quiet and "Traceback" in life.said()), life.said()
        return report

    def probe(self) -> None:
        """Assert that one more call makes its way to the sink."""
        (claim,) = self.call()
        delivered = self.oracle.wait_for(lambda: self.oracle.is_delivered(claim), PATIENCE)
        assert delivered, f"claim {claim} was not delivered; {self.stats()}"


def _few(found: Collection[object]) -> str:
    return f"{len(found)}: {sorted(map(str, found))[:10]}"


@contextmanager
def stages(forge: Forge) -> Iterator[Callable[[Path], Stage]]:
    """Give a function that makes stages; what lives on them is killed at the end of the block."""
    with ExitStack() as stack:
        new_sink = stack.enter_context(sinks())

        def new_stage(folder: Path) -> Stage:
            stage = Stage(forge, folder, stack.enter_context(listening()), new_sink)
            stack.callback(_end, stage)
            return stage

        yield new_stage


def _end(stage: Stage) -> None:
    for life in stage.lives:
        if life.code is None:
            with suppress(ProcessLookupError):
                life.kill()

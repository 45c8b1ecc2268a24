"""Lives: server processes that are started fast, and end by their own handle and no other."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent
PATIENCE = 30.0
"""Seconds after which a wait is a failure."""


class Forge:
    """The fork server, as seen from the tests."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._answers = control.makefile("rb")
        self._turn = threading.Lock()

    def start(
        self,
        server: str,
        listening: socket.socket,
        *,
        sink: str,
        log: Path,
        options: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
    ) -> Life:
        """Begin a life of *server* on *listening*; calls may come at once, they are kept."""
        ear, lifeline = os.pipe()
        try:
            order = {
                "do": "start",
                "server": server,
                "sink": sink,
                "log": str(log),
                "options": dict(options),
                "settings": dict(settings or {}),
            }
            pid = self._ask(order, listening.fileno(), lifeline)
        finally:
            os.close(lifeline)
        return Life(self, pid, ear, log)

    def reap(self, pid: int) -> int:
        """Return the exit code of a life that has ended; until then its number is not reused."""
        return self._ask({"do": "reap", "life": pid})

    def _ask(self, order: Mapping[str, Any], *descriptors: int) -> int:
        with self._turn:
            socket.send_fds(self._control, [json.dumps(order).encode() + b"\n"], descriptors)
            answer = self._answers.readline()
        assert answer, "the fork server is gone"
        return int(json.loads(answer))


@dataclass
class Life:
    """One server with all its processes, from its start to its end."""

    _forge: Forge
    pid: int
    _ear: int
    log: Path
    code: int | None = field(default=None, init=False)
    """How it ended, as in `subprocess.Popen.returncode`; None while it lives."""
    ended_at: float | None = field(default=None, init=False)
    """When its last process was gone, on the monotonic clock."""

    def kill(self) -> float:
        """Kill every process of this life at once; return when that was, once they are gone."""
        self.send(signal.SIGKILL, everyone=True)
        at = time.monotonic()
        assert self.wait(PATIENCE), "it outlived SIGKILL"
        return at

    def send(self, number: int, *, everyone: bool = False) -> None:
        """Send a signal to the first process, or to *everyone*."""
        if self.code is None:
            (os.killpg if everyone else os.kill)(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Say whether all processes are gone within *seconds*."""
        if self.code is None and select.select([self._ear], [], [], max(0.0, seconds))[0]:
            self.ended_at = time.monotonic()
            os.close(self._ear)
            self.code = self._forge.reap(self.pid)
        return self.code is not None

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send a signal to the first process; return the seconds until the last one was gone."""
        began = time.monotonic()
        self.send(number)
        assert self.wait(PATIENCE), f"it did not end: {self.said()}"
        assert self.ended_at is not None
        return self.ended_at - began

    def said(self) -> str:
        """Return what it wrote to standard output and standard error, so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


@contextmanager
def forge() -> Iterator[Forge]:
    """Run the fork server for the length of a block."""
    ours, theirs = socket.socketpair()
    path = os.pathsep.join([str(FOLDER), *(str(Path(each).resolve()) for each in sys.path if each)])
    # A tracer has a file for every process, and these die by the thousand.
    untraced = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.forge", str(theirs.fileno())],
            env={**untraced, "PYTHONPATH": path},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        with process:
            try:
                yield Forge(ours)
            finally:
                with suppress(OSError):
                    ours.shutdown(socket.SHUT_RDWR)
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Hold a port on which calls are kept while no server lives."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as made:
        yield made

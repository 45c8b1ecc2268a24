"""``apilog serve`` as a process of its own, and what is sent to it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

PATIENCE = 20.0
"""Seconds after which a wait is a failure; nothing here takes a tenth of it."""

WATCHDOG = 3600.0
"""Seconds after which a collector is killed, whatever the tests do: one serves all of them, and a
machine that is busy with something else takes long."""

OLD_STARLETTE = "ignore:Please use `import python_multipart`:PendingDeprecationWarning"


def eventually(ask: Callable[[], Any], what: str) -> Any:
    """Ask until the answer is true; give it."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"it took too long: {what}"
        time.sleep(0.02)
    return answer


@dataclass
class Collector:
    """A running collector; it can be stopped, and started again at the same address."""

    data: Path
    code: Path | None = None
    """Where its package is found instead of where ours is."""
    port: int = 0
    login: str = field(init=False, default="")
    """The address that it printed, with its token for one login."""
    _process: subprocess.Popen[str] | None = field(init=False, default=None)
    _session: dict[str, str] = field(init=False, default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        paths = [str(self.code)] if self.code else []
        paths += [str(Path(entry).resolve()) for entry in sys.path if entry]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONWARNINGS": f"error,{OLD_STARLETTE}",
        }
        command = ["-m", "apilog.cli", "serve", "--port", str(self.port), "--data", str(self.data)]
        self._process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(WATCHDOG, self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            raise AssertionError(self._process.communicate()[1])
        self.port = int(said.rstrip("/\n").rpartition(":")[2])
        self.login = self._process.stdout.readline().rpartition(" ")[2].strip()

    def stop(self) -> None:
        """End it as Ctrl-C does; it must have nothing to complain about."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE)
        assert (process.returncode, said) == (0, "")

    def send(self, *events: dict[str, Any]) -> list[str]:
        """Send events as an app does, in batches; return their ids. They are stored then."""
        for begin in range(0, len(events), 200):
            self.post("/v1/events/batch", events[begin : begin + 200])
        return [each["transaction_id"] for each in events]

    def post(self, path: str, content: Any, *, status: int = 201) -> None:
        headers = {"X-Moesif-Application-Id": "tests"}
        answer = httpx.post(
            f"{self.url}{path}",
            json=content,
            headers=headers,
            trust_env=False,
            verify=False,  # to read all certificates takes longer than to post
        )
        assert answer.status_code == status, answer.text

    def token(self) -> str:
        """Return the token that it keeps."""
        return (self.data / "viewer-token").read_text().strip()

    def page(self, path: str = "/", **params: str) -> str:
        """Return the address of a page of the viewer."""
        return f"{self.url}{path}{'?' + urlencode(params) if params else ''}"

    def cookies(self) -> list[dict[str, Any]]:
        """Return the cookies of a session for a browser; it is logged in once."""
        if not self._session:
            answer = httpx.post(
                f"{self.url}/view/login",
                json={"token": self.token()},
                headers={"X-Apilog-CSRF": "1"},
                trust_env=False,
                verify=False,
            )
            assert answer.status_code == 204, answer.text
            self._session = dict(answer.cookies)
        return [
            {"name": name, "value": value, "url": self.url, "httpOnly": True, "sameSite": "Strict"}
            for name, value in self._session.items()
        ]


@contextmanager
def collecting(
    data: Path, *, code: Path | None = None, events: Sequence[dict[str, Any]] = ()
) -> Iterator[Collector]:
    """Run a collector that has *events* for the length of a ``with`` block."""
    collector = Collector(data, code)
    collector.start()
    try:
        collector.send(*events)
        yield collector
    finally:
        collector.stop()

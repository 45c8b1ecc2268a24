"""A scripted HTTP endpoint on a real socket, destinations with a gate, and processes."""

from __future__ import annotations

import gzip
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest

from apilog import Client, Stats
from apilog.wsgi import ApiLogMiddleware

sys.path.insert(0, str(Path(__file__).parent))  # makes the harness importable

if TYPE_CHECKING:
    from harness.lives import Forge
    from harness.stage import Stage

PATIENCE = 20.0
"""Seconds after which a wait is a failure; nothing here takes a tenth of it."""


@dataclass(frozen=True)
class Received:
    """A request that was read to its end."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes
    answered: int | None

    @property
    def text(self) -> bytes:
        gzipped = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.body) if gzipped else self.body

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(json.loads(self.text)) if self.path.endswith("/events/batch") else []


@dataclass
class Connection:
    """What a behaviour may do to a client: read its request, send bytes, break off."""

    socket: socket.socket
    endpoint: Endpoint
    number: int
    unread: bytes = b""
    request: Received | None = field(default=None, init=False)

    def read(self) -> None:
        head, divider, rest = self.unread.partition(b"\r\n\r\n")
        while not divider:
            self._receive()
            head, divider, rest = self.unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            self._receive()
            rest = self.unread.partition(b"\r\n\r\n")[2]
        self.unread = rest[length:]
        verb, path, _ = first.split(" ")
        self.request = Received(verb, path, headers, rest[:length], None)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """Close so that the peer sees a reset, not an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the client left")
        self.unread += data


Behaviour = Callable[[Connection], "int | None"]
"""Handle a request; return the status that was answered, or None, which ends the connection."""


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Read the request and answer it as a server does."""

    def behave(connection: Connection) -> int:
        connection.read()
        lines = {"Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.endpoint.note(connection, status)
        connection.send(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + body)
        return status

    return behave


class Endpoint:
    """An HTTP server that plays *script*, one behaviour a request, then answers 201 for good."""

    def __init__(self) -> None:
        self.script: deque[Behaviour] = deque()
        self.default: Behaviour = answer(201)
        self.received: list[Received] = []
        self.connections = 0
        self.begun = 0
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._port = 0
        self._sockets: list[socket.socket] = []
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all requests that were answered with success."""
        return [
            event
            for request in list(self.received)
            if request.answered in (200, 201)
            for event in request.events
        ]

    @property
    def paths(self) -> list[str]:
        """The paths of the calls that these events are about."""
        return [event["request"]["uri"].removeprefix("http://127.0.0.1") for event in self.events]

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=50)
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and every connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """End every hang, now and later."""
        self._released.set()

    def is_released_within(self, seconds: float) -> bool:
        """Wait for `release`, at most so long; for behaviours to call."""
        return self._released.wait(seconds)

    def wait_for(self, condition: Callable[[], bool], timeout: float = PATIENCE) -> None:
        """Return once *condition* holds; it is asked whenever something was received."""
        with self._changed:
            held = self._changed.wait_for(condition, timeout)
        assert held, f"not within {timeout} s; received {len(self.received)} requests"

    def hang(self, connection: Connection) -> None:
        """Read the request and say nothing until released."""
        connection.read()
        self.note(connection, None)
        self._released.wait(PATIENCE)

    def trickle(self, first: bytes, piece: bytes) -> Behaviour:
        """Read the request, send *first*, then *piece* again and again until the client leaves."""

        def behave(connection: Connection) -> None:
            connection.read()
            connection.send(first)
            while not self._released.wait(0.05):
                connection.send(piece)

        return behave

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self._sockets.append(peer)
            self.connections += 1
            connection = Connection(peer, self, self.connections)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection.socket, suppress(OSError):
            while connection.unread or connection.socket.recv(1, socket.MSG_PEEK):
                with self._changed:
                    behave = self.script.popleft() if self.script else self.default
                    self.begun += 1
                    self._changed.notify_all()
                connection.request = None
                status = behave(connection)
                self.note(connection, status)
                if status is None:
                    return

    def note(self, connection: Connection, status: int | None) -> None:
        """Keep the request of *connection* as received and answered with *status*."""
        with self._changed:
            if (request := connection.request) is not None:
                self.received.append(
                    Received(request.verb, request.path, request.headers, request.body, status)
                )
                connection.request = None
            self._changed.notify_all()


@pytest.fixture
def new_endpoint() -> Iterator[Callable[[], Endpoint]]:
    with ExitStack() as stack:

        def make() -> Endpoint:
            endpoint = Endpoint()
            stack.callback(endpoint.stop)
            stack.callback(endpoint.release)
            return endpoint

        yield make


@pytest.fixture
def endpoint(new_endpoint: Callable[[], Endpoint]) -> Endpoint:
    return new_endpoint()


@pytest.fixture(name="answer")
def answer_fixture() -> Callable[..., Behaviour]:
    return answer


class Destination:
    """Keeps batches; can be made to hang, and plays *script*: errors to raise, one for each."""

    def __init__(self) -> None:
        self.script: deque[BaseException] = deque()
        self.batches: list[tuple[bytes, ...]] = []
        self.attempts: list[tuple[bytes, ...]] = []
        self.closed = 0
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self._changed = threading.Condition()

    def send(self, batch: Sequence[bytes]) -> None:
        with self._changed:
            self.attempts.append(tuple(batch))
            self._changed.notify_all()
        self.entered.set()
        self.gate.wait(PATIENCE)
        if self.script:
            raise self.script.popleft()
        with self._changed:
            self.batches.append(tuple(batch))
            self._changed.notify_all()

    def close(self) -> None:
        self.closed += 1

    @property
    def events(self) -> list[bytes]:
        return [event for batch in list(self.batches) for event in batch]

    @property
    def paths(self) -> list[str]:
        return [
            json.loads(event)["request"]["uri"].removeprefix("http://127.0.0.1")
            for event in self.events
        ]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), f"{len(self.attempts)} attempts"


@pytest.fixture
def new_destination() -> Iterator[Callable[[], Destination]]:
    made: list[Destination] = []

    def make() -> Destination:
        made.append(Destination())
        return made[-1]

    yield make
    for each in made:
        each.gate.set()


@pytest.fixture
def destination(new_destination: Callable[[], Destination]) -> Destination:
    return new_destination()


@pytest.fixture
def new_client() -> Iterator[Callable[..., Client]]:
    """Make clients that are closed at the end of the test."""
    made: list[Client] = []

    def make(destination: Any, **options: Any) -> Client:
        made.append(Client(destination, **options))
        return made[-1]

    yield make
    for each in made:
        each.close(0)


Call = Callable[..., None]


@pytest.fixture
def call() -> Call:
    """Make a call of a small WSGI app that *client* records, with this body in the answer."""

    def call(client: Client, path: str = "/", body: bytes = b"hello", *, status: int = 200) -> None:
        def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            start_response(f"{status} Said", [("Content-Type", "text/plain")])
            return [body]

        environ: dict[str, Any] = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
        try:
            assert b"".join(response) == body
        finally:
            getattr(response, "close", lambda: None)()

    return call


@pytest.fixture
def balanced() -> Callable[[Stats], bool]:
    """Say whether every captured event is in exactly one place."""

    def balanced(stats: Stats) -> bool:
        places = (stats.queued, stats.delivered, stats.spooled, stats.quarantined)
        return stats.captured == sum(places) + sum(stats.dropped.values()) and min(places) >= 0

    return balanced


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait, for what has no event of its own, until *condition* holds."""

    def until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "did not happen"
            time.sleep(0.005)

    return until


@dataclass(frozen=True)
class Finished:
    """How a process ended."""

    code: int
    stdout: str
    stderr: str
    seconds: float


Run = Callable[..., Finished]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a Python program in a process of its own and wait for its end, within bounds."""

    def run(program: str, *arguments: str, **environment: str) -> Finished:
        script = tmp_path / "program.py"
        script.write_text(PRELUDE + program)
        paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
        # A tracer has locks of its own, and these programs fork in the middle of everything.
        untraced = {name: each for name, each in os.environ.items() if "COVERAGE" not in name}
        began = time.monotonic()
        with subprocess.Popen(
            [sys.executable, "-W", FORKS_ON_PURPOSE, str(script), *arguments],
            cwd=tmp_path,
            env={**untraced, "PYTHONPATH": paths, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate(timeout=6 * PATIENCE)
            finally:
                with suppress(ProcessLookupError):  # what it forked must not outlive the test
                    os.killpg(process.pid, signal.SIGKILL)
        return Finished(process.returncode, stdout, stderr, time.monotonic() - began)

    return run


FORKS_ON_PURPOSE = "ignore:This process:DeprecationWarning"
"""Python 3.12 and newer warn of forks while threads run, which is what some programs are about."""

PRELUDE = '''
from __future__ import annotations

import os
import sys


def call(client, path="/"):
    """Make a call that *client* records."""
    from wsgiref.util import setup_testing_defaults

    from apilog.wsgi import ApiLogMiddleware

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    response = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    list(response)
    response.close()

'''


@pytest.fixture
def apilog_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Catch what any logger says, down to the level at which servers log."""
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """Return the fork server, from which real servers come fast."""
    from harness import lives

    with lives.forge() as forge:
        yield forge


@pytest.fixture
def stage(forge: Forge, tmp_path: Path) -> Iterator[Stage]:
    """Return a port, a sink and an oracle, for one scenario over many lives."""
    from harness.stage import stages

    with stages(forge) as new_stage:
        yield new_stage(tmp_path)

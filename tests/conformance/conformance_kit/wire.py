"""HTTP/1.1 by hand, and the processes that run real servers."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance_kit.observation import Observation
from conformance_kit.scenario import SERVERS, Scenario

PATIENCE_SECONDS = 20.0
KIT = Path(__file__).parent.parent

_DATE = re.compile(rb"(?im)^date: [^\r\n]*")


@dataclass
class Side:
    """One listening socket of a server."""

    port: int
    half_close: bool

    def connect(self) -> socket.socket:
        """Return a connection to it."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def call(self, request: bytes) -> bytes:
        """Send *request*, which asks to close, and return everything that comes back."""
        with self.connect() as connection:
            connection.sendall(request)
            if self.half_close:
                connection.shutdown(socket.SHUT_WR)
            return without_date(read_all(connection))


@dataclass
class Server:
    """A real server with all the apps that it can run."""

    name: str
    process: subprocess.Popen[bytes]
    sides: dict[str, tuple[Side, Side]]
    control: Side

    def ask(self, **question: Any) -> Any:
        """Ask the process about itself."""
        with self.control.connect() as connection:
            connection.sendall(json.dumps(question).encode() + b"\n")
            return json.loads(read_all(connection))

    def events(self, case: str, count: int = 1) -> list[Any]:
        """Return the events of *case*, waiting for *count* of them."""
        found: list[Any] = self.ask(
            ask="events", case=case, count=count, patience=PATIENCE_SECONDS / 2
        )
        return found


@contextmanager
def running(name: str, log: Path) -> Iterator[Server]:
    """Start the server called *name* on ports of its own for the length of a block."""
    with ExitStack() as stack:

        def listening() -> socket.socket:
            return stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))

        pairs = {mounting: (listening(), listening()) for mounting in SERVERS[name]}
        control = listening()
        descriptors = {
            mounting: [each.fileno() for each in pair] for mounting, pair in pairs.items()
        }
        path = os.pathsep.join(
            [str(KIT), *(str(Path(each).resolve()) for each in sys.path if each)]
        )
        errors = stack.enter_context(log.open("wb"))
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "conformance_kit.serve",
                name,
                json.dumps(descriptors),
                str(control.fileno()),
            ],
            env={**os.environ, "PYTHONPATH": path},
            cwd=log.parent,
            pass_fds=[*(each for pair in descriptors.values() for each in pair), control.fileno()],
            stdin=subprocess.PIPE,  # its end tells the server that nobody needs it any more
            stdout=errors,
            stderr=errors,
        )
        stack.enter_context(process)
        stack.callback(_end, process)
        half_close = name == "wsgiref"  # it hands the app its socket as it is, without an end
        sides = {
            mounting: tuple(Side(each.getsockname()[1], half_close) for each in pair)
            for mounting, pair in pairs.items()
        }
        yield Server(name, process, sides, Side(control.getsockname()[1], False))  # type: ignore[arg-type]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS / 4)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def new_case() -> str:
    """Return a name that no other call has."""
    return uuid.uuid4().hex


def head_of(scenario: Scenario, case: str, *more: tuple[str, str]) -> bytes:
    """Return the head of the scenario's request as it is on the wire."""
    request = scenario.request
    target = request.path + (f"?{request.query}" if request.query else "")
    lines = [*scenario.headers, ("X-Case", case), *more]
    if request.chunked:
        lines.append(("Transfer-Encoding", "chunked"))
    text = f"{request.verb} {target} HTTP/{request.version}\r\n"
    text += "".join(f"{name}: {value}\r\n" for name, value in lines)
    return text.encode("latin-1") + b"\r\n"


def request_of(scenario: Scenario, case: str, *, close: bool = True) -> bytes:
    """Return the scenario's request as it is on the wire."""
    head = head_of(scenario, case, *((("Connection", "close"),) if close else ()))
    if not scenario.request.chunked:
        return head + scenario.request.body
    pieces = [
        scenario.request.body[at : at + 1000] for at in range(0, len(scenario.request.body), 1000)
    ]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    pieces = []
    try:
        while piece := connection.recv(65_536):
            pieces.append(piece)
    except ConnectionResetError:
        pieces.append(b"<reset>")
    return b"".join(pieces)


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """Read until *mark* has come."""
    read = b""
    while mark not in read:
        piece = connection.recv(4096)
        assert piece, f"closed before {mark!r}: {read!r}"
        read += piece
    return read


def leave(connection: socket.socket) -> None:
    """Close at once, by a reset, as a client does that crashes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def without_date(response: bytes) -> bytes:
    """Return *response* without the one thing that differs from call to call."""
    return _DATE.sub(b"Date: now", response)


def observed(response: bytes) -> Observation:
    """Read a response as a client does."""
    seen = Observation()
    if not response:
        return seen  # some servers hang up on an exception
    head, _, rest = response.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [
        tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines
    ]
    seen.take_head(int(first.split()[1]), headers)  # type: ignore[arg-type]
    chunked = any(name.lower() == "transfer-encoding" for name, *_ in headers)
    seen.chunks = list(_dechunked(rest)) if chunked else [rest.removesuffix(b"<reset>")]
    return seen


def _dechunked(rest: bytes) -> Iterator[bytes]:
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return
        yield rest[:length]
        rest = rest[length + 2 :]


def time_to(connection: socket.socket, mark: bytes) -> float:
    """Return the seconds until *mark* has come."""
    began = time.perf_counter()
    read_until(connection, mark)
    return time.perf_counter() - began

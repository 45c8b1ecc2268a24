"""Load: as many calls as a server answers, from `wrk` if it is installed, else from here."""

from __future__ import annotations

import re
import selectors
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import NamedTuple

CONNECTIONS = 16


class Load(NamedTuple):
    """What a server answered."""

    requests: int
    seconds: float


class Request(NamedTuple):
    """What is sent, again and again."""

    method: str
    path: str
    content_type: str = ""
    body: bytes = b""


def applied(port: int, request: Request, seconds: int) -> Load:
    """Keep the server at *port* busy for so many seconds.

    Raises:
        SystemExit: it answered anything but 200.
    """
    return (_by_wrk if shutil.which("wrk") else _by_hand)(port, request, seconds)


def _by_wrk(port: int, request: Request, seconds: int) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "{request.method}"\n')
        if request.body:
            script.write(f'wrk.headers["Content-Type"] = "{request.content_type}"\n')
            script.write(f"wrk.body = [==[{request.body.decode()}]==]\n")
        script.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script.name]
        said = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{request.path}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 30,
        ).stdout
    found = re.search(r"(\d+) requests in ([\d.]+)s", said)
    if not found or "Non-2xx" in said:
        raise SystemExit(said)
    return Load(int(found[1]), float(found[2]))


@dataclass
class _Connection:
    """One keep-alive connection, with what has come of its answer."""

    socket: socket.socket
    answer: bytearray = field(default_factory=bytearray)

    def answered(self) -> bool:
        """Read on; say whether the answer is whole."""
        piece = self.socket.recv(65_536)
        self.answer += piece
        head, separator, body = self.answer.partition(b"\r\n\r\n")
        if not piece or (separator and not head.startswith(b"HTTP/1.1 200")):
            raise SystemExit(f"no answer: {bytes(head)!r}")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        whole = bool(separator) and length is not None and len(body) >= int(length[1])
        if whole:
            self.answer.clear()
        return whole


def _by_hand(port: int, request: Request, seconds: int) -> Load:
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if request.body:
        lines.append(f"Content-Type: {request.content_type}")
        lines.append(f"Content-Length: {len(request.body)}")
    text = "\r\n".join([*lines, "", ""]).encode() + request.body
    requests, began = 0, time.monotonic()
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            each = _Connection(socket.create_connection(("127.0.0.1", port), 10))
            selector.register(each.socket, selectors.EVENT_READ, each)
            each.socket.sendall(text)
        while time.monotonic() - began < seconds:
            for key, _ in selector.select(1):
                if key.data.answered():
                    requests += 1
                    key.data.socket.sendall(text)
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return Load(requests, time.monotonic() - began)


def until_it_answers(port: int, seconds: float) -> None:
    """Wait until a server answers at *port*.

    Raises:
        SystemExit: it does not within *seconds*.
    """
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.settimeout(2)
                connection.sendall(b"GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if connection.recv(65_536).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nobody answers at port {port}")

"""Where bytes go that leave: a socket, a file, a terminal, logs; every one of them is kept."""

from __future__ import annotations

import logging
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import StringIO

_ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


class Recorder:
    """An HTTP endpoint that keeps every byte it receives and is content with everything."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._received: list[bytes] = []
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def received(self) -> bytes:
        """Everything so far, as it was on the wire."""
        return b"".join(self._received)

    def close(self) -> None:
        """Stop listening and reading."""
        for each in (self._listener, *self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        unread = b""
        with suppress(OSError):
            while data := connection.recv(65_536):
                self._received.append(data)
                unread += data
                while (end := _end_of_request(unread)) is not None:
                    unread = unread[end:]
                    connection.sendall(_ANSWER)


def _end_of_request(data: bytes) -> int | None:
    head, divider, _ = data.partition(b"\r\n\r\n")
    if not divider:
        return None
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            end = len(head) + 4 + int(value)
            return end if len(data) >= end else None
    return len(head) + 4


@contextmanager
def recorder() -> Iterator[Recorder]:
    """Give a recorder that ends with the block."""
    recording = Recorder()
    try:
        yield recording
    finally:
        recording.close()


APPS_OWN = ("django.request", "django.server", "asyncio")
"""Loggers in which the framework writes the app's own exceptions: not what apilog lets out."""


@contextmanager
def told() -> Iterator[dict[str, StringIO]]:
    """Keep what is logged at any level, printed and warned of inside of the block."""
    kept = {"the log": StringIO(), "standard output": StringIO(), "standard error": StringIO()}
    kept["warnings"] = StringIO()
    handler = logging.StreamHandler(kept["the log"])
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(args)s"))
    root = logging.getLogger()
    level = root.level
    silenced = [each for each in map(logging.getLogger, APPS_OWN) if not each.disabled]
    for each in silenced:
        each.disabled = True
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with (
            redirect_stdout(kept["standard output"]),
            redirect_stderr(kept["standard error"]),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("always")
            yield kept
            kept["warnings"].write("\n".join(str(each.message) for each in warned))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        for each in silenced:
            each.disabled = False

"""Clients: threads that call and call, one id each time, and tell the oracle what they saw."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from harness.oracle import Oracle
from harness.payload import ID_HEADER, PROCESS_HEADER, answer_of, path_of, question_of

PATIENCE = 30.0
"""Seconds that a client waits for an answer; servers that are killed end the wait earlier."""


class Browser:
    """One connection at a time to a port, by hand: every byte of an answer has its moment."""

    def __init__(self, port: int, oracle: Oracle) -> None:
        self._port = port
        self._oracle = oracle
        self._socket: socket.socket | None = None
        self._unread = b""

    def call(self, claim: int, query: str = "") -> None:
        """Make the call for *claim*; OSError if the answer did not come to its end."""
        body = question_of(claim)
        head = (
            f"POST {path_of(claim)}{query} HTTP/1.1\r\nHost: shop.example\r\n"
            f"{ID_HEADER}: {claim}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with self._whole_or_closed():
            self._send(head.encode() + body)
            status, body, process = self._read(claim)
            self._oracle.responded(claim, (status, body) == (200, answer_of(claim)), process)

    def ask(self, path: str) -> Any:
        """Return what the door at *path* says, with the number of the process that said it."""
        with self._whole_or_closed():
            self._send(f"GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode())
            return json.loads(self._read(None)[1])

    def close(self) -> None:
        """Close the connection; from another thread it ends a wait."""
        made, self._socket, self._unread = self._socket, None, b""
        if made is not None:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()

    def _whole_or_closed(self) -> _ClosedOnError:
        return _ClosedOnError(self)

    def _send(self, data: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)

    def _read(self, claim: int | None) -> tuple[int, bytes, int]:
        """Read an answer to its last byte; the first one is news of its own.

        Return its status, its body and the process that gave it.
        """
        self._receive()
        if claim is not None:
            self._oracle.begun(claim)
        head = self._until(b"\r\n\r\n").decode("latin-1").lower()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        if "content-length" in fields:
            body = self._exactly(int(fields["content-length"]))
        elif fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self._exactly(size + 2)[:-2]
            self._exactly(2)
        else:
            raise ConnectionError("no end of the answer can be known")
        if fields.get("connection") == "close":
            self.close()
        return int(head.split(" ", 2)[1]), body, int(fields.get(PROCESS_HEADER.lower(), "0"))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._unread:
            self._receive()
        found, _, self._unread = self._unread.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._receive()
        found, self._unread = self._unread[:size], self._unread[size:]
        return found

    def _receive(self) -> None:
        if self._socket is None:
            raise ConnectionError("closed by another thread")
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the server left")
        self._unread += data


class _ClosedOnError:
    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._browser.close()


class Load:
    """Threads that call until the end of a block, *rate* times a second in all, or all they can."""

    def __init__(
        self, port: int, oracle: Oracle, *, threads: int = 4, rate: float | None = None
    ) -> None:
        self._oracle = oracle
        self._over = threading.Event()
        self._interval = threads / rate if rate else 0.0
        self._browsers = [Browser(port, oracle) for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._run, args=(browser, number / threads), daemon=True)
            for number, browser in enumerate(self._browsers)
        ]
        self.cut_off = 0
        """Calls that had no whole answer, because their server was killed."""

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Let every call under way come to its end, within bounds, and make no more."""
        self._over.set()
        end = time.monotonic() + 5.0
        for thread, browser in zip(self._threads, self._browsers, strict=True):
            thread.join(max(0.0, end - time.monotonic()))
            browser.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _run(self, browser: Browser, phase: float) -> None:
        due = time.monotonic() + phase * self._interval
        while not self._over.wait(max(0.0, due - time.monotonic()) if self._interval else 0):
            due = max(due + self._interval, time.monotonic() - self._interval)
            try:
                browser.call(self._oracle.claim())
            except OSError:
                self.cut_off += 1

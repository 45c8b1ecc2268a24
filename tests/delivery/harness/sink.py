"""The sink: a server for event batches, one thread a connection, that can be made to misbehave."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

LONGEST_HANG = 60.0
"""Seconds after which even a fault gives up, so that no thread outlives its test for long."""


@dataclass(frozen=True)
class Post:
    """A request that was read to its end."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    """When it was read, on the monotonic clock."""

    @property
    def text(self) -> bytes:
        gzipped = self.headers.get("content-encoding") == "gzip"
        return gzip.decompress(self.body) if gzipped else self.body

    @property
    def document(self) -> Any:
        return json.loads(self.text)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in it; a report of losses has none."""
        return list(self.document) if self.path.endswith("/events/batch") else []


class Wire:
    """One connection, as a fault may treat it."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self._unread = b""

    def wait_for_more(self) -> bool:
        """Wait for the next request; say whether there is one."""
        return bool(self._unread) or bool(self.peer.recv(1, socket.MSG_PEEK))

    def read(self, *, half: bool = False) -> Post:
        """Read a request to its end, or to the middle of its body."""
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, rest = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length", "0"))
        wanted = length // 2 if half else length
        while len(rest) < wanted:
            self._receive()
            rest = self._unread.partition(b"\r\n\r\n")[2]
        self._unread = rest[length:]
        return Post(first.split(" ")[1], headers, rest[:length], time.monotonic())

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send a whole answer; ``Retry_After="1"`` is the header ``Retry-After: 1``."""
        lines = {"Content-Length": str(len(body)), **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        self.peer.sendall(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + body)

    def reset(self) -> None:
        """Close so that the peer sees a reset, not an end."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    def _receive(self) -> None:
        data = self.peer.recv(65_536)
        if not data:
            raise ConnectionError("the client left")
        self._unread += data


Fault = Callable[["Sink", Wire], bool]
"""Handle one request; return whether the connection goes on. Ends quietly with an OSError."""


class Sink:
    """Store batches with *receive*, then acknowledge them; or play the fault that is set."""

    def __init__(self, receive: Callable[[Sequence[dict[str, Any]]], None]) -> None:
        self.receive = receive
        self.posts: list[Post] = []
        """Every request that was read, without its body: long runs have many."""
        self.faulted: Counter[str] = Counter()
        """How often each fault struck, by its name."""
        self.connections = 0
        self.losses: dict[str, dict[str, int]] = {}
        """What every process last reported as lost, by reason."""
        self.stored = 0
        """How many batches were stored and acknowledged."""
        self._changed = threading.Condition()
        self._fault: Fault | None = None
        self._left = 0
        self._healthy = threading.Event()
        self._healthy.set()
        self._wires: set[Wire] = set()
        # Held for good without listening, so that the port stays ours while we refuse.
        self._reserved = _reusable(0)
        self.port: int = self._reserved.getsockname()[1]
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Take connections, on the port that this sink always has."""
        if self._listener is None:
            self._listener = _reusable(self.port)
            self._listener.listen(128)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Take no connections any more, and reset those that are there."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._break_off()

    def misbehave(self, fault: Fault, *, times: int = 1_000_000_000) -> None:
        """Play *fault* for so many requests, or until `behave`."""
        with self._changed:
            self._healthy.clear()
            self._fault, self._left = fault, times

    def behave(self) -> None:
        """End every fault, also one that is under way: hangs end without an answer."""
        with self._changed:
            self._fault, self._left = None, 0
            self._healthy.set()
        self.listen()

    def is_healthy_within(self, seconds: float = LONGEST_HANG) -> bool:
        """Wait for the end of the fault, at most so long; for the faults to call."""
        return self._healthy.wait(seconds)

    def struck(self, name: str) -> None:
        """Count one stroke of the fault called *name*; for the faults to call."""
        with self._changed:
            self.faulted[name] += 1
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Say whether *condition* holds within *timeout* seconds."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def is_quiet_for(self, seconds: float, timeout: float) -> bool:
        """Say whether within *timeout* there is a time of so many *seconds* without a post."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            before = len(self.posts)
            if not self.wait_for(lambda known=before: len(self.posts) > known, seconds):
                return True
        return False

    def read(self, wire: Wire) -> Post:
        """Read a request and keep it; for the faults to call."""
        post = wire.read()
        with self._changed:
            self.posts.append(replace(post, body=b""))
            self._changed.notify_all()
        return post

    def store(self, post: Post) -> None:
        """Keep what *post* brings; for the faults to call."""
        if post.path.endswith("/losses"):
            account = post.document
            with self._changed:
                self.losses[account["sender"]] = account["dropped"]
        else:
            self.receive(post.events)

    def accept(self, wire: Wire, post: Post) -> bool:
        """Store a batch, then acknowledge it."""
        self.store(post)
        wire.answer(201)
        with self._changed:
            self.stored += 1
            self._changed.notify_all()
        return True

    def close(self) -> None:
        """End everything."""
        self.behave()
        self.refuse()
        self._reserved.close()

    def _break_off(self) -> None:
        for wire in list(self._wires):
            with suppress(OSError):
                wire.peer.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(Wire(peer),), daemon=True).start()

    def _serve(self, wire: Wire) -> None:
        self._wires.add(wire)
        try:
            with wire.peer, suppress(OSError):
                while wire.wait_for_more() and self._handle(wire):
                    pass
        finally:
            self._wires.discard(wire)

    def _handle(self, wire: Wire) -> bool:
        with self._changed:
            fault = self._fault if self._left else None
            self._left -= fault is not None
        return self.accept(wire, self.read(wire)) if fault is None else fault(self, wire)


@contextmanager
def sinks() -> Iterator[Callable[..., Sink]]:
    """Give a function that makes sinks, which end with the block."""
    with ExitStack() as stack:

        def new_sink(receive: Callable[[Sequence[dict[str, Any]]], None]) -> Sink:
            sink = Sink(receive)
            stack.callback(sink.close)
            sink.listen()
            return sink

        yield new_sink


def _reusable(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made

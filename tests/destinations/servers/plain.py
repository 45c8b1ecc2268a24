"""What the servers share: HTTP/1.1 with kept-alive connections, a memory, and prepared answers."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from http_kit import Handler, Listener, serving

PATIENCE = 30.0
"""Seconds after which a wait is a failure."""


@dataclass(frozen=True)
class Asked:
    """A request that was read to its end; names of headers are in lower case."""

    verb: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer; a *document* goes out as JSON."""

    status: int
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def content(self) -> bytes:
        return self.body if self.document is None else json.dumps(self.document).encode()


class Server:
    """Answer each request with what `answer` says, or with a reply that was prepared for it."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.prepared: deque[Reply] = deque()
        """Answers to the next requests, which then reach nothing else."""
        self.lock = threading.Lock()
        self.url = ""

    def answer(self, asked: Asked) -> Reply:
        """Do what the real system does."""
        raise NotImplementedError

    def handle(self, asked: Asked) -> Reply:
        with self.lock:
            self.requests.append(asked)
            if self.prepared:
                return self.prepared.popleft()
            return self.answer(asked)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen on a port of our own for the length of the block."""
        with serving(Listener(_handler(self.handle))) as server:
            self.url = server.url
            yield


def _handler(handle: Callable[[Asked], Reply]) -> type[Handler]:
    class Answering(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = handle(Asked(self.command, self.path, headers, body))
            content = reply.content
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if content and self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_OPTIONS = do_POST

    return Answering

"""A server that remembers what it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from http_kit import Handler, Listener, serving


@dataclass
class Received:
    """A request as it came in."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Echo:
    """A server that remembers what it was sent, and answers what it is told to."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    status: int = 200
    content: bytes = b"{}"
    content_type: str = "application/json"

    def take(self) -> Received:
        assert len(self.received) == 1, self.received
        return self.received.pop()


@contextmanager
def echoing() -> Iterator[Echo]:
    """Run such a server on a free port."""
    told = Echo()

    class Answering(Handler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            lines = [(name, value) for name, value in self.headers.items()]
            target = self.requestline.split(" ")[1]
            told.received.append(Received(self.command, target, lines, body))
            self.send_response(told.status)
            self.send_header("Content-Type", told.content_type)
            self.send_header("Content-Length", str(len(told.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(told.content)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._take
            raise AttributeError(name)

    with serving(Listener(Answering)) as server:
        told.port = server.server_port
        yield told

"""A host that is not ours, to which nothing may come: the browser finds it at `NAME`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from http_kit import Handler, Listener, serving

NAME = "evil.example"


@dataclass
class Evil:
    """What came to it."""

    port: int = 0
    paths: list[str] = field(default_factory=list)

    def taken(self) -> list[str]:
        """Return what came since the last time."""
        paths, self.paths = self.paths, []
        return paths


@contextmanager
def listening() -> Iterator[Evil]:
    """Take requests for the length of a ``with`` block."""
    evil = Evil()

    class Answering(Handler):
        def do_GET(self) -> None:
            evil.paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

    with serving(Listener(Answering)) as server:
        evil.port = server.server_port
        yield evil

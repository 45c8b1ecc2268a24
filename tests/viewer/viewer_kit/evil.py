"""A host that is not ours, to which nothing may come: the browser finds it at `NAME`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            evil.paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    evil.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield evil
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

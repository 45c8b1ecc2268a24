"""An HTTP server of a test, on a port of its own for the length of a ``with`` block."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

HALF_A_MINUTE = 30


class Handler(BaseHTTPRequestHandler):
    """Keeps connections alive, and no log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None: ...


class Listener(ThreadingHTTPServer):
    """A server that a client may leave before it has its answer.

    The standard library's prints a traceback then, at a time when another test may be reading what
    is printed.
    """

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


AnyListener = TypeVar("AnyListener", bound=Listener)


@contextmanager
def serving(server: AnyListener) -> Iterator[AnyListener]:
    """Let *server* serve until the block ends."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(HALF_A_MINUTE)

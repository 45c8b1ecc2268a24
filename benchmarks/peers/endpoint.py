"""One endpoint for a side: it takes everything, and counts only when it is asked.

Nothing is decoded while calls are measured: a busy endpoint would take time from the other core.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import sink
from counting import Count, counted


class Endpoint(sink.Server):
    """Keep what is posted until it is counted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), sink.Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._waiting: list[tuple[bytes, bytes, bytes]] = []
        self._count = Count()

    def take(self, path: bytes, coding: bytes, body: bytes) -> None:
        """Keep *body*."""
        if body:
            self._waiting.append((path, coding, body))

    def count(self) -> Count:
        """Return what has arrived until now."""
        while self._waiting:
            path, coding, body = self._waiting.pop()
            self._count = self._count.plus(counted(path.decode(), coding.decode(), body))
        return self._count


@contextmanager
def running() -> Iterator[Endpoint]:
    """Run an endpoint in a thread of this process."""
    with Endpoint() as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield endpoint
        finally:
            endpoint.shutdown()
            thread.join(5)

"""The five systems side by side: a strict server of each, its destination, and its keys."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from servers import logimoni, swetrix, umami
from servers.collect_event import CollectEvent as CollectEventServer
from servers.logimoni import Logimoni as LogimoniServer
from servers.moesif import Moesif as MoesifServer
from servers.plain import Server
from servers.swetrix import Swetrix as SwetrixServer
from servers.umami import Umami as UmamiServer

from apilog.destinations import CollectEvent, Logimoni, Moesif, Swetrix, Umami

APPLICATION = "eyJhcHAiOiIxOTg6MTI0Iiwib3JnIjoiODg6MjEwIn0.an-application-id"
CLIENT = "5f92a62013332e0f667794dc"
PATIENCE = 20.0
"""Seconds after which a wait is a failure."""


@dataclass(frozen=True)
class System:
    """One of the five."""

    serve: Callable[[], Any]
    """Makes its server."""
    destination: Callable[..., Any]
    """Makes its destination of a base URL and options."""
    keys: tuple[str, ...]
    stored: Callable[[Any], int]
    """Counts the calls that a server has stored."""
    forwards: bool = True
    """Whether it can be told of the client."""

    def made(self, url: str, **options: Any) -> Any:
        """Return a destination that tells all it can of the client."""
        everything: dict[str, Any] = {}
        if self.forwards:
            everything = {"forward_client_ip": "full", "forward_user_agent": True}
        return self.destination(url, **everything, **options)


def _moesif(url: str, **options: Any) -> Moesif:
    return Moesif(APPLICATION, base_url=url, remote_sampling=False, **options)


def _umami(url: str, **options: Any) -> Umami:
    return Umami(umami.WEBSITE, base_url=url, **options)


def _swetrix(url: str, **options: Any) -> Swetrix:
    return Swetrix(swetrix.PROJECT, base_url=url, **options)


def _logimoni(url: str, **options: Any) -> Logimoni:
    keys = (logimoni.USER_KEY, logimoni.PROJECT_KEY)
    return Logimoni(*keys, category="Calls", base_url=url, **options)


def _collect_event(url: str, **options: Any) -> CollectEvent:
    return CollectEvent(url, event_type="VIEW", constants={"clientId": CLIENT}, **options)


SYSTEMS: Mapping[str, System] = {
    "Moesif": System(
        MoesifServer, _moesif, (APPLICATION,), lambda server: len(server.events), forwards=False
    ),
    "Umami": System(UmamiServer, _umami, (umami.WEBSITE,), lambda server: len(server.stored)),
    "Swetrix": System(
        SwetrixServer, _swetrix, (swetrix.PROJECT,), lambda server: len(server.stored_as("custom"))
    ),
    "Logimoni": System(
        LogimoniServer,
        _logimoni,
        (logimoni.USER_KEY, logimoni.PROJECT_KEY),
        lambda server: len(server.stored),
        forwards=False,
    ),
    "CollectEvent": System(
        CollectEventServer, _collect_event, (CLIENT,), lambda server: len(server.stored)
    ),
}


def said(server: Server) -> bytes:
    """Return all that *server* was told, headers and bodies, uncompressed."""
    pieces: list[bytes] = []
    for asked in server.requests:
        is_packed = asked.headers.get("content-encoding") == "gzip"
        lines = "\n".join(f"{name}: {value}" for name, value in asked.headers.items())
        pieces += [lines.encode(), gzip.decompress(asked.body) if is_packed else asked.body]
    return b"\n".join(pieces)


class BlackHole:
    """A port that takes requests and never answers; each stays open until the end."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.was_asked = threading.Event()
        """Whether a request has begun to arrive."""
        self._held: list[socket.socket] = []

    def listen(self) -> None:
        """Take one connection after the other, until the port is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._held.append(connection)
                if connection.recv(1):
                    self.was_asked.set()

    def close(self) -> None:
        """Let go of everybody."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._held:
            each.close()


@contextmanager
def black_hole() -> Iterator[BlackHole]:
    """Run one for the length of the block."""
    hole = BlackHole()
    thread = threading.Thread(target=hole.listen, daemon=True)
    thread.start()
    try:
        yield hole
    finally:
        hole.close()
        thread.join(PATIENCE)

"""Running the collector: its socket, its signals, and uvicorn kept quiet."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
import sys
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, cast

import uvicorn

from apilog.collector.connections import KEEP_ALIVE_SECONDS, BoundedProtocol
from apilog.collector.guard import MAX_HEADER_BYTES
from apilog.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from apilog.collector.app import App

HANDSHAKE_SECONDS: Final = 10.0
"""How long a TLS handshake may take: until it is done the connection is not counted."""

GRACE_SECONDS: Final = 5
"""How long a stop waits for requests that are still coming in."""

SWITCH_SECONDS: Final = 0.0005
"""After which a thread lets others have the interpreter."""

GARBAGE_THRESHOLDS: Final = (20_000, 20, 20)
"""New objects, and young collections, after which Python looks for cycles."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: the certificate with its chain, and its key, None if both are in one."""

    certificate: str
    key: str | None


def listening_socket(host: str, port: int) -> socket.socket:
    """Bind *host* and *port* (0 for a free one) and listen.

    Raises:
        ConfigError: that is impossible.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:  # the latter for a name that cannot be one
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot listen on {host}, port {port}: {reason}") from error


def is_loopback(listener: socket.socket) -> bool:
    """Tell whether only this machine can reach *listener*."""
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def configured(
    app: App,
    *,
    certificate: Certificate | None = None,
    protocol: type[BoundedProtocol] = BoundedProtocol,
) -> uvicorn.Config:
    """Return how uvicorn serves *app*: quietly, within bounds, and as nobody's proxy.

    Raises:
        ConfigError: the certificate cannot be used.
    """
    config = uvicorn.Config(
        app,
        loop="asyncio",  # nothing is looked for, and everybody has the same
        http=protocol,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        access_log=False,
        log_config=None,
        log_level="critical",
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"the certificate cannot be used: {reason}") from error
    if isinstance(config.ssl, ssl.SSLContext):
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def run(
    app: App,
    *listeners: socket.socket,
    certificate: Certificate | None = None,
    ready: Callable[[], None],
) -> None:
    """Serve *app* on *listeners* until SIGINT or SIGTERM; call *ready* once it accepts.

    Only in the main thread, where Python allows signal handlers. A unix socket has no TLS.

    Raises:
        ConfigError: the certificate cannot be used.
    """
    _tune()
    config = configured(app, certificate=certificate)
    server = Server(config, stop=app.stop, ready=ready)

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn raises each signal again for whoever handled it before. That is us: a stop that
    # was asked for is a success, not a death by signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=list(listeners))


def _tune() -> None:
    """Have Python serve many calls: the process is ours alone."""
    # The thread that writes, and the one that answers, wait for the one that decodes.
    sys.setswitchinterval(SWITCH_SECONDS)
    # A batch is tens of thousands of objects, none of them in a cycle.
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


class Server(uvicorn.Server):
    """A server that says when it accepts connections, and ends its streams before it waits."""

    handshake_seconds = HANDSHAKE_SECONDS

    def __init__(
        self, config: uvicorn.Config, *, stop: Callable[[], None], ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._stop = stop
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, and say so.

        The sockets are not given to uvicorn, which lets a TLS handshake take a minute.
        """
        await super().startup([])
        config = self.config
        protocol: Callable[[], asyncio.Protocol] = partial(
            cast("type[BoundedProtocol]", config.http_protocol_class),
            config=config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for each in sockets or []:
            self.servers.append(await self._listening(each, protocol))
        self._ready()

    async def _listening(
        self, listener: socket.socket, protocol: Callable[[], asyncio.Protocol]
    ) -> asyncio.Server:
        loop, config = asyncio.get_running_loop(), self.config
        if listener.family not in (socket.AF_INET, socket.AF_INET6):
            return await loop.create_unix_server(protocol, sock=listener, backlog=config.backlog)
        # What it accepts inherits this. asyncio sees to it only where it made the socket: an
        # answer in two pieces would wait for the client's delayed acknowledgement, 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return await loop.create_server(
            protocol,
            sock=listener,
            backlog=config.backlog,
            ssl=config.ssl,
            ssl_handshake_timeout=self.handshake_seconds if config.ssl else None,
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what has no end of its own, and then wait for the rest."""
        self._stop()
        await super().shutdown(sockets)

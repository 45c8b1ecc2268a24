"""Running the collector: its socket, its signals, and uvicorn kept quiet."""

from __future__ import annotations

import signal
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import uvicorn

from apilog.collector.app import create_app
from apilog.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from apilog.collector.store import Store

GRACE_SECONDS: Final = 5
"""How long a stop waits for requests that are still coming in."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Bind *host* and *port* (0 for a free one) and listen.

    Raises ConfigError when that is impossible, and when *host* is not this machine's
    loopback: the viewer asks nobody for a token, so nobody else may reach it.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not ip_address(address[0]).is_loopback:
            raise ConfigError(
                f"--host {host}: only a loopback address such as 127.0.0.1 is allowed, "
                "because the viewer has no access token yet"
            )
        return socket.create_server((address[0], port), family=family)
    except (OSError, UnicodeError) as error:  # the latter for a name that cannot be one
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot listen on {host}, port {port}: {reason}") from error


def run(store: Store, listener: socket.socket, *, host: str, ready: Callable[[], None]) -> None:
    """Serve *store* on *listener* until SIGINT or SIGTERM; call *ready* once it accepts.

    Only in the main thread, where Python allows signal handlers.
    """
    config = uvicorn.Config(
        create_app(store, host=host),
        access_log=False,
        log_config=None,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, ready=ready)

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn raises each signal again for whoever handled it before. That is us: a stop that
    # was asked for is a success, not a death by signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that says when it accepts connections."""

    def __init__(self, config: uvicorn.Config, *, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

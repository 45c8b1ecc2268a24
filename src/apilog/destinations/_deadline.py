"""A deadline for a whole exchange over HTTP, where timeouts only bound each wait for a byte."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

_PIECE = 65_536
"""Bytes written between two looks at the clock."""

_SMALL = 16_384
"""Bytes that are worth a copy: head and body go out together, in one system call and one packet."""


class HandshakeTimeout(httpcore.ConnectTimeout):
    """Report a peer that was reached, but did not finish the TLS handshake in time."""


class Deadline(threading.local):
    """The end of all waiting of one transport, moved by `set` for each request; one a thread.

    It also sees what the library does not tell: whether a request needed a new connection, and
    whether a byte of an answer came.
    """

    def __init__(self) -> None:
        self._end = float("inf")
        self.connected = False
        self.answered = False

    def set(self, seconds: float) -> None:
        """Let *seconds* pass from now at most, for a request that now begins."""
        self._end = time.monotonic() + seconds
        self.connected = self.answered = False

    def left(self, timeout: float | None) -> float:
        """Return the seconds that a single wait may take.

        Raises:
            httpcore.ReadTimeout: the time is over.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole exchange took too long")
        return left if timeout is None else min(left, timeout)

    def guard(self, transport: httpx.HTTPTransport) -> bool:
        """Bound all waits of *transport*; say whether that was possible.

        httpx has no parameter for httpcore's network backend. Where a release hides it elsewhere,
        each wait keeps its own timeout, and only an endpoint that trickles can take longer.
        """
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if not isinstance(backend, httpcore.NetworkBackend):
            return False
        pool._network_backend = _Backend(backend, self)  # type: ignore[union-attr]  # noqa: SLF001
        return True


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, deadline: Deadline) -> None:
        self._backend = backend
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self._deadline.connected = True
        trouble: httpcore.NetworkError | httpcore.TimeoutException
        trouble = httpcore.ConnectError("the name has no address")
        for address in _addresses(host, port):
            try:
                stream = self._backend.connect_tcp(
                    address, port, self._deadline.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
            else:
                return _Stream(stream, self._deadline)
        raise trouble


def _addresses(host: str, port: int) -> list[str]:
    """Return the addresses of *host*: the clock is looked at between them, and after the resolver.

    Python cannot interrupt the resolver; its own patience bounds it (resolv.conf: ``timeout`` times
    ``attempts`` times the name servers, 10 seconds each by default).

    Raises:
        httpcore.ConnectError: there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError("the name was not resolved") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline
        self._held = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._let_go(timeout)
        data = self._stream.read(max_bytes, self._deadline.left(timeout))
        self._deadline.answered |= bool(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer*; a small one waits for the next, or for the empty one at the end."""
        if buffer and len(self._held) + len(buffer) <= _SMALL:
            self._held += buffer
            return
        self._let_go(timeout)
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], self._deadline.left(timeout))

    def _let_go(self, timeout: float | None) -> None:
        held, self._held = self._held, b""
        if held:
            self._stream.write(held, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        self._let_go(timeout)
        timeout = self._deadline.left(timeout)
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore.ConnectTimeout as error:
            raise HandshakeTimeout("TLS handshake") from error
        return _Stream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

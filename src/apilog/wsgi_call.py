"""One call of a WSGI app on its way: its input copied, its head taken, its end handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias

from apilog.capture import Exchange
from apilog.client import Client
from apilog.framing import announced_length
from apilog.headers import Headers, by_name, content_length
from apilog.hooks import ResponseHead
from apilog.wsgi_input import InputTee
from apilog.wsgi_response import (
    EarlyResponseTee,
    EarlySizedResponseTee,
    ResponseTee,
    SizedResponseTee,
)

Environ: TypeAlias = "dict[str, Any]"
StartResponse: TypeAlias = "Callable[..., Callable[[bytes], object]]"

EXCHANGE = "apilog.exchange"
"""Key of the environ under which framework integrations find the exchange."""


class Recorder(Protocol):
    """The middleware that a call comes through."""

    client: Client

    def request(self, environ: Environ) -> object:
        """Return the request as hooks see it."""


class Call:
    """What the pieces of one call share."""

    __slots__ = ("_client", "_environ", "_recorder", "_start_response", "exchange")

    def __init__(
        self,
        recorder: Recorder,
        exchange: Exchange,
        environ: Environ,
        start_response: StartResponse,
    ) -> None:
        self._recorder = recorder
        self._client = client = recorder.client
        self._environ = environ
        self._start_response = start_response
        self.exchange = exchange
        environ[EXCHANGE] = exchange
        header = client.transaction_header
        if header is not None:
            environ["HTTP_" + header.upper().replace("-", "_")] = exchange.transaction_id
        stream = environ.get("wsgi.input")
        if stream is not None:
            environ["wsgi.input"] = InputTee(stream, exchange)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *exc_info: Any, **keywords: Any
    ) -> Callable[[bytes], object]:
        """Take the head on its way, and return a `write` that takes the body on its way."""
        header = self._client.transaction_header
        if header is not None:
            headers = _with(headers, header, str(self.exchange.transaction_id))
        write = self._start_response(status, headers, *exc_info, **keywords)
        code = status[:3]
        self.exchange.respond(int(code) if code.isdecimal() else 0, list(headers))
        return self._copying(write)

    def tee(self, response: Iterable[bytes]) -> ResponseTee:
        """Return what stands in for *response* on its way to the server."""
        return (SizedResponseTee if hasattr(response, "__len__") else ResponseTee)(self, response)

    def fail(self, error: BaseException) -> None:
        """Take an exception on its way; the server still answers if nothing was sent."""
        self.exchange.fail(error, head_sent=self.exchange.ttfb is not None)

    def end(self, *, ask: bool = True) -> None:
        """Ask the hooks that nobody asked yet, where they may be asked; hand the exchange over."""
        exchange = self.exchange
        if exchange.submitted:
            return
        if not exchange.complete and exchange.exception is None:
            if self._is_all_sent():
                exchange.finish()
            else:
                exchange.abort()
        hooks = self._client.hooks
        if ask and hooks and not exchange.asked:
            with self._client.shielded("capture_failed", "the hooks of a call were not asked"):
                head = ResponseHead(exchange.status or 0, Headers(exchange.response_lines()))
                hooks.ask(exchange, self._recorder.request(self._environ), head)
        hooks.forgo(exchange)
        self._client.submit(exchange)

    def _copying(self, write: Callable[[bytes], object]) -> Callable[[bytes], object]:
        def write_and_copy(data: bytes) -> object:
            result = write(data)
            self.exchange.body_sent(data)
            return result

        return write_and_copy

    def _is_all_sent(self) -> bool:
        """Say whether the body is complete although the server never asked for its end."""
        exchange = self.exchange
        if exchange.status is None:
            return False
        length = content_length(by_name(exchange.response_lines()))
        return length is not None and exchange.response_body.size >= length


class EarlyCall(Call):
    """A call whose exchange is handed over before the server has the last byte of the answer.

    Whoever kills the process as soon as the client has its answer then finds the exchange on the
    disk. The price: what happens after the last byte (the app's ``close()``, a client that left) is
    not told any more, and of a response whose client gets no body (HEAD, 204, 304) no body is.
    """

    __slots__ = ("_length", "_verb")

    def __init__(
        self,
        recorder: Recorder,
        exchange: Exchange,
        environ: Environ,
        start_response: StartResponse,
    ) -> None:
        super().__init__(recorder, exchange, environ, start_response)
        self._verb = environ.get("REQUEST_METHOD", "GET")
        self._length: int | None = None

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *exc_info: Any, **keywords: Any
    ) -> Callable[[bytes], object]:
        """Take the head on its way, and see where the response will end for the client."""
        write = super().start_response(status, headers, *exc_info, **keywords)
        with self._client.shielded("capture_failed", "the length of a response was not read"):
            exchange = self.exchange
            self._length = announced_length(
                self._verb, exchange.status or 0, exchange.response_lines()
            )
        return write

    def tee(self, response: Iterable[bytes]) -> ResponseTee:
        """Return what stands in for *response* on its way to the server."""
        is_sized = hasattr(response, "__len__")
        return (EarlySizedResponseTee if is_sized else EarlyResponseTee)(self, response)

    def take(self, chunk: bytes, *, is_only: bool = False) -> None:
        """Copy *chunk*, which is handed on next, and settle if the client waits for no more."""
        exchange = self.exchange
        if exchange.submitted:
            return
        if chunk and self._length != 0:
            exchange.body_sent(chunk)
        if is_only or (self._length is not None and exchange.response_body.size >= self._length):
            self.settle()

    def settle(self) -> None:
        """Hand the exchange over as a complete one."""
        self.exchange.finish()
        self.end()

    def fail(self, error: BaseException) -> None:
        """Take an exception on its way; the server's own answer to it may be the last byte."""
        if not self.exchange.submitted:
            super().fail(error)
            self.end()

    def _copying(self, write: Callable[[bytes], object]) -> Callable[[bytes], object]:
        def copy_and_write(data: bytes) -> object:
            self.take(data)
            return write(data)

        return copy_and_write


def _with(headers: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    return [each for each in headers if each[0].lower() != name.lower()] + [(name, value)]

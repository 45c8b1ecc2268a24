"""One call of an ASGI app on its way: what it receives and what it sends, copied as it passes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias

from apilog.capture import Exchange
from apilog.client import Client
from apilog.framing import announced_length
from apilog.headers import Headers
from apilog.hooks import ResponseHead

Scope: TypeAlias = "MutableMapping[str, Any]"
Message: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[Message]]"
Send: TypeAlias = "Callable[[Message], Awaitable[None]]"

_FILES = frozenset({"http.response.pathsend", "http.response.zerocopysend"})


class Recorder(Protocol):
    """The middleware that a call comes through."""

    client: Client

    def request(self, scope: Scope) -> object:
        """Return the request as hooks see it."""

    def describe(self, exchange: Exchange, scope: Scope) -> None:
        """Put route and view into *exchange*."""


class Call:
    """One call on its way: a `receive` and a `send` that copy what passes."""

    __slots__ = ("_client", "_exchange", "_head_sent", "_receive", "_recorder", "_scope", "_send")

    def __init__(
        self,
        recorder: Recorder,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._recorder = recorder
        self._client = recorder.client
        self._exchange = exchange
        self._scope = scope
        self._receive = receive
        self._send = send
        self._head_sent = False
        header = self._client.transaction_header
        if header is not None:
            scope["headers"] = _with(scope["headers"], header.lower(), exchange)

    async def receive(self) -> Message:
        """Take a message of the request on its way."""
        message = await self._receive()
        kind = message["type"]
        if kind == "http.request":
            body = message.get("body")
            if body:
                self._exchange.request_body.add(body)
            if not message.get("more_body"):
                self._exchange.request_ended = True
        elif kind == "http.disconnect":
            self._exchange.abort()
        return message

    async def send(self, message: Message) -> None:
        """Take a message of the response on its way."""
        kind = message.get("type")
        exchange = self._exchange
        is_last = False
        if kind == "http.response.body":
            body = message.get("body")
            if body:
                exchange.body_sent(body)
            is_last = not message.get("more_body")
        elif kind == "http.response.start":
            message = self._head(message)
        elif kind in _FILES:
            exchange.file = True
            is_last = not message.get("more_body")
        try:
            await self._send(message)
        except OSError:
            exchange.abort()  # the spec's word for a client that left, since 2.4
            raise
        if is_last:
            exchange.finish()
            await self.end()
        elif kind == "http.response.start":
            self._head_sent = True

    def fail(self, error: BaseException) -> None:
        """Take an exception on its way; a call that was cancelled has lost its client."""
        exchange = self._exchange
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            if isinstance(error, GeneratorExit):  # nothing can be awaited any more
                self._client.hooks.forgo(exchange)
            exchange.abort()
        elif not exchange.aborted and not exchange.submitted:
            exchange.fail(error, head_sent=self._head_sent)

    async def end(self) -> None:
        """Ask the hooks that nobody asked yet, and hand the exchange over."""
        exchange = self._exchange
        if exchange.submitted:
            return
        hooks = self._client.hooks
        try:
            with self._client.shielded("capture_failed", "a call was not described"):
                if hooks and not exchange.asked:
                    head = ResponseHead(exchange.status or 0, Headers(exchange.response_lines()))
                    await hooks.ask_async(exchange, self._recorder.request(self._scope), head)
                self._recorder.describe(exchange, self._scope)
        finally:
            hooks.forgo(exchange)
            self._client.submit(exchange)

    def _head(self, message: Message) -> Message:
        headers = message.get("headers", ())
        header = self._client.transaction_header
        if header is not None:
            headers = _with(headers, header.lower(), self._exchange)
            message = {**message, "headers": headers}
        elif not isinstance(headers, (list, tuple)):  # an iterator can only be read once
            headers = list(headers)
            message = {**message, "headers": headers}
        self._exchange.respond(message["status"], tuple(headers))
        if message["status"] >= 500 and (error := sys.exc_info()[1]) is not None:
            self._exchange.note_exception(error)  # the answer of an exception's own handler
        return message


class EarlyCall(Call):
    """A call whose exchange is handed over before the server has the last byte of the answer.

    Whoever kills the process as soon as the client has its answer then finds the exchange on the
    disk. The price: what happens after the last byte (a client that left before it arrived) is not
    told any more, and of a response whose client gets no body (HEAD, 204, 304) no body is.
    """

    __slots__ = ("_length", "_passed", "_verb")

    def __init__(
        self,
        recorder: Recorder,
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        super().__init__(recorder, exchange, scope, receive, send)
        self._verb = scope["method"]
        self._length: int | None = None
        self._passed = 0

    async def send(self, message: Message) -> None:
        """Take a message of the response on its way; if it is the last, settle before it goes."""
        exchange = self._exchange
        if exchange.submitted:
            await self._send(message)
            return
        kind = message.get("type")
        if kind == "http.response.start":
            message = self._head(message)
        if self._completes(kind, message):
            exchange.finish()
            await self.end()
        try:
            await self._send(message)
        except OSError:
            exchange.abort()  # which an exchange that is complete does not mind
            raise
        if kind == "http.response.start":
            self._head_sent = True

    def _completes(self, kind: object, message: Message) -> bool:
        """Copy *message*, and say whether a client that has it waits for no more.

        Servers send a head at once, and stop at the announced length whatever follows.
        """
        exchange = self._exchange
        if kind == "http.response.start":
            return self._length == 0 and message["status"] >= 200
        if kind == "http.response.body":
            body = message.get("body")
            if body:
                exchange.body_sent(body)
                self._passed += len(body)
        elif kind in _FILES:
            exchange.file = True
            self._passed += message.get("count") or self._length or 0
        else:
            return False
        if not message.get("more_body"):
            return True
        return self._length is not None and self._passed >= self._length

    def _head(self, message: Message) -> Message:
        message = super()._head(message)
        with self._client.shielded("capture_failed", "the length of a response was not read"):
            lines = self._exchange.response_lines()
            self._length = announced_length(self._verb, message["status"], lines)
        return message


def _with(headers: Any, name: str, exchange: Exchange) -> list[tuple[bytes, bytes]]:
    key = name.encode("latin-1")
    kept = [(each, value) for each, value in headers if each.lower() != key]
    return [*kept, (key, str(exchange.transaction_id).encode("latin-1"))]

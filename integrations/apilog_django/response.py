"""The response on its way out of Django: streams copied as they pass, the end seen in `close`."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from apilog.capture import Exchange, current
from apilog.client import Client
from apilog.delivery import Refusal
from apilog.framing import announced_length
from apilog.governance import head_of
from apilog_django import request as requests


def watch(
    client: Client, exchange: Exchange, request: HttpRequest, response: HttpResponseBase
) -> None:
    """Copy *response* into *exchange* as it is sent, and end the exchange when it is closed."""
    header = client.config.transaction_header
    if header is not None:
        response.headers[header] = str(exchange.transaction_id)
    exchange.respond(response.status_code, _header_lines(response))
    close = (EarlyClose if client.settles_early else Close)(client, exchange, request, response)
    if isinstance(response, StreamingHttpResponse):
        chunks = response.streaming_content
        if getattr(response, "file_to_stream", None) is not None:
            exchange.file = True  # the server may send the file by a short cut
        elif isinstance(chunks, AsyncIterator):
            response.streaming_content = _async_tee(chunks, exchange, close)
        else:
            response.streaming_content = _tee(chunks, exchange, close)
    elif isinstance(response, HttpResponse):
        close.take(response.content)
    response.close = close  # type: ignore[method-assign]
    close.hand_on()


def of(refusal: Refusal) -> HttpResponse:
    """Return *refusal* as a response of Django's."""
    response = HttpResponse(refusal.body, status=refusal.status)
    del response.headers["Content-Type"]
    for name, value in head_of(refusal, "GET")[0]:
        response.headers[name] = value
    return response


class Close:
    """Stand in for ``response.close``, which Django's handlers call when all was sent."""

    __slots__ = ("_client", "_close", "_exchange", "_request", "_response")

    def __init__(
        self, client: Client, exchange: Exchange, request: HttpRequest, response: HttpResponseBase
    ) -> None:
        self._client = client
        self._exchange = exchange
        self._request = request
        self._response = response
        self._close = response.close

    def __call__(self) -> None:
        """Stop the clock, close the response, and hand the exchange over."""
        exchange = self._exchange
        if not getattr(self._response, "streaming", False) or exchange.file:
            exchange.finish()
        try:
            self._close()
        except BaseException as error:
            if not exchange.submitted:
                exchange.fail(error, head_sent=True)
            raise
        finally:
            if exchange.exception is None:
                exchange.abort()
            if current.get() is exchange:
                current.set(None)
            self.submit()

    def take(self, chunk: bytes) -> None:
        """Copy *chunk*, which is handed on next."""
        self._exchange.body_sent(chunk)

    def finish(self) -> None:
        """Stop the clock: there are no more chunks."""
        self._exchange.finish()

    def hand_on(self) -> None:
        """Hear that the response is handed to Django now."""

    def submit(self) -> None:
        """Hand the exchange over, and leave request and response as they would be without us."""
        self._client.submit(self._exchange)
        requests.let_go(self._request)
        if self._response.__dict__.get("close") is self:
            del self._response.close

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the plain method, for caches that keep whole responses."""
        return partial, (type(self._response).close, self._response)


class EarlyClose(Close):
    """Hand the exchange over before Django has the last byte of the response.

    That byte is in the response itself, unless it is a stream: then in the chunk that reaches the
    announced length, or in what the server writes after the last one. A file is handed over whole.
    """

    __slots__ = ("_length",)

    def __init__(
        self, client: Client, exchange: Exchange, request: HttpRequest, response: HttpResponseBase
    ) -> None:
        super().__init__(client, exchange, request, response)
        verb, lines = request.method or "", exchange.response_lines()
        self._length = announced_length(verb, response.status_code, lines)

    def take(self, chunk: bytes) -> None:
        """Copy *chunk*, which is handed on next, and settle if the client waits for no more."""
        exchange = self._exchange
        if exchange.submitted or self._length == 0:
            return
        exchange.body_sent(chunk)
        if self._length is not None and exchange.response_body.size >= self._length:
            self.finish()

    def finish(self) -> None:
        """Stop the clock, and hand the exchange over before the end is told."""
        self._exchange.finish()
        self.submit()

    def hand_on(self) -> None:
        """Hand the exchange over, unless there is a stream that a client waits for."""
        is_stream = getattr(self._response, "streaming", False) and not self._exchange.file
        if self._length == 0 or not is_stream:
            self.finish()

    def submit(self) -> None:
        """Hand the exchange over, and leave nothing behind."""
        super().submit()
        if current.get() is self._exchange:
            current.set(None)


def _tee(chunks: Iterator[bytes], exchange: Exchange, close: Close) -> Iterator[bytes]:
    try:
        current.set(exchange)  # a thread may serve several responses by turns
        for chunk in chunks:
            if chunk:
                close.take(chunk)
            yield chunk
            current.set(exchange)
    except GeneratorExit:
        exchange.abort()
        raise
    except BaseException as error:
        if not exchange.submitted:
            exchange.fail(error, head_sent=exchange.ttfb is not None)  # WSGI: with the first bytes
            close.submit()
        raise
    close.finish()


async def _async_tee(
    chunks: AsyncIterator[bytes], exchange: Exchange, close: Close
) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            close.take(chunk)
            yield chunk
    except (GeneratorExit, CancelledError):
        exchange.abort()
        close.submit()  # nor one whose client is gone, where the server says so by an error
        raise
    except BaseException as error:
        if not exchange.submitted:
            exchange.fail(error, head_sent=True)
            close.submit()  # Django's ASGI handler does not close a response that failed
        raise
    close.finish()


def _header_lines(response: HttpResponseBase) -> list[tuple[str, str]]:
    cookies = [("Set-Cookie", each.OutputString()) for each in response.cookies.values()]
    return [*response.items(), *cookies]

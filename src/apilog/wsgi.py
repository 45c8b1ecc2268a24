"""The middleware for any WSGI app (PEP 3333)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from apilog.capture import Exchange, RequestHead, current
from apilog.client import Client, Destinations, client_for
from apilog.headers import FROM_ENVIRON, Headers, find
from apilog.hooks import ResponseHead
from apilog.wsgi_input import InputTee

__all__ = ["ApiLogMiddleware"]

Environ: TypeAlias = "dict[str, Any]"
StartResponse: TypeAlias = "Callable[..., Callable[[bytes], object]]"
App: TypeAlias = "Callable[[Environ, StartResponse], Iterable[bytes]]"

EXCHANGE = "apilog.exchange"
"""Key of the environ under which framework integrations find the exchange."""

_SAFE = "/;:@&=+$,!~*'()"
"""Characters that need no percent in a path (RFC 3986 section 3.3)."""

_SENT = "".join(map(chr, range(0x21, 0x7F)))
"""Characters of a query that stay as they were sent; others have no place in an address."""


class ApiLogMiddleware:
    """Record every call of *app* and pass it on untouched.

    Args:
        app: any WSGI application.
        client: the client to record with; or else a *destination* and options for one.
    """

    def __init__(
        self,
        app: App,
        *,
        client: Client | None = None,
        destination: Destinations | None = None,
        **options: Any,
    ) -> None:
        self.app = app
        self.client = client_for(client, destination, options)
        self.client.hooks.refuse_async("a WSGI app")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one call as the app does."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        exchange = self.client.begin(path, kept(environ), read_head)
        if exchange is None:
            return self.app(environ, start_response)
        call = _Call(self, exchange, environ, start_response)
        before = current.get()
        current.set(exchange)
        try:
            response = self.app(environ, call.start_response)
        except BaseException as error:
            call.fail(error)
            call.end()
            raise
        finally:
            current.set(before)
        if _is_file(response, environ.get("wsgi.file_wrapper")):
            exchange.file = True
            exchange.finish()
            call.end()
            return response
        tee = SizedResponseTee if hasattr(response, "__len__") else ResponseTee
        return tee(call, response)

    def request(self, environ: Environ) -> object:
        """Return the request as hooks see it; integrations give their framework's own."""
        return environ


class _Call:
    """One call on its way: what the pieces of the tee share."""

    __slots__ = ("_client", "_environ", "_middleware", "_start_response", "exchange")

    def __init__(
        self,
        middleware: ApiLogMiddleware,
        exchange: Exchange,
        environ: Environ,
        start_response: StartResponse,
    ) -> None:
        self._middleware = middleware
        self._client = client = middleware.client
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

        def write_and_copy(data: bytes) -> object:
            result = write(data)
            self.exchange.body_sent(data)
            return result

        return write_and_copy

    def fail(self, error: BaseException) -> None:
        """Take an exception on its way; the server still answers if nothing was sent."""
        self.exchange.fail(error, head_sent=self.exchange.ttfb is not None)

    def end(self, *, ask: bool = True) -> None:
        """Ask the hooks that nobody asked yet, where they may be asked; hand the exchange over."""
        exchange = self.exchange
        if exchange.submitted:
            return
        if not exchange.complete and exchange.exception is None:
            if _all_sent(exchange):
                exchange.finish()
            else:
                exchange.abort()
        hooks = self._client.hooks
        if ask and hooks and not exchange.asked:
            with self._client.shielded("capture_failed", "the hooks of a call were not asked"):
                head = ResponseHead(exchange.status or 0, Headers(exchange.response_lines()))
                hooks.ask(exchange, self._middleware.request(self._environ), head)
        hooks.forgo(exchange)
        self._client.submit(exchange)


class ResponseTee:
    """Pass a WSGI response on, chunk by chunk, and copy it on the way.

    The exchange ends in ``close()``: PEP 3333 promises that call for finished, failed and abandoned
    responses alike. The clock stops with the last chunk. Only while the app's own code runs is its
    exchange the current one: a thread may serve several responses by turns.
    """

    __slots__ = ("__weakref__", "_call", "_copy", "_exchange", "_iterable", "_next")

    def __init__(self, call: _Call, iterable: Iterable[bytes]) -> None:
        self._call = call
        self._exchange = call.exchange
        self._copy = call.exchange.response_body.add
        self._iterable = iterable
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        if self._next is None:  # an iterator gives itself, however often it is asked
            before = current.get()
            current.set(self._exchange)
            try:
                self._next = iter(self._iterable).__next__
            except BaseException as error:
                self._call.fail(error)
                raise
            finally:
                current.set(before)
        return self

    def __next__(self) -> bytes:
        if self._next is None:
            iter(self)
        before = current.get()
        current.set(self._exchange)
        try:
            chunk = self._next()  # type: ignore[misc]
        except StopIteration:
            self._exchange.finish()
            raise
        except BaseException as error:
            self._call.fail(error)
            raise
        finally:
            current.set(before)
        if self._exchange.ttfb is not None:
            self._copy(chunk)
        elif chunk:
            self._exchange.body_sent(chunk)
        return chunk

    def close(self) -> None:
        """Close the app's own iterable, as PEP 3333 asks, and end the exchange."""
        before = current.get()
        current.set(self._exchange)
        try:
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._call.fail(error)
            raise
        finally:
            self._call.end()
            current.set(before)

    def __del__(self) -> None:
        """End the exchange for a server that breaks the promise to call ``close()``."""
        self._call.end(ask=False)  # any thread may be the one that finds it forgotten


class SizedResponseTee(ResponseTee):
    """A tee of a response with a length, from which servers derive ``Content-Length``."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]


def kept(environ: Environ) -> Environ:
    """Return what is kept of *environ*: the app may change it, and its input may hold the body."""
    copy = environ.copy()
    copy.pop("wsgi.input", None)
    return copy


def read_head(environ: Mapping[str, Any]) -> RequestHead:
    """Return the head of a request from a copy of its environ, its address as in PEP 3333."""
    headers = [
        (name, value)
        for key, value in environ.items()
        if (name := FROM_ENVIRON[key]) is not None and type(value) is str
    ]
    for name, key in (("Content-Type", "CONTENT_TYPE"), ("Content-Length", "CONTENT_LENGTH")):
        if environ.get(key):
            headers.append((name, str(environ[key])))
    scheme = environ.get("wsgi.url_scheme", "http")
    path = quote(_bytes(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")), _SAFE)
    return RequestHead(
        verb=str(environ.get("REQUEST_METHOD", "GET")),
        scheme=scheme,
        authority=environ.get("HTTP_HOST") or _server(environ, scheme),
        path=path or "/",
        query=quote(_bytes(environ.get("QUERY_STRING", "")), _SENT),
        address=environ.get("REMOTE_ADDR") or None,
        headers=headers,
    )


def _bytes(text: str) -> bytes:
    """Return the bytes that *text* of an environ stands for; some clients for tests use UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _server(environ: Mapping[str, Any], scheme: str) -> str:
    name, port = environ.get("SERVER_NAME", "localhost"), str(environ.get("SERVER_PORT", ""))
    return name if port in ("", {"http": "80", "https": "443"}.get(scheme)) else f"{name}:{port}"


def _is_file(response: object, wrapper: object) -> bool:
    """Say whether *response* is what the server's own file wrapper made (PEP 3333).

    Servers send such a file by a short cut, and know it by its class or by its identity.
    """
    if isinstance(wrapper, type):
        return isinstance(response, wrapper)
    return wrapper is not None and isinstance(response, io.IOBase)


def _all_sent(exchange: Exchange) -> bool:
    """Say whether the body is complete although the server never asked for its end."""
    length = find(exchange.response_lines(), "content-length")
    if exchange.status is None or not length.isdecimal():
        return False
    return exchange.response_body.size >= int(length)


def _with(headers: list[tuple[str, str]], name: str, value: str) -> list[tuple[str, str]]:
    return [each for each in headers if each[0].lower() != name.lower()] + [(name, value)]

"""The middleware for any WSGI app (PEP 3333)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote

from apilog.capture import Exchange, RequestHead, current
from apilog.client import Client, client_for
from apilog.delivery import Refusal
from apilog.destination_choice import Destinations
from apilog.governance import head_of
from apilog.headers import FROM_ENVIRON
from apilog.wsgi_call import EXCHANGE as EXCHANGE
from apilog.wsgi_call import Call, EarlyCall, Environ, StartResponse

__all__ = ["ApiLogMiddleware"]

App: TypeAlias = "Callable[[Environ, StartResponse], Iterable[bytes]]"

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
        self._new_call = EarlyCall if self.client.settles_early else Call

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one call as the app does."""
        exchange = self._begin(environ)
        if exchange is None:
            return self.app(environ, start_response)
        call = self._new_call(self, exchange, environ, start_response)
        before = current.get()
        current.set(exchange)
        app = self.app if self.client.governance is None else self._governed(exchange, environ)
        try:
            response = app(environ, call.start_response)
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
        return call.tee(response)

    def _governed(self, exchange: Exchange, environ: Environ) -> App:
        """Return the app, or what answers in its place because a rule says so."""
        governance = self.client.governance
        refusal = governance and governance.refusal(exchange, self.request(environ))
        return partial(_refuse, refusal) if refusal else self.app

    def request(self, environ: Environ) -> object:
        """Return the request as hooks see it; integrations give their framework's own."""
        return environ

    def _begin(self, environ: Environ) -> Exchange | None:
        outer: Exchange | None = environ.get(EXCHANGE)
        if outer is not None and outer.is_under_way_for(self.client):
            return None
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return self.client.begin(path, kept(environ), read_head)


def _refuse(refusal: Refusal, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    lines, body = head_of(refusal, environ["REQUEST_METHOD"])
    start_response(f"{refusal.status} {_phrase(refusal.status)}", lines)
    return [body]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Blocked"


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

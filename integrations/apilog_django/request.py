"""The request on its way through Django: its head kept, its body copied as the app reads it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from apilog import asgi, wsgi
from apilog.capture import Exchange
from apilog.client import Client


def begin(client: Client, request: HttpRequest) -> Exchange | None:
    """Return the exchange of *request*, or None for one that is not recorded, or is already."""
    outer: Exchange | None = getattr(request, "apilog_exchange", None)
    if outer is not None and outer.is_under_way_for(client):
        return None
    environ = getattr(request, "environ", None)
    if environ is not None:
        exchange = client.begin(request.path, _kept(environ), wsgi.read_head)
    else:
        scope = getattr(request, "scope", None)
        if scope is None:  # made by hand, as in a unit test of a view
            return None
        exchange = client.begin(request.path, asgi.KeptScope(scope), asgi.read_head)
    if exchange is not None:
        header = client.config.transaction_header
        if header is not None:
            name = "HTTP_" + header.upper().replace("-", "_")
            request.META[name] = str(exchange.transaction_id)
            request.__dict__.pop("headers", None)  # made of META, perhaps by an earlier middleware
        _copy_body(request, exchange)
    return exchange


def let_go(request: HttpRequest) -> None:
    """Give *request* its own methods back, or it would refer to itself and outlive the call."""
    for name in ("read", "readline"):
        if getattr(request.__dict__.get(name), "__module__", None) == __name__:
            del request.__dict__[name]


def _kept(environ: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of *environ*, in which Django has put decoded paths: not PEP 3333's."""
    kept = wsgi.kept(environ)
    for name in ("SCRIPT_NAME", "PATH_INFO"):
        kept[name] = str(kept.get(name, "")).encode("utf-8", "surrogatepass").decode("latin-1")
    return kept


def _copy_body(request: HttpRequest, exchange: Exchange) -> None:
    """Copy what anybody reads of *request*: ``body``, ``POST`` and iteration all come by here."""
    read, readline = request.read, request.readline

    def read_and_copy(*arguments: Any, **keywords: Any) -> bytes:
        data: bytes = read(*arguments, **keywords)
        exchange.request_body.add(data)
        if not data or not arguments:
            exchange.request_ended = True
        return data

    def readline_and_copy(*arguments: Any, **keywords: Any) -> bytes:
        line: bytes = readline(*arguments, **keywords)
        exchange.request_body.add(line)
        if not line:
            exchange.request_ended = True
        return line

    request.read = read_and_copy  # type: ignore[method-assign]
    request.readline = readline_and_copy  # type: ignore[method-assign]

"""The Django middleware: one class for WSGI and ASGI, sync and async views."""

from __future__ import annotations

import functools
import re
import sys
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apilog.capture import Exchange, current
from apilog.client import Client
from apilog.headers import Headers
from apilog.hooks import ResponseHead
from apilog_django import request as requests
from apilog_django import response as responses
from apilog_django.settings import client

_CONVERTER = re.compile(r"<(?:[^<>:]*:)?(\w+)>")
_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|\(\?P<(?P<name>\w+)>|(?P<inner>\(\?(?:<?[:=!]|[a-zA-Z-]+:?))|(?P<open>\()|(?P<close>\)[?*+]?)|.",
    re.DOTALL,
)

_FAILED = ResponseHead(500, Headers(()))
"""The response that hooks see where Django lets an exception through."""


class ApiLogMiddleware:
    """Record every call that reaches Django; put it first in ``MIDDLEWARE``.

    Options stand in the setting ``APILOG``. Hooks get Django's request and response before the
    response is sent. Under ASGI an async hook is awaited, and sync hooks run together on the thread
    that Django keeps for sync code, so that they may use the ORM. With a destination that governs
    (`Moesif(..., governance=True)`), the identity hooks are also asked before the view, where other
    middlewares know the user, with None as response; who is refused then meets no view.

    Raises:
        ConfigError: a setting is unknown or cannot work.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.client: Client = client()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        else:
            self.client.hooks.refuse_async("Django here (WSGI, or a sync-only middleware inside)")
        if self.client.governance is not None:  # Django calls it only if it is there
            self.process_view = self._refuse_async if self._is_async else self._refuse

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Handle one call as the rest of the stack does."""
        if self._is_async:
            return self._call_async(request)
        exchange = self._begin(request)
        if exchange is None:
            unseen: HttpResponseBase = self.get_response(request)
            return unseen
        try:
            response: HttpResponseBase = self.get_response(request)
            if self.client.hooks:
                self.client.hooks.ask(exchange, request, response)
        except BaseException as error:
            self._failed(exchange, request, error)
            if self.client.hooks and not exchange.asked:
                self.client.hooks.ask(exchange, request, _FAILED)
            self.client.submit(exchange)
            raise
        self._answered(exchange, request, response)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        exchange = self._begin(request)
        if exchange is None:
            unseen: HttpResponseBase = await self.get_response(request)
            return unseen
        try:
            response: HttpResponseBase = await self.get_response(request)
            if self.client.hooks:
                await self.client.hooks.ask_async(exchange, request, response, run=_on_sync_thread)
        except BaseException as error:
            self._failed(exchange, request, error)
            await self._submit(exchange, request, error)
            raise
        self._answered(exchange, request, response)
        return response

    def _refuse(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        """Answer in the view's place if a rule says so, where `request.user` is known."""
        exchange, governance = getattr(request, "apilog_exchange", None), self.client.governance
        refusal = exchange and governance and governance.refusal(exchange, request)
        return responses.of(refusal) if refusal else None

    async def _refuse_async(self, request: HttpRequest, *_: Any) -> HttpResponseBase | None:
        exchange, governance = getattr(request, "apilog_exchange", None), self.client.governance
        if exchange is None or governance is None:
            return None
        refusal = await governance.refusal_async(exchange, request, run=_on_sync_thread)
        return responses.of(refusal) if refusal else None

    async def _submit(self, exchange: Exchange, request: HttpRequest, error: BaseException) -> None:
        hooks = self.client.hooks
        try:
            if hooks and not exchange.asked and not isinstance(error, GeneratorExit):
                await hooks.ask_async(exchange, request, _FAILED, run=_on_sync_thread)
        finally:
            hooks.forgo(exchange)
            self.client.submit(exchange)

    def _begin(self, request: HttpRequest) -> Exchange | None:
        exchange = None
        with self.client.shielded("capture_failed", "a request was not recorded"):
            exchange = requests.begin(self.client, request)
            if exchange is not None:
                request.apilog_exchange = exchange  # type: ignore[attr-defined]
                current.set(exchange)
        return exchange

    def _answered(
        self, exchange: Exchange, request: HttpRequest, response: HttpResponseBase
    ) -> None:
        with self.client.shielded("capture_failed", "a response was not recorded"):
            _describe(exchange, request)
            responses.watch(self.client, exchange, request, response)
            return
        self.client.submit(exchange)

    def _failed(self, exchange: Exchange, request: HttpRequest, error: BaseException) -> None:
        """Take an exception that leaves Django: it does so by setting or by cancellation only."""
        if isinstance(error, CancelledError):
            exchange.abort()
        else:
            exchange.fail(error, head_sent=False)
        requests.let_go(request)
        with self.client.shielded("capture_failed", "a call was not described"):
            _describe(exchange, request)


async def _on_sync_thread(hook: Callable[..., Any], *arguments: object) -> Any:
    """Run a sync hook where Django runs sync code, so that it may use the ORM."""
    return await sync_to_async(hook, thread_sensitive=True)(*arguments)


def _describe(exchange: Exchange, request: HttpRequest) -> None:
    match = request.resolver_match
    if match is not None:
        exchange.route = _template(match.route)
        exchange.view = match.view_name


@functools.lru_cache(maxsize=4_096)
def _template(route: str) -> str:
    """Return a route in the notation that events share: ``items/<int:id>/`` as ``/items/{id}/``.

    Of a regular expression the groups become arguments, whatever stands in them.
    """
    parts: list[str] = []
    groups: list[bool] = []  # the groups that are open, and whether each is an argument
    for token in _TOKEN.finditer(route):
        if token["close"]:
            if groups:
                groups.pop()
        elif token["name"] or token["open"] or token["inner"]:
            if not token["inner"] and not any(groups):
                parts.append(f"{{{token['name'] or ''}}}")
            groups.append(not token["inner"])
        elif not any(groups) and token[0] not in ("^", "$", r"\A", r"\Z", r"\b"):
            parts.append(token["escaped"] or token[0])
    return "/" + _CONVERTER.sub(r"{\1}", "".join(parts))


def _note_exception(sender: object, request: HttpRequest | None = None, **_: Any) -> None:
    """Take an exception that Django turned into a response of its own."""
    exchange = getattr(request, "apilog_exchange", None)
    error = sys.exc_info()[1]
    if exchange is not None and error is not None:
        exchange.note_exception(error)


got_request_exception.connect(_note_exception, dispatch_uid="apilog_django.middleware")

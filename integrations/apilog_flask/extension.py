"""The Flask extension: the WSGI middleware around the app, and hooks inside its request."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from apilog.capture import Exchange
from apilog.client import Client, Destinations, client_for
from apilog.config import DESTINATION, PREFIX
from apilog.exceptions import ConfigError
from apilog.headers import Headers
from apilog.hooks import HookDecorators, ResponseHead, checked, is_async
from apilog.wsgi import EXCHANGE, ApiLogMiddleware
from flask import Flask, Response, current_app, got_request_exception, has_app_context, request

_ARGUMENT = re.compile(r"<(?:[^<>]*:)?(\w+)>")


class ApiLog(HookDecorators):
    """Record every call of a Flask app.

    ``ApiLog(app, destination=...)``, or ``ApiLog(...)`` once and ``init_app(app)`` in an application
    factory; one extension serves any number of apps. Options come from here or from the app's
    configuration under ``APILOG_*``; here beats there.

    Hooks are asked in ``after_request``, where ``session`` and ``g`` are alive, with Flask's own
    request and response; after an exception that Flask lets through, in ``teardown_request`` with a
    `ResponseHead`.

    Raises:
        ConfigError: a setting is unknown or cannot work; raised by `init_app`.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        client: Client | None = None,
        destination: Destinations | None = None,
        **options: Any,
    ) -> None:
        self._given = client
        self._destination = destination
        self._options = options
        self._hooks: dict[str, Callable[..., Any]] = {}
        self._clients: list[Client] = []
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Record the calls of *app*; a second time for the same app changes nothing."""
        if "apilog" in app.extensions:
            return
        client = self._client_of(app)
        for name, hook in self._hooks.items():
            client.set_hook(name, hook)
        app.wsgi_app = ApiLogMiddleware(app.wsgi_app, client=client)  # type: ignore[method-assign]
        app.after_request(self._after_request)
        app.teardown_request(self._teardown_request)
        got_request_exception.connect(self._on_exception, app)
        app.extensions["apilog"] = client
        self._clients.append(client)

    @property
    def client(self) -> Client:
        """The client of the current app, or else of the app that was initialised last."""
        if has_app_context() and "apilog" in current_app.extensions:
            client: Client = current_app.extensions["apilog"]
            return client
        if not self._clients:
            raise RuntimeError("no app yet: call init_app(app) first")
        return self._clients[-1]

    def set_hook(self, name: str, hook: Callable[..., Any]) -> None:
        """Put *hook* in the place called *name*, in apps already initialised as well."""
        if is_async(checked(name, hook)):
            raise ConfigError(f"{name} = {hook!r}: is async, but Flask is not; pass a plain function")
        self._hooks[name] = hook
        for client in self._clients:
            client.set_hook(name, hook)

    def _client_of(self, app: Flask) -> Client:
        """Return the client for *app*: its own if its configuration says anything, else shared."""
        configured = {
            key.removeprefix(PREFIX).lower(): value
            for key, value in app.config.items()
            if key.startswith(PREFIX)
        }
        if self._clients and not configured:
            return self._clients[-1]
        destination = configured.pop(DESTINATION, None)
        if self._given is not None:
            return client_for(self._given, self._destination, self._options)
        if self._destination is not None:
            destination = self._destination
        return Client(destination, **{**configured, **self._options})

    def _after_request(self, response: Response) -> Response:
        self._ask(response)
        return response

    def _teardown_request(self, error: BaseException | None) -> None:
        self._ask(ResponseHead(500 if error is not None else 0, Headers(())))

    def _ask(self, response: Response | ResponseHead) -> None:
        exchange = _exchange()
        if exchange is None or exchange.asked:
            return
        if request.url_rule is not None:
            exchange.route = _template(request.url_rule.rule)
            exchange.view = request.endpoint
        client: Client = current_app.extensions["apilog"]
        client.hooks.ask(exchange, request, response)

    def _on_exception(self, sender: Flask, exception: BaseException, **_: Any) -> None:
        exchange = _exchange()
        if exchange is not None:
            exchange.note_exception(exception)


def _exchange() -> Exchange | None:
    exchange: Exchange | None = request.environ.get(EXCHANGE)
    return exchange


@functools.lru_cache(maxsize=4_096)
def _template(rule: str) -> str:
    """Return a URL rule in the notation that events share: ``/items/<int:id>`` as ``/items/{id}``."""
    return _ARGUMENT.sub(r"{\1}", rule)

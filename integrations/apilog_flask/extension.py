"""The Flask extension: the WSGI middleware around the app, and hooks inside its request."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from flask import (
    Flask,
    Request,
    Response,
    current_app,
    got_request_exception,
    has_app_context,
    request,
)

from apilog.capture import Exchange
from apilog.client import Client, client_for
from apilog.config import DESTINATION, PREFIX
from apilog.destination_choice import Destinations
from apilog.exceptions import ConfigError
from apilog.headers import Headers
from apilog.hooks import HookDecorators, ResponseHead, checked, is_async
from apilog.wsgi import EXCHANGE, ApiLogMiddleware, App

_ARGUMENT = re.compile(r"<(?:[^<>]*:)?(\w+)>")


class _Middleware(ApiLogMiddleware):
    """The WSGI middleware, for calls that never reach Flask: a middleware between answers them."""

    def __init__(self, app: Flask, client: Client) -> None:
        super().__init__(app.wsgi_app, client=client)
        self._flask = app

    def request(self, environ: dict[str, Any]) -> Request:
        """Return Flask's request; there may be no `session` and no `g`."""
        return self._flask.request_class(environ)

    def _governed(self, exchange: Exchange, environ: dict[str, Any]) -> App:
        """Return the app: who is answered in its place is asked where `session` and `g` live."""
        return self.app


class ApiLog(HookDecorators):
    """Record every call of a Flask app.

    ``ApiLog(app, destination=...)``, or ``ApiLog(...)`` once and ``init_app(app)`` in an
    application factory; one extension serves any number of apps. Options come from here or from the
    app's configuration under ``APILOG_*``; here beats there.

    Hooks are asked in ``after_request``, where ``session`` and ``g`` are alive, with Flask's own
    request and response; after an exception that Flask lets through, in ``teardown_request`` with a
    `ResponseHead`. With a destination that governs (`Moesif(..., governance=True)`), the identity
    hooks are also asked before any function of the app's own, with None as response; who is refused
    then meets ``after_request`` functions, but no view.

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
        self._shared: Client | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Record the calls of *app*; a second time for the same app changes nothing."""
        if "apilog" in app.extensions:
            return
        client = self._client_of(app)
        for name, hook in self._hooks.items():
            client.set_hook(name, hook)
        app.wsgi_app = _Middleware(app, client)  # type: ignore[method-assign]
        asker = _Asker(client)
        app.after_request(asker.after_request)
        if client.governance is not None:  # before any function of the app's own
            app.before_request_funcs.setdefault(None, []).insert(0, asker.before_request)
        app.teardown_request(asker.teardown_request)
        got_request_exception.connect(asker.on_exception, app)  # held by app, not by the signal
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
            raise ConfigError(
                f"{name} = {hook!r}: is async, but Flask is not; pass a plain function"
            )
        self._hooks[name] = hook
        for client in self._clients:
            client.set_hook(name, hook)

    def _client_of(self, app: Flask) -> Client:
        """Return the client for *app*: its own if its configuration says anything, else shared."""
        if self._given is not None:
            return client_for(self._given, self._destination, self._options)
        configured = {
            key.removeprefix(PREFIX).lower(): value
            for key, value in app.config.items()
            if key.startswith(PREFIX)
        }
        if not configured and self._shared is not None:
            return self._shared
        destination = configured.pop(DESTINATION, None)
        if self._destination is not None:
            destination = self._destination
        client = Client(destination, **{**configured, **self._options})
        if not configured:
            self._shared = client
        return client


class _Asker:
    """Ask the hooks of one app's client while Flask's contexts are alive.

    Flask's proxies are looked through once: each use of one costs as much as the rest together.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def before_request(self) -> Response | None:
        """Answer in the app's place, if a rule says so."""
        flask_request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - documented
        exchange: Exchange | None = flask_request.environ.get(EXCHANGE)
        governance = self._client.governance
        if exchange is None or governance is None:
            return None
        refusal = governance.refusal(exchange, flask_request)
        if refusal is None:
            return None
        response = Response(refusal.body, refusal.status, list(refusal.headers))
        if not any(name.lower() == "content-type" for name, _ in refusal.headers):
            response.headers.pop("Content-Type", None)
        return response

    def after_request(self, response: Response) -> Response:
        """Ask with the response that Flask is about to send."""
        self._ask(response)
        return response

    def teardown_request(self, error: BaseException | None) -> None:
        """Ask where no response was made, because an exception is on its way to the server."""
        self._ask(None if error is None else _FAILED)

    def on_exception(self, sender: Flask, exception: BaseException, **_: Any) -> None:
        """Note an exception that no handler of the app took."""
        exchange: Exchange | None = request.environ.get(EXCHANGE)
        if exchange is not None:
            exchange.note_exception(exception)
            _describe(exchange, request)

    def _ask(self, response: Response | ResponseHead | None) -> None:
        flask_request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - documented
        exchange: Exchange | None = flask_request.environ.get(EXCHANGE)
        if exchange is None or exchange.asked:
            return
        _describe(exchange, flask_request)
        self._client.hooks.ask(exchange, flask_request, response or _UNKNOWN)


def _describe(exchange: Exchange, flask_request: Request) -> None:
    rule = flask_request.url_rule
    if rule is not None:
        exchange.route = _template(rule.rule)
        exchange.view = rule.endpoint


_FAILED = ResponseHead(500, Headers(()))
_UNKNOWN = ResponseHead(0, Headers(()))


@functools.lru_cache(maxsize=4_096)
def _template(rule: str) -> str:
    """Return a URL rule in the notation that events share: ``/a/<int:id>`` as ``/a/{id}``."""
    return _ARGUMENT.sub(r"{\1}", rule)

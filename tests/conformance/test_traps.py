"""The suite has teeth: each trap that a peer fell into, planted on purpose, makes it fail."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import flask
import pytest
from conformance_kit import apps_fastapi, apps_raw_asgi, apps_raw_wsgi, crowd
from conformance_kit.asgi_driver import call_asgi
from conformance_kit.judge import complaint
from conformance_kit.mountings import OPTIONS, PATIENCE_SECONDS
from conformance_kit.observation import Observation, difference
from conformance_kit.scenario import FASTAPI, RAW_ASGI, RAW_WSGI, Scenario
from conformance_kit.table import BEHAVIOURS, TABLE
from conformance_kit.wsgi_driver import call_wsgi
from starlette.middleware.base import BaseHTTPMiddleware

import apilog
import apilog_fastapi
from apilog import asgi, wsgi
from apilog.capture import Exchange, RequestHead
from apilog.destinations import Memory

App = Callable[..., Any]


def row(name: str) -> Scenario:
    return next(scenario for scenario in TABLE if scenario.id == name)


# Middlewares that change what passes: the comparison of both sides has to see it.


def drains_and_returns_it_exhausted(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        response = app(environ, start_response)
        b"".join(response)
        return response

    return broken


def drains_before_the_first_byte(app: App) -> App:
    return lambda environ, start_response: iter(list(app(environ, start_response)))


def joins_the_chunks(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        response = app(environ, start_response)
        yield b"".join(response)

    return broken


def reads_one_chunk_ahead(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        chunks = iter(app(environ, start_response))
        ahead = next(chunks, None)
        while ahead is not None:
            now, ahead = ahead, next(chunks, None)
            yield now

    return broken


def drains_the_request(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read())
        return app(environ, start_response)

    return broken


def decodes_the_body(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        return [chunk.decode("utf-8").encode() for chunk in app(environ, start_response)]

    return broken


def replaces_what_is_no_text(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        return [each.decode(errors="replace").encode() for each in app(environ, start_response)]

    return broken


def swallows_exceptions(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Exception:
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"oh no"]

    return broken


def raises_a_copy(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except Exception as error:
            raise type(error)(*error.args) from None

    return broken


def collapses_repeated_headers(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any, *more: Any) -> Any:
            return start_response(status, list(dict(headers).items()), *more)

        return app(environ, start)

    return broken


def spells_headers_its_own_way(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any, *more: Any) -> Any:
            return start_response(status, [(name.title(), value) for name, value in headers], *more)

        return app(environ, start)

    return broken


def sorts_headers(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any, *more: Any) -> Any:
            return start_response(status, sorted(headers), *more)

        return app(environ, start)

    return broken


def forgets_exc_info(app: App) -> App:
    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        return app(environ, lambda status, headers, *more: start_response(status, headers))

    return broken


class _Passing:
    def __init__(self, iterable: Iterable[bytes], closes: int = 1) -> None:
        self._iterable = iterable
        self._closes = closes

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._iterable)

    def close(self) -> None:
        for _ in range(self._closes):
            getattr(self._iterable, "close", lambda: None)()


def loses_the_length(app: App) -> App:
    return lambda environ, start_response: _Passing(app(environ, start_response))


def wraps_the_servers_file(app: App) -> App:
    return lambda environ, start_response: _Passing(app(environ, start_response))


def forgets_to_close(app: App) -> App:
    return lambda environ, start_response: _Passing(app(environ, start_response), closes=0)


def closes_twice(app: App) -> App:
    return lambda environ, start_response: _Passing(app(environ, start_response), closes=2)


@pytest.mark.parametrize(
    ("trap", "name"),
    [
        (drains_and_returns_it_exhausted, "a generator"),
        (drains_before_the_first_byte, "a generator"),
        (joins_the_chunks, "a generator"),
        (reads_one_chunk_ahead, "server sent events"),
        (drains_the_request, "a request body not read at all"),
        (drains_the_request, "a request body read in pieces"),
        (decodes_the_body, "every byte there is"),
        (replaces_what_is_no_text, "every byte there is"),
        (replaces_what_is_no_text, "a letter cut by a chunk border"),
        (swallows_exceptions, "an exception before the response"),
        (raises_a_copy, "an exception before the response"),
        (collapses_repeated_headers, "three cookies"),
        (collapses_repeated_headers, "a header twice"),
        (spells_headers_its_own_way, "a header in odd case"),
        (sorts_headers, "headers in an order"),
        (forgets_exc_info, "start_response again with exc_info"),
        (loses_the_length, "a list of three chunks"),
        (wraps_the_servers_file, "a file in the server's wrapper"),
        (wraps_the_servers_file, "a file in a wrapper that is a function"),
        (forgets_to_close, "an iterable with close of three chunks"),
        (forgets_to_close, "a client that leaves after the first chunk"),
        (closes_twice, "an iterable with close of three chunks"),
    ],
)
def test_a_wsgi_middleware_that_changes_what_passes_is_found_out(
    trap: Callable[[App], App], name: str
) -> None:
    app = apps_raw_wsgi.make(None, BEHAVIOURS)
    assert difference(call_wsgi(app, row(name)), call_wsgi(trap(app), row(name))) is not None


def drains_the_request_first(app: App) -> App:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()

        async def again() -> Any:
            return message

        await app(scope, again, send)

    return broken


def holds_the_response(app: App) -> App:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        held: list[Any] = []

        async def keep(message: Any) -> None:
            held.append(message)

        await app(scope, receive, keep)
        for message in held:
            await send(message)

    return broken


def reads_the_address_of_nobody(app: App) -> App:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        assert scope["client"][0]
        await app(scope, receive, send)

    return broken


def answers_for_the_app(app: App) -> App:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    return broken


def makes_messages_anew(app: App) -> App:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        async def anew(message: Any) -> None:
            names = ("type", "status", "headers", "body", "more_body")
            await send({name: message[name] for name in names if name in message})

        await app(scope, receive, anew)

    return broken


def takes_every_scope_for_http(app: App) -> App:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        assert scope["method"]
        await app(scope, receive, send)

    return broken


def is_built_on_base_http_middleware(app: App) -> App:
    async def dispatch(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    return BaseHTTPMiddleware(app, dispatch=dispatch)


@pytest.mark.parametrize(
    ("trap", "name"),
    [
        (drains_the_request_first, "receive never called"),
        (drains_the_request_first, "receive after the end"),
        (holds_the_response, "a generator"),
        (holds_the_response, "a client that leaves while the app listens"),
        (reads_the_address_of_nobody, "a unix socket"),
        (answers_for_the_app, "an exception before the response"),
        (makes_messages_anew, "trailers"),
        (makes_messages_anew, "a file by its path"),
        (makes_messages_anew, "early hints"),
        (takes_every_scope_for_http, "a websocket"),
        (takes_every_scope_for_http, "a lifespan with state"),
        (is_built_on_base_http_middleware, "trailers"),
        (is_built_on_base_http_middleware, "early hints"),
        (is_built_on_base_http_middleware, "a message nobody knows"),
        (is_built_on_base_http_middleware, "a context variable set by the app"),
    ],
)
def test_an_asgi_middleware_that_changes_what_passes_is_found_out(
    trap: Callable[[App], App], name: str
) -> None:
    app = apps_raw_asgi.make(None, BEHAVIOURS)
    assert difference(call_asgi(app, row(name)), call_asgi(trap(app), row(name))) is not None


# Middlewares of ours with one bug: what passes is right, and the event has to be found wrong.


class LosesExceptions(wsgi.ApiLogMiddleware):
    def __call__(self, environ: Any, start_response: Any) -> Any:
        def app(environ: Any, start_response: Any) -> Any:
            try:
                return bare(environ, start_response)
            except Exception:
                environ[wsgi.EXCHANGE].drop_reason = "forgotten"
                raise

        bare, self.app = self.app, app
        try:
            return super().__call__(environ, start_response)
        finally:
            self.app = bare


class RecordsTwice(asgi.ApiLogMiddleware):
    def describe(self, exchange: Exchange, scope: Any) -> None:
        self.client.submit(exchange)
        exchange.submitted = False


class ForgetsWhereItIsMounted(asgi.ApiLogMiddleware):
    def _begin(self, scope: Any) -> Exchange | None:
        exchange = super()._begin(scope)
        assert exchange is not None
        read = exchange.read_head

        def without_root(source: Any) -> RequestHead:
            head = read(source)
            return replace(head, path=head.path.removeprefix(scope["root_path"]))

        exchange.read_head = without_root
        return exchange


class MeasuresTheBackground(asgi.ApiLogMiddleware):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        last: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            async def hold_the_last(message: Any) -> None:
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    last.append(message)
                else:
                    await send(message)

            await bare(scope, receive, hold_the_last)
            await send(last[0])

        bare, self.app = self.app, app
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.app = bare


class CollapsesHeadersInTheEvent(asgi.ApiLogMiddleware):
    def describe(self, exchange: Exchange, scope: Any) -> None:
        exchange.response_headers = list(dict(exchange.response_headers).items())


class LosesTheBody(asgi.ApiLogMiddleware):
    def describe(self, exchange: Exchange, scope: Any) -> None:
        exchange.response_body.drop()


class ForgetsTheHangUp(asgi.ApiLogMiddleware):
    def describe(self, exchange: Exchange, scope: Any) -> None:
        exchange.aborted = False


def _events_of(middleware: type, app: App, call: App, name: str) -> list[apilog.Event]:
    memory = Memory()
    with apilog.Client(memory, **OPTIONS) as client:
        call(middleware(app, client=client), row(name))
        assert client.flush(PATIENCE_SECONDS)
    return memory.events


def _is_found_out(
    events: list[apilog.Event], scenario: Scenario, seen: Observation, mounting: str
) -> bool:
    return len(events) != scenario.event.get("events", 1) or any(
        complaint(event, scenario, seen, mounting) for event in events
    )


@pytest.mark.parametrize(
    ("trap", "name"),
    [
        (LosesExceptions, "an exception before the response"),
        (RecordsTwice, "a short text"),
        (ForgetsWhereItIsMounted, "an app that is mounted"),
        (MeasuresTheBackground, "a background task"),
        (CollapsesHeadersInTheEvent, "three cookies"),
        (CollapsesHeadersInTheEvent, "a header twice"),
        (LosesTheBody, "every byte there is"),
        (ForgetsTheHangUp, "a client that leaves while the app listens"),
    ],
)
def test_a_middleware_that_records_something_else_is_found_out(trap: type, name: str) -> None:
    is_wsgi = issubclass(trap, wsgi.ApiLogMiddleware)
    mounting, apps, call, right = (
        (RAW_WSGI, apps_raw_wsgi, call_wsgi, wsgi.ApiLogMiddleware)
        if is_wsgi
        else (RAW_ASGI, apps_raw_asgi, call_asgi, asgi.ApiLogMiddleware)
    )
    app = apps.make(None, BEHAVIOURS)
    seen = call(app, row(name))
    good = _events_of(right, app, call, name)
    assert not _is_found_out(good, row(name), seen, mounting)
    bad = _events_of(trap, app, call, name)
    assert _is_found_out(bad, row(name), seen, mounting)


def test_a_route_that_is_not_told_is_found_out() -> None:
    app = apps_fastapi.make(None, BEHAVIOURS)
    scenario = row("a short text")
    seen = call_asgi(app, scenario)
    good, bad = (
        _events_of(middleware, app, call_asgi, "a short text")
        for middleware in (apilog_fastapi.ApiLogMiddleware, asgi.ApiLogMiddleware)
    )
    assert not _is_found_out(good, scenario, seen, FASTAPI)
    assert _is_found_out(bad, scenario, seen, FASTAPI)


class KeepsIdsOnTheInstance(asgi.ApiLogMiddleware):
    def _begin(self, scope: Any) -> Exchange | None:
        self.exchange = super()._begin(scope)
        return self.exchange

    def describe(self, exchange: Exchange, scope: Any) -> None:
        assert self.exchange is not None
        exchange.transaction_id = self.exchange.transaction_id


class KeepsTimesOnTheInstance(KeepsIdsOnTheInstance):
    def describe(self, exchange: Exchange, scope: Any) -> None:
        assert self.exchange is not None
        exchange.started_at = self.exchange.started_at


class KeepsUsersOnTheInstance(KeepsIdsOnTheInstance):
    def describe(self, exchange: Exchange, scope: Any) -> None:
        assert self.exchange is not None
        exchange.annotations = self.exchange.annotations


class KeepsBodiesOnTheInstance(KeepsIdsOnTheInstance):
    def describe(self, exchange: Exchange, scope: Any) -> None:
        assert self.exchange is not None
        exchange.request_body = self.exchange.request_body


@pytest.mark.parametrize(
    "trap",
    [
        KeepsIdsOnTheInstance,
        KeepsTimesOnTheInstance,
        KeepsUsersOnTheInstance,
        KeepsBodiesOnTheInstance,
    ],
)
def test_a_middleware_that_keeps_a_call_on_itself_is_found_out(trap: type) -> None:
    memory = Memory()
    with apilog.Client(memory, **crowd.OPTIONS) as client:
        calls = crowd.call_asgi_together(trap(crowd.asgi_app, client=client))
        assert client.flush(PATIENCE_SECONDS)
    assert crowd.mixed_up(calls, memory.events) != []


def test_flask_hooks_asked_in_close_are_found_out() -> None:
    """In ``close()`` Flask's session is gone; the extension has to ask before."""
    from apilog_flask import ApiLog

    class AsksInClose(ApiLog):
        def init_app(self, app: flask.Flask) -> None:
            super().init_app(app)
            app.after_request_funcs.clear()
            app.teardown_request_funcs.clear()

    assert _user_of_a_session(ApiLog) == "u1"
    assert _user_of_a_session(AsksInClose) is None


def _user_of_a_session(extension: type) -> str | None:
    memory = Memory()
    app = flask.Flask("session")
    app.secret_key = "not very"
    with apilog.Client(memory, **OPTIONS) as client:
        hooks = extension(app, client=client)
        hooks.identify_user(lambda *_: flask.session["user"])

        @app.get("/")
        def view() -> str:
            flask.session["user"] = "u1"
            return "hello"

        assert app.test_client().get("/").text == "hello"
        assert client.flush(PATIENCE_SECONDS)
    [event] = memory.events
    return event.user_id

"""Before the last byte of an answer goes out its event is on disk, with ``durability="request"``.

Two strict servers hand on what an app answers, and look at the client's account whenever they are
about to: a call that is spooled, or delivered already, is one that no kill can undo.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import FileWrapper, setup_testing_defaults

import flask
import pytest
import uvicorn
from django.conf import settings
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Route

import apilog
import apilog_fastapi
from apilog import asgi, wsgi
from apilog.capture import current
from apilog.destinations import Memory
from apilog_flask import ApiLog

PATIENCE = 10.0
CHUNKS = (b"one ", b"two ", b"three")
EVENT = b"data: tick\n\n"
FILE = Path(__file__)
LEAVES_AFTER = 3

Environ = dict[str, Any]
Scope = dict[str, Any]


class Boom(Exception):
    """Raised by apps."""


@dataclass
class Answer:
    """What a server hands on for one request; *safe* tells how many calls are on disk."""

    verb: str
    safe: Callable[[], int]
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    before: list[int] = field(default_factory=list)
    at_last_byte: int | None = None
    error: BaseException | None = None

    @property
    def length(self) -> int | None:
        """How much body the client waits for (RFC 9112 section 6.3)."""
        if self.verb == "HEAD" or self.status in (204, 304):
            return 0
        length = self.headers.get("content-length", "")
        return int(length) if length.isdecimal() and len(length) < 20 else None

    def head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}

    def hand_on(self, data: bytes = b"", *, is_end: bool = False) -> None:
        """Send *data*, or the mark at the end, unless the client has everything already."""
        if self.at_last_byte is not None:
            return
        self.body += data
        if is_end or (self.length is not None and len(self.body) >= self.length):
            self.at_last_byte = self.safe()
        else:
            self.before.append(self.safe())


def serve_wsgi(
    app: Any, safe: Callable[[], int], verb: str, path: str, *, wraps_files: bool = True
) -> Answer:
    """Answer one request as servers do that send a head with the first chunk."""
    answer = Answer(verb, safe)
    environ: Environ = {"REQUEST_METHOD": verb, "PATH_INFO": path}
    if wraps_files:
        environ["wsgi.file_wrapper"] = FileWrapper
    setup_testing_defaults(environ)

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        answer.head(int(status[:3]), headers)
        return answer.hand_on

    result: Iterable[bytes] = ()
    try:
        result = app(environ, start_response)
        for number, chunk in enumerate(result):
            if not number and hasattr(result, "__len__") and len(result) == 1:
                answer.headers = {"content-length": str(len(chunk)), **answer.headers}
            answer.hand_on(chunk)
            if path == "/events" and number == LEAVES_AFTER:
                break
        else:
            answer.hand_on(is_end=True)
    except Exception as error:
        answer.error = error
        answer.hand_on(is_end=True)  # a 500, or the end of the connection
    try:
        getattr(result, "close", lambda: None)()
    except Exception as error:
        answer.error = error
    return answer


def serve_asgi(app: Any, safe: Callable[[], int], verb: str, path: str) -> Answer:
    """Answer one request as servers do that send a head at once."""
    return asyncio.run(_serve_asgi(app, Answer(verb, safe), path))


async def _serve_asgi(app: Any, answer: Answer, path: str) -> Answer:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": answer.verb,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"shop.test")],
        "client": ("192.0.2.7", 4711),
        "server": ("127.0.0.1", 80),
        "extensions": {"http.response.pathsend": {}} if path == "/pathsend" else {},
    }
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if left.is_set():
            raise OSError("the client left")
        kind = message["type"]
        if kind == "http.response.start":
            lines = [(name.decode(), value.decode()) for name, value in message["headers"]]
            answer.head(message["status"], lines)
            answer.hand_on()
        elif kind == "http.response.pathsend":
            answer.hand_on(is_end=True)
        else:
            answer.hand_on(bytes(message.get("body", b"")), is_end=not message.get("more_body"))
        if path == "/events" and len(answer.before) > LEAVES_AFTER + 1:
            left.set()
        await asyncio.sleep(0)

    try:
        await asyncio.wait_for(app(scope, receive, send), PATIENCE)
    except Exception as error:
        answer.error = error
    if not left.is_set():
        answer.hand_on(is_end=True)
    return answer


# The same answers in every framework's own way.


def chunks(*, fail: bool = False) -> Iterator[bytes]:
    for number, chunk in enumerate(CHUNKS):
        if fail and number == 2:
            raise Boom
        yield chunk


def events() -> Iterator[bytes]:
    while True:
        yield EVENT


async def async_each(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


ANNOUNCED = ("Content-Length", str(len(b"".join(CHUNKS))))
PLAIN = ("Content-Type", "text/plain")
STREAMS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "/stream": chunks,
    "/announced": chunks,
    "/longer": lambda: chain(chunks(), [b" and more"]),
    "/broken": lambda: chunks(fail=True),
    "/events": events,
}


def headers_of(path: str) -> list[tuple[str, str]]:
    return [PLAIN, ANNOUNCED] if path in ("/announced", "/longer") else [PLAIN]


def raw_wsgi(client: apilog.Client) -> Any:
    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/fail":
            raise Boom
        if path == "/none":
            start_response("204 No Content", [])
            return []
        if path == "/file":
            start_response("200 OK", [PLAIN])
            wrapped: Iterable[bytes] = environ.get("wsgi.file_wrapper", iter)(FILE.open("rb"))
            return wrapped
        if path == "/text":
            start_response("200 OK", [PLAIN, ("Content-Length", "5")])
            return [b"hello"]
        start_response("200 OK", headers_of(path))
        return STREAMS[path]()

    return wsgi.ApiLogMiddleware(app, client=client)


def flask_app(client: apilog.Client) -> Any:
    app = flask.Flask("last byte")
    app.logger.disabled = True
    ApiLog(app, client=client)

    @app.get("/<name>")
    def view(name: str) -> Any:
        path = f"/{name}"
        if path == "/fail":
            raise Boom
        if path == "/none":
            return flask.Response(status=204)
        if path == "/file":
            return flask.send_file(FILE)
        if path == "/text":
            return flask.Response("hello")
        return flask.Response(STREAMS[path](), headers=headers_of(path))

    return app


async def raw_asgi_app(scope: Scope, receive: Any, send: Any) -> None:
    async def start(status: int, headers: list[tuple[str, str]]) -> None:
        lines = [(name.lower().encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": lines})

    path = scope["path"]
    if path == "/fail":
        raise Boom
    if path == "/none":
        await start(204, [])
        await send({"type": "http.response.body"})
    elif path in ("/file", "/pathsend"):
        await start(200, [PLAIN])
        if path == "/pathsend":
            await send({"type": "http.response.pathsend", "path": str(FILE)})
        else:
            await send({"type": "http.response.body", "body": FILE.read_bytes()})
    elif path == "/text":
        await start(200, [PLAIN, ("Content-Length", "5")])
        await send({"type": "http.response.body", "body": b"hello"})
    else:
        await start(200, headers_of(path))
        async for piece in async_each(STREAMS[path]()):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def raw_asgi(client: apilog.Client) -> Any:
    return asgi.ApiLogMiddleware(raw_asgi_app, client=client)


async def starlette_view(request: Request) -> Response:
    path = request.url.path
    if path == "/fail":
        raise Boom
    if path == "/none":
        return Response(status_code=204)
    if path in ("/file", "/pathsend"):
        return FileResponse(FILE)
    if path == "/text":
        return Response("hello", media_type="text/plain")
    return StreamingResponse(async_each(STREAMS[path]()), headers=dict(headers_of(path)))


def starlette_app(client: apilog.Client) -> Any:
    app = Starlette(routes=[Route("/{name}", starlette_view)])
    app.add_middleware(apilog_fastapi.ApiLogMiddleware, client=client)
    return app


def fastapi_app(client: apilog.Client) -> Any:
    app = FastAPI(openapi_url=None)
    app.add_middleware(apilog_fastapi.ApiLogMiddleware, client=client)
    app.add_api_route("/{name}", starlette_view, methods=["GET", "HEAD"])
    return app


def django_answer(path: str, *, is_async: bool) -> Any:
    from django import http

    if path == "/fail":
        raise Boom
    if path == "/none":
        return http.HttpResponse(status=204)
    if path == "/file":
        return http.FileResponse(FILE.open("rb"))
    if path == "/text":
        return http.HttpResponse("hello", headers={"Content-Length": "5"})
    pieces = async_each(STREAMS[path]()) if is_async else STREAMS[path]()
    return http.StreamingHttpResponse(pieces, headers=dict(headers_of(path)))


def django_patterns(*, is_async: bool) -> tuple[Any, ...]:
    from django.urls import path

    def view(request: Any, name: str) -> Any:
        return django_answer(f"/{name}", is_async=False)

    async def async_view(request: Any, name: str) -> Any:
        return django_answer(f"/{name}", is_async=True)

    return (path("<name>", async_view if is_async else view),)


ASGI = ("raw ASGI", "Starlette", "FastAPI", "Django ASGI")
APPS: Mapping[str, Callable[[apilog.Client], Any]] = {
    "raw WSGI": raw_wsgi,
    "Flask": flask_app,
    "raw ASGI": raw_asgi,
    "Starlette": starlette_app,
    "FastAPI": fastapi_app,
}
MOUNTINGS = (*APPS, "Django WSGI", "Django ASGI")


@dataclass
class Site:
    """An app on one mounting, with what it records."""

    mounting: str
    app: Any
    client: apilog.Client
    memory: Memory

    def serve(self, verb: str, path: str) -> Answer:
        serve = serve_asgi if self.mounting in ASGI else serve_wsgi
        return serve(self.app, self.safe, verb, path)

    def safe(self) -> int:
        stats = self.client.stats()
        return stats.spooled + stats.delivered

    def event(self) -> apilog.Event:
        assert self.client.flush(PATIENCE)
        [event] = self.memory.events
        return event


Build = Callable[..., Site]
Served = Callable[..., tuple[Answer, Site]]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Build the app on a mounting; not *early* is what a spool does by itself."""
    with ExitStack() as stack:

        def build(mounting: str, *, early: bool = True, **options: Any) -> Site:
            memory = Memory()
            options = {"spool": tmp_path / "spool", **options}
            options["durability"] = "request" if early else "worker"
            if mounting in APPS:
                client = stack.enter_context(apilog.Client(memory, **options))
                client.settles_early = early  # without a spool as well
                return Site(mounting, APPS[mounting](client), client, memory)
            is_async = mounting in ASGI
            stack.enter_context(_django_settings(memory, is_async=is_async, **options))
            import apilog_django

            client = apilog_django.client()
            client.settles_early = early
            return Site(mounting, _django_handler(is_async=is_async), client, memory)

        yield build


def _django_settings(memory: Memory, *, is_async: bool, **options: Any) -> Any:
    import django
    from django.test import override_settings

    if not settings.configured:
        settings.configure(LOGGING_CONFIG=None, SECRET_KEY="not a secret", USE_TZ=True)
    django.setup()
    capitals = {name.upper(): value for name, value in options.items()}
    return override_settings(
        ALLOWED_HOSTS=["*"],
        APILOG={"DESTINATION": memory, **capitals},
        DEBUG=False,
        DEBUG_PROPAGATE_EXCEPTIONS=False,
        INSTALLED_APPS=[],
        MIDDLEWARE=["apilog_django.ApiLogMiddleware"],
        ROOT_URLCONF=django_patterns(is_async=is_async),
        SECRET_KEY="not a secret",
    )


def _django_handler(*, is_async: bool) -> Any:
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler

    return ASGIHandler() if is_async else WSGIHandler()


WHOLE = b"".join(CHUNKS)
CASES = [
    pytest.param("GET", "/text", 200, b"hello", id="a text of announced length"),
    pytest.param("GET", "/stream", 200, WHOLE, id="a stream that ends when it ends"),
    pytest.param("GET", "/announced", 200, WHOLE, id="a stream of announced length"),
    pytest.param("GET", "/longer", 200, WHOLE, id="a stream longer than announced"),
    pytest.param("GET", "/none", 204, b"", id="no content"),
    pytest.param("HEAD", "/text", 200, b"", id="the head of a text"),
    pytest.param("HEAD", "/stream", 200, b"", id="the head of a stream"),
    pytest.param("HEAD", "/announced", 200, b"", id="the head of a stream of announced length"),
]
"""Answers that are complete when they are, and not before: verb, path, status and body."""

on_every_mounting = pytest.mark.parametrize("mounting", MOUNTINGS)
files_in_asgi = pytest.mark.filterwarnings(
    "ignore:StreamingHttpResponse must consume synchronous iterators"
)


@on_every_mounting
@pytest.mark.parametrize(("verb", "path", "status", "body"), CASES)
def test_the_event_is_on_disk_before_the_last_byte_and_the_answer_is_not_touched(
    build: Build, mounting: str, verb: str, path: str, status: int, body: bytes
) -> None:
    site = build(mounting)
    answer = site.serve(verb, path)
    assert (answer.status, answer.error) == (status, None)
    assert answer.body[: answer.length] == body
    assert answer.at_last_byte == 1
    event = site.event()
    assert event.response is not None
    assert event.response.status == status
    assert event.response.body == (body.decode() or None)


@on_every_mounting
@pytest.mark.parametrize(("verb", "path", "status", "body"), CASES)
def test_otherwise_the_event_gets_there_after_the_last_byte(
    build: Build, mounting: str, verb: str, path: str, status: int, body: bytes
) -> None:
    site = build(mounting, early=False)
    answer = site.serve(verb, path)
    assert answer.status == status
    assert answer.at_last_byte == 0
    assert site.client.stats().captured == 1


@on_every_mounting
@pytest.mark.parametrize("path", ["/stream", "/announced", "/longer"])
def test_a_stream_is_not_on_disk_before_its_end(build: Build, mounting: str, path: str) -> None:
    answer = build(mounting).serve("GET", path)
    assert answer.before
    assert set(answer.before) == {0}


@on_every_mounting
@pytest.mark.parametrize(("verb", "path", "status", "body"), CASES)
def test_what_follows_the_last_byte_is_not_in_an_event_that_is_made_later(
    build: Build, mounting: str, verb: str, path: str, status: int, body: bytes
) -> None:
    site = build(mounting, spool=None)
    site.serve(verb, path)
    response = site.event().response
    assert response is not None
    assert (response.status, response.body) == (status, body.decode() or None)


@pytest.mark.parametrize("mounting", ["raw WSGI", "raw ASGI"])
def test_without_a_usable_disk_the_answer_and_the_event_are_the_same(
    build: Build, tmp_path: Path, mounting: str
) -> None:
    (tmp_path / "file").touch()
    site = build(mounting, spool=tmp_path / "file")
    answer = site.serve("GET", "/text")
    assert (answer.body, answer.at_last_byte) == (b"hello", 0)
    assert site.client.stats().captured == 1
    response = site.event().response
    assert response is not None
    assert response.body == "hello"


@pytest.mark.parametrize("mounting", ["raw WSGI", "Flask", "Django WSGI"])
@pytest.mark.parametrize("path", ["/text", "/stream", "/announced", "/longer", "/file", "/none"])
def test_the_thread_is_not_left_with_a_call(build: Build, mounting: str, path: str) -> None:
    build(mounting).serve("GET", path)
    assert current.get() is None


@files_in_asgi
@on_every_mounting
def test_a_file_is_on_disk_before_its_last_byte(build: Build, mounting: str) -> None:
    site = build(mounting)
    answer = site.serve("GET", "/file")
    assert answer.body == FILE.read_bytes()
    assert answer.at_last_byte == 1
    assert site.event().response is not None


@pytest.mark.parametrize("mounting", ["raw WSGI", "Flask", "Django WSGI"])
def test_a_file_is_on_disk_in_time_with_a_server_without_a_short_cut(
    build: Build, mounting: str
) -> None:
    site = build(mounting)
    answer = serve_wsgi(site.app, site.safe, "GET", "/file", wraps_files=False)
    assert answer.body == FILE.read_bytes()
    assert answer.at_last_byte == 1


@pytest.mark.parametrize("mounting", ["raw ASGI", "Starlette", "FastAPI"])
def test_a_file_that_the_server_sends_by_its_path_is_on_disk_first(
    build: Build, mounting: str
) -> None:
    answer = build(mounting).serve("GET", "/pathsend")
    assert (answer.status, answer.at_last_byte) == (200, 1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@on_every_mounting
def test_an_exception_is_on_disk_before_the_500_that_answers_it(
    build: Build, mounting: str
) -> None:
    site = build(mounting)
    answer = site.serve("GET", "/fail")
    assert answer.at_last_byte == 1
    assert set(answer.before) <= {1}
    event = site.event()
    assert event.response is not None
    assert event.response.status == 500
    assert own(event)["exception"] == "Boom"


@on_every_mounting
def test_an_exception_in_a_stream_is_on_disk_before_the_connection_ends(
    build: Build, mounting: str
) -> None:
    site = build(mounting)
    answer = site.serve("GET", "/broken")
    assert answer.body == b"one two "
    assert answer.error is not None
    assert set(answer.before) == {0}
    assert answer.at_last_byte == 1
    assert own(site.event())["exception"] == "Boom"


@on_every_mounting
def test_a_stream_without_end_is_on_disk_when_its_client_leaves(
    build: Build, mounting: str
) -> None:
    site = build(mounting)
    answer = site.serve("GET", "/events")
    assert answer.at_last_byte is None
    assert set(answer.before) == {0}
    assert len(answer.before) > LEAVES_AFTER
    assert own(site.event())["aborted"] is True


@on_every_mounting
@pytest.mark.parametrize("path", ["/text", "/stream", "/announced", "/none"])
def test_hooks_route_and_annotations_are_in_the_event(
    build: Build, mounting: str, path: str
) -> None:
    asked = []

    def user(request: Any, response: Any) -> str:
        asked.append(response.status_code)
        apilog.annotate(metadata={"from": "the hook"})
        return "u1"

    site = build(mounting, identify_user=user)
    answer = site.serve("GET", path)
    assert asked == [answer.status]
    event = site.event()
    assert event.user_id == "u1"
    assert event.metadata["from"] == "the hook"
    assert own(event).get("route") == (None if mounting.startswith("raw") else "/{name}")


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


# What only one of the protocols has a word for.


@pytest.fixture
def served(build: Build) -> Served:
    """Serve a WSGI app behind the middleware."""

    def served(app: Any, **options: Any) -> tuple[Answer, Site]:
        site = build("raw WSGI", **options)
        site.app = wsgi.ApiLogMiddleware(app, client=site.client)
        return site.serve("GET", "/"), site

    return served


def test_the_only_chunk_of_a_list_is_the_last_because_servers_derive_its_length(
    served: Served,
) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [PLAIN])
        return [b"hello"]

    answer, site = served(app)
    assert answer.headers["content-length"] == "5"
    assert answer.at_last_byte == 1
    assert site.event().response is not None


def test_the_first_chunk_of_a_longer_list_is_not(served: Served) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [PLAIN])
        return [b"hel", b"lo"]

    answer, _ = served(app)
    assert answer.before == [0, 0]
    assert answer.at_last_byte == 1


def test_what_write_sends_counts_towards_the_announced_length(served: Served) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [PLAIN, ("Content-Length", "5")])
        write(b"hel")
        write(b"lo")
        return []

    answer, site = served(app)
    assert (answer.body, answer.before, answer.at_last_byte) == (b"hello", [0], 1)
    response = site.event().response
    assert response is not None
    assert response.body == "hello"


def test_write_and_an_iterable_make_up_the_announced_length_together(served: Served) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [PLAIN, ("Content-Length", "5")])
        write(b"hel")
        return iter([b"lo", b" and more than was announced"])

    answer, site = served(app)
    assert (answer.body, answer.before, answer.at_last_byte) == (b"hello", [0], 1)
    response = site.event().response
    assert response is not None
    assert response.body == "hello"


def test_a_head_that_is_replaced_counts_with_its_new_length(served: Served) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN, ("Content-Length", "3")])
        try:
            raise Boom
        except Boom as error:
            info = (type(error), error, error.__traceback__)
            start_response("500 Oh No", [PLAIN, ("Content-Length", "5")], info)
        yield b"sor"
        yield b"ry"

    answer, _ = served(app)
    assert (answer.status, answer.before, answer.at_last_byte) == (500, [0], 1)


@pytest.mark.parametrize("length", ["many", "-1", "9" * 5_000, "", "5, 5"])
def test_a_length_that_is_no_number_announces_nothing(length: str, served: Served) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN, ("Content-Length", length)])
        return chunks()

    answer, _ = served(app)
    assert answer.error is None
    assert (answer.body, answer.before, answer.at_last_byte) == (WHOLE, [0, 0, 0], 1)


@pytest.mark.parametrize("on_disk", [True, False], ids=["on disk", "made later"])
def test_an_exception_after_the_announced_length_reaches_the_server_as_it_is(
    served: Served, tmp_path: Path, on_disk: bool
) -> None:
    boom = Boom("after the last byte")

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [PLAIN, ("Content-Length", "5")])
        yield b"hello"
        raise boom

    answer, site = served(app, spool=tmp_path if on_disk else None)
    assert answer.error is boom
    assert "exception" not in own(site.event())


def test_an_exception_in_close_reaches_the_server_as_it_is(served: Served) -> None:
    boom = Boom("in close")

    class Body(io.BytesIO):
        def close(self) -> None:
            super().close()
            raise boom

    def app(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [PLAIN])
        return Body(b"hello")

    answer, site = served(app)
    assert answer.error is boom
    assert "exception" not in own(site.event())
    assert site.client.stats().dropped == {}


def test_an_exception_in_the_background_reaches_the_server_as_it_is(build: Build) -> None:
    boom = Boom("in the background")

    def fail() -> None:
        raise boom

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await Response("hello", background=BackgroundTask(fail))(scope, receive, send)

    site = build("raw ASGI")
    site.app = asgi.ApiLogMiddleware(app, client=site.client)
    answer = site.serve("GET", "/")
    assert answer.error is boom
    assert (answer.body, answer.at_last_byte) == (b"hello", 1)
    assert "exception" not in own(site.event())


def test_a_head_that_only_informs_is_not_the_last_byte(build: Build) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 103, "headers": []})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    site = build("raw ASGI")
    site.app = asgi.ApiLogMiddleware(app, client=site.client)
    answer = site.serve("GET", "/")
    assert (answer.before, answer.at_last_byte) == ([0, 0], 1)


@pytest.mark.parametrize("count", [10, None], ids=["counted", "whole"])
def test_a_file_by_its_descriptor_counts_towards_the_announced_length(
    build: Build, count: int | None
) -> None:
    sent = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"10")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        file = {"type": "http.response.zerocopysend", "file": 7, "more_body": True}
        await send(file if count is None else {**file, "count": count})
        await send({"type": "http.response.body"})

    async def serve() -> None:
        async def send(message: dict[str, Any]) -> None:
            sent.append((message["type"].rpartition(".")[2], site.safe()))

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await site.app(scope, None, send)

    site = build("raw ASGI")
    site.app = asgi.ApiLogMiddleware(app, client=site.client)
    asyncio.run(serve())
    assert sent == [("start", 0), ("zerocopysend", 1), ("body", 1)]


def test_a_client_that_leaves_before_the_last_byte_arrives_is_told_as_served(build: Build) -> None:
    async def serve() -> None:
        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body":
                raise OSError("the client left")

        scope = {"type": "http", "method": "GET", "path": "/text", "headers": []}
        with suppress(OSError):
            await site.app(scope, None, send)

    site = build("raw ASGI")
    asyncio.run(serve())
    assert "aborted" not in own(site.event())


# Over real sockets: an app that goes on after the last byte, and a client that has its answer.


@contextmanager
def serving_wsgi(app: Any) -> Iterator[int]:
    """Serve *app* with the standard library's server, and give its port."""
    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        yield server.server_port
        thread.join(PATIENCE)
        assert not thread.is_alive()


class Silent(WSGIRequestHandler):
    """Handle requests without a log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving_asgi(app: Any) -> Iterator[int]:
    """Serve *app* with uvicorn, and give its port."""
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


def fetched(port: int, verb: str) -> bytes:
    """Return the body of an answer, read as far as its head says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection):
        connection.request(verb, "/", headers={"Connection": "close"})
        return connection.getresponse().read()


WAITING = [
    pytest.param("GET", 200, b"hello", id="an announced length"),
    pytest.param("HEAD", 200, b"", id="a head"),
    pytest.param("GET", 204, b"", id="no content"),
]


@pytest.mark.parametrize(("verb", "status", "body"), WAITING)
def test_a_client_of_a_wsgi_server_has_no_answer_before_the_event_is_on_disk(
    build: Build, verb: str, status: int, body: bytes
) -> None:
    goes_on = threading.Event()

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        headers = [PLAIN, ("Content-Length", "5")] if status == 200 else []
        start_response(f"{status} Whatever", headers)
        yield b"hello" if verb == "GET" and status == 200 else b""
        assert goes_on.wait(PATIENCE)

    site = build("raw WSGI")
    with serving_wsgi(wsgi.ApiLogMiddleware(app, client=site.client)) as port:
        try:
            assert fetched(port, verb) == body
            assert site.safe() == 1
        finally:
            goes_on.set()


@pytest.mark.parametrize(("verb", "status", "body"), WAITING)
def test_a_client_of_an_asgi_server_has_no_answer_before_the_event_is_on_disk(
    build: Build, verb: str, status: int, body: bytes
) -> None:
    goes_on = threading.Event()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"5")] if status == 200 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if body:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        assert await asyncio.to_thread(goes_on.wait, PATIENCE)
        await send({"type": "http.response.body"})

    site = build("raw ASGI")
    with serving_asgi(asgi.ApiLogMiddleware(app, client=site.client)) as port:
        try:
            assert fetched(port, verb) == body
            assert site.safe() == 1
        finally:
            goes_on.set()

"""The calls that benchmarks make, the apps that answer them, and what calls those in this process.

The frameworks' own modules only: the peers' environments have no apilog.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response  # resolved by name in annotations
from fastapi.responses import StreamingResponse

DICE = random.Random(7)
WORDS = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike".split()


def prose(length: int) -> str:
    """Return words that compress about as text does: repeated letters would flatter compressors."""
    return " ".join(DICE.choices(WORDS, k=length))[:length]


SMALL = prose(200).encode()
ITEMS = [{"sku": f"A-{n}", "count": n, "note": prose(40)} for n in range(25)]
JSON_IN = json.dumps({"items": ITEMS})
JSON_OUT = itertools.cycle(
    [
        {"rows": [{"id": n, "name": f"name {n}", "text": prose(90), "ok": True} for n in range(75)]}
        for _ in range(200)
    ]
)
"""Answers that differ, for a compressor with a large window would see the same one only once."""
BINARY = os.urandom(1 << 20)
UPLOAD = os.urandom(65_536)
CHUNK = b"c" * 512


@dataclass(frozen=True)
class Workload:
    """One kind of call, and how many of it make a round."""

    name: str
    method: str
    path: str
    body: bytes = b""
    content_type: str = ""
    calls: int = 300


WORKLOADS = (
    Workload("200 B GET", "GET", "/small"),
    Workload("2 KB JSON in, 10 KB JSON out", "POST", "/json", JSON_IN.encode(), "application/json"),
    Workload("1 MiB binary out", "GET", "/binary", calls=40),
    Workload("100-chunk stream", "GET", "/stream", calls=150),
    Workload("64 KB upload", "POST", "/upload", UPLOAD, "application/octet-stream", calls=100),
)


class Timing(NamedTuple):
    """Seconds of one call: until the first byte of the body, and until its end."""

    first: float
    whole: float


class Pace:
    """Leave calls time to start at a rate of so many a second; at 0 at once."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._due = time.perf_counter()

    def pause(self) -> float:
        """Return the seconds until the next call is due."""
        self._due += self._gap
        return max(0.0, self._due - time.perf_counter())


def flask_app() -> Any:
    """Return a bare Flask app with the workloads."""
    import flask
    from flask import Flask, request

    app = Flask("overhead")
    app.add_url_rule("/small", "small", lambda: flask.Response(SMALL, mimetype="text/plain"))

    @app.post("/json")
    def exchange_json() -> Any:
        request.get_json()
        return next(JSON_OUT)

    binary = "application/octet-stream"
    app.add_url_rule("/binary", "binary", lambda: flask.Response(BINARY, mimetype=binary))

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response((CHUNK for _ in range(100)), mimetype="text/plain")

    @app.post("/upload")
    def upload() -> str:
        return str(len(request.get_data()))

    return app


def django_app(middleware: list[str], **options: Any) -> Any:
    """Return a Django WSGI handler with the workloads; settings are global, handlers are not."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path

    def exchange_json(request: Any) -> Any:
        json.loads(request.body)
        return JsonResponse(next(JSON_OUT))

    def stream(request: Any) -> Any:
        return StreamingHttpResponse((CHUNK for _ in range(100)), content_type="text/plain")

    if not settings.configured:
        import django

        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[])
        django.setup()
        globals()["urlpatterns"] = [
            path("small", lambda request: HttpResponse(SMALL, content_type="text/plain")),
            path("json", exchange_json),
            path(
                "binary",
                lambda request: HttpResponse(BINARY, content_type="application/octet-stream"),
            ),
            path("stream", stream),
            path("upload", lambda request: HttpResponse(str(len(request.body)))),
        ]
    for name, value in options.items():
        setattr(settings, name, value)
    settings.MIDDLEWARE = middleware
    return WSGIHandler()


def fastapi_app() -> Any:
    """Return a bare FastAPI app with the workloads."""
    app = FastAPI()

    async def small() -> Any:
        return Response(SMALL, media_type="text/plain")

    async def exchange_json(request: Request) -> Any:
        await request.json()
        return Response(json.dumps(next(JSON_OUT)), media_type="application/json")

    async def binary() -> Any:
        return Response(BINARY, media_type="application/octet-stream")

    async def stream() -> Any:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield CHUNK

        return StreamingResponse(chunks(), media_type="text/plain")

    async def upload(request: Request) -> Any:
        return Response(str(len(await request.body())))

    app.add_api_route("/small", small)
    app.add_api_route("/json", exchange_json, methods=["POST"])
    app.add_api_route("/binary", binary)
    app.add_api_route("/stream", stream)
    app.add_api_route("/upload", upload, methods=["POST"])
    return app


def call_wsgi(app: Any, workload: Workload, rate: float = 0) -> Iterator[Timing]:
    """Call *app* again and again, *rate* times a second if that is set, and time each call."""
    base = {
        "REQUEST_METHOD": workload.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": workload.path,
        "QUERY_STRING": "page=2",
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "test",
        "HTTP_USER_AGENT": "overhead/1.0",
        "HTTP_ACCEPT": "*/*",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate",
        "HTTP_AUTHORIZATION": "Bearer 0123456789",
        "CONTENT_TYPE": workload.content_type,
        "CONTENT_LENGTH": str(len(workload.body)) if workload.body else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        assert status.startswith("200"), status  # a benchmark of errors says nothing

    pace = Pace(rate)
    for _ in range(workload.calls):
        environ = base | {"wsgi.input": io.BytesIO(workload.body)}
        began, first = time.perf_counter(), 0.0
        response = app(environ, start_response)
        for _chunk in response:
            first = first or time.perf_counter() - began
        close = getattr(response, "close", None)
        if close is not None:
            close()
        yield Timing(first, time.perf_counter() - began)
        if rate:
            time.sleep(pace.pause())


def call_asgi(app: Any, workload: Workload, rate: float = 0) -> Iterator[Timing]:
    """Call *app* again and again in one event loop, as `call_wsgi` does."""
    headers = [
        (b"host", b"test"),
        (b"user-agent", b"overhead/1.0"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"authorization", b"Bearer 0123456789"),
        (b"content-type", workload.content_type.encode()),
        (b"content-length", str(len(workload.body)).encode()),
    ]
    base = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": workload.method,
        "scheme": "http",
        "path": workload.path,
        "raw_path": workload.path.encode(),
        "query_string": b"page=2",
        "root_path": "",
        "client": ("127.0.0.1", 1234),
        "server": ("test", 80),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": workload.body, "more_body": False}

    began = first = 0.0

    async def send(message: Any) -> None:
        nonlocal first
        assert message.get("status", 200) == 200, message
        if not first and message.get("body"):
            first = time.perf_counter() - began

    async def calls() -> list[Timing]:
        nonlocal began, first
        seconds, pace = [], Pace(rate)
        for _ in range(workload.calls):
            scope = base | {"headers": list(headers)}
            began, first = time.perf_counter(), 0.0
            await app(scope, receive, send)
            seconds.append(Timing(first, time.perf_counter() - began))
            if rate:
                await asyncio.sleep(pace.pause())
        return seconds

    yield from asyncio.run(calls())

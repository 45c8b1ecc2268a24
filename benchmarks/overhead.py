"""What a recorded call costs: CPU until delivered, and time in the request, beside bare and floor.

Prints a Markdown table: for Flask, Django and FastAPI and five workloads the CPU added per call, of
all threads, until the event was delivered to a local endpoint; the same for a floor written by hand
(`floor.py`); their ratio; and the median time added to the call itself. Bare, floor and apilog take
turns in small rounds, and medians are compared, because machines are noisy.

    python benchmarks/overhead.py [--rounds 15] [--only flask]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import sink
from fastapi import FastAPI, Request, Response  # resolved by name in annotations
from fastapi.responses import StreamingResponse
from floor import ASGIFloor, Floor, WSGIFloor

import apilog
from apilog.destinations import Collector

SMALL = b"x" * 200
ITEMS = [{"sku": f"A-{n}", "count": n, "note": "y" * 40} for n in range(25)]
JSON_IN = json.dumps({"items": ITEMS})
ROWS = [{"id": n, "name": f"name {n}", "text": "z" * 90, "ok": True} for n in range(75)]
JSON_OUT = {"rows": ROWS}
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


def flask_app() -> Any:
    """Return a bare Flask app with the workloads."""
    import flask
    from flask import Flask, request

    app = Flask("overhead")
    app.add_url_rule("/small", "small", lambda: flask.Response(SMALL, mimetype="text/plain"))

    @app.post("/json")
    def exchange_json() -> Any:
        request.get_json()
        return JSON_OUT

    binary = "application/octet-stream"
    app.add_url_rule("/binary", "binary", lambda: flask.Response(BINARY, mimetype=binary))

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response((CHUNK for _ in range(100)), mimetype="text/plain")

    @app.post("/upload")
    def upload() -> str:
        return str(len(request.get_data()))

    return app


def django_app(middleware: list[str]) -> Any:
    """Return a Django WSGI handler with the workloads; settings are global, handlers are not."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path

    def exchange_json(request: Any) -> Any:
        json.loads(request.body)
        return JsonResponse(JSON_OUT)

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
    settings.MIDDLEWARE = middleware
    return WSGIHandler()


def fastapi_app() -> Any:
    """Return a bare FastAPI app with the workloads."""
    app = FastAPI()

    async def small() -> Any:
        return Response(SMALL, media_type="text/plain")

    async def exchange_json(request: Request) -> Any:
        await request.json()
        return Response(json.dumps(JSON_OUT), media_type="application/json")

    async def binary() -> Any:
        return Response(BINARY, media_type="application/octet-stream")

    async def stream() -> Any:
        async def chunks() -> Any:
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


def call_wsgi(app: Any, workload: Workload) -> Iterator[float]:
    """Call *app* again and again, and give the seconds of each call."""
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

    for _ in range(workload.calls):
        environ = base | {"wsgi.input": io.BytesIO(workload.body)}
        began = time.perf_counter()
        response = app(environ, start_response)
        for _chunk in response:
            pass
        close = getattr(response, "close", None)
        if close is not None:
            close()
        yield time.perf_counter() - began


def call_asgi(app: Any, workload: Workload) -> Iterator[float]:
    """Call *app* again and again in one event loop, and give the seconds of each call."""
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

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    async def calls() -> list[float]:
        seconds = []
        for _ in range(workload.calls):
            scope = base | {"headers": list(headers)}
            began = time.perf_counter()
            await app(scope, receive, send)
            seconds.append(time.perf_counter() - began)
        return seconds

    yield from asyncio.run(calls())


@dataclass
class Variant:
    """One way to run an app, and what waits until its events are delivered."""

    name: str
    app: Any
    settle: Callable[[int], None]
    calls: int = 0


def variants(framework: str, port: int) -> list[Variant]:
    """Return *framework*'s app bare, on the floor, and recorded by apilog."""
    floor = Floor("127.0.0.1", port)
    client = apilog.Client(Collector(f"http://127.0.0.1:{port}"), queue_bytes=1 << 30)

    def settle(calls: int) -> None:
        if not client.flush(60):
            raise SystemExit("events were not delivered in time")

    if framework == "flask":
        from apilog_flask import ApiLog

        bare, lowest, recorded = flask_app(), WSGIFloor(flask_app(), floor), flask_app()
        ApiLog(recorded, client=client)
    elif framework == "django":
        import apilog_django.settings

        bare = django_app([])
        lowest = WSGIFloor(django_app([]), floor)
        apilog_django.settings._client = client  # noqa: SLF001 - its own is made of settings
        recorded = django_app(["apilog_django.ApiLogMiddleware"])
    else:
        from apilog_fastapi import ApiLogMiddleware

        bare, lowest, recorded = fastapi_app(), ASGIFloor(fastapi_app(), floor), fastapi_app()
        recorded.add_middleware(ApiLogMiddleware, client=client)
    return [
        Variant("bare", bare, lambda calls: None),
        Variant("floor", lowest, floor.flush),
        Variant("apilog", recorded, settle),
    ]


def measured(variant: Variant, workload: Workload, call: Any) -> tuple[float, float]:
    """Run one round; return microseconds of CPU a call until delivered, and of its median time."""
    variant.calls += workload.calls
    began = time.process_time()
    seconds = list(call(variant.app, workload))
    variant.settle(variant.calls)
    cpu = (time.process_time() - began) / workload.calls
    return cpu * 1e6, statistics.median(seconds) * 1e6


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each variant (15)")
    parser.add_argument("--only", choices=("flask", "django", "fastapi"))
    arguments = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, {arguments.rounds} rounds\n")
    print("| app | call | bare CPU | floor adds | apilog adds | ratio | median time added |")
    print("|---|---|---:|---:|---:|---:|---:|")
    with sink.running() as port:
        for framework in [arguments.only] if arguments.only else ["flask", "django", "fastapi"]:
            call = call_asgi if framework == "fastapi" else call_wsgi
            each = variants(framework, port)
            for workload in WORKLOADS:
                rounds = [
                    [measured(variant, workload, call) for variant in each]
                    for _ in range(arguments.rounds + 1)
                ][1:]  # the first one warms up
                cpu = [statistics.median(r[n][0] for r in rounds) for n in range(3)]
                latency = [statistics.median(r[n][1] for r in rounds) for n in range(3)]
                floor, ours = cpu[1] - cpu[0], cpu[2] - cpu[0]
                print(
                    f"| {framework} | {workload.name} | {cpu[0]:.0f} µs | {floor:.0f} µs"
                    f" | {ours:.0f} µs | {ours / floor:.2f} | {latency[2] - latency[0]:.1f} µs |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

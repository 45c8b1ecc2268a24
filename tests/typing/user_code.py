"""What users write, for the type checker: no cast, no ignore and no Any of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from fastapi import FastAPI
from flask import Flask, Response, request
from starlette.requests import Request

import apilog
import apilog.asgi
import apilog.wsgi
import apilog_django
from apilog.destinations import Collector, Console, File, Memory, Moesif
from apilog.testing import InMemoryClient, capture
from apilog_fastapi import ApiLogMiddleware
from apilog_flask import ApiLog

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

    from typing_extensions import assert_type


class Drawer:
    """A destination of one's own needs no base class."""

    def __init__(self) -> None:
        self.batches: list[Sequence[bytes]] = []

    def send(self, batch: Sequence[bytes]) -> None:
        if len(self.batches) > 10:
            raise apilog.RetryLater("full", after=1.5)
        self.batches.append(batch)


destination: apilog.Destination = Drawer()
destinations: Sequence[apilog.Destination] = [
    Moesif("app-id", base_url="https://api.example.com"),
    Collector("http://127.0.0.1:8090"),
    File("calls.ndjson"),
    Console(),
    Memory(),
    Drawer(),
]


def plain_app(environ: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    apilog.annotate(user_id="u1", metadata={"plan": "pro"})
    return [b"hello"]


def any_app() -> None:
    with apilog.Client([*destinations, "console:"], batch_size=10, flush_interval=0.5) as client:
        apilog.wsgi.ApiLogMiddleware(plain_app, client=client)
        assert_type(client.flush(timeout=1.0), bool)
        stats = client.stats()
        assert_type(stats, apilog.Stats)
        assert_type(stats.dropped, Mapping[str, int])


client = apilog.Client("memory:")


@client.identify_user
def user(request: Request, response: apilog.ResponseHead) -> str | None:
    return request.headers.get("x-user")


@client.mask_event
def without_query(event: apilog.Event) -> apilog.Event | None:
    return None if event.request.verb == "OPTIONS" else event


def decorators_keep_the_types_of_functions(
    event: apilog.Event, request: Request, head: apilog.ResponseHead
) -> None:
    assert_type(without_query(event), apilog.Event | None)
    assert_type(user(request, head), str | None)
    assert_type(event.response, apilog.EventResponse | None)


flask_app = Flask("shop")
extension = ApiLog(flask_app, destination=Moesif("app-id"), sample_rate=0.1)
extension_later = ApiLog(destination="console:")
extension_later.init_app(flask_app)


@extension.identify_company
def company(request: object, response: Response) -> str | None:
    return response.headers.get("X-Company")


@flask_app.get("/")
def index() -> str:
    apilog.annotate(session_token=request.cookies.get("session"))
    return "hello"


assert_type(extension.client, apilog.Client)

fastapi_app = FastAPI()
fastapi_app.add_middleware(ApiLogMiddleware, client=client)
fastapi_app.add_middleware(ApiLogMiddleware, destination="console:", identify_user=user)
asgi_app = apilog.asgi.ApiLogMiddleware(fastapi_app, destination=File("calls.ndjson"))


def django_get_response(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


django_middleware = apilog_django.ApiLogMiddleware(django_get_response)
assert_type(apilog_django.client(), apilog.Client)


def in_tests() -> None:
    with capture() as events:
        assert_type(events[0], apilog.Event)
    with InMemoryClient(max_body_bytes=10) as in_memory:
        assert_type(in_memory.events, list[apilog.Event])


def in_settings() -> None:
    try:
        apilog.Client("memory:", batch_sise=1)
    except apilog.ConfigError as error:
        print(error)

"""Starlette: routes of every kind and version, streams, files, and scopes that are not HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import starlette
from packaging.version import Version
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

import apilog
from apilog_fastapi import ApiLogMiddleware

Recorder = Any
"""The recorder of conftest.py."""

Call = Callable[..., httpx.Response]
Message = dict[str, Any]

FILE = Path(apilog.__file__).with_name("exceptions.py")


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


async def item(request: Request) -> JSONResponse:
    return JSONResponse(request.path_params)


class Cart(HTTPEndpoint):
    async def delete(self, request: Request) -> Response:
        return Response(status_code=204)


def scope_of(path: str, **more: Any) -> dict[str, Any]:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.test")],
        "client": ("192.0.2.7", 4711),
        "server": ("shop.test", 80),
    }
    return {**scope, **more}


async def drive(
    app: Any, scope: dict[str, Any], send: Callable[[Message], Any] | None = None
) -> list[Message]:
    """Call *app* as a server does whose client stays to the end."""
    sent: list[Message] = []
    incoming = [{"type": "http.request", "body": b"", "more_body": False}]
    forever = asyncio.Event()

    async def receive() -> Message:
        if not incoming:
            await forever.wait()
        return incoming.pop()

    async def keep(message: Message) -> None:
        sent.append(message)
        if send is not None:
            await send(message)

    await app(scope, receive, keep)
    return sent


@pytest.mark.parametrize(
    ("path", "route", "view"),
    [
        pytest.param("/items/7", "/items/{id:int}", "item", id="a route"),
        pytest.param("/named", "/named", "the name", id="a route with a name"),
        pytest.param("/a/b/deep/7", "/a/b/deep/{id}", "item", id="mounts in mounts"),
        pytest.param("/carts/7", "/carts/{id}", "Cart", id="an endpoint class, wrong verb"),
        pytest.param("/alias", "/alias", "item", id="a second route to one endpoint"),
        pytest.param("/host", "/host", "item", id="a host"),
        pytest.param("/items/x", None, None, id="no route"),
    ],
)
def test_route_and_endpoint_are_told(
    client: apilog.Client,
    recorder: Recorder,
    call_asgi: Call,
    path: str,
    route: str | None,
    view: str | None,
) -> None:
    deep = Mount("/a", routes=[Mount("/b", app=Router([Route("/deep/{id}", item)]))])
    routes = [
        Route("/items/{id:int}", item),
        Route("/named", item, name="the name"),
        Route("/carts/{id}", Cart),
        Route("/alias", item),
        deep,
        Host("shop.test", Router([Route("/host", item)])),
    ]
    app = Starlette(routes=routes)
    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", path)
    said = own(recorder.one(client))
    assert said.get("route") == (route and route.replace(":int", ""))
    assert said.get("view") == view


def old_item(request: Request) -> None:
    """Stand for an endpoint in scopes made by hand."""


ROUTES = [
    Route("/other/{id}", item),
    Route("/items", old_item, name="all items"),
    Route("/items/{id}", old_item, name="one item"),
    Mount("/admin", routes=[Route("/users/{id}", old_item, name="a user")]),
]


@pytest.mark.parametrize(
    ("path", "leaves", "route", "view"),
    [
        pytest.param(
            "/items/7",
            {"endpoint": old_item, "path_params": {"id": "7"}, "router": Router(ROUTES)},
            "/items/{id}",
            "one item",
            id="Starlette that leaves the endpoint only",
        ),
        pytest.param(
            "/items",
            {"endpoint": old_item, "path_params": {}, "router": Router(ROUTES)},
            "/items",
            "all items",
            id="Starlette that leaves the endpoint only, of two routes",
        ),
        pytest.param(
            "/admin/users/7",
            {
                "endpoint": old_item,
                "path_params": {"id": "7"},
                "router": Router(ROUTES),
                "root_path": "/admin",
                "app_root_path": "",
            },
            "/admin/users/{id}",
            "a user",
            id="a mount, and where the app's root path is kept",
        ),
        pytest.param(
            "/admin/users/7",
            {
                "endpoint": old_item,
                "path_params": {"id": "7"},
                "router": Router(ROUTES),
                "root_path": "/admin",
                "path": "/users/7",
            },
            "/admin/users/{id}",
            "a user",
            id="a mount, where the path is shortened",
        ),
        pytest.param(
            "/items/7",
            {"endpoint": old_item, "route": ROUTES[2], "path_params": {"id": "7"}},
            "/items/{id}",
            "one item",
            id="FastAPI that leaves the route",
        ),
        pytest.param(
            "/v1/items/7",
            {
                "endpoint": old_item,
                "route": ROUTES[2],
                "fastapi": {
                    "effective_route_context": SimpleNamespace(
                        path_format="/v1/items/{id}", operation_id=None, name="one item"
                    )
                },
            },
            "/v1/items/{id}",
            "one item",
            id="FastAPI that leaves the effective route",
        ),
        pytest.param(
            "/items/7",
            {"endpoint": old_item, "route": ROUTES[2], "fastapi": {}},
            "/items/{id}",
            "one item",
            id="FastAPI without an effective route",
        ),
        pytest.param(
            "/items/7",
            {"endpoint": old_item},
            None,
            "old_item",
            id="another framework's endpoint",
        ),
        pytest.param(
            "/items/7",
            {"endpoint": old_item, "route": SimpleNamespace(path=7, name=object())},
            None,
            "old_item",
            id="a route of another kind",
        ),
    ],
)
@pytest.mark.parametrize("root", ["", "/api"], ids=["at the root", "behind a prefix"])
def test_scopes_of_every_version_are_understood(
    client: apilog.Client,
    recorder: Recorder,
    path: str,
    leaves: dict[str, Any],
    route: str | None,
    view: str,
    root: str,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        changes = dict(leaves)
        if "root_path" in changes:
            changes["root_path"] = root + changes["root_path"]
        if "app_root_path" in changes:
            changes["app_root_path"] = root
        scope.update(changes)
        await PlainTextResponse("x")(scope, receive, send)

    wrapped = ApiLogMiddleware(app, client=client)
    asyncio.run(drive(wrapped, scope_of(root + path, root_path=root)))
    event = recorder.one(client)
    assert (own(event).get("route"), own(event).get("view")) == (route, view)
    assert event.request.uri == f"http://shop.test{root}{path}"
    assert client.stats().faults == {}


@pytest.mark.parametrize(
    ("root", "path", "raw_path", "uri"),
    [
        pytest.param("/api", "/api/x", b"/api/x", "/api/x", id="a path that has the root"),
        pytest.param("/api", "/x", b"/x", "/api/x", id="a path without the root"),
        pytest.param("/api", "/api", b"/api", "/api", id="the root alone"),
        pytest.param("/api", "/apiary", b"/apiary", "/api/apiary", id="a path that looks like it"),
        pytest.param("/api", "/x", None, "/api/x", id="no raw path"),
        pytest.param("", "/ü", None, "/%C3%BC", id="no raw path but an umlaut"),
        pytest.param("/ä", "/ä/ü", b"/%C3%A4/%C3%BC", "/%C3%A4/%C3%BC", id="an umlaut in the root"),
    ],
)
def test_the_address_is_whole_under_a_root_path(
    client: apilog.Client,
    recorder: Recorder,
    root: str,
    path: str,
    raw_path: bytes | None,
    uri: str,
) -> None:
    app = ApiLogMiddleware(PlainTextResponse("x"), client=client)
    asyncio.run(drive(app, scope_of(path, root_path=root, raw_path=raw_path)))
    assert recorder.one(client).request.uri == f"http://shop.test{uri}"


@pytest.mark.parametrize(
    ("path", "recorded"),
    [("/api/health", False), ("/apiary/health", True)],
    ids=["under the root", "beside the root"],
)
def test_paths_are_left_out_with_their_root(recorder: Recorder, path: str, recorded: bool) -> None:
    client = apilog.Client(recorder, exclude_paths=["/api/health", "/apiary/health"])
    app = ApiLogMiddleware(PlainTextResponse("x"), client=client)
    asyncio.run(drive(app, scope_of(path, root_path="/api")))
    assert (len(recorder.of(client)) == 1) is recorded


async def events_stream() -> AsyncIterator[str]:
    for number in range(3):
        yield f"id: {number}\ndata: tick\n\n"
        await asyncio.sleep(0)


async def broken_stream() -> AsyncIterator[str]:
    yield "one\n"
    raise RuntimeError


def file_response(request: Request) -> FileResponse:
    return FileResponse(FILE, media_type="text/x-python")


APP_ROUTES = [
    Route(
        "/sse",
        lambda request: StreamingResponse(events_stream(), media_type="text/event-stream"),
    ),
    Route("/broken", lambda request: StreamingResponse(broken_stream(), media_type="text/plain")),
    Route("/file", file_response),
    Route("/redirect", lambda request: RedirectResponse("/sse?token=1")),
    Route("/empty", lambda request: Response(status_code=204)),
]


def test_server_sent_events_pass_one_by_one_and_are_recorded(
    client: apilog.Client, recorder: Recorder
) -> None:
    app = ApiLogMiddleware(Starlette(routes=APP_ROUTES), client=client)
    sent = asyncio.run(drive(app, scope_of("/sse")))
    assert [m["body"] for m in sent[1:]] == [
        *(f"id: {number}\ndata: tick\n\n".encode() for number in range(3)),
        b"",
    ]
    event = recorder.one(client)
    assert event.response is not None
    assert event.response.body == "".join(f"id: {n}\ndata: tick\n\n" for n in range(3))
    assert own(event)["chunks"] == 3


def test_a_stream_that_breaks_keeps_its_status_and_names_the_exception(
    client: apilog.Client, recorder: Recorder
) -> None:
    app = ApiLogMiddleware(Starlette(routes=APP_ROUTES), client=client)
    with pytest.raises(RuntimeError):
        asyncio.run(drive(app, scope_of("/broken")))
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.status, event.response.body) == (200, "one\n")
    assert own(event)["exception"] == "RuntimeError"
    assert own(event)["response_body_omitted"] == "incomplete"


@pytest.mark.parametrize(
    "pathsend",
    [
        pytest.param(False, id="in chunks"),
        pytest.param(
            True,
            id="by pathsend",
            marks=pytest.mark.skipif(
                Version(starlette.__version__) < Version("0.36"),
                reason="Starlette has pathsend since 0.36",
            ),
        ),
    ],
)
def test_a_file_is_sent_as_the_server_can(
    client: apilog.Client, recorder: Recorder, pathsend: bool
) -> None:
    app = ApiLogMiddleware(Starlette(routes=APP_ROUTES), client=client)
    extensions = {"extensions": {"http.response.pathsend": {}}} if pathsend else {}
    sent = asyncio.run(drive(app, scope_of("/file", **extensions)))
    event = recorder.one(client)
    assert event.response is not None
    if pathsend:
        assert sent[1] == {"type": "http.response.pathsend", "path": str(FILE)}
        assert own(event)["response_body_omitted"] == "file"
    else:
        assert b"".join(m["body"] for m in sent[1:]) == FILE.read_bytes()
        assert event.response.body == FILE.read_text()
    assert own(event)["response_size"] == FILE.stat().st_size
    assert own(event)["route"] == "/file"


def test_a_response_without_a_body_is_recorded(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    app = ApiLogMiddleware(Starlette(routes=APP_ROUTES), client=client)
    assert call_asgi(app, "GET", "/empty").status_code == 204
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.status, event.response.body) == (204, None)


def test_the_time_of_background_tasks_does_not_count(
    client: apilog.Client, recorder: Recorder
) -> None:
    async def scenario() -> None:
        told, waited = asyncio.Event(), asyncio.Event()

        async def background() -> None:
            told.set()
            await waited.wait()

        app = ApiLogMiddleware(
            PlainTextResponse("x", background=BackgroundTask(background)), client=client
        )
        call = asyncio.create_task(drive(app, scope_of("/")))
        await asyncio.wait_for(told.wait(), 5)
        event = await asyncio.to_thread(recorder.one, client)
        assert not call.done()
        assert own(event)["duration_ms"] >= own(event)["ttfb_ms"]
        waited.set()
        await call

    asyncio.run(scenario())
    assert recorder.of(client) == []


def test_an_exception_in_a_background_task_changes_no_event(
    client: apilog.Client, recorder: Recorder
) -> None:
    async def fails() -> None:
        raise RuntimeError

    app = ApiLogMiddleware(PlainTextResponse("x", background=BackgroundTask(fails)), client=client)
    with pytest.raises(RuntimeError):
        asyncio.run(drive(app, scope_of("/")))
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.status, own(event).get("exception")) == (200, None)


def test_a_client_that_leaves_is_told_as_aborted(client: apilog.Client, recorder: Recorder) -> None:
    async def leave(message: Message) -> None:
        if message.get("body"):
            raise OSError("gone")

    app = ApiLogMiddleware(Starlette(routes=APP_ROUTES), client=client)
    with pytest.raises((ClientDisconnect, OSError)):  # older Starlettes say OSError as it comes
        asyncio.run(drive(app, scope_of("/sse"), leave))
    event = recorder.one(client)
    assert (own(event)["aborted"], own(event).get("exception")) == (True, None)


def test_a_call_that_is_cancelled_is_told_as_aborted(
    client: apilog.Client, recorder: Recorder
) -> None:
    async def scenario() -> None:
        began = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            began.set()
            await asyncio.Event().wait()

        call = asyncio.create_task(drive(ApiLogMiddleware(app, client=client), scope_of("/")))
        await began.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(scenario())
    assert own(recorder.one(client))["aborted"] is True


def test_an_http_exception_of_the_app_is_told_by_its_status(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    def refuse(request: Request) -> None:
        raise HTTPException(402)

    app = Starlette(routes=[Route("/", refuse)])
    app.add_middleware(ApiLogMiddleware, client=client)
    assert call_asgi(app, "GET", "/").status_code == 402
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.status, own(event).get("exception")) == (402, None)


def test_a_websocket_passes_untouched(client: apilog.Client, recorder: Recorder) -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        apilog.annotate(user_id="nobody")
        await websocket.send_text((await websocket.receive_text()).upper())
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/echo", echo)])
    app.add_middleware(ApiLogMiddleware, client=client)
    incoming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope_of("/echo", type="websocket"), receive, send))
    assert [message.get("text") for message in sent] == [None, "HELLO", None]
    assert recorder.of(client) == []


def test_the_end_of_the_lifespan_delivers_what_is_left(recorder: Recorder) -> None:
    client = apilog.Client(recorder, flush_interval=3600)
    app = Starlette(routes=APP_ROUTES)
    app.add_middleware(ApiLogMiddleware, client=client)

    async def scenario() -> None:
        incoming: asyncio.Queue[Message] = asyncio.Queue()
        outgoing: asyncio.Queue[Message] = asyncio.Queue()
        lifespan = asyncio.create_task(
            app({"type": "lifespan", "asgi": {"version": "3.0"}}, incoming.get, outgoing.put)
        )
        await incoming.put({"type": "lifespan.startup"})
        assert (await outgoing.get())["type"] == "lifespan.startup.complete"
        await drive(app, scope_of("/empty"))
        assert recorder.events == []
        await incoming.put({"type": "lifespan.shutdown"})
        assert (await outgoing.get())["type"] == "lifespan.shutdown.complete"
        assert len(recorder.events) == 1
        await lifespan

    asyncio.run(scenario())


def test_a_hook_that_cannot_get_a_request_costs_no_answer(
    recorder: Recorder, call_asgi: Call
) -> None:
    class Broken(ApiLogMiddleware):
        def request(self, scope: Any) -> Request:
            raise RuntimeError

    client = apilog.Client(recorder, skip=lambda request, response: False)
    app = Broken(PlainTextResponse("x"), client=client)
    assert call_asgi(app, "GET", "/").text == "x"
    assert recorder.of(client) == []
    assert client.stats().dropped == {"not_asked": 1}

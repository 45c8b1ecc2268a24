"""FastAPI: routes, hooks, streams, errors, and the ways in which middlewares stand around us."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import starlette
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from packaging.version import Version
from pydantic import BaseModel
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware

import apilog
from apilog_fastapi import ApiLogMiddleware

Recorder = Any
"""The recorder of conftest.py."""

Call = Callable[..., httpx.Response]

BEFORE_ROOTS = Version(starlette.__version__) < Version("0.33")


class Item(BaseModel):
    name: str


class Boom(Exception):
    """Raised by endpoints."""


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


def place(event: apilog.Event) -> tuple[Any, Any]:
    said = own(event)
    return said.get("route"), said.get("view")


def shop() -> FastAPI:
    app = FastAPI()
    orders, lines, admin = APIRouter(prefix="/orders"), APIRouter(), FastAPI()

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        return {"id": item_id}

    @app.get("/sync/{item_id:path}")
    def sync_item(item_id: str) -> dict[str, str]:
        return {"id": item_id}

    @app.post("/items", status_code=201, operation_id="createItem")
    async def create(item: Item) -> Item:
        return item

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")

    @app.get("/boom")
    async def boom() -> None:
        raise Boom("the secret of the boom")

    @orders.get("/{order_id}")
    async def order(order_id: str) -> str:
        return order_id

    @orders.get("/{order_id}/boom")
    async def order_boom(order_id: str) -> str:
        raise Boom

    @lines.get("/{line_id}", name="one line")
    async def line(order_id: str, line_id: str) -> list[str]:
        return [order_id, line_id]

    @admin.get("/users/{user_id}")
    async def user(user_id: str) -> str:
        return user_id

    @admin.get("/boom")
    async def admin_boom() -> str:
        raise Boom

    orders.include_router(lines, prefix="/{order_id}/lines")
    app.include_router(orders, prefix="/v1")
    admin.include_router(orders, prefix="/v2")
    app.mount("/admin", admin)
    return app


@pytest.mark.parametrize(
    ("path", "status", "route", "view"),
    [
        pytest.param("/items/7", 200, "/items/{item_id}", "item", id="an async endpoint"),
        pytest.param("/sync/a/b", 200, "/sync/{item_id}", "sync_item", id="a sync endpoint"),
        pytest.param("/v1/orders/7", 200, "/v1/orders/{order_id}", "order", id="a router"),
        pytest.param(
            "/v1/orders/7/lines/8",
            200,
            "/v1/orders/{order_id}/lines/{line_id}",
            "one line",
            id="a router in a router",
        ),
        pytest.param(
            "/v1/orders/7/boom",
            500,
            "/v1/orders/{order_id}/boom",
            "order_boom",
            id="an exception in a router",
        ),
        pytest.param("/admin/users/7", 200, "/admin/users/{user_id}", "user", id="a mounted app"),
        pytest.param(
            "/admin/v2/orders/7/lines/8",
            200,
            "/admin/v2/orders/{order_id}/lines/{line_id}",
            "one line",
            id="routers in a mounted app",
        ),
        pytest.param(
            "/admin/boom", 500, "/admin/boom", "admin_boom", id="an exception in a mounted app"
        ),
        pytest.param(
            "/admin/v2/orders/7/boom",
            500,
            "/admin/v2/orders/{order_id}/boom",
            "order_boom",
            id="an exception in a router of a mounted app",
        ),
        pytest.param("/teapot", 418, "/teapot", "teapot", id="an HTTP exception"),
        pytest.param("/items/many", 422, "/items/{item_id}", "item", id="a wrong argument"),
        pytest.param("/items", 405, "/items", "createItem", id="a wrong verb"),
        pytest.param("/nowhere", 404, None, None, id="a path without a route"),
        pytest.param("/openapi.json", 200, "/openapi.json", "openapi", id="the app's own pages"),
    ],
)
@pytest.mark.parametrize(
    "root_path",
    [
        pytest.param("", id="at the root"),
        pytest.param(
            "/api",
            id="under a root path",
            marks=pytest.mark.skipif(BEFORE_ROOTS, reason="Starlette 0.33 first finds routes then"),
        ),
    ],
)
@pytest.mark.parametrize("around", [False, True], ids=["as a middleware", "around the app"])
def test_route_and_endpoint_are_told(
    client: apilog.Client,
    recorder: Recorder,
    call_asgi: Call,
    path: str,
    status: int,
    route: str | None,
    view: str | None,
    root_path: str,
    around: bool,
) -> None:
    app: Any = shop()
    app.root_path = root_path
    if around:
        app = ApiLogMiddleware(app, client=client)
    else:
        app.add_middleware(ApiLogMiddleware, client=client)
    assert call_asgi(app, "GET", root_path + path).status_code == status
    event = recorder.one(client)
    assert place(event) == (route, view)
    assert event.request.uri == f"http://shop.test{root_path}{path}"


@pytest.mark.parametrize("around", [False, True], ids=["as a middleware", "around the app"])
def test_an_exception_is_told_as_a_500_with_its_class(
    client: apilog.Client, recorder: Recorder, call_asgi: Call, around: bool
) -> None:
    app: Any = shop()
    if around:
        app = ApiLogMiddleware(app, client=client)
    else:
        app.add_middleware(ApiLogMiddleware, client=client)
    assert call_asgi(app, "GET", "/boom").status_code == 500
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.status, own(event)["exception"]) == (500, "Boom")
    assert b"the secret" not in b"".join(recorder.raw)


def test_an_exceptions_own_handler_answers_and_the_class_is_told(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    app = shop()
    app.add_middleware(ApiLogMiddleware, client=client)

    @app.exception_handler(Boom)
    async def sorry(request: Request, error: Boom) -> JSONResponse:
        return JSONResponse({"sorry": True}, 503)

    call_asgi(app, "GET", "/boom")
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.status, event.response.body) == (503, {"sorry": True})
    assert own(event)["exception"] == "Boom"


def test_bodies_of_both_sides_are_told(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    app = shop()
    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "POST", "/items?a=1&a=2", json={"name": "tea"})
    event = recorder.one(client)
    assert event.request.body == {"name": "tea"}
    assert event.response is not None
    assert (event.response.status, event.response.body) == (201, {"name": "tea"})
    assert event.request.uri == "http://shop.test/items?a=1&a=2"
    assert event.request.ip_address == "192.0.2.7"


def test_a_validation_error_is_told_with_its_body(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    app = shop()
    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "POST", "/items", json={"nome": "tea"})
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.status, event.request.body) == (422, {"nome": "tea"})
    assert event.response.body["detail"][0]["type"] == "missing"  # type: ignore[call-overload, index]


@pytest.mark.parametrize("decorated", [False, True], ids=["as options", "as decorators"])
def test_hooks_get_starlettes_request_with_state_session_and_user(
    recorder: Recorder, call_asgi: Call, decorated: bool
) -> None:
    from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser

    class Backend(AuthenticationBackend):
        async def authenticate(self, conn: Any) -> Any:
            return AuthCredentials(["authenticated"]), SimpleUser(conn.headers["x-user"])

    class Session:
        """What Starlette's session middleware does, which needs another package."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["session"] = {"id": "s-1"}
            await self.app(scope, receive, send)

    async def company(request: Request, response: apilog.ResponseHead) -> str:
        await asyncio.sleep(0)
        return str(request.state.tenant)

    hooks: dict[str, Callable[..., Any]] = {
        "identify_user": lambda request, response: request.user.display_name,
        "identify_company": company,
        "get_session_token": lambda request, response: request.session["id"],
        "get_metadata": lambda request, response: {
            "path": request.url.path,
            "of": request.path_params["item_id"],
            "status": response.status_code,
            "type": response.headers["Content-Type"],
            "kind": type(request).__module__,
        },
        "get_api_version": lambda request, response: request.query_params["v"],
    }
    client = apilog.Client(recorder, **({} if decorated else hooks))
    for name, hook in hooks.items() if decorated else ():
        getattr(client, name)(hook)
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def item(request: Request, item_id: int) -> int:
        request.state.tenant = "acme"
        return item_id

    app.add_middleware(AuthenticationMiddleware, backend=Backend())
    app.add_middleware(Session)
    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", "/items/7?v=3", headers={"X-User": "ann"})
    event = recorder.one(client)
    assert client.stats().faults == {}
    assert (event.user_id, event.company_id, event.session_token) == ("ann", "acme", "s-1")
    assert event.request.api_version == "3"
    assert {**event.metadata, "apilog": None} == {
        "path": "/items/7",
        "of": "7",
        "status": 200,
        "type": "application/json",
        "kind": "starlette.requests",
        "apilog": None,
    }


@pytest.mark.parametrize(
    "path",
    ["/items/7", "/teapot", "/nowhere", "/items/many", "/boom", "/admin/boom"],
    ids="for {}".format,
)
@pytest.mark.parametrize("around", [False, True], ids=["as a middleware", "around the app"])
def test_every_hook_is_asked_exactly_once(
    recorder: Recorder, call_asgi: Call, path: str, around: bool
) -> None:
    asked = []
    client = apilog.Client(
        recorder,
        identify_user=lambda request, response: asked.append(response.status_code),
        skip=lambda request, response: asked.append(response.status_code),
    )
    app: Any = shop()
    if around:
        app = ApiLogMiddleware(app, client=client)
    else:
        app.add_middleware(ApiLogMiddleware, client=client)
    status = call_asgi(app, "GET", path).status_code
    recorder.one(client)
    assert asked == [status, status]


def test_a_sync_hook_runs_inline_and_a_blocking_one_on_a_thread(
    recorder: Recorder, call_asgi: Call
) -> None:
    threads: dict[str, int] = {}
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody's")

    def inline(request: Request, response: apilog.ResponseHead) -> str:
        threads["inline"] = threading.get_ident()
        return tenant.get()

    def waiting(request: Request, response: apilog.ResponseHead) -> str:
        threads["waiting"] = threading.get_ident()
        return tenant.get()

    client = apilog.Client(
        recorder, identify_user=inline, identify_company=apilog.blocking(waiting)
    )
    app = FastAPI()

    @app.get("/")
    async def home() -> None:
        tenant.set("acme")

    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", "/")
    event = recorder.one(client)
    assert threads["inline"] == threading.get_ident() != threads["waiting"]
    assert event.user_id == event.company_id == "acme"


def test_the_event_is_there_before_background_tasks_end(
    client: apilog.Client, recorder: Recorder
) -> None:
    app = FastAPI()
    seen: list[apilog.Event] = []

    async def look() -> None:
        seen.append(await asyncio.to_thread(recorder.one, client))

    @app.get("/")
    async def home(background: BackgroundTasks) -> str:
        background.add_task(look)
        return "done"

    app.add_middleware(ApiLogMiddleware, client=client)
    transport = httpx.ASGITransport(app)

    async def call() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
            await http.get("/")

    asyncio.run(call())
    assert [place(event) for event in seen] == [("/", "home")]


async def connection() -> AsyncIterator[str]:
    apilog.annotate(metadata={"connected": True})
    yield "a connection"


def session() -> Iterator[str]:
    apilog.annotate(user_id="u-1")
    yield "a session"


def test_a_dependency_with_yield_may_annotate(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    app = FastAPI()

    @app.get("/")
    async def home(
        one: Annotated[str, Depends(connection)], two: Annotated[str, Depends(session)]
    ) -> list[str]:
        return [one, two]

    app.add_middleware(ApiLogMiddleware, client=client)
    assert call_asgi(app, "GET", "/").json() == ["a connection", "a session"]
    event = recorder.one(client)
    assert (event.user_id, event.metadata["connected"]) == ("u-1", True)


class Stamp(BaseHTTPMiddleware):
    """A middleware of the old kind, which runs the app in a task of its own."""

    async def dispatch(self, request: Request, call_next: Any) -> Any:
        apilog.annotate(metadata={"stamped": True})
        response = await call_next(request)
        response.headers["X-Stamp"] = "1"
        return response


class Shout:
    """A plain middleware that changes every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def shout(message: Any) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": message.get("body", b"").upper()}
            await send(message)

        await self.app(scope, receive, shout)


@pytest.mark.parametrize("kind", [Stamp, Shout], ids=["a BaseHTTPMiddleware", "a plain one"])
@pytest.mark.parametrize("path", ["/items/7", "/boom", "/v1/orders/x"], ids="for {}".format)
def test_what_middlewares_inside_answer_is_told(
    client: apilog.Client, recorder: Recorder, call_asgi: Call, kind: Any, path: str
) -> None:
    app = shop()
    app.add_middleware(kind)
    app.add_middleware(ApiLogMiddleware, client=client)
    answer = call_asgi(app, "GET", path)
    event = recorder.one(client)
    assert event.response is not None
    assert event.response.status == answer.status_code
    if path == "/boom":
        assert own(event)["exception"] == "Boom"
    else:
        assert event.response.body == answer.json()
        assert event.response.headers.get("x-stamp") == answer.headers.get("x-stamp")
    assert own(event)["route"] is not None
    assert event.metadata.get("stamped") == (True if kind is Stamp else None)


@pytest.mark.parametrize("kind", [Stamp, Shout], ids=["a BaseHTTPMiddleware", "a plain one"])
def test_what_middlewares_outside_change_stays_theirs(
    client: apilog.Client, recorder: Recorder, call_asgi: Call, kind: Any
) -> None:
    app = shop()
    app.add_middleware(ApiLogMiddleware, client=client)
    app.add_middleware(kind)
    answer = call_asgi(app, "GET", "/v1/orders/x")
    event = recorder.one(client)
    assert event.response is not None
    assert event.response.body == "x"
    assert answer.json() in ("x", "X")
    assert "x-stamp" not in event.response.headers


def test_a_middleware_that_answers_by_itself_is_told_without_a_route(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    app = shop()

    @app.middleware("http")
    async def closed(request: Request, call_next: Any) -> PlainTextResponse:
        return PlainTextResponse("closed today", 503)

    app.add_middleware(ApiLogMiddleware, client=client)
    call_asgi(app, "GET", "/items/7")
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.body, place(event)) == ("closed today", (None, None))


SERVED = """
import asyncio
from contextlib import asynccontextmanager
from fastapi import FastAPI
from apilog_fastapi import ApiLogMiddleware

app = FastAPI()
app.add_middleware(ApiLogMiddleware, destination="file://{file}", flush_interval=3600)

@app.get("/items/{{item_id}}")
async def item(item_id: int) -> int:
    return item_id
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_server_that_is_stopped_loses_no_event(tmp_path: Path, name: str) -> None:
    file = tmp_path / "events.ndjson"
    (tmp_path / "served.py").write_text(SERVED.format(file=file))
    path = ":".join(str(Path(each).resolve()) for each in [tmp_path, *filter(None, sys.path)])
    command = [sys.executable, "-m", "uvicorn", "served:app", "--port", "0", "--no-access-log"]
    with subprocess.Popen(
        command, env={"PYTHONPATH": path}, stderr=subprocess.PIPE, text=True
    ) as server:
        watchdog = threading.Timer(30, server.kill)
        watchdog.start()
        try:
            assert server.stderr is not None
            line = next(line for line in server.stderr if "running on" in line)
            address = next(word for word in line.split() if word.startswith("http://"))
            with httpx.Client(base_url=address, trust_env=False) as http:
                for number in range(20):
                    http.get(f"/items/{number}").raise_for_status()
            server.send_signal(signal.Signals[name])
            rest = server.stderr.read()
            server.wait()
        finally:
            watchdog.cancel()
            server.kill()
    assert "Traceback (most recent call last)" not in rest or name == "SIGINT", rest
    events = [apilog.Event.from_json(line) for line in file.read_bytes().splitlines()]
    assert sorted(event.response.body for event in events if event.response) == list(range(20))  # type: ignore[type-var]

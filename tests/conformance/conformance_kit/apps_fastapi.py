"""The behaviours as a FastAPI app."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, Response, StreamingResponse

import apilog
from apilog_fastapi import ApiLogMiddleware
from conformance_kit import scenario as words
from conformance_kit.diary import note, raising
from conformance_kit.files import file_of
from conformance_kit.scenario import Behaviour
from conformance_kit.streams import async_pieces_of, digest, iterable_of

VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "PROPFIND"]


def make(client: apilog.Client | None, behaviours: dict[str, Behaviour]) -> FastAPI:
    """Return the app, bare without a *client*."""
    app = FastAPI(openapi_url=None)
    if client is not None:
        app.add_middleware(ApiLogMiddleware, client=client)

    async def view(request: Request) -> Response:
        return await behave(behaviours[request.headers["x-scenario"]], request)

    app.add_api_route("/s/{rest:path}", view, methods=VERBS)

    @app.get("/only-get")
    def only_get() -> str:
        return "got"

    return app


async def behave(does: Behaviour, request: Request) -> Response:
    """Do what *does* says."""
    if isinstance(does, words.Fail):
        raise raising(does.error("before the response"))
    if isinstance(does, words.Answer):
        return _headed(Response(does.body, does.status, media_type=does.content_type), does)
    if isinstance(does, words.Stream):
        pieces = async_pieces_of(does) if does.form == "generator" else iterable_of(does)
        return _headed(StreamingResponse(pieces, does.status, media_type=does.content_type), does)
    if isinstance(does, words.SendFile):
        return FileResponse(file_of(does.size), media_type="application/octet-stream")
    if isinstance(does, words.Native):
        assert does.asgi is not None
        return _Native(does.asgi)
    return Response(digest(await _read(does.how, request)), media_type="application/json")


async def _read(how: str, request: Request) -> list[bytes]:
    if how == "form":
        told = []
        async with request.form() as form:
            for name, value in form.multi_items():
                is_file = isinstance(value, UploadFile)
                told.append(await value.read() if is_file else f"{name}={value}".encode())
        return told
    if how == "json":
        return [repr(await request.json()).encode()]
    if how == "all":
        return [await request.body()]
    pieces: list[bytes] = []
    if how in ("pieces", "some"):
        async for piece in request.stream():
            pieces.append(piece)
            if how == "some":
                break
    return pieces


class _Native(Response):
    """A response that is an ASGI app of its own."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


def _headed(response: Response, does: words.Answer | words.Stream) -> Response:
    for name, value in does.headers:
        if name == "X-Background":
            response.background = BackgroundTask(note, "app's background task", value)
        response.raw_headers.append((name.encode("latin-1"), value.encode("latin-1")))
    return response

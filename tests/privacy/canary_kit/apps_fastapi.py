"""The app on FastAPI, which reads annotations and therefore wants them at the top."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

import apilog
from apilog_fastapi import ApiLogMiddleware
from canary_kit.stage import STAGE, perform


def make(client: apilog.Client, routes: Iterable[str]) -> FastAPI:
    """Return the app with *routes*; every other path is answered as well."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(ApiLogMiddleware, client=client)
    for route in (*routes, "/{anything:path}"):
        app.add_api_route(route, _view, methods=["GET", "POST"])
    return app


async def _view(request: Request) -> StreamingResponse:
    scene = STAGE.scene
    async for _ in request.stream():
        pass
    perform()
    response = StreamingResponse(_pieces(scene.response_pieces), scene.status)
    for name, value in scene.response_headers:
        response.raw_headers.append((name.encode("latin-1"), value.encode("latin-1")))
    return response


async def _pieces(pieces: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece

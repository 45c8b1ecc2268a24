"""The same small shop on FastAPI, recorded.

Run it with ``python examples/fastapi_app.py``, or under any ASGI server as ``fastapi_app:app``.
``APILOG_DESTINATION`` says where the calls go; without it they are printed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response, UploadFile
from fastapi.responses import StreamingResponse

import apilog
from apilog_fastapi import ApiLogMiddleware

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ffa3e2d9d10000000049454e44ae426082"
)


def user(request: Request, response: apilog.ResponseHead) -> str | None:
    return request.cookies.get("user")


app = FastAPI()
app.add_middleware(
    ApiLogMiddleware,
    destination=os.environ.get("APILOG_DESTINATION", "console:"),
    identify_user=user,
)


@app.post("/login")
async def login(
    user: Annotated[str, Form()], password: Annotated[str, Form()], response: Response
) -> dict[str, str]:
    response.set_cookie("user", user)
    apilog.annotate(user_id=user)
    return {"welcome": user}


@app.get("/items/{item_id}")
async def item(item_id: int) -> dict[str, Any]:
    return {"id": item_id, "name": f"item {item_id}", "price": 12.5}


@app.post("/orders", status_code=201)
async def order(order: dict[str, Any]) -> dict[str, Any]:
    return {"order": order, "state": "accepted"}


@app.post("/avatar")
async def avatar(picture: UploadFile) -> dict[str, Any]:
    return {"name": picture.filename, "size": len(await picture.read())}


@app.get("/logo.png")
async def logo() -> Response:
    return Response(PNG, media_type="image/png")


@app.get("/ticks")
async def ticks() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(5):
            yield f'data: {{"tick": {number}}}\n\n'

    return StreamingResponse(lines(), media_type="text/event-stream")


@app.get("/crash")
async def crash() -> None:
    raise RuntimeError("the example fails here on purpose")


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=8002)

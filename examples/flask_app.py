"""A small shop on Flask, recorded.

Run it with ``python examples/flask_app.py``, or under any WSGI server as ``flask_app:app``.
``APILOG_DESTINATION`` says where the calls go; without it they are printed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, jsonify, request, session

from apilog_flask import ApiLog

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ffa3e2d9d10000000049454e44ae426082"
)

app = Flask(__name__)
app.secret_key = "an example"
apilog = ApiLog(app, destination=os.environ.get("APILOG_DESTINATION", "console:"))


@apilog.identify_user
def user(request: Any, response: Any) -> str | None:
    return session.get("user")


@app.post("/login")
def login() -> dict[str, str]:
    session["user"] = request.form["user"]
    return {"welcome": session["user"]}


@app.get("/items/<int:item_id>")
def item(item_id: int) -> dict[str, Any]:
    return {"id": item_id, "name": f"item {item_id}", "price": 12.5}


@app.post("/orders")
def order() -> tuple[Response, int]:
    return jsonify(order=request.get_json(), state="accepted"), 201


@app.post("/avatar")
def avatar() -> dict[str, Any]:
    file = request.files["picture"]
    return {"name": file.filename, "size": len(file.read())}


@app.get("/logo.png")
def logo() -> Response:
    return Response(PNG, mimetype="image/png")


@app.get("/ticks")
def ticks() -> Response:
    def lines() -> Iterator[str]:
        for number in range(5):
            yield f'data: {{"tick": {number}}}\n\n'

    return Response(lines(), mimetype="text/event-stream")


@app.get("/crash")
def crash() -> Response:
    raise RuntimeError("the example fails here on purpose")


if __name__ == "__main__":
    app.run(port=8001)

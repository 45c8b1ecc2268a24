"""Bare ASGI apps that do what no framework has a word for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import apilog
from conformance_kit.diary import note, raising, story
from conformance_kit.files import file_of
from conformance_kit.scenario import Trouble

Scope = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]

PLAIN = (b"content-type", b"text/plain; charset=utf-8")


async def _start(send: Send, status: int = 200, **more: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [PLAIN], **more})


async def _body(send: Send, body: bytes = b"", more_body: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more_body})


async def no_response(scope: Scope, receive: Receive, send: Send) -> None:
    note("app has nothing to say")


async def half_response(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await _body(send, b"half", True)


async def head_only(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)


async def start_then_fail(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    raise raising(Trouble("after the head"))


async def done_then_fail(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await _body(send, b"all of it")
    raise raising(Trouble("in the background"))


async def background_task(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await _body(send, b"all of it")
    await asyncio.sleep(0.5)
    note("app's background task")


async def more_body_missing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [PLAIN]})
    await send({"type": "http.response.body", "body": b"whole"})


async def body_missing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


async def bytearray_reused(scope: Scope, receive: Receive, send: Send) -> None:
    """Send one buffer again and again, each time with something else in it."""
    buffer = bytearray(4)
    await _start(send)
    for text in (b"aaaa", b"bbbb", b"cccc"):
        buffer[:] = text
        await send({"type": "http.response.body", "body": buffer, "more_body": True})
    buffer[:] = b"zzzz"
    await _body(send)


async def memoryview_body(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await send({"type": "http.response.body", "body": memoryview(b"a view of it")[2:6]})


async def headers_as_tuple(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": (PLAIN, (b"X-Odd", b"1"))})
    await _body(send, b"tuple")


async def headers_as_iterator(scope: Scope, receive: Receive, send: Send) -> None:
    headers = iter([PLAIN, (b"x-once", b"1")])
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _body(send, b"iterator")


async def headers_as_lists(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [list(PLAIN), [b"x-list", b"1"]]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await _body(send, b"lists")


async def trailers(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send, trailers=True)
    await _body(send, b"body")
    await send(
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": False}
    )


async def early_hints(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    await _start(send)
    await _body(send, b"hinted")


async def informational(scope: Scope, receive: Receive, send: Send) -> None:
    """A 103 as a head of its own, which the spec does not forbid to servers that can do it."""
    await send({"type": "http.response.start", "status": 103, "headers": [(b"link", b"</a>")]})
    await _start(send)
    await _body(send, b"after 103")


async def push(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.push", "path": "/style.css", "headers": []})
    await _start(send)
    await _body(send, b"pushed")


async def debug(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.debug", "info": {"template": "home.html"}})
    await _start(send)
    await _body(send, b"debugged")


async def unknown_message(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await send({"type": "http.response.telepathy", "thought": b"hm"})
    await _body(send, b"said")


async def pathsend(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await send({"type": "http.response.pathsend", "path": file_of(50_000)})


async def zerocopysend(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await send({"type": "http.response.zerocopysend", "file": 7, "count": 10, "more_body": True})
    await _body(send, b"and bytes")


async def push_promise_after(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await _body(send, b"whole")
    await send({"type": "http.response.push", "path": "/late", "headers": []})


async def receive_never(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    await _body(send, b"without reading")


async def receive_after_end(scope: Scope, receive: Receive, send: Send) -> None:
    first = await receive()
    await _start(send)
    await _body(send, b"whole")
    second = await receive()
    third = await receive()
    note("app got", first["type"], second["type"], third["type"])


async def waits_for_disconnect(scope: Scope, receive: Receive, send: Send) -> None:
    """Stream until the client leaves, as an app with server-sent events does."""
    await receive()
    gone = asyncio.ensure_future(receive())
    await _start(send)
    for number in range(1000):
        await _body(send, b"data: %d\n\n" % number, True)
        if gone.done():
            note("app learns that the client left", gone.result()["type"])
            break
    else:
        gone.cancel()
    await _body(send)


async def lasting_and_listening(scope: Scope, receive: Receive, send: Send) -> None:
    """Stream slowly until the client leaves."""
    await receive()
    gone = asyncio.ensure_future(receive())
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/event-stream")],
        }
    )
    for number in range(400):
        await _body(send, b"data: %d\n\n" % number, True)
        await asyncio.wait([gone], timeout=0.01)
        if gone.done():
            return
    gone.cancel()
    await _body(send)


async def sends_after_disconnect(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    note("app got", (await receive())["type"])
    await _start(send)
    await _body(send, b"to nobody")


async def catches_send_errors(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    try:
        for _ in range(5):
            await _body(send, b"chunk", True)
    except OSError:
        note("app caught the error of send")


async def cancelled_and_tidies_up(scope: Scope, receive: Receive, send: Send) -> None:
    await _start(send)
    try:
        await _body(send, b"chunk", True)
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        note("app is cancelled")
        raise
    finally:
        note("app has tidied up")


async def scope_is_the_servers(scope: Scope, receive: Receive, send: Send) -> None:
    note("same scope", scope.pop("conformance.scope", None) == id(scope))
    await _start(send)
    await _body(send, repr(sorted((k, v) for k, v in scope.items() if k != "state")).encode())


async def scope_is_changed(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that spoils the scope, as routers do when they shift the path."""
    scope["root_path"], scope["path"], scope["method"] = "/elsewhere", "/elsewhere/lost", "LOST"
    scope["headers"].clear()
    scope["headers"] = []
    scope["query_string"] = b""
    await _start(send)
    await _body(send, b"shifted")


async def from_another_task(scope: Scope, receive: Receive, send: Send) -> None:
    async def respond() -> None:
        await _start(send)
        await _body(send, b"from a task")

    await asyncio.ensure_future(respond())


async def sets_a_context_variable(scope: Scope, receive: Receive, send: Send) -> None:
    story.set("of the app")
    await _start(send)
    await _body(send, str(story.get()).encode())


async def annotates(scope: Scope, receive: Receive, send: Send) -> None:
    apilog.annotate(metadata={"said": "at first"})
    await _start(send)
    await _body(send, b"one ", True)
    await asyncio.to_thread(apilog.annotate, metadata={"later": "in the body"})
    await _body(send, b"two")
    apilog.annotate(metadata={"said": "too late"})


async def swallow(scope: Scope, receive: Receive, send: Send) -> None:
    """Read a request of any size without keeping it."""
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await _start(send)
    await _body(send, b"%d" % size)


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    note("app got", (await receive())["type"])
    await send({"type": "websocket.accept", "subprotocol": None, "headers": [(b"x-a", b"1")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"] + "!"})
    note("app got", message["type"], message["code"])


async def websocket_denied(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 403, "headers": [PLAIN]})
    await send({"type": "websocket.http.response.body", "body": b"no"})


async def websocket_failing(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    raise raising(Trouble("in the socket"))


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    scope["state"]["pool"] = "open"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note("state", dict(scope["state"]))
    await send({"type": "lifespan.shutdown.complete"})


async def lifespan_refused(scope: Scope, receive: Receive, send: Send) -> None:
    raise raising(Trouble("no lifespan here"))


async def lifespan_startup_failed(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def lifespan_shutdown_failed(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "stuck"})


async def unknown_scope(scope: Scope, receive: Receive, send: Send) -> None:
    note("app got", await receive())
    await send({"type": "telepathy.reply", "thought": "hm"})

"""The floor: what recording calls costs at least, written by hand, with everything else left out.

A tee, a deque, one thread, orjson, gzip or zstd, POST. No masking, hooks, bounds, retries, account,
or care for anything unusual: this is a yardstick, and no example to follow.
"""

from __future__ import annotations

import base64
import http.client
import threading
import time
import zlib
from collections import deque
from typing import Any

import orjson

try:
    import zstandard
except ImportError:
    zstandard = None


class Floor:
    """Collect raw calls and post them, a hundred at a time."""

    def __init__(self, host: str, port: int, coding: str = "gzip") -> None:
        self.calls: deque[tuple[Any, ...]] = deque()
        self.delivered = 0
        self._coding = coding
        self._compressed = {"gzip": _gzipped, "zstd": _zstd}[coding]
        self._connection = http.client.HTTPConnection(host, port)
        self._wake = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def add(self, *call: Any) -> None:
        """Take a call."""
        self.calls.append(call)
        if len(self.calls) == 100:
            self._wake.set()

    def wake(self) -> None:
        """Send what waits, now."""
        self._wake.set()

    def flush(self, expected: int) -> None:
        """Wait until *expected* calls were delivered."""
        self._wake.set()
        while self.delivered < expected:
            time.sleep(0.0005)
            self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait(2)
            self._wake.clear()
            while self.calls:
                taken = [self.calls.popleft() for _ in range(min(100, len(self.calls)))]
                self._post(orjson.dumps([_event(*call) for call in taken]))
                self.delivered += len(taken)

    def _post(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "Content-Encoding": self._coding}
        self._connection.request("POST", "/v1/events/batch", self._compressed(body), headers)
        self._connection.getresponse().read()


def _gzipped(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return compressor.compress(body) + compressor.flush()


def _zstd(body: bytes) -> bytes:
    compressed: bytes = zstandard.ZstdCompressor(level=1).compress(body)
    return compressed


def _event(
    began: float,
    ended: float,
    verb: str,
    uri: str,
    headers: dict[str, str],
    request_body: bytes,
    status: int,
    response_headers: dict[str, str],
    response_body: bytes,
) -> dict[str, Any]:
    request = {"time": _time(began), "verb": verb, "uri": uri, "headers": headers}
    response = {"time": _time(ended), "status": status, "headers": response_headers}
    return {
        "request": request | _body(request_body, headers),
        "response": response | _body(response_body, response_headers),
    }


def _time(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


def _body(body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    if not body:
        return {}
    content_type = headers.get("Content-Type", "") or headers.get("content-type", "")
    if content_type.startswith("application/json"):
        return {"body": orjson.loads(body)}
    if content_type.startswith("text/"):
        return {"body": body.decode()}
    return {"body": base64.b64encode(body).decode(), "transfer_encoding": "base64"}


class WSGIFloor:
    """The floor around a WSGI app."""

    def __init__(self, app: Any, floor: Floor) -> None:
        self.app, self.floor = app, floor

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Handle one call."""
        began, head, sent, received = time.time(), [], [], []
        stream = environ["wsgi.input"]
        environ["wsgi.input"] = _Input(stream, received)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            head[:] = int(status[:3]), headers
            return start_response(status, headers)

        response = self.app(environ, start)
        try:
            for chunk in response:
                sent.append(chunk)
                yield chunk
        finally:
            if hasattr(response, "close"):
                response.close()
            headers = {k[5:].title(): v for k, v in environ.items() if k.startswith("HTTP_")}
            headers["Content-Type"] = environ.get("CONTENT_TYPE", "")
            uri = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}"
            self.floor.add(
                began,
                time.time(),
                environ["REQUEST_METHOD"],
                uri,
                headers,
                b"".join(received),
                head[0],
                dict(head[1]),
                b"".join(sent),
            )


class _Input:
    def __init__(self, stream: Any, received: list[bytes]) -> None:
        self.stream, self.received = stream, received
        self.readline = stream.readline

    def read(self, *size: int) -> bytes:
        data = self.stream.read(*size)
        self.received.append(data)
        return data

    def readinto(self, buffer: Any) -> int:
        count: int = self.stream.readinto(buffer)
        self.received.append(bytes(buffer[:count]))
        return count


class ASGIFloor:
    """The floor around an ASGI app."""

    def __init__(self, app: Any, floor: Floor) -> None:
        self.app, self.floor = app, floor

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Handle one call."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, head, sent, received = time.time(), [], [], []
        raw, verb, path = scope["headers"], scope["method"], scope["path"]

        async def tee_receive() -> Any:
            message = await receive()
            received.append(message.get("body", b""))
            return message

        async def tee_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                head[:] = message["status"], message["headers"]
            else:
                sent.append(message.get("body", b""))
            await send(message)

        await self.app(scope, tee_receive, tee_send)
        self.floor.add(
            began,
            time.time(),
            verb,
            f"http://test{path}",
            {k.decode(): v.decode() for k, v in raw},
            b"".join(received),
            head[0],
            {k.decode(): v.decode() for k, v in head[1]},
            b"".join(sent),
        )

"""For tests of apps that use apilog: see the events, and see that the app did not notice.

The pytest plugin brings the fixture `captured_events`; nothing has to be imported or configured::

    def test_orders_are_recorded(client, captured_events):
        client.post("/orders", json={"sku": "A-1"})
        assert captured_events[0].metadata["apilog"]["route"] == "/orders"
"""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload
from urllib.parse import unquote_to_bytes

from apilog import asgi, client, wsgi
from apilog.destinations import Memory
from apilog.events import Event

if TYPE_CHECKING:
    import httpx

__all__ = ["CapturedEvents", "InMemoryClient", "assert_transparent", "capture"]


class CapturedEvents(Sequence[Event]):
    """The events of a test, oldest first; each is there when its response has been closed."""

    def __init__(self) -> None:
        self._memory = Memory()

    def add(self, event: bytes) -> None:
        """Take an event as it would travel."""
        self._memory.send([event])

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._memory.events[index]

    def __len__(self) -> int:
        return len(self._memory.raw)

    def __repr__(self) -> str:
        calls = ", ".join(f"{each.request.verb} {each.request.uri}" for each in self)
        return f"<CapturedEvents [{calls}]>"

    def clear(self) -> None:
        """Forget them."""
        self._memory.clear()


@contextmanager
def capture() -> Iterator[CapturedEvents]:
    """Take the events of every client in this process; none of them reaches its destination."""
    events = CapturedEvents()
    client.taps.append(events.add)
    try:
        yield events
    finally:
        client.taps.remove(events.add)


class InMemoryClient(client.Client):
    """A client that keeps its events; `events` waits for the worker first."""

    def __init__(self, **options: Any) -> None:
        self._memory = Memory()
        super().__init__(self._memory, **options)

    @property
    def events(self) -> list[Event]:
        """Every event so far, oldest first."""
        self.flush(timeout=10)
        return self._memory.events


@dataclass(slots=True)
class Answer:
    """What a client, and the server in between, could see of a call."""

    head: Any = None
    chunks: list[bytes] = field(default_factory=list)
    other: list[Any] = field(default_factory=list)
    exception: str | None = None


def assert_transparent(app: Any, requests: Iterable[httpx.Request], **options: Any) -> None:
    """Send every request to *app*, bare and recorded, and compare the answers.

    *app* is any WSGI or ASGI app; it is called twice for each request, so it should answer the same
    request in the same way. *options* are those of `apilog.Client`.

    Raises:
        AssertionError: status, header lines, chunks or exceptions differ, or a call was not
            recorded.
    """
    is_asgi = inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(app.__call__)
    ask: Callable[[Any, httpx.Request], Answer] = _ask_asgi if is_asgi else _ask_wsgi
    with InMemoryClient(**options) as recording:
        middleware = asgi.ApiLogMiddleware if is_asgi else wsgi.ApiLogMiddleware
        recorded_app = middleware(app, client=recording)
        for count, request in enumerate(requests, start=1):
            request.read()
            bare, recorded = ask(app, request), ask(recorded_app, request)
            place = f"{request.method} {request.url}"
            for name in Answer.__slots__:
                before, after = getattr(bare, name), getattr(recorded, name)
                if before != after:
                    raise AssertionError(f"{place}: {name} is {after!r} instead of {before!r}")
            if recording.stats().captured != count:
                raise AssertionError(f"{place}: was not recorded")


def _ask_wsgi(app: Any, request: httpx.Request) -> Answer:
    answer = Answer()

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> Any:
        answer.head = (status, list(headers), exc_info is not None)
        return answer.chunks.append

    try:
        response = app(_environ(request), start_response)
        try:
            answer.other.append(len(response) if hasattr(response, "__len__") else None)
            answer.chunks.extend(response)
        finally:
            if hasattr(response, "close"):
                response.close()
    except Exception as error:  # noqa: BLE001 - an app's exception is part of its answer
        answer.exception = repr(error)
    return answer


def _environ(request: httpx.Request) -> dict[str, Any]:
    url = request.url
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.raw_path.partition(b"?")[0]).decode("latin-1"),
        "QUERY_STRING": url.query.decode("ascii"),
        "SERVER_NAME": url.host,
        "SERVER_PORT": str(url.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(request.content),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def _ask_asgi(app: Any, request: httpx.Request) -> Answer:
    answer = Answer()
    messages = [{"type": "http.request", "body": request.content, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.head = (message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            answer.chunks.append(bytes(message.get("body", b"")))
            answer.other.append(bool(message.get("more_body")))
        else:
            answer.other.append(dict(message))

    async def call() -> None:
        try:
            await app(_scope(request), receive, send)
        except Exception as error:  # noqa: BLE001 - an app's exception is part of its answer
            answer.exception = repr(error)

    asyncio.run(call())
    return answer


def _scope(request: httpx.Request) -> dict[str, Any]:
    url = request.url
    raw_path, _, query = url.raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 12_345),
        "server": (url.host, url.port or 80),
    }


try:
    import pytest
except ImportError:  # the rest of the module works without it
    pass
else:

    @pytest.fixture
    def captured_events() -> Iterator[CapturedEvents]:
        """The events that the test's app records, in the place of its destinations."""
        with capture() as events:
            yield events

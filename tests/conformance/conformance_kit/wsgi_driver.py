"""A WSGI server in this process that writes down every step."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from conformance_kit import diary
from conformance_kit.diary import note
from conformance_kit.observation import Observation
from conformance_kit.scenario import HOST, Scenario


class Input:
    """The server's input; every call on it is noted, so that nobody reads ahead unseen."""

    def __init__(self, body: bytes) -> None:
        self._stream = io.BytesIO(body)

    def read(self, *size: int) -> bytes:
        note("input", "read", size)
        return self._stream.read(*size)

    def readline(self, *size: int) -> bytes:
        note("input", "readline", size)
        return self._stream.readline(*size)

    def readlines(self, *hint: int) -> list[bytes]:
        note("input", "readlines", hint)
        return self._stream.readlines(*hint)

    def __iter__(self) -> Iterator[bytes]:
        note("input", "iter")
        return iter(self._stream)

    def readinto(self, buffer: Any) -> int:
        note("input", "readinto", len(buffer))
        return self._stream.readinto(buffer)

    def seek(self, *place: int) -> int:
        note("input", "seek", place)
        return self._stream.seek(*place)

    def tell(self) -> int:
        return self._stream.tell()


class FileWrapper:
    """The server's own wrapper, which it knows by its class."""

    def __init__(self, file: Any, size: int = 8192) -> None:
        self.file = file
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self._size), b"")

    def close(self) -> None:
        note("file is closed")
        self.file.close()


def file_itself(file: Any, size: int = 8192) -> Any:
    """Wrap a file as servers do that know it by its identity."""
    return file


def environ_of(scenario: Scenario) -> dict[str, Any]:
    """Return the environ that a server makes of the request."""
    request = scenario.request
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.verb,
        "SCRIPT_NAME": unquote_to_bytes(request.root).decode("latin-1"),
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": "192.0.2.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": Input(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scenario.headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if request.chunked:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        environ["wsgi.input_terminated"] = True
    if scenario.file_wrapper == "class":
        environ["wsgi.file_wrapper"] = FileWrapper
    elif scenario.file_wrapper == "function":
        environ["wsgi.file_wrapper"] = file_itself
    environ.update(scenario.scope)
    return environ


class _Server:
    def __init__(self) -> None:
        self.seen = Observation()
        self._sent = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *exc_info: Any
    ) -> Callable[[bytes], object]:
        note("start_response", status, type(headers).__name__, list(headers), _kinds(exc_info))
        if exc_info and exc_info[0] is not None:
            if self._sent:
                raise exc_info[0][1].with_traceback(exc_info[0][2])
        elif self.seen.status is not None:
            raise AssertionError("start_response was called twice")
        self.seen.take_head(int(status[:3]), headers)
        return self.write

    def write(self, data: bytes) -> None:
        note("write", type(data).__name__, bytes(data))
        self.send(data)

    def send(self, data: bytes) -> None:
        self._sent = self._sent or bool(data)
        self.seen.chunks.append(bytes(data))


def call_wsgi(app: Callable[..., Iterable[bytes]], scenario: Scenario) -> Observation:
    """Serve the scenario's request with *app* as PEP 3333 asks, and return what was seen."""
    diary.begin()
    server = _Server()
    environ = environ_of(scenario)
    leaves_after = scenario.client.after if scenario.client else sys.maxsize
    result: Iterable[bytes] = ()
    try:
        result = app(environ, server.start_response)
        if diary.story.get() is not None:
            note("the app's context variable is", diary.story.get())
        note("returned", *_facts(result, environ.get("wsgi.file_wrapper")))
        _iterate(server, result, leaves_after)
    except BaseException as error:
        note("raised", *told(error))
    try:
        if hasattr(result, "close"):
            result.close()
    except BaseException as error:
        note("close raised", *told(error))
    server.seen.log = list(diary.notes)  # before the interpreter tidies up what nobody closed
    return server.seen


def _iterate(server: _Server, result: Iterable[bytes], leaves_after: int) -> None:
    if not leaves_after:
        return
    for number, chunk in enumerate(result, start=1):
        note("chunk", type(chunk).__name__, bytes(chunk))
        server.send(chunk)
        if number == leaves_after:
            note("client leaves")
            return
    note("exhausted")


def _facts(result: object, wrapper: object) -> tuple[object, ...]:
    length = len(result) if hasattr(result, "__len__") else None
    if isinstance(wrapper, type):
        return length, isinstance(result, wrapper)
    return length, wrapper is not None and isinstance(result, io.IOBase)


def _kinds(exc_info: tuple[Any, ...]) -> tuple[object, ...]:
    return tuple(None if each is None else each[0].__name__ for each in exc_info)


def told(error: BaseException) -> tuple[object, ...]:
    """Tell of an exception so that a copy of it differs from itself."""
    return type(error).__name__, str(error), diary.is_the_apps_own(error)

"""Bare WSGI apps that do what no framework has a word for."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apilog
from conformance_kit.diary import note, raising, story
from conformance_kit.files import file_of
from conformance_kit.scenario import Trouble

Environ = dict[str, Any]
Start = Callable[..., Callable[[bytes], object]]

PLAIN = ("Content-Type", "text/plain; charset=utf-8")


def write_only(environ: Environ, start_response: Start) -> Iterable[bytes]:
    write = start_response("200 OK", [PLAIN])
    write(b"written ")
    write(b"twice")
    return []


def write_and_return(environ: Environ, start_response: Start) -> Iterable[bytes]:
    write = start_response("200 OK", [PLAIN])
    write(b"written, ")
    return [b"returned"]


def write_then_fail(environ: Environ, start_response: Start) -> Iterable[bytes]:
    write = start_response("200 OK", [PLAIN])
    write(b"written")
    raise raising(Trouble("after write"))


def start_late(environ: Environ, start_response: Start) -> Iterator[bytes]:
    note("app is iterated")
    start_response("200 OK", [PLAIN])
    yield b"late "
    yield b"start"


def start_late_and_fail(environ: Environ, start_response: Start) -> Iterator[bytes]:
    raise raising(Trouble("in the first step"))
    yield b""


def start_then_fail(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    raise raising(Trouble("after the head"))


def start_twice(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN, ("X-Try", "1")])
    try:
        raise Trouble("on the way")
    except Trouble:
        start_response("500 Oh No", [PLAIN, ("X-Try", "2")], sys.exc_info())
    return [b"sorry"]


def start_twice_too_late(environ: Environ, start_response: Start) -> Iterator[bytes]:
    start_response("200 OK", [PLAIN])
    yield b"sent already"
    try:
        raise raising(Trouble("on the way"))
    except Trouble:
        start_response("500 Oh No", [PLAIN], sys.exc_info())
    yield b"never"


def start_twice_wrongly(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    start_response("200 OK", [PLAIN])
    return []


def start_with_none(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN], None)
    return [b"none"]


def headers_changed_later(environ: Environ, start_response: Start) -> Iterable[bytes]:
    headers = [PLAIN]
    start_response("200 OK", headers)
    headers.append(("X-Later", "1"))
    return [b"changed"]


def odd_reason(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("299 Nearly Fine, Thanks", [PLAIN])
    return [b"odd"]


def no_headers(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b"bare"]


def one_byte_string(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [PLAIN])
    return (bytes([each]) for each in b"byte by byte")


def own_file_class(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """A file the app iterates itself, although the server has a wrapper."""
    start_response("200 OK", [PLAIN])
    return io.BytesIO(b"line one\nline two\n")


def wrapped_file(environ: Environ, start_response: Start) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return environ["wsgi.file_wrapper"](open(file_of(50_000), "rb"), 4096)


def wrapped_file_inside(environ: Environ, start_response: Start) -> Iterator[bytes]:
    """A file wrapper that the app reads itself."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    yield from environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 10_000), 4096)


def environ_is_the_servers(environ: Environ, start_response: Start) -> Iterable[bytes]:
    names = sorted(name for name in environ if not name.startswith("apilog."))
    values = {name: environ[name] for name in names if isinstance(environ[name], (str, bool))}
    start_response("200 OK", [PLAIN])
    return [repr((names, values)).encode()]


def environ_is_changed(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """An app that spoils the environ, as routers do when they shift the path."""
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/elsewhere", "/lost"
    environ["REQUEST_METHOD"] = "LOST"
    environ.pop("QUERY_STRING", None)
    start_response("200 OK", [PLAIN])
    return [b"shifted"]


def input_is_replaced(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """A middleware of the app that reads the input and puts a copy in its place."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(body)
    again = environ["wsgi.input"].read()
    start_response("200 OK", [PLAIN])
    return [again]


def error_is_logged(environ: Environ, start_response: Start) -> Iterable[bytes]:
    environ["wsgi.errors"].write("a line for the server's log\n")
    environ["wsgi.errors"].flush()
    start_response("200 OK", [PLAIN])
    return [b"logged"]


def catches_its_own(environ: Environ, start_response: Start) -> Iterable[bytes]:
    try:
        raise Trouble("caught")
    except Trouble:
        start_response("200 OK", [PLAIN])
    return [b"caught"]


def sets_a_context_variable(environ: Environ, start_response: Start) -> Iterator[bytes]:
    story.set("of the app")
    start_response("200 OK", [PLAIN])

    def body() -> Iterator[bytes]:
        yield str(story.get()).encode()
        story.set("of the body")
        yield str(story.get()).encode()

    return body()


def annotates(environ: Environ, start_response: Start) -> Iterator[bytes]:
    apilog.annotate(metadata={"said": "at first"})
    start_response("200 OK", [PLAIN])

    def body() -> Iterator[bytes]:
        yield b"one "
        apilog.annotate(metadata={"later": "in the body"})
        yield b"two"

    return body()


def swallow(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Read a request of any size without keeping it."""
    left = size = int(environ["CONTENT_LENGTH"])
    while left:
        left -= len(environ["wsgi.input"].read(min(left, 65_536)))
    start_response("200 OK", [PLAIN])
    return [b"%d" % size]


def not_iterable(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [PLAIN])
    return None

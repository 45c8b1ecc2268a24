"""Any WSGI app: hooks get the environ, and servers of every kind are understood."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

import apilog
from apilog.destinations import Memory
from apilog.wsgi import ApiLogMiddleware

Recorder = Any
"""The recorder of conftest.py."""

Environ = dict[str, Any]


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


def environ_of(path: str = "/", **more: Any) -> Environ:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "shop.test",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        **more,
    }


def hello(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def start(*head: Any, **_: Any) -> Callable[[bytes], None]:
    return lambda data: None


def test_hooks_get_the_environ_and_the_head_of_the_response(recorder: Recorder) -> None:
    client = apilog.Client(
        recorder,
        identify_user=lambda environ, response: environ["REMOTE_USER"],
        get_metadata=lambda environ, response: {
            "status": response.status_code,
            "type": response.headers["content-TYPE"],
        },
    )
    response = ApiLogMiddleware(hello, client=client)(environ_of(REMOTE_USER="ann"), start)
    assert list(response) == [b"hello"]
    response.close()  # type: ignore[attr-defined]
    event = recorder.one(client)
    assert (event.user_id, event.metadata["status"]) == ("ann", 200)
    assert event.metadata["type"] == "text/plain"


def test_hooks_are_asked_once_for_an_app_that_raises(recorder: Recorder) -> None:
    asked: list[int] = []
    client = apilog.Client(recorder, skip=lambda _, response: asked.append(response.status_code))

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        raise LookupError

    with pytest.raises(LookupError):
        ApiLogMiddleware(app, client=client)(environ_of(), start)
    event = recorder.one(client)
    assert (asked, own(event)["exception"]) == ([500], "LookupError")


def test_a_server_that_stops_at_the_announced_length_gives_a_whole_body(
    client: apilog.Client, recorder: Recorder
) -> None:
    response = ApiLogMiddleware(hello, client=client)(environ_of(), start)
    assert next(iter(response)) == b"hello"
    response.close()  # type: ignore[attr-defined]
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.body, own(event).get("aborted")) == ("hello", None)


def test_a_response_that_is_given_up_is_told_as_aborted(
    client: apilog.Client, recorder: Recorder
) -> None:
    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"one\n"
        yield b"two\n"

    response = ApiLogMiddleware(app, client=client)(environ_of(), start)
    next(iter(response))
    response.close()  # type: ignore[attr-defined]
    event = recorder.one(client)
    assert event.response is not None
    assert (event.response.body, own(event)["aborted"]) == ("one\n", True)


def test_a_response_that_is_never_closed_is_recorded_when_it_is_forgotten(
    client: apilog.Client, recorder: Recorder
) -> None:
    response = ApiLogMiddleware(hello, client=client)(environ_of(), start)
    assert list(response) == [b"hello"]
    del response
    gc.collect()
    recorder.one(client)


def test_a_call_that_skip_could_not_be_asked_about_is_left_out(recorder: Recorder) -> None:
    client = apilog.Client(recorder, skip=lambda environ, response: False)
    response = ApiLogMiddleware(hello, client=client)(environ_of(), start)
    del response
    gc.collect()
    assert recorder.of(client) == []
    assert client.stats().dropped == {"not_asked": 1}


@pytest.mark.parametrize(
    ("environ", "uri"),
    [
        pytest.param({"HTTP_HOST": "a.test:81"}, "http://a.test:81/", id="the host's header"),
        pytest.param({"SERVER_PORT": "81"}, "http://shop.test:81/", id="the server's name"),
        pytest.param(
            {"SCRIPT_NAME": "/v1", "PATH_INFO": "/x y"}, "http://shop.test/v1/x%20y", id="a mount"
        ),
        pytest.param(
            {"PATH_INFO": "/ü".encode().decode("latin-1")}, "http://shop.test/%C3%BC", id="UTF-8"
        ),
        pytest.param({"PATH_INFO": "/\xff"}, "http://shop.test/%FF", id="a byte that is no UTF-8"),
        pytest.param({"QUERY_STRING": "a=%C3%BC&b"}, "http://shop.test/?a=%C3%BC&b", id="a query"),
        pytest.param(
            {"QUERY_STRING": "a=\xc3\xbc b"}, "http://shop.test/?a=%C3%BC%20b", id="a raw query"
        ),
        pytest.param({"PATH_INFO": ""}, "http://shop.test/", id="no path"),
    ],
)
def test_the_address_is_whole(
    client: apilog.Client, recorder: Recorder, environ: Environ, uri: str
) -> None:
    list(ApiLogMiddleware(hello, client=client)(environ_of(**environ), start))
    assert recorder.one(client).request.uri == uri


async def an_async_hook(environ: Environ, response: apilog.ResponseHead) -> str:
    return "nobody"


def test_async_hooks_are_refused() -> None:
    with pytest.raises(apilog.ConfigError, match=r"identify_user.*async"):
        ApiLogMiddleware(hello, destination=Memory(), identify_user=an_async_hook)


def test_the_environ_that_the_app_changes_stays_as_it_came_in_the_event(
    client: apilog.Client, recorder: Recorder
) -> None:
    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["PATH_INFO"], environ["HTTP_HOST"] = "/elsewhere", "evil.test"
        return hello(environ, start_response)

    list(ApiLogMiddleware(app, client=client)(environ_of("/here"), start))
    assert recorder.one(client).request.uri == "http://shop.test/here"

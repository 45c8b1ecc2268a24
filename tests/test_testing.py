"""What apilog offers to tests: they see the events, and see that the app did not notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

import apilog
from apilog import testing, wsgi
from apilog.destinations import Memory
from apilog.testing import CapturedEvents, InMemoryClient, assert_transparent

pytest_plugins = ["pytester"]

REQUESTS = [
    httpx.Request("GET", "http://test/items/caf%C3%A9?page=2", headers={"X-One": "1"}),
    httpx.Request("POST", "http://test/items", json={"name": "tea"}),
]


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("X-Path", environ["PATH_INFO"]), ("Content-Type", "text/plain")])
    return [b"got ", body]


async def echo_async(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    head = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]}
    await send(head)
    await send({"type": "http.response.body", "body": b"got ", "more_body": True})
    await send({"type": "http.response.body", "body": message["body"]})


class FastAPILike:
    """An ASGI app as frameworks make them: an object with an async `__call__`."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await echo_async(scope, receive, send)


def failing(environ: Any, start_response: Any) -> list[bytes]:
    raise LookupError("of the app")


def streaming(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"a"
    yield b"b"


@pytest.mark.parametrize(
    "app", [echo, echo_async, FastAPILike(), failing, streaming], ids=lambda app: str(app)[:20]
)
def test_an_app_answers_the_same_when_it_is_recorded(app: Any) -> None:
    assert_transparent(app, REQUESTS)


class Counting:
    """An app that answers every request in another way, as a broken middleware might."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        self._answer = answer
        self._calls = 0

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self._calls += 1
        status, headers, chunks = self._answer(self._calls)
        start_response(status, headers)
        return chunks


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        pytest.param(lambda n: (f"20{n} OK", [], [b"x"]), "head", id="another status"),
        pytest.param(lambda n: ("200 OK", [("X-N", str(n))], [b"x"]), "head", id="another header"),
        pytest.param(lambda n: ("200 OK", [], [b"x"] * n), "chunks", id="another chunk"),
        pytest.param(
            lambda n: ("200 OK", [], [b"x"] if n == 1 else iter([b"x"])), "other", id="no len"
        ),
        pytest.param(
            lambda n: ("200 OK", [], [b"x"] if n == 1 else n), "exception", id="a failure"
        ),
    ],
)
def test_a_difference_is_named(answer: Callable[[int], Any], named: str) -> None:
    with pytest.raises(AssertionError, match=rf"GET http://test/\S+: (other|{named}|chunks) is "):
        assert_transparent(Counting(answer), REQUESTS[:1])


def test_a_call_that_is_not_recorded_is_named() -> None:
    with pytest.raises(AssertionError, match="was not recorded"):
        assert_transparent(echo, REQUESTS, exclude_paths=["/*"])


def test_a_difference_in_other_messages_is_seen() -> None:
    calls = iter((b"1", b"2"))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.debug", "info": next(calls)})

    with pytest.raises(AssertionError, match="other is"):
        assert_transparent(app, REQUESTS[:1])


def test_an_exception_of_an_asgi_app_is_part_of_its_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        raise LookupError(scope["path"])

    assert_transparent(app, REQUESTS)


def recorded(client: apilog.Client) -> None:
    app = wsgi.ApiLogMiddleware(echo, client=client)
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://test") as http:
        http.post("/items", json={"name": "tea", "password": "x"})


def test_the_in_memory_client_keeps_its_events() -> None:
    with InMemoryClient(identify_user=lambda environ, response: "ada") as client:
        recorded(client)
        assert [each.user_id for each in client.events] == ["ada"]


def test_the_fixture_takes_the_place_of_every_destination(captured_events: CapturedEvents) -> None:
    memory = Memory()
    with apilog.Client(memory) as client:
        recorded(client)
        recorded(client)
    assert len(captured_events) == 2
    assert captured_events[0].request.body == {"name": "tea", "password": "***"}
    assert [each.request.verb for each in captured_events[:1]] == ["POST"]
    assert "POST http://test/items" in repr(captured_events)
    captured_events.clear()
    assert list(captured_events) == []
    assert memory.events == []


def test_events_that_are_skipped_are_not_captured(captured_events: CapturedEvents) -> None:
    recorded(apilog.Client(Memory(), skip=lambda environ, response: True))
    assert len(captured_events) == 0


def test_captures_end_and_may_be_inside_each_other() -> None:
    memory = Memory()
    with apilog.Client(memory) as client:
        with testing.capture() as outer, testing.capture() as inner:
            recorded(client)
        recorded(client)
        client.flush(5)
    assert (len(outer), len(inner), len(memory.events)) == (1, 1, 1)


def test_pytest_finds_the_fixture_by_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import apilog, httpx
        from apilog.wsgi import ApiLogMiddleware

        def test_it(captured_events):
            def app(environ, start_response):
                start_response("200 OK", [])
                return [b"hi"]
            recorded = ApiLogMiddleware(app, destination="memory:")
            with httpx.Client(transport=httpx.WSGITransport(recorded), base_url="http://t") as http:
                http.get("/")
            assert captured_events[0].response.status == 200
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)

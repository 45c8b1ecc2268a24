"""The user's own masks: what they change counts, and no failure of theirs leaks or holds others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import apilog
from apilog.body import OmittedError
from apilog.complaints import Complaints
from apilog.destinations import Memory
from apilog.patience import Patience
from apilog.user_masks import UserMasks
from apilog.wsgi import ApiLogMiddleware

SECRET = "hunter2-hunter2"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Give what hooks of a test wait for; it is open in the end, so that none waits for ever."""
    event = threading.Event()
    yield event
    event.set()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"path": environ["PATH_INFO"], "note": SECRET}).encode()]


def call(recorded: Any, path: str) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "h"}
    response = recorded(environ, lambda status, headers, exc_info=None: None)
    list(response)
    response.close()


def bodies(**options: Any) -> tuple[list[Any], apilog.Stats]:
    """Return the response bodies of three calls, and the account."""
    memory = Memory()
    with apilog.Client(memory, **options) as client:
        recorded = ApiLogMiddleware(app, client=client)
        for path in ("/a", "/slow", "/b"):
            call(recorded, path)
        assert client.flush(10)
        stats = client.stats()
    return [event.response and event.response.body for event in memory.events], stats


def test_what_mask_body_returns_is_the_body() -> None:
    found, _ = bodies(mask_body=lambda kind, body: body.replace(SECRET.encode(), b"gone"))
    assert [body["note"] for body in found] == ["gone"] * 3


def test_mask_body_is_told_the_content_type() -> None:
    kinds: list[str] = []

    def hook(kind: str, body: bytes) -> bytes:
        kinds.append(kind)
        return body

    bodies(mask_body=hook)
    assert kinds == ["application/json"] * 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(None, "mask_body", id="None"),
        pytest.param("text", "mask_body_failed", id="text"),
        pytest.param(1, "mask_body_failed", id="a number"),
    ],
)
def test_a_body_stays_home_when_mask_body_answers(answer: Any, reason: str) -> None:
    found, stats = bodies(mask_body=lambda kind, body: answer)
    assert found == [None] * 3
    assert stats.faults[f"response_body_omitted:{reason}"] == 3


@pytest.mark.parametrize("error", [ValueError(SECRET), SystemExit(SECRET), RecursionError(SECRET)])
def test_a_body_stays_home_when_mask_body_raises(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(kind: str, body: bytes) -> bytes:
        raise error

    found, stats = bodies(mask_body=hook)
    assert found == [None] * 3
    assert stats.faults["hook_failed:mask_body"] == 3
    assert SECRET not in caplog.text


def test_a_mask_body_that_hangs_costs_its_body_only(gate: threading.Event) -> None:
    def hook(kind: str, body: bytes) -> bytes:
        if b"/slow" in body:
            gate.wait()
        return body

    found, stats = bodies(mask_body=hook, mask_timeout=0.05)
    assert [body and body["path"] for body in found] == ["/a", None, "/b"]
    assert stats.delivered == 3


def test_a_mask_event_that_hangs_costs_its_event_only(gate: threading.Event) -> None:
    def hook(event: apilog.Event) -> apilog.Event:
        if event.request.uri.endswith("/slow"):
            gate.wait()
        return event

    found, stats = bodies(mask_event=hook, mask_timeout=0.05)
    assert [body["path"] for body in found] == ["/a", "/b"]
    assert stats.dropped == {"mask_event_failed": 1}


def test_a_hook_that_always_hangs_is_given_up_without_waiting(gate: threading.Event) -> None:
    asked: list[str] = []

    def hook(kind: str, body: bytes) -> bytes:
        asked.append(kind)
        gate.wait()
        return body

    masks = UserMasks({"mask_body": hook}, Complaints(), 0.01)
    for _ in range(20):
        with pytest.raises(OmittedError, match="mask_body_failed"):
            masks.body("text/plain", b"x")
    assert len(asked) == 3


def test_a_call_that_came_back_makes_room_for_the_next(gate: threading.Event) -> None:
    patience = Patience(0.01)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            patience.call(gate.wait)
    gate.set()
    for _ in range(1_000):
        try:
            assert patience.call(lambda: "back") == "back"
            break
        except TimeoutError:
            threading.Event().wait(0.005)
    else:
        pytest.fail("nobody is asked any more")


def test_patience_gives_what_a_function_returns_and_raises_what_it_raises() -> None:
    patience = Patience(10)
    assert [patience.call(divmod, 7, each) for each in (2, 3)] == [(3, 1), (2, 1)]
    with pytest.raises(ZeroDivisionError):
        patience.call(divmod, 1, 0)
    with pytest.raises(SystemExit):
        patience.call(exit_now)


def exit_now() -> None:
    raise SystemExit(1)

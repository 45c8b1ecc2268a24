"""Hooks: what they may answer, and that their failures stay with us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from apilog.capture import Exchange, RequestHead, annotate, current
from apilog.complaints import Complaints
from apilog.exceptions import ConfigError
from apilog.hooks import FIELDS, NAMES, Hooks, blocking
from apilog.sampling import weight_of

SECRET = "hunter2"


def exchange() -> Exchange:
    head = RequestHead("GET", "http", "h", "/", "", None, [])
    return Exchange(None, lambda source: head, request_limit=0, response_limit=0)


def asked(asynchronous: bool, complaints: Complaints | None = None, **hooks: Any) -> Exchange:
    """Return an exchange for which *hooks* were asked."""
    asking = Hooks(complaints or Complaints())
    for name, hook in hooks.items():
        asking.set(name, hook)
    call = exchange()
    if asynchronous:
        asyncio.run(asking.ask_async(call, "request", "response"))
    else:
        asking.ask(call, "request", "response")
    return call


def saying(answer: object) -> Callable[[object, object], object]:
    return lambda request, response: answer


def raising(error: BaseException) -> Callable[[object, object], object]:
    def hook(request: object, response: object) -> object:
        raise error

    return hook


def recursing(request: object, response: object) -> object:
    return recursing(request, response)


both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@both
def test_a_hook_is_asked_once_with_request_and_response(asynchronous: bool) -> None:
    calls: list[object] = []
    asked(asynchronous, identify_user=lambda *arguments: calls.append(arguments))
    assert calls == [("request", "response")]


@both
@pytest.mark.parametrize("name", [name for name in FIELDS if name != "get_metadata"])
@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        pytest.param("u1", "u1", id="text"),
        pytest.param(7, "7", id="a number"),
        pytest.param(UUID(int=1), str(UUID(int=1)), id="a UUID"),
        pytest.param(None, None, id="None"),
    ],
)
def test_an_answer_becomes_a_field(
    name: str, answer: object, kept: str | None, asynchronous: bool
) -> None:
    call = asked(asynchronous, **{name: saying(answer)})
    assert call.annotations.get(FIELDS[name]) == kept
    assert call.drop_reason is None


@both
@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    "hook",
    [
        pytest.param(saying(True), id="a boolean"),
        pytest.param(saying(1.5), id="a float"),
        pytest.param(saying(b"u"), id="bytes"),
        pytest.param(saying(["u"]), id="a list"),
        pytest.param(saying(object()), id="an object"),
        pytest.param(saying(10**5_000), id="5,000 digits"),
        pytest.param(raising(ValueError(SECRET)), id="ValueError"),
        pytest.param(raising(SystemExit(SECRET)), id="SystemExit"),
        pytest.param(raising(MemoryError(SECRET)), id="MemoryError"),
        pytest.param(recursing, id="RecursionError"),
        pytest.param(lambda: None, id="the wrong number of arguments"),
    ],
)
def test_an_identity_hook_that_fails_leaves_its_field_empty(
    name: str, hook: Any, asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    complaints = Complaints()
    call = asked(asynchronous, complaints, **{name: hook, "skip": saying(False)})
    assert call.annotations == {}
    assert call.drop_reason is None
    assert complaints.counts() == {f"hook_failed:{name}": 1}
    assert [SECRET in message for message in caplog.messages] == [False]
    assert caplog.records[0].exc_info is None
    assert f"hook {name} failed" in caplog.messages[0]


@both
@pytest.mark.parametrize("name", ["skip", "sample_rate"])
@pytest.mark.parametrize(
    "error", [ValueError(SECRET), SystemExit(SECRET), RecursionError(SECRET)], ids=repr
)
def test_a_hook_that_was_to_leave_a_call_out_and_fails_leaves_it_out(
    name: str, error: BaseException, asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    complaints = Complaints()
    call = asked(asynchronous, complaints, **{name: raising(error)})
    assert call.drop_reason == f"{name}_failed"
    assert complaints.counts() == {f"hook_failed:{name}": 1}
    assert SECRET not in caplog.text


@both
@pytest.mark.parametrize("rate", [-1, 1.1, float("nan"), "1", True, [1]])
def test_a_sample_rate_that_is_none_leaves_the_call_out(rate: object, asynchronous: bool) -> None:
    assert asked(asynchronous, sample_rate=saying(rate)).drop_reason == "sample_rate_failed"


@both
@pytest.mark.parametrize(("answer", "reason"), [(True, "skipped"), (1, "skipped"), (0, None)])
def test_skip_leaves_a_call_out(answer: object, reason: str | None, asynchronous: bool) -> None:
    assert asked(asynchronous, skip=saying(answer)).drop_reason == reason


def test_one_hook_that_fails_does_not_keep_others_from_being_asked() -> None:
    call = asked(False, identify_user=raising(ValueError()), identify_company=saying("acme"))
    assert call.annotations == {"company_id": "acme"}


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()], ids=repr)
def test_what_ends_the_program_or_the_request_is_not_ours(
    error: BaseException, asynchronous: bool
) -> None:
    with pytest.raises(type(error)):
        asked(asynchronous, identify_user=raising(error))


def test_metadata_is_any_mapping_and_what_annotate_said_stays() -> None:
    asking = Hooks(Complaints())
    asking.set("get_metadata", saying(MappingProxyType({"plan": "hook", "more": 1})))
    asking.set("identify_user", saying("hook"))
    asking.set("identify_company", saying("hook"))
    call = exchange()
    token = current.set(call)
    try:
        annotate(user_id="annotated", metadata={"plan": "annotated"})
    finally:
        current.reset(token)
    asking.ask(call, None, None)
    assert call.annotations == {
        "user_id": "annotated",
        "company_id": "hook",
        "metadata": {"plan": "annotated", "more": 1},
    }


def test_annotating_outside_of_a_request_does_nothing() -> None:
    annotate(user_id="u", metadata={"a": 1})


def test_async_hooks_are_awaited_where_there_is_a_loop() -> None:
    async def user(request: object, response: object) -> str:
        await asyncio.sleep(0)
        return "u"

    assert asked(True, identify_user=user).annotations == {"user_id": "u"}


def test_an_awaitable_in_a_sync_app_is_closed_and_counted() -> None:
    async def later() -> str:
        return "u"

    complaints = Complaints()
    call = asked(False, complaints, identify_user=lambda request, response: later())
    assert call.annotations == {}
    assert complaints.counts() == {"hook_failed:identify_user": 1}


def test_a_blocking_hook_runs_on_a_thread_in_the_request_context() -> None:
    variable: ContextVar[str] = ContextVar("variable")

    def user(request: object, response: object) -> str:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return variable.get()

    async def main() -> Exchange:
        variable.set("u")
        asking = Hooks(Complaints())
        asking.set("identify_user", blocking(user))
        call = exchange()
        await asking.ask_async(call, None, None)
        return call

    assert asyncio.run(main()).annotations == {"user_id": "u"}


def test_async_hooks_are_refused_where_nobody_could_await_them() -> None:
    async def user(request: object, response: object) -> str:
        return "u"

    class Callable:
        async def __call__(self, request: object, response: object) -> str:
            return "u"

    for hook in (user, Callable(), blocking(lambda request, response: "u")):
        asking = Hooks(Complaints())
        asking.set("identify_user", hook)
        with pytest.raises(ConfigError, match=r"identify_user = .*: is async"):
            asking.refuse_async("WSGI")
        with pytest.raises(ConfigError, match=r"mask_event = .*: is async"):
            asking.set("mask_event", hook)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hook", ["shop.user", 1, None, {}], ids=repr)
def test_what_cannot_be_called_is_refused_by_name_and_value(name: str, hook: object) -> None:
    with pytest.raises(ConfigError) as caught:
        Hooks(Complaints()).set(name, hook)
    assert str(caught.value).startswith(f"{name} = {hook!r}: not a function; pass one that takes")


def test_hooks_are_true_when_there_is_something_to_ask() -> None:
    asking = Hooks(Complaints())
    asking.set("mask_event", lambda event: event)
    assert not asking
    asking.set("skip", saying(False))
    assert asking


def test_every_failure_is_counted_and_each_kind_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    complaints = Complaints()
    asking = Hooks(complaints)
    asking.set("identify_user", raising(ValueError(SECRET)))
    asking.set("skip", raising(KeyError(SECRET)))
    with caplog.at_level(logging.DEBUG):
        for _ in range(50):
            asking.ask(exchange(), SECRET, SECRET)
    assert complaints.counts() == {"hook_failed:identify_user": 50, "hook_failed:skip": 50}
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "ValueError at " in caplog.messages[0]
    assert "KeyError at " in caplog.messages[1]
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("rate", "dice", "weight"),
    [
        pytest.param(1, [], 1, id="every call"),
        pytest.param(0, [0.0], 0, id="no call"),
        pytest.param(0.25, [0.25], 0, id="not this one"),
        pytest.param(0.25, [0.2, 0.0], 4, id="one of four"),
        pytest.param(0.4, [0.1, 0.4], 3, id="two of five, rounded up"),
        pytest.param(0.4, [0.1, 0.6], 2, id="two of five, rounded down"),
    ],
)
def test_a_weight_says_how_many_calls_one_stands_for(
    rate: float, dice: list[float], weight: int
) -> None:
    rolls = iter(dice)
    assert weight_of(rate, lambda: next(rolls)) == weight

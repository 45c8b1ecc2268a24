"""Any ASGI app: hooks get a request like Starlette's, and every other scope passes by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

import apilog
from apilog.asgi import ApiLogMiddleware

Recorder = Any
"""The recorder of conftest.py."""

Call = Callable[..., httpx.Response]


def own(event: apilog.Event) -> dict[str, Any]:
    """Return what apilog itself says of a call."""
    return dict(event.metadata["apilog"])  # type: ignore[call-overload]


async def hello(scope: Any, receive: Any, send: Any) -> None:
    scope["path_params"] = {"id": "7"}
    scope.setdefault("state", {})["tenant"] = "acme"
    scope["session"], scope["user"] = {"id": "s-1"}, "ann"
    headers = [(b"content-type", b"text/plain"), (b"x-a", b"1"), (b"x-a", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def test_hooks_get_a_request_like_starlettes(recorder: Recorder, call_asgi: Call) -> None:
    def told(request: Any, response: apilog.ResponseHead) -> dict[str, Any]:
        return {
            "method": request.method,
            "path": request.url.path,
            "query": dict(request.query_params),
            "header": request.headers["X-Kind"],
            "jar": dict(request.cookies),
            "client": request.client.host,
            "tenant": request.state.tenant,
            "params": request.path_params,
            "status": response.status_code,
            "lines": response.headers.get_list("x-a"),
        }

    client = apilog.Client(
        recorder,
        get_metadata=told,
        identify_user=lambda request, response: request.user,
        get_session_token=lambda request, response: request.session["id"],
    )
    call_asgi(
        ApiLogMiddleware(hello, client=client),
        "GET",
        "/items/7?q=tea",
        headers={"X-Kind": "x", "Cookie": "a=1; b=2"},
    )
    event = recorder.one(client)
    assert client.stats().faults == {}
    assert (event.user_id, event.session_token) == ("ann", "s-1")
    assert {**event.metadata, "apilog": None} == {
        "method": "GET",
        "path": "/items/7",
        "query": {"q": "tea"},
        "header": "x",
        "jar": {"a": "1", "b": "2"},
        "client": "192.0.2.7",
        "tenant": "acme",
        "params": {"id": "7"},
        "status": 200,
        "lines": ["1", "2"],
        "apilog": None,
    }


def test_hooks_are_asked_once_for_an_app_that_raises(recorder: Recorder, call_asgi: Call) -> None:
    asked: list[int] = []

    async def skip(request: Any, response: apilog.ResponseHead) -> None:
        asked.append(response.status_code)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError

    client = apilog.Client(recorder, skip=skip)
    call_asgi(ApiLogMiddleware(app, client=client), "GET", "/")
    event = recorder.one(client)
    assert (asked, own(event)["exception"]) == ([500], "LookupError")


def test_an_app_that_never_answers_is_recorded_without_a_response(
    client: apilog.Client, recorder: Recorder, call_asgi: Call
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Return without a word."""

    with pytest.raises(AssertionError):  # httpx's own, as there is no status
        call_asgi(ApiLogMiddleware(app, client=client), "GET", "/")
    assert recorder.one(client).response is None


def test_a_hook_that_raises_costs_its_field_only(recorder: Recorder, call_asgi: Call) -> None:
    async def company(request: Any, response: apilog.ResponseHead) -> str:
        raise RuntimeError

    client = apilog.Client(recorder, identify_user=lambda *_: "ann", identify_company=company)
    assert call_asgi(ApiLogMiddleware(hello, client=client), "GET", "/").text == "hello"
    event = recorder.one(client)
    assert (event.user_id, event.company_id) == ("ann", None)
    assert client.stats().faults == {"hook_failed:identify_company": 1}

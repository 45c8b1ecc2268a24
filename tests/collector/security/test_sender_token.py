"""Who may send: anybody on this machine, or whoever has the token."""

from __future__ import annotations

from typing import Any

import pytest

TOKEN = "Sender-token_0123456789"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no application id"),
        pytest.param({"X-Moesif-Application-Id": "anything"}, id="any application id"),
    ],
)
def test_without_a_token_everybody_here_may_send(
    collected: Any, an_event: Any, headers: dict[str, str]
) -> None:
    answer = collected().request("POST", "/v1/events", json=an_event(), headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-Moesif-Application-Id": TOKEN}, id="application id"),
        pytest.param({"X-Api-Key": TOKEN}, id="API key"),
        pytest.param({"Authorization": f"Bearer {TOKEN}"}, id="bearer"),
        pytest.param({"Authorization": f"bearer  {TOKEN} "}, id="bearer in odd spelling"),
    ],
)
def test_the_token_is_taken_as(collected: Any, an_event: Any, headers: dict[str, str]) -> None:
    collector = collected(sender_token=TOKEN)
    answer = collector.request("POST", "/v1/events", json=an_event(), headers=headers)
    assert answer.status_code == 201


def test_the_token_may_begin_the_address_where_a_client_knows_no_keys(collected: Any) -> None:
    collector = collected(sender_token=TOKEN)
    payload = {"website": "00000000-0000-4000-8000-000000000001", "url": "/a", "name": "x"}
    headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) tracker/1"}
    body = {"type": "event", "payload": payload}
    answer = collector.request("POST", f"/{TOKEN}/api/send", json=body, headers=headers)
    assert answer.status_code == 200
    preflight = {"Access-Control-Request-Method": "POST", "Origin": "https://shop.example"}
    assert collector.request("OPTIONS", "/api/send", headers=preflight).status_code == 204
    assert collector.request("OPTIONS", f"/{TOKEN}/api/send", headers=preflight).status_code == 204


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        pytest.param("/v1/events", {}, id="nothing"),
        pytest.param("/v1/events", {"X-Moesif-Application-Id": TOKEN[:-1]}, id="cut"),
        pytest.param("/v1/events", {"X-Moesif-Application-Id": TOKEN + "x"}, id="longer"),
        pytest.param("/v1/events", {"X-Moesif-Application-Id": TOKEN.lower()}, id="other case"),
        pytest.param("/v1/events", {"Authorization": f"Basic {TOKEN}"}, id="basic"),
        pytest.param("/v1/events", {"Authorization": TOKEN}, id="no scheme"),
        pytest.param(f"/{TOKEN}x/v1/events", {}, id="longer in the path"),
        pytest.param(f"/x/{TOKEN}/v1/events", {}, id="later in the path"),
        pytest.param("/api/send", {}, id="umami"),
        pytest.param("/log", {}, id="swetrix"),
        pytest.param("/api/events", {}, id="logimoni"),
        pytest.param("/collect/event", {}, id="collect"),
        pytest.param("/v1/losses", {}, id="an account"),
    ],
)
def test_whoever_has_no_token_is_refused_before_the_body_is_read(
    collected: Any, path: str, headers: dict[str, str]
) -> None:
    def body() -> Any:
        raise AssertionError("the body was read")
        yield b""

    async def chunks() -> Any:
        for each in body():
            yield each

    collector = collected(sender_token=TOKEN)
    answer = collector.request("POST", path, content=chunks(), headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": "the sender's token is missing or wrong"}


def test_the_configuration_needs_the_token_too(collected: Any) -> None:
    assert collected(sender_token=TOKEN).get("/v1/config").status_code == 401


def test_the_metrics_need_the_token_too(collected: Any) -> None:
    collector = collected(sender_token=TOKEN)
    assert collector.get("/metrics").status_code == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert collector.get("/metrics", headers=bearer).status_code == 200


def test_pages_need_no_senders_token(collected: Any) -> None:
    collector = collected(sender_token=TOKEN).log_in()
    for path in ("/", "/calls/1", "/healthz", "/view/calls", "/users/ada"):
        assert collector.get(path).status_code == 200


def test_a_senders_token_opens_no_view(collected: Any) -> None:
    collector = collected(sender_token=TOKEN)
    answer = collector.post("/view/login", json={"token": TOKEN})
    assert answer.status_code == 403
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Api-Key": TOKEN}
    assert collector.get("/view/calls", headers=headers).status_code == 401
    for path in (f"/{TOKEN}/view/calls", f"/{TOKEN}//view/calls", f"/{TOKEN}/{TOKEN}/view/calls"):
        for method in ("GET", "OPTIONS"):
            assert collector.request(method, path).status_code in (401, 404)


def test_a_viewers_token_is_no_senders_token(collected: Any, an_event: Any) -> None:
    collector = collected(sender_token=TOKEN)
    token = (collector.directory / "viewer-token").read_text().strip()
    headers = {"X-Moesif-Application-Id": token}
    answer = collector.request("POST", "/v1/events", json=an_event(), headers=headers)
    assert answer.status_code == 401


def test_whoever_guesses_is_slowed_down_and_the_others_are_not(
    collected: Any, an_event: Any
) -> None:
    collector = collected(sender_token=TOKEN)
    statuses = [collector.request("POST", "/v1/events").status_code for _ in range(102)]
    assert statuses == [401] * 100 + [429] * 2
    assert "Retry-After" in collector.request("POST", "/v1/events").headers
    headers = {"X-Moesif-Application-Id": TOKEN}
    answer = collector.request("POST", "/v1/events", json=an_event(), headers=headers)
    assert answer.status_code == 201

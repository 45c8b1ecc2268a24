"""Requests that real clients made, byte by byte, and what their own servers answer to them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures"
TAGS = {"x-moesif-config-etag": "apilog-1", "x-moesif-rules-tag": "apilog-1"}
NO_SESSION = {
    "message": (
        "The heartbeat was not saved because there is no session for this request. Please, send a"
        " pageview or custom event request first to initialise the session."
    ),
    "error": "Forbidden",
    "statusCode": 403,
}


def fixture_names() -> list[str]:
    return sorted(path.stem for path in FIXTURES.glob("*.json"))


def sent(collector: Any, name: str) -> httpx.Response:
    """Send a recorded request again, with its own headers and its own bytes."""
    recorded = json.loads((FIXTURES / f"{name}.json").read_text())
    body = recorded.get("body", "").encode()
    if "body_base64" in recorded:
        body = base64.b64decode(recorded["body_base64"])
    own = {"host", "connection", "content-length"}
    headers = [pair for pair in recorded["headers"] if pair[0].lower() not in own]
    response: httpx.Response = collector.http.request(
        recorded["method"], recorded["path"], content=body, headers=headers
    )
    return response


@pytest.mark.parametrize("name", [each for each in fixture_names() if "moesif" in each])
def test_moesifs_sdks_are_answered_as_moesif_answers(collector: Any, name: str) -> None:
    response = sent(collector, name)
    if name in ("py-moesifapi-config", "py-moesifapi-rules"):
        assert response.status_code == 200
        assert isinstance(response.json(), dict if name.endswith("config") else list)
    else:
        assert response.status_code == 201
        assert response.headers.items() >= TAGS.items()
    assert collector.refusals() == []


@pytest.mark.parametrize("name", [each for each in fixture_names() if "umami" in each])
def test_umamis_clients_are_answered_as_umami_answers(collector: Any, name: str) -> None:
    response = sent(collector, name)
    assert response.status_code == 200
    assert set(response.json()) == {"cache", "sessionId", "visitId"}
    assert response.headers["access-control-allow-origin"] == "*"
    assert collector.row().source == "umami"


@pytest.mark.parametrize("name", [each for each in fixture_names() if "swetrix" in each])
def test_swetrixs_clients_are_answered_as_swetrix_answers(collector: Any, name: str) -> None:
    response = sent(collector, name)
    assert response.headers["access-control-allow-origin"] == "*"
    if name == "src-swetrix-node-log-hb":
        assert (response.status_code, response.json()) == (403, NO_SESSION)
    else:
        assert (response.status_code, response.json()) == (201, {})
        assert collector.row().source == "swetrix"


def test_a_heartbeat_is_taken_once_its_visitor_has_a_session(collector: Any) -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0; rv:109.0) Gecko/20100101 Firefox/116.0"
    headers = {"User-Agent": agent, "X-Client-IP-Address": "203.0.113.7"}
    view = {"pid": "aUn1quEid-3x", "pg": "/home"}
    assert collector.http.post("/log", json=view, headers=headers).status_code == 201
    response = sent(collector, "src-swetrix-node-log-hb")
    assert (response.status_code, response.json()) == (201, {})


def test_every_recorded_event_of_moesifs_sdks_is_stored_as_it_was_sent(collector: Any) -> None:
    names = [each for each in fixture_names() if "event" in each or each.count("-json")]
    recorded = []
    for name in [*names, "py-moesifwsgi-binary-response"]:
        assert sent(collector, name).status_code == 201
        body = json.loads((FIXTURES / f"{name}.json").read_text())["body_json"]
        recorded += body if isinstance(body, list) else [body]
    rows = collector.rows()
    assert len(rows) == len(recorded) > 8
    for event in recorded:
        assert collector.event(event["transaction_id"]) == event
        (row,) = [row for row in rows if row.id == event["transaction_id"]]
        assert (row.method, row.user) == (event["request"]["verb"], event["user_id"])
        response = event["response"] or {}
        assert row.status == response.get("status")
        assert row.path == httpx.URL(event["request"]["uri"]).raw_path.decode().partition("?")[0]
        assert row.ip == event["request"]["ip_address"]
        assert row.session == (event["session_token"] or "")


def test_profiles_and_actions_of_moesifs_sdks_are_kept(collector: Any) -> None:
    for name in fixture_names():
        if "moesifapi-" in name and "event" not in name:
            sent(collector, name)
    assert collector.profile("company", "c1")["company_domain"] == "acme.com"
    assert collector.profile("subscription", "s1")["status"] == "active"
    (action,) = [row for row in collector.rows() if row.method == "ACTION"]
    assert (action.route, action.user, action.host) == ("Clicked Sign Up", "u1", "acme.com")


def test_there_is_a_test_for_every_fixture() -> None:
    assert len(fixture_names()) >= 23
    assert all(
        any(system in name for system in ("moesif", "umami", "swetrix")) for name in fixture_names()
    )

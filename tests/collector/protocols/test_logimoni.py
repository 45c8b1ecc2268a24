"""Logimoni: four texts in, hardly a word out, and its keys nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

EVENT = {
    "userKey": "user-key-very-secret",
    "projectKey": "project-key-very-secret",
    "categoryName": "Calls",
    "message": "hello",
}


def test_a_line_is_a_call_of_its_own_kind(collector: Any) -> None:
    answer = collector.http.post("/api/events", json=EVENT)
    assert (answer.status_code, answer.content) == (200, b"")
    row = collector.row()
    assert (row.method, row.route, row.source) == ("LOG", "Calls", "logimoni")
    received = {"categoryName": "Calls", "message": "hello"}
    assert collector.event()["metadata"]["received"] == received


@pytest.mark.parametrize(
    ("message", "method", "route", "status", "duration", "error"),
    [
        ("GET /v1/items/{id} 500 12.5ms", "GET", "/v1/items/{id}", 500, 12_500, ""),
        ("POST /orders 201 3ms plan=pro", "POST", "/orders", 201, 3_000, ""),
        ("GET /slow aborted 1000.0ms", "GET", "/slow", None, 1_000_000, "aborted"),
        ("GET /x KeyError 1.0ms", "GET", "/x", None, 1_000, "KeyError"),
        ("GET /x 204", "GET", "/x", 204, None, ""),
    ],
)
def test_a_line_of_our_own_destination_is_the_call_itself(
    collector: Any, message: str, method: str, route: str, status: Any, duration: Any, error: str
) -> None:
    assert collector.http.post("/api/events", json={**EVENT, "message": message}).is_success
    row = collector.row()
    assert (row.method, row.route, row.status) == (method, route, status)
    assert (row.duration, row.error, row.path) == (duration, error, route)


@pytest.mark.parametrize(
    ("message"), ["GET", "the GET /x 200 1ms", "GET x 200", "hello /x 200 1ms", "GET /x"]
)
def test_other_lines_are_lines(collector: Any, message: str) -> None:
    assert collector.http.post("/api/events", json={**EVENT, "message": message}).is_success
    assert collector.row().method == "LOG"


@pytest.mark.parametrize(
    "body",
    [
        *({**EVENT, name: wrong} for name in EVENT for wrong in ("", " ", None, 7, {})),
        {name: EVENT[name] for name in list(EVENT)[1:]},
        [],
        [EVENT],
        "x",
    ],
)
def test_everything_else_is_400_without_a_word(collector: Any, body: Any) -> None:
    answer = collector.http.post("/api/events", json=body)
    assert (answer.status_code, answer.content) == (400, b"")
    assert collector.rows() == []


def test_the_keys_are_on_no_disk(collector: Any, tmp_path: Path) -> None:
    text = '{"userKey":"user-key-very-secret", "projectKey": "project-key-very-secret'
    for body in (EVENT, {**EVENT, "message": ""}, [EVENT], {"userKey": EVENT["userKey"]}):
        collector.http.post("/api/events", json=body)
    for broken in (text, text + '", "categoryName": }', text.replace('"', "'")):
        assert collector.http.post("/api/events", content=broken).status_code == 400
    assert len(collector.refusals()) == 6
    assert len(collector.rows()) == 1
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert b"very-secret" not in content, path

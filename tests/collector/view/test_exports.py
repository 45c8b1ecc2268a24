"""``/view/export``: a file of the calls that a filter asks for."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
import pytest

NOW = time.time_ns() // 1_000


@pytest.mark.parametrize("name", ["har", "ndjson", "csv"])
def test_a_file_is_downloaded_and_never_shown(collected: Any, add: Any, name: str) -> None:
    collector = collected().log_in()
    add(collector, {"event": b'{"request":{"uri":"http://x/<script>"}}'})
    answer = collector.get("/view/export", params={"format": name})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    disposition = rf'attachment; filename="apilog-\d{{8}}-\d{{6}}\.{name}"'
    assert re.fullmatch(disposition, answer.headers["Content-Disposition"])


def test_only_what_is_asked_for_is_in_it(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    calls = [
        {"time": NOW - at * 1_000_000, "status": 500 if at % 2 else 200, "event": b"{}"}
        for at in range(6)
    ]
    keys = add(collector, *calls)
    asked = {"format": "csv", "q": "status:5xx", "from": str(NOW / 1_000 - 4_000)}
    lines = collector.get("/view/export", params=asked).text.splitlines()
    assert [line.split(",")[2] for line in lines[1:]] == [keys[1], keys[3]]


def test_every_call_is_in_it_once_the_newest_first(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    keys = add(
        collector,
        *({"time": NOW + at, "event": json.dumps({"n": at}).encode()} for at in range(1_000)),
    )
    entries = collector.get("/view/export?format=har").json()["log"]["entries"]
    assert [each["_transaction_id"] for each in entries] == keys[::-1]
    lines = collector.get("/view/export?format=ndjson").text.splitlines()
    assert [json.loads(each)["n"] for each in lines] == list(range(1_000))[::-1]


@pytest.mark.parametrize("name", ["", "exe", "HAR", "parquet"])
def test_there_are_three_formats(collected: Any, name: str) -> None:
    answer = collected().log_in().get("/view/export", params={"format": name})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": "format must be one of: har, ndjson, csv"},
    )


def test_a_reader_that_leaves_half_way_leaves_no_trace(listening: Any, add: Any) -> None:
    served = listening()
    for _ in range(20):
        add(served.collected, {"event": json.dumps({"body": "x" * 300_000}).encode()})
    token = (served.collected.directory / "viewer-token").read_text().strip()
    headers = {"X-Apilog-CSRF": "1"}
    with httpx.Client(base_url=served.url, headers=headers, trust_env=False) as http:
        assert http.post("/view/login", json={"token": token}).status_code == 204
        for _ in range(5):
            with http.stream("GET", "/view/export?format=ndjson") as answer:
                assert next(answer.iter_bytes())
        assert len(http.get("/view/export?format=ndjson").content) > 20 * 300_000

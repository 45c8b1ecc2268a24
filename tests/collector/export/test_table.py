"""CSV that no spreadsheet runs, JSON lines, Parquet."""

from __future__ import annotations

import csv as standard
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.collector.export.csv import csv
from apilog.collector.export.ndjson import ndjson
from apilog.collector.export.table import COLUMNS, iso
from apilog.collector.store.protocol import Row, Whole

TEXTS = ("id", "source", "method", "host", "route", "path", "query", "user", "company", "session")
FORMULAS = [
    '=HYPERLINK("http://evil.test","x")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
]


def row(**fields: Any) -> Row:
    known: dict[str, Any] = dict.fromkeys(Row.__slots__, "")
    numbers = dict.fromkeys(("status", "duration", "request_size", "response_size"))
    return Row(**{**known, **numbers, "time": 0, "received": 1, **fields})


def read(*rows: Row) -> list[list[str]]:
    text = b"".join(csv(rows)).decode()
    return list(standard.reader(io.StringIO(text, newline="")))


def test_a_table_has_its_heading_and_a_line_for_each_call() -> None:
    heading, line = read(row(status=404, duration=1_234, path="/a", user="ada"))
    found = dict(zip(heading, line, strict=True))
    assert heading == list(COLUMNS)
    assert found["time"] == "1970-01-01T00:00:00.000000Z"
    assert (found["status"], found["duration_ms"], found["user"]) == ("404", "1.234", "ada")
    assert (found["request_size"], found["error"]) == ("", "")


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
@pytest.mark.parametrize("field", [*TEXTS, "ip", "trace", "error"])
def test_no_cell_is_a_formula(field: str, text: str) -> None:
    heading, line = read(row(**{field: text}))
    assert dict(zip(heading, line, strict=True))[field] == f"'{text}"


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")))
def test_every_text_comes_back(text: str) -> None:
    heading, line = read(row(path=text))
    found = dict(zip(heading, line, strict=True))["path"]
    assert found in (text, f"'{text}")
    assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_time_has_its_microseconds() -> None:
    assert iso(1_795_269_567_123_456) == "2026-11-21T13:59:27.123456Z"
    assert iso(0) == "1970-01-01T00:00:00.000000Z"


def test_a_line_is_an_event_whatever_its_layout() -> None:
    events = [b'{"a":1}', b'{\n  "a": "x\\ny"\r\n}']
    lines = b"".join(ndjson(Whole(row(), each) for each in events)).splitlines()
    assert [json.loads(each) for each in lines] == [{"a": 1}, {"a": "x\ny"}]

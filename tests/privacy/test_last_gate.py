"""The last gate: a value that was masked in one place is in no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.last_gate import is_telling, leaked, sweep
from apilog.mask_record import Record


@pytest.mark.parametrize(
    "value", ["hunter22", "p@ssword!", "123456789", "correcthorsebatterystaple", "x" * 16, "ü7" * 4]
)
def test_what_is_long_and_unusual_is_looked_for(value: str) -> None:
    assert is_telling(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "4711",
        "accepted",
        "en-US",
        "darkMode",
        "2026-11-21",
        "10:30:00",
        "1.5",
        "New York",
        "a-b-c",
    ],
)
def test_what_stands_everywhere_is_not(value: str) -> None:
    assert not is_telling(value)


def test_hostile_values_are_judged_at_once() -> None:
    assert is_telling("-" * 50_000 + "!")
    assert is_telling("a" * 50_000)


def swept(document: dict[str, Any], *values: str) -> dict[str, Any]:
    record = Record()
    assert leaked(json.dumps(document).encode(), values) == set(values)
    sweep(document, values, record)
    assert leaked(json.dumps(document).encode(), values) == set()
    assert {note["rule"] for note in record.notes if isinstance(note, dict)} == {"repeated"}
    return document


@pytest.mark.parametrize(
    ("document", "left"),
    [
        pytest.param({"a": "x hunter22 y"}, {"a": "x *** y"}, id="in a text"),
        pytest.param({"a": ["hunter22"]}, {"a": ["***"]}, id="alone"),
        pytest.param({"hunter22": 1}, {"***": 1}, id="as a name"),
        pytest.param({"a": {"b": [{"c": "hunter22"}]}}, {"a": {"b": [{"c": "***"}]}}, id="deep"),
    ],
)
def test_a_value_is_masked_wherever_it_stands(document: Any, left: Any) -> None:
    assert swept(document, "hunter22") == left


def test_a_number_is_masked_where_it_stands_as_a_number() -> None:
    assert swept({"a": 123456789, "b": 12}, "123456789") == {"a": "***", "b": 12}


def test_the_longest_value_goes_first() -> None:
    assert swept({"a": "hunter22-and-more", "b": "hunter22"}, "hunter22", "hunter22-and-more") == {
        "a": "***",
        "b": "***",
    }


def test_many_values_are_found_like_few() -> None:
    values = [f"secret-{number}x" for number in range(200)]
    document = {"a": " ".join(values), "b": [f"/{value}/" for value in values]}
    assert swept(document, *values) == {"a": " ".join(["***"] * 200), "b": ["/***/"] * 200}


@given(st.text(min_size=8), st.text(), st.text())
def test_a_telling_value_is_found_however_it_is_written(
    value: str, before: str, after: str
) -> None:
    value = value.encode("utf-8", "replace").decode()
    text = (before + value + after).encode("utf-8", "replace").decode()
    encoded = json.dumps({"a": text}, ensure_ascii=False).encode()
    if is_telling(value) and json.dumps(value, ensure_ascii=False).encode()[1:-1] in encoded:
        assert value in leaked(encoded, [value]) or "\x7f" in value

"""JSON in and out, for whatever an application hands over."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog import codec


class Color(Enum):
    RED = "#f00"


class Hostile(Mapping[str, object]):
    """A mapping of the application that fails whenever it is read."""

    def __getitem__(self, name: str) -> object:
        raise LookupError(name)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("not now")

    def __len__(self) -> int:
        raise RuntimeError("not now")


class Secretive:
    def __str__(self) -> str:
        raise AssertionError("nobody asked")

    __repr__ = __str__


def read_strictly(text: bytes) -> Any:
    """Return the value of *text*, which may hold neither NaN nor anything that is no UTF-8."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text.decode("utf-8"), parse_constant=refuse)


def itself() -> list[object]:
    value: list[object] = []
    value += [value, {"again": value}]
    return value


def nested(depth: int) -> object:
    value: object = "end"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"a": [1, 1.5, "é", None, True]}, {"a": [1, 1.5, "é", None, True]}, id="JSON"),
        pytest.param(float("nan"), None, id="not a number"),
        pytest.param([float("inf"), -float("inf")], [None, None], id="infinities"),
        pytest.param("a\ud800b", "a\ufffdb", id="a lone surrogate"),
        pytest.param("\ud83d\ude00", "\U0001f600", id="a pair of surrogates is one character"),
        pytest.param({"\udc00": 1}, {"\ufffd": 1}, id="a lone surrogate in a name"),
        pytest.param(["\ud800", float("nan")], ["\ufffd", None], id="both at once"),
        pytest.param("\ufeff\0x", "\ufeff\0x", id="a mark and a NUL"),
        pytest.param(2**70, 2**70, id="beyond 64 bits"),
        pytest.param([2**70, float("nan")], [2**70, None], id="beyond 64 bits beside NaN"),
        pytest.param(10**5_000, "<int>", id="5,000 digits"),
        pytest.param((1, 2), [1, 2], id="a tuple"),
        pytest.param({1}, [1], id="a set"),
        pytest.param(MappingProxyType({"a": 1}), {"a": 1}, id="another mapping"),
        pytest.param(OrderedDict(a=1), {"a": 1}, id="an ordered one"),
        pytest.param(
            {2: "a", None: "b", True: "c"}, {"2": "a", "None": "b", "True": "c"}, id="other names"
        ),
        pytest.param(
            {UUID(int=1): 1, date(2026, 1, 2): 2},
            {"00000000-0000-0000-0000-000000000001": 1, "2026-01-02": 2},
            id="UUIDs and dates as names",
        ),
        pytest.param({(1, 2): 1}, {"<too deep>": 1}, id="a tuple as a name"),
        pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="a UUID"),
        pytest.param(Decimal("1.10"), "1.10", id="a decimal"),
        pytest.param(
            datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00+00:00", id="a time"
        ),
        pytest.param([date(2026, 1, 2), "\ud800"], ["2026-01-02", "\ufffd"], id="a date"),
        pytest.param([time(1, 2), "\ud800"], ["01:02:00", "\ufffd"], id="a time of day"),
        pytest.param([Color.RED, "\ud800"], ["RED", "\ufffd"], id="an enumeration, the slow way"),
        pytest.param(b"secret", "<bytes>", id="bytes by their type"),
        pytest.param([Secretive(), "\ud800"], ["<Secretive>", "\ufffd"], id="a class by its name"),
        pytest.param({"a": Hostile(), "b": 1}, {"a": "<Hostile>", "b": 1}, id="a hostile mapping"),
    ],
)
def test_any_value_becomes_json(value: object, expected: object) -> None:
    assert read_strictly(codec.dumps(value)) == expected


def test_a_value_that_contains_itself_comes_to_an_end() -> None:
    assert b"<too" in codec.dumps(itself())


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_what_nobody_reads_is_cut_off(depth: int) -> None:
    assert codec.dumps(nested(depth)).count(b"[") == codec.MAX_DEPTH


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters())
    | st.binary(max_size=5)
    | st.dates()
    | st.uuids()
    | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(alphabet=st.characters()) | st.integers(), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=15,
)


@given(VALUES)
def test_every_value_becomes_strict_json_that_can_be_read_back(value: object) -> None:
    text = codec.dumps(value)
    read_strictly(text)
    codec.loads(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b'{"a":[1,"x"]}', {"a": [1, "x"]}, id="JSON"),
        pytest.param("[NaN,Infinity,-Infinity]", ["NaN", "Infinity", "-Infinity"], id="constants"),
        pytest.param('{"a":1,"a":2}', {"a": 2}, id="a name twice"),
        pytest.param('"\\ud800"', "\ud800", id="a lone surrogate"),
        pytest.param(str(2**64), float(2**64), id="beyond 64 bits"),
        pytest.param("1e999", float("inf"), id="beyond every number"),
        pytest.param(b"\xef\xbb\xbf1", 1, id="a byte order mark"),
        pytest.param("[1]".encode("utf-32"), [1], id="UTF-32"),
    ],
)
def test_what_python_would_write_can_be_read(text: bytes | str, expected: object) -> None:
    assert codec.loads(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param("[" * 100_000, id="nested 100,000 deep"),
        pytest.param('{"a":' * 100_000, id="objects nested 100,000 deep"),
        pytest.param("9" * 5_000, id="5,000 digits"),
        pytest.param("\ufeff1", id="a mark in text"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param(b"\xff\xfe\x00", id="half of UTF-16"),
    ],
)
def test_what_cannot_be_read_is_a_value_error(text: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"."):
        codec.loads(text)


@given(st.binary() | st.text(alphabet=st.characters()))
def test_reading_anything_gives_a_value_or_a_value_error(text: bytes | str) -> None:
    try:
        value = codec.loads(text)
    except ValueError:
        return
    read_strictly(codec.dumps(value))

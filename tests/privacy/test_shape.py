"""The shape-only mode: what a body looks like, and nothing of what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.shape import bytes_shape, is_shape, shape, text_shape


def hostile(size: int) -> Iterator[tuple[str, Any]]:
    """Give bodies of about *size* bytes that a careless shape takes too long for."""
    yield "one long text", "a" * size
    yield "one long number in a text", "1," * (size // 2)
    yield "a text that is nearly a shape", "string(" + "1,234" * (size // 5)
    yield "texts of all lengths", ["a" * length for length in range(int((2 * size) ** 0.5))]
    yield "objects of all shapes", [{f"n{n}": n} for n in range(size // 12)]
    yield "one long name", {"a" * size: 1}
    yield "one long name of colons", {":" * size: 1}
    yield "many names", {f"n{'x' * (n % 30)}{chr(97 + n % 26)}{n}": n for n in range(size // 30)}
    yield "pairs of pairs", pairs(size)
    yield "lists in lists", [[[] for _ in range(99)] for _ in range(size // 300)]


def pairs(size: int) -> Any:
    level: list[Any] = list(range(size // 4))
    while len(level) > 1:
        level = [{"a": [one, {"b": one}]} for one in zip(level[::2], level[1::2], strict=False)]
        level = [json.loads(json.dumps(one)) for one in level[: max(1, len(level) // 4)]]
    return level


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("secret words", "string(12)", id="a text"),
        pytest.param("é" * 2345, "string(2,345)", id="a long text by its characters"),
        pytest.param("", "string(0)", id="an empty text"),
        pytest.param(42, "integer", id="an integer"),
        pytest.param(10**30, "integer", id="a large integer"),
        pytest.param(4.2, "number", id="a number"),
        pytest.param(True, "boolean", id="a boolean"),
        pytest.param(None, None, id="a null"),
        pytest.param({}, {}, id="an empty object"),
        pytest.param([], [], id="an empty list"),
        pytest.param(
            {"name": "Ada", "address": {"zip": 12345}},
            {"name": "string(3)", "address": {"zip": "integer"}},
            id="an object keeps its names",
        ),
        pytest.param([1], ["integer"], id="a list of one"),
        pytest.param([1] * 100, ["integer", "... 99 more"], id="a list of a hundred"),
        pytest.param([1, "a", 2], ["integer", "string(1)", "... 1 more"], id="a mixed list"),
        pytest.param(
            [1, 1.5, True, None, "a"],
            ["integer", "number", "boolean", "... 2 more"],
            id="three shapes at most",
        ),
        pytest.param(
            [{"id": 1}, {"id": 2}], [{"id": "integer"}, "... 1 more"], id="a list of objects"
        ),
        pytest.param(
            {"ada@example.com": 1, "bob@example.com": 2},
            {"*": "integer", "...": "object(2)"},
            id="names that are addresses",
        ),
        pytest.param(
            {"total": 2, "ada@example.com": {"age": 3}},
            {"total": "integer", "*": {"age": "integer"}, "...": "object(2)"},
            id="one name that is an address",
        ),
        pytest.param(
            {f"n{'x' * (n % 7)}{chr(97 + n // 7)}": n for n in range(51)},
            {"*": "integer", "...": "object(51)"},
            id="more names than a record has",
        ),
        pytest.param([[[1]]], [[["integer"]]], id="lists in lists"),
    ],
)
def test_a_value_has_a_shape(value: Any, expected: Any) -> None:
    assert shape(value) == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ada@example.com", id="an e-mail address"),
        pytest.param("4111111111111111", id="a card number"),
        pytest.param("12", id="digits"),
        pytest.param("order-123456", id="an order number"),
        pytest.param("2024-01-31", id="a date"),
        pytest.param("x_2024_01_31", id="a date behind a word"),
        pytest.param("550e8400-e29b-41d4-a716-446655440000", id="a UUID"),
        pytest.param("abcdefab-cdef-abcd-efab-cdefabcdefab", id="a UUID of letters"),
        pytest.param("+49 30 901820", id="a phone number"),
        pytest.param("Ada Lovelace", id="a name with a space"),
        pytest.param("10.0.0.1", id="an IPv4 address"),
        pytest.param("fe80::1:2", id="an IPv6 address"),
        pytest.param("a" * 41, id="a long name"),
        pytest.param("", id="an empty name"),
        pytest.param("https://example.com/x", id="a link"),
        pytest.param("name\n", id="a name with a line break"),
    ],
)
def test_a_name_that_is_data_stays_home(name: str) -> None:
    assert shape({name: "x"}) == {"*": "string(1)", "...": "object(1)"}


@pytest.mark.parametrize(
    "name",
    "id user_name userName user-name UserName user.name address2 sha256 iso8601 utf8 x509 $ref"
    " @type xml:lang _links größe 名前 a".split(),
)
def test_a_name_that_a_programmer_gave_stays(name: str) -> None:
    assert shape({name: "x"}) == {name: "string(1)"}


def test_fifty_names_are_a_record() -> None:
    record = {f"name{n}": n for n in range(50)}

    assert shape(record) == dict.fromkeys(record, "integer")


def test_bodies_that_are_no_json_have_a_shape_too() -> None:
    assert text_shape("a" * 1234) == "text(1,234)"
    assert bytes_shape(20_480, "image/png") == "bytes(20,480, image/png)"
    assert bytes_shape(20_480, "IMAGE/PNG; name=ada.png") == "bytes(20,480, image/png)"
    assert bytes_shape(7, "") == "bytes(7)"


@pytest.mark.parametrize(
    "content_type",
    ["ada/lovelace", "image", "image/png png", "image/" + "a" * 41, "image/é", "image/png\n(1"],
)
def test_a_content_type_that_is_none_stays_home(content_type: str) -> None:
    assert bytes_shape(7, content_type) == "bytes(7)"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text_shape("some text"), id="of a text"),
        pytest.param(bytes_shape(9, "image/svg+xml"), id="of an image"),
        pytest.param(bytes_shape(9, ""), id="of bytes"),
    ],
)
def test_the_shape_of_a_body_stays_that_shape(text: str) -> None:
    assert is_shape(text)
    assert text_shape(text) == text


@pytest.mark.parametrize(
    "value", ["Ada", 1, 1.5, True, [1], {"a": "b"}, {"ada@example.com": None}, ["integer", 5]]
)
def test_a_value_is_no_shape(value: Any) -> None:
    assert not is_shape(value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("string(4111111111111111)", id="a card number in brackets"),
        pytest.param("string(12) and more", id="more after it"),
        pytest.param("... secret more", id="a word for the number"),
        pytest.param("bytes(1, ada/lovelace)", id="a word for the media type"),
        pytest.param("object(1,2)", id="a number in bad groups"),
        pytest.param("string(12)\n", id="a line break after it"),
        pytest.param("string(١٢)", id="digits of another script"),
    ],
)
def test_a_value_dressed_as_a_shape_goes_all_the_same(text: str) -> None:
    assert shape(text) == f"string({len(text)})"
    assert shape([text, text]) == [f"string({len(text)})", "... 1 more"]


def test_a_body_is_read_a_hundred_deep_and_no_deeper() -> None:
    def lists(times: int) -> Any:
        inner: Any = 1
        for _ in range(times):
            inner = [inner]
        return inner

    assert is_shape(shape(lists(100)))
    assert not is_shape(lists(101))
    with pytest.raises(ValueError, match="deep"):
        shape(lists(101))


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in hostile(20_000)])
def test_a_hostile_body_has_a_small_shape(body: Any) -> None:
    assert len(json.dumps(shape(body))) < 10_000
    assert shape(shape(body)) == shape(body)


LOOK_ALIKES = """
string(3)|integer|... 5 more|object(7)|...|*|... 0 more|object(0)|... 999,999,999,999 more
|object(007)|bytes(1, text/css)|text(9)
""".replace("\n", "").split("|")

texts = st.text() | st.sampled_from(LOOK_ALIKES)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=30,
)


@given(values)
def test_the_shape_of_a_shape_is_that_shape(value: Any) -> None:
    once = shape(value)

    assert is_shape(once)
    assert json.dumps(shape(once)) == json.dumps(once), "not even the order of names changes"


@given(values, st.lists(st.integers(0, 5), max_size=4))
def test_no_value_gets_into_a_shape(value: Any, way: list[int]) -> None:
    secret = "Zq7#canary"
    for step in way:
        value = [value, {"name": secret}][step % 2 :] if step < 3 else {"deep": value, secret: 1}

    assert "canary" not in json.dumps(shape({"value": value, "secret": secret}))

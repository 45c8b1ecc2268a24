"""Header lines as hooks read them, and as an event has room for them."""

from __future__ import annotations

from email.message import Message

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog.headers import Headers, by_name, find, joined
from apilog.media_type import media_type

LINES = [("Accept", "a"), ("X-One", "1"), ("accept", "b"), ("Set-Cookie", "c=1"), ("ACCEPT", "")]


def test_headers_are_read_by_name_in_any_case() -> None:
    headers = Headers(LINES)
    assert headers["aCCept"] == "a, b, "
    assert headers.get_list("ACCEPT") == ["a", "b", ""]
    assert headers.get("missing") is None
    assert headers.get_list("missing") == []
    assert "x-one" in headers
    assert list(headers) == ["accept", "x-one", "set-cookie"]
    assert len(headers) == 3
    with pytest.raises(KeyError):
        headers["missing"]


def test_what_is_printed_of_headers_holds_no_value() -> None:
    assert repr(Headers([("Authorization", "secret")])) == "<Headers ['authorization']>"


def test_headers_are_a_copy_of_the_lines() -> None:
    lines = [("A", "1")]
    headers = Headers(lines)
    lines.clear()
    assert headers["a"] == "1"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], {}, id="none"),
        pytest.param([("Vary", "a"), ("vary", "b")], {"Vary": "a, b"}, id="first spelling wins"),
        pytest.param([("Cookie", "a=1"), ("Cookie", "b=2")], {"Cookie": "a=1; b=2"}, id="cookies"),
        pytest.param(
            [("set-cookie", "a=1, x"), ("Set-Cookie", "b=2")],
            {"set-cookie": "a=1, x\nb=2"},
            id="set-cookie lines stay apart",
        ),
        pytest.param([("A", ""), ("A", "")], {"A": ", "}, id="empty values"),
    ],
)
def test_repeated_lines_are_joined(lines: list[tuple[str, str]], expected: dict[str, str]) -> None:
    assert joined(lines, by_name(lines)) == expected


def test_the_first_line_of_a_name_is_found() -> None:
    assert find(LINES, "accept") == "a"
    assert find(LINES, "missing") == ""


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=5)), max_size=8))
def test_joining_loses_no_value_and_reading_agrees_with_it(lines: list[tuple[str, str]]) -> None:
    mapping = joined(lines, by_name(lines))
    headers = Headers(lines)
    assert {name.lower() for name in mapping} == set(headers)
    for name, value in lines:
        assert value in headers.get_list(name)
        assert value in headers[name]


@pytest.mark.parametrize(
    ("value", "name", "parameters"),
    [
        pytest.param("", "", {}, id="nothing"),
        pytest.param("Text/HTML", "text/html", {}, id="capitals"),
        pytest.param("a/b;C=D; e = f", "a/b", {"c": "D", "e": "f"}, id="parameters"),
        pytest.param('a/b; x="y;z=1"', "a/b", {"x": "y;z=1"}, id="a semicolon in quotes"),
        pytest.param("a/b;;;", "a/b", {"": ""}, id="empty parameters"),
        pytest.param("a/b; x=1\r\nEvil: 1", "a/b", {"x": "1  Evil: 1"}, id="a line break"),
    ],
)
def test_a_content_type_is_taken_apart(value: str, name: str, parameters: dict[str, str]) -> None:
    media = media_type(value)
    assert media.name == name
    assert {key: value for key, value in media.parameters.items() if key} == {
        key: value for key, value in parameters.items() if key
    }


SPACES = st.sampled_from(["", " ", "\t "])
NAMES = st.sampled_from(["charset", "Charset", "boundary", "boundary*0", "charset*", "x.y", ""])
VALUES = st.text("aZ09_./:+=-") | st.text("aZ09_./:+=?' -;\"\\<>é", max_size=8)
PARAMETERS = st.builds("{0}{1}={2}{0}".format, SPACES, NAMES, VALUES | VALUES.map('"{}"'.format))


@example("charset=a;charset=b")
@example('boundary="a\\\\b"')
@given(st.lists(PARAMETERS, min_size=1, max_size=4).map(";".join))
def test_parameters_are_read_as_the_standard_library_reads_them(parameters: str) -> None:
    """Usual ones are read without it, because it is slow to import."""
    message = Message()
    message["content-type"] = f"a/b;{parameters}"
    read = message.get_params([])
    assert media_type(f"a/b;{parameters}").parameters == {
        name.lower(): value for name, value in reversed(read[1:]) if isinstance(value, str)
    }


def test_a_content_type_is_read_only_so_far() -> None:
    assert len(media_type("a/" + "b" * 10_000).name) == 512


@pytest.mark.parametrize(
    ("value", "charset"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=", "utf-8"),
        ("text/plain; charset=UTF-8", "utf-8"),
        ("text/plain; charset=windows-1252", "windows-1252"),
        ("text/plain; charset=unicode_escape", ""),
        ("text/plain; charset=idna", ""),
        ("text/plain; charset=rot13", ""),
        ("text/plain; charset=cp037", ""),
    ],
)
def test_only_charsets_that_text_comes_in_are_believed(value: str, charset: str) -> None:
    assert media_type(value).charset == charset

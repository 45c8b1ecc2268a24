"""The filter language: every way to write a condition, what is refused and where, and back."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.collector.filter_language import (
    FIELDS,
    MOST_CONDITIONS,
    FilterError,
    described,
    parse,
    written,
)
from apilog.collector.filter_terms import MOST_CHARACTERS
from apilog.collector.query import (
    NUMBERS,
    TEXTS,
    Between,
    Condition,
    Either,
    Exact,
    Missing,
    Wild,
    Words,
)


def place(pattern: str, *, negated: bool = False) -> Either:
    wanted = (Wild(pattern),)
    return Either((Condition("path", wanted), Condition("route", wanted)), negated=negated)


def tried(text: str) -> tuple[tuple[Condition | Either | Words, ...], FilterError | None]:
    try:
        return parse(text), None
    except FilterError as error:
        return (), error


FAILED = (
    Condition("status", (Between(500, None),)),
    Condition("error", (Exact(""),), negated=True),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (" \t\n", ()),
        ("status:5xx", (Condition("status", (Between(500, 599),)),)),
        ("STATUS:5XX", (Condition("status", (Between(500, 599),)),)),
        ("status:404", (Condition("status", (Between(404, 404),)),)),
        ("status:=404", (Condition("status", (Between(404, 404),)),)),
        ("status:>=400", (Condition("status", (Between(400, None),)),)),
        ("status:>400", (Condition("status", (Between(401, None),)),)),
        ("status:<300", (Condition("status", (Between(None, 299),)),)),
        ("status:<=300", (Condition("status", (Between(None, 300),)),)),
        ("status:400-499", (Condition("status", (Between(400, 499),)),)),
        ("status:none", (Condition("status", (Missing(),)),)),
        ("status:*", (Condition("status", (Missing(),), negated=True),)),
        ("-status:*", (Condition("status", (Missing(),)),)),
        (
            "status:404,5xx,none",
            (Condition("status", (Between(404, 404), Between(500, 599), Missing())),),
        ),
        ("-status:2xx", (Condition("status", (Between(200, 299),), negated=True),)),
        ("duration:>200ms", (Condition("duration", (Between(200_001, None),)),)),
        ("dur:>=200", (Condition("duration", (Between(200_000, None),)),)),
        ("duration:<1.5s", (Condition("duration", (Between(None, 1_499_999),)),)),
        ("duration:100ms-1s", (Condition("duration", (Between(100_000, 1_000_000),)),)),
        ("duration:200ms", (Condition("duration", (Between(200_000, 200_999),)),)),
        ("duration:1.5s", (Condition("duration", (Between(1_500_000, 1_599_999),)),)),
        ("duration:150us", (Condition("duration", (Between(150, 150),)),)),
        ("duration:150µs", (Condition("duration", (Between(150, 150),)),)),
        ("duration:>2m", (Condition("duration", (Between(120_000_001, None),)),)),
        ("size:>10kb", (Condition("response_size", (Between(10_001, None),)),)),
        ("size:>=1kib", (Condition("response_size", (Between(1024, None),)),)),
        ("request_size:0", (Condition("request_size", (Between(0, 0),)),)),
        ("size:512", (Condition("response_size", (Between(512, 512),)),)),
        ("user:ada", (Condition("user", (Exact("ada"),)),)),
        ("user:none", (Condition("user", (Exact(""),)),)),
        ('user:""', (Condition("user", (Exact(""),)),)),
        ('user:"none"', (Condition("user", (Exact("none"),)),)),
        ("user:*", (Condition("user", (Exact(""),), negated=True),)),
        ("-user:*", (Condition("user", (Exact(""),)),)),
        ("-user:none", (Condition("user", (Exact(""),), negated=True),)),
        ('user:"*"', (Condition("user", (Exact("*"),)),)),
        ("user:\\*", (Condition("user", (Exact("*"),)),)),
        ("user:a*", (Condition("user", (Wild("a*"),)),)),
        ("user:a**b", (Condition("user", (Wild("a*b"),)),)),
        ("user:**", (Condition("user", (Wild("*"),)),)),
        ('user:*"a b"*', (Condition("user", (Wild("*a b*"),)),)),
        ("org:acme", (Condition("company", (Exact("acme"),)),)),
        ("verb:get,post", (Condition("method", (Exact("GET"), Exact("POST"))),)),
        ("method:p*", (Condition("method", (Wild("P*"),)),)),
        ("route:/items/{id}", (Condition("route", (Exact("/items/{id}"),)),)),
        ("host:localhost:8000", (Condition("host", (Exact("localhost:8000"),)),)),
        ('session:"a b\\"c\\\\"', (Condition("session", (Exact('a b"c\\'),)),)),
        ('body:"out of stock"', (Words("out of stock"),)),
        ("-body:stock", (Words("stock", negated=True),)),
        ("is:error", (Either(FAILED),)),
        ("-is:error", (Either(FAILED, negated=True),)),
        ("is:slow", (Condition("duration", (Between(1_000_000, None),)),)),
        ("items", (place("*items*"),)),
        ("-items", (place("*items*", negated=True),)),
        ('"a b"', (place("*a b*"),)),
        ("a*b", (place("*a*b*"),)),
        ("*", (place("*"),)),
        ("10:30", (place("*10:30*"),)),
        ("/items/:id", (place("*/items/:id*"),)),
        ("a,b", (place("*a,b*"),)),
        (
            " status:5xx   user:ada ",
            (Condition("status", (Between(500, 599),)), Condition("user", (Exact("ada"),))),
        ),
    ],
)
def test_a_filter_means_what_it_says(
    text: str, expected: tuple[Condition | Either | Words, ...]
) -> None:
    assert parse(text) == expected
    assert parse(written(expected)) == expected


@pytest.mark.parametrize(
    ("text", "at", "fix"),
    [
        ("stauts:500", 0, "did you mean 'status'"),
        ("user:ada -stauts:500", 10, "did you mean 'status'"),
        ("http://x", 0, "in quotes"),
        ("status:abc", 7, "write 5xx, 404"),
        ("status:404,abc", 11, "write 5xx, 404"),
        ("status:499-400", 7, "write 400-499"),
        ("status:5s", 7, "no unit of status"),
        ("duration:5kb", 9, "units: us, ms, s, m"),
        ("duration:1-2s", 9, "write 1s-2s"),
        ("duration:1s-2", 9, "write 1s-2s"),
        ("duration:0.5us", 9, "fewer digits"),
        ("duration:<0", 9, "write 0"),
        ("duration:-5ms", 9, "write >200ms"),
        ("status:9999999999999999", 7, "write 5xx"),
        ("size:5ms", 5, "units: b, kb"),
        ("size:1e3", 5, "units: b, kb"),
        ("status:*,404", 7, "leave out the others"),
        ("user:*,ada", 5, "leave out the others"),
        ("user:", 5, "directly after"),
        ("user: ada", 5, "directly after"),
        ("user:a,,b", 7, "directly after"),
        ("user:a,", 7, "directly after"),
        ('user:"ada', 5, 'end it with "'),
        ('status:5xx "a', 11, 'end it with "'),
        ("user:a\\", 6, "write two"),
        ("-", 0, "in quotes"),
        ("status:5xx - x", 11, "in quotes"),
        ('""', 0, "write a word"),
        ('user:a*"*"', 5, "leave it out"),
        ('"a*b"', 0, 'route:"/files/*"'),
        ("body:a,b", 5, "in quotes"),
        ("body:stock*", 5, "leave out the star"),
        ('body:"--"', 5, "a letter or a digit"),
        ("is:red", 3, "is:error or is:slow"),
        ("is:error,slow", 3, "is:error or is:slow"),
        ("user:a\0b", 6, "leave it out"),
        ("user:\ud800", 5, "leave it out"),
        ("x" * (MOST_CHARACTERS + 1), MOST_CHARACTERS, "leave something out"),
        ("a " * (MOST_CONDITIONS + 1), 2 * MOST_CONDITIONS, "field:one,other"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place_and_the_fix(
    text: str, at: int, fix: str
) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert caught.value.at == at
    assert fix in caught.value.reason
    assert str(caught.value) == f"{caught.value.reason} (at character {at + 1})"


@pytest.mark.parametrize(
    "text",
    [
        "*a" * 1000,
        "((((" * 500,
        '"' * 2000,
        "\\" * 1990,
        "-" * 1990,
        ":" * 2000,
        "a:" * 1000,
        "status:" + "9" * 1993,
        "status:" + "1," * 900 + "1",
        "duration:" + "0." * 900,
        "user:" + "a*" * 990,
        "user:" + ",".join("*x*" for _ in range(400)),
        "1-" * 1000,
        "x" * 10_000_000,
    ],
)
def test_a_huge_or_twisted_filter_is_read_or_refused_and_nothing_else(text: str) -> None:
    read, error = tried(text)
    assert parse(written(read)) == read
    assert error is None or (0 <= error.at <= len(text) and len(str(error)) < 500)


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.sampled_from(' "\\*,:-\t\nabnoe{}µ'),
    max_size=12,
)
NUMBER = st.one_of(
    st.integers(0, 2_000),
    st.integers(0, 10**7).map(lambda n: n * 1000),
    st.integers(0, 10**14),
)


@st.composite
def spans(draw: st.DrawFn) -> Between:
    low, high = draw(st.none() | NUMBER), draw(NUMBER)
    if low is None:
        return Between(None, high)
    return Between(low, draw(st.sampled_from([None, low, low + 999, low + 99, low + high])))


@st.composite
def conditions(draw: st.DrawFn) -> Condition | Either | Words:
    kind = draw(st.sampled_from(["text", "number", "body", "word", "error"]))
    negated = draw(st.booleans())
    if kind == "body":
        return Words(draw(TEXT.filter(lambda t: any(c.isalnum() for c in t))), negated=negated)
    if kind == "word":
        core = draw(TEXT.filter(bool))
        while "**" in core:
            core = core.replace("**", "*")
        return place(f"*{core.strip('*')}*" if core.strip("*") else "*", negated=negated)
    if kind == "error":
        return Either(FAILED, negated=negated)
    if kind == "number":
        field = draw(st.sampled_from(sorted(NUMBERS)))
        return Condition(
            field,
            tuple(draw(st.lists(spans() | st.just(Missing()), min_size=1, max_size=4))),
            negated,
        )
    field = draw(st.sampled_from(sorted(TEXTS)))
    alternatives = []
    for text in draw(st.lists(TEXT, min_size=1, max_size=4)):
        plain = text.upper() if field == "method" else text
        while "**" in plain:
            plain = plain.replace("**", "*")
        wild = "*" in plain and draw(st.booleans())
        alternatives.append(Wild(plain) if wild else Exact(plain))
    return Condition(field, tuple(alternatives), negated)


@given(st.lists(conditions(), max_size=6))
def test_what_is_written_is_read_as_it_was(given: list[Condition | Either | Words]) -> None:
    assert parse(written(given)) == tuple(given)


@given(st.text(max_size=60) | st.text(string.printable, max_size=60))
def test_any_text_is_read_or_refused_with_a_place_within_it(text: str) -> None:
    read, error = tried(text)
    assert parse(written(read)) == read
    assert error is None or 0 <= error.at <= len(text)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "-"]),
            st.sampled_from([*(f"{field}:" for field in FIELDS), "", "dur:", "nothing:"]),
            st.sampled_from(
                ["5xx", ">=4", "<2s", "1kb-2kb", "none", "*", "a*", '"a b"', "GET,post", "error"]
            ),
        ),
        max_size=5,
    )
)
def test_terms_that_look_right_survive_being_written_again(
    terms: list[tuple[str, str, str]],
) -> None:
    text = " ".join("".join(term) for term in terms)
    read, error = tried(text)
    assert parse(written(read)) == read
    assert len(read) == (len(terms) if error is None else 0)


def test_what_the_language_has_no_words_for_is_not_written() -> None:
    odd = Either((Condition("user", (Exact("a"),)), Condition("ip", (Exact("b"),))))
    with pytest.raises(ValueError, match="no words"):
        written([odd])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-method:get,post", ("method", "GET,POST", True)),
        ("dur:>200ms", ("duration", ">200ms", False)),
        ("dur:>=200001us", ("duration", ">200ms", False)),
        ("duration:>=1000ms", ("duration", ">=1s", False)),
        ("status:500-599", ("status", "5xx", False)),
        ("user:*", ("user", "*", False)),
        ("-items", ("", "items", True)),
        ('"status:5xx"', ("", '"status:5xx"', False)),
        ("is:error", ("is", "error", False)),
        ('body:"a b"', ("body", '"a b"', False)),
    ],
)
def test_a_condition_is_described_in_its_shortest_words(
    text: str, expected: tuple[str, str, bool]
) -> None:
    assert described(parse(text)[0]) == expected

"""Questions that were made to break something are answered like any other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from reading_kit.made import DAY, NOW, a_call
from reading_kit.reference import Reference

from apilog.collector.filter_language import FilterError, parse
from apilog.collector.query import (
    NUMBERS,
    TEXTS,
    Between,
    Condition,
    Either,
    Exact,
    Query,
    Wild,
    Words,
)
from apilog.collector.store.protocol import StoreUnavailable
from apilog.collector.store.reading import Reading
from apilog.collector.store.sqlite import SqliteStore

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from conftest import Kept

INJECTIONS = [
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "'; DROP TABLE call; --",
    "x'; ATTACH DATABASE '/tmp/pwn.db' AS pwn; --",
    "1; SELECT load_extension('evil')",
    "' UNION SELECT sql FROM sqlite_master --",
    "') OR seq > 0 --",
    "ada' AND (SELECT count(*) FROM payload) > 0 --",
    "1) OR (1=1",
    "?",
    "?1",
    ":name",
    "@name",
    "$name",
    "%s",
    "{0}",
    "%",
    "_",
    "\\",
    "\\%",
    "*'*",
    "admin'/*",
    "0x27",
    "CHAR(39)",
    "randomblob(1000000000)",
    "a\nb",
    "a\x00b",
    "\ud800",
    "\udcff' OR 1=1 --",
    "ada\u2019 OR 1=1",
    "\uff07 OR 1=1 --",
]

SYNTAX = [
    'teapot" OR "blue',
    "teapot OR blue",
    "teapot AND blue",
    "NOT teapot",
    "NEAR(out stock, 5)",
    "out NEAR stock",
    "teap*",
    "^teapot",
    "text:teapot",
    "words:teapot",
    "-teapot",
    "{text}: teapot",
    "(teapot",
    "teapot)",
    '"',
    '""',
    "*",
    "+",
    "out + of",
    "'",
    ";",
    "x1 42",
    "café",
    "CAFE",
    "cafe\u0301",
    "ÜBER",
    "a\x00b",
    "\ud800",
    "teapot\x00",
    "日本語",
    "\u200bteapot",
    "teapot teapot teapot",
]


def listed(store: Reading, query: Query) -> list[str]:
    """Return the ids on all pages."""
    page = store.page(query, limit=5_000)
    found = list(page.rows)
    while page.next is not None:
        page = store.page(query, limit=5_000, place=page.next)
        found += page.rows
    return [row.id for row in found]


def answers(kept: Kept, query: Query) -> None:
    """Check every answer to a query against the reference."""
    expected = kept.reference.listed(query)
    store = kept.store
    assert listed(store, query) == expected
    assert sum(point.count for point in store.series(query, step=DAY)) == len(expected)
    assert sum(each.count for each in store.endpoints(query, limit=5_000)) == len(expected)
    assert store.values("user", query, beginning="", limit=9) == kept.reference.values(
        "user", query, "", 9
    )
    assert store.subjects("session", query, limit=9) == kept.reference.subjects("session", query, 9)
    assert len(store.news("", query, limit=5_000).rows) <= len(expected)


@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
@pytest.mark.parametrize("field", sorted(TEXTS))
def test_a_value_is_never_taken_for_sql(kept: Kept, field: str, text: str) -> None:
    query = Query((Condition(field, (Exact(text), Wild(f"{text}*"))),))
    assert listed(kept.store, query) == kept.reference.listed(query)


@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
@pytest.mark.long
def test_no_value_is_taken_for_sql_by_any_question(kept: Kept, text: str) -> None:
    alternatives = (Exact(text), Wild(f"*{text}"))
    conditions = (Condition(field, alternatives) for field in sorted(TEXTS))
    answers(kept, Query((Either(tuple(conditions)),)))


@pytest.mark.parametrize("text", INJECTIONS, ids=ascii)
def test_no_argument_is_taken_for_sql(kept: Kept, text: str) -> None:
    for field in sorted(TEXTS):
        found = kept.store.values(field, Query(), beginning=text, limit=50)
        assert found == kept.reference.values(field, Query(), text, 50)
    for ask in (
        lambda: kept.store.values(text, Query(), beginning="", limit=5),
        lambda: kept.store.subjects(text, Query(), limit=5),
        lambda: kept.store.page(Query(), limit=5, place=text),
        lambda: kept.store.news(text, Query(), limit=5),
    ):
        with pytest.raises(ValueError, match=r"field|subject|place|position"):
            ask()
    assert kept.store.get(text) is None
    assert len(listed(kept.store, Query())) == len(kept.reference.calls)


@pytest.mark.parametrize("text", SYNTAX, ids=ascii)
def test_a_phrase_is_never_taken_for_a_question_to_the_index(kept: Kept, text: str) -> None:
    clean = text.encode(errors="replace").decode().replace("\0", " ")
    for negated in (False, True):
        found = listed(kept.store, Query((Words(text, negated),)))
        assert found == kept.reference.listed(Query((Words(clean, negated),)))


@pytest.mark.parametrize("text", [*INJECTIONS, *SYNTAX], ids=ascii)
def test_whatever_is_typed_is_answered_or_refused(kept: Kept, text: str) -> None:
    for typed in (text, f"user:{text}", f"body:{text}", f'body:"{text}"', f"route:*{text}*"):
        try:
            conditions = parse(typed)
        except FilterError:
            continue
        query = Query(conditions)
        assert listed(kept.store, query) == kept.reference.listed(query)


@pytest.mark.parametrize(
    "condition",
    [
        Condition("status", (Between(-(10**40), 10**40),)),
        Condition("duration", (Between(10**40, None),)),
        Condition("duration", (Between(None, -(10**40)),)),
        Condition("request_size", (Between(2**63 - 1, 2**63),)),
        *(Condition(field, (Between(None, None),)) for field in sorted(NUMBERS)),
    ],
    ids=str,
)
def test_numbers_of_any_size_are_compared(kept: Kept, condition: Condition) -> None:
    answers(kept, Query((condition,)))
    answers(kept, Query((dataclasses.replace(condition, negated=True),)))


def huge() -> list[Query]:
    """Return queries of the size that the filter language allows, and beyond."""
    wild = tuple(Wild(f"*{n}*{n}*") for n in range(60))
    return [
        Query((Condition("user", tuple(Exact(f"user-{n}") for n in range(5_000))),)),
        Query((Condition("id", tuple(Exact(f"id-{n}") for n in range(5_000))),)),
        Query((Condition("route", tuple(Exact(f"/{n}") for n in range(5_000))),)),
        Query((Condition("status", tuple(Between(n, n) for n in range(2_000))),)),
        Query((Condition("duration", tuple(Between(n, n + 1) for n in range(900))),)),
        Query(tuple(Condition("path", (Wild(f"*{n}*"),), True) for n in range(50))),
        Query((Condition("path", wild),)),
        Query((Condition("route", wild, True),)),
        Query((Either(tuple(Condition("host", (Exact(f"{n}"),)) for n in range(300)), True),)),
        Query((Condition("path", (Wild("*" + "a*" * 900 + "b"),)),)),
        Query(parse("a*" * 990)),
        Query(parse("body:" + '"' + "a " * 990 + '"')),
        Query(parse("status:" + ",".join(str(n) for n in range(400, 880)))),
        Query(parse(" ".join(f"-body:w{n}" for n in range(50)))),
        Query(parse(" ".join(f'body:"out of w{n}"' for n in range(50)))),
        Query(since=10**30),
        Query(until=-(10**30)),
        Query(since=-(10**30), until=10**30),
    ]


@pytest.mark.parametrize("query", huge(), ids=lambda query: f"{str(query)[:60]}")
def test_a_huge_query_is_answered(kept: Kept, query: Query) -> None:
    answers(kept, query)


def test_a_query_beyond_all_bounds_is_refused_in_words(kept: Kept) -> None:
    query = Query((Condition("user", tuple(Exact(str(n)) for n in range(300_000))),))
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        kept.store.page(query, limit=5)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        kept.store.page(Query((Condition("path", (Wild("*a" * 100_000),)),)), limit=5)


@pytest.mark.parametrize("pattern", ["*a*" * 300 + "b", "*aa" * 300 + "*b", "a*a*" * 200 + "*c"])
def test_a_pattern_that_nearly_matches_a_long_text_is_told_soon(
    opened: Callable[..., SqliteStore], pattern: str
) -> None:
    import random

    store = opened(clock=lambda: NOW)
    chance: random.Random = random.Random(2)
    made = dataclasses.replace(a_call(chance, NOW - DAY), path="/" + "a" * 20_000)
    store.add([made])
    reference = Reference()
    reference.add([made])
    query = Query((Condition("path", (Wild(pattern.replace("**", "*")),)),))
    assert [row.id for row in store.page(query, limit=5).rows] == reference.listed(query)

"""Queries for the calls of `made`, made by Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from apilog.collector.query import (
    NUMBERS,
    Between,
    Condition,
    Either,
    Exact,
    Missing,
    Query,
    Wild,
    Words,
)
from reading_kit import made

TEXTS = {
    "id": ("id-1", "0193483e-2a70-7abc-8def-0123456789ab"),
    "method": made.METHODS,
    "route": made.ROUTES,
    "path": ("/items", "/items/7", "/users/3/Orders", *made.HARD),
    "host": made.HOSTS,
    "user": made.USERS,
    "company": made.COMPANIES,
    "session": made.SESSIONS,
    "ip": made.IPS,
    "trace": ("", f"{7:032x}", f"{8:032x}"),
    "source": made.SOURCES,
    "error": made.ERRORS,
}


@st.composite
def patterns(draw: st.DrawFn, texts: tuple[str, ...]) -> str:
    text = draw(st.sampled_from(texts))
    low = draw(st.integers(0, len(text)))
    high = draw(st.integers(low, len(text)))
    middle = draw(st.sampled_from(["*", ""]))
    changed = draw(st.sampled_from([str, str.upper, str.lower]))
    return changed(text[:low] + middle + text[high:] + draw(st.sampled_from(["*", ""])))


def texts(field: str) -> st.SearchStrategy[Exact | Wild]:
    known = st.sampled_from(TEXTS[field])
    return st.one_of(
        known.map(Exact),
        patterns(TEXTS[field]).map(Wild),
        st.text(max_size=5).map(Exact),
        st.text(alphabet="*ai%_\\é'", max_size=4).map(Wild),
    )


def numbers(field: str) -> st.SearchStrategy[Between | Missing]:
    some = {
        "status": st.sampled_from([0, 200, 300, 399, 400, 404, 499, 500, 503, 599, 10**30]),
        "duration": st.sampled_from([0, 1, 2, 1_000, 20_000, 10**6, 2**63]),
    }.get(field, st.integers(0, 60_000))
    spans = st.builds(Between, some | st.none(), some | st.none())
    classes = st.sampled_from([Between(n, n + 99) for n in (200, 400, 500)])
    return st.one_of(spans, classes, some.map(lambda n: Between(n, n)), st.just(Missing()))


@st.composite
def conditions(draw: st.DrawFn, fields: tuple[str, ...]) -> Condition:
    field = draw(st.sampled_from(fields))
    kinds: st.SearchStrategy[Exact | Wild | Between | Missing] = (
        numbers(field) if field in NUMBERS else texts(field)
    )
    alternatives = draw(st.lists(kinds, min_size=1, max_size=3))
    return Condition(field, tuple(alternatives), draw(st.booleans()))


ALL = (*TEXTS, *sorted(NUMBERS))
ROLLED = ("method", "route", "status")

EITHER = st.builds(
    Either, st.lists(conditions(ALL), min_size=1, max_size=3).map(tuple), st.booleans()
)
WORDS = st.builds(
    Words,
    st.lists(st.sampled_from([*made.WORDS, "OUT", "cafe", "missing", "-", '"']), max_size=3).map(
        " ".join
    ),
    st.booleans(),
)

MOMENTS = st.one_of(
    st.none(),
    st.integers(-4 * 24, 24).map(lambda hours: made.TODAY * made.DAY + hours * 3_600_000_000),
    st.integers(-4 * 288, 288).map(lambda fives: made.TODAY * made.DAY + fives * 300_000_000),
    st.integers((made.TODAY - 3) * made.DAY, (made.TODAY + 1) * made.DAY),
)


def queries(*, rolled: bool = False) -> st.SearchStrategy[Query]:
    """Make queries, or such that roll-ups can answer."""
    some: st.SearchStrategy[Condition | Either | Words] = (
        conditions(ROLLED) if rolled else st.one_of(conditions(ALL), conditions(ALL), EITHER, WORDS)
    )
    return st.builds(Query, st.lists(some, max_size=3).map(tuple), since=MOMENTS, until=MOMENTS)

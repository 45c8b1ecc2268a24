"""Every answer of the store is that of a plain loop over the same calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_kit.made import METHODS, ROUTES, USERS
from reading_kit.queries import ALL, queries
from reading_kit.reference import clients, near, quantile, servers

from apilog.collector.query import Query
from apilog.collector.store.reading import Reading

if TYPE_CHECKING:
    from conftest import Kept

SECOND = 1_000_000
ANY = st.one_of(queries(), queries(rolled=True))
patiently = settings(deadline=None, max_examples=60)


def listed(store: Reading, query: Query, limit: int) -> list[str]:
    """Return the ids on all pages; of short pages, on the first 20."""
    found: list[str] = []
    place = None
    while True:
        page = store.page(query, limit=limit, place=place)
        assert len(page.rows) <= limit
        found += [row.id for row in page.rows]
        if page.next is None or len(found) == 20 * limit:
            return found
        assert page.next != place
        place = page.next


@patiently
@given(ANY, st.sampled_from([1, 7, 200, 5_000]))
def test_the_pages_of_a_list_hold_each_call_once_the_newest_first(
    kept: Kept, query: Query, limit: int
) -> None:
    expected = kept.reference.listed(query)
    assert listed(kept.store, query, limit) == expected[: 20 * limit]


@patiently
@given(
    ANY,
    st.sampled_from([SECOND, 7 * SECOND, 60 * SECOND, 300 * SECOND, 900 * SECOND])
    | st.sampled_from([3_600 * SECOND, 5_400 * SECOND, 6 * 3_600 * SECOND, 86_400 * SECOND])
    | st.sampled_from([7 * 86_400 * SECOND, 1_234_567_891]),
)
def test_a_chart_counts_each_call_in_its_step(kept: Kept, query: Query, step: int) -> None:
    expected = kept.reference.grouped(query, lambda call: call.time // step * step)
    points = kept.store.series(query, step=step)
    assert [point.time for point in points] == sorted(expected)
    for point in points:
        calls = expected[point.time]
        assert point.count == len(calls)
        assert point.client_errors == clients(calls)
        assert point.server_errors == servers(calls)
        assert near(point.p50, quantile(calls, 50))
        assert near(point.p95, quantile(calls, 95))
        assert near(point.p99, quantile(calls, 99))


@patiently
@given(ANY, st.sampled_from([1, 5, 1_000]))
def test_endpoints_are_counted_and_the_busiest_come_first(
    kept: Kept, query: Query, limit: int
) -> None:
    expected = kept.reference.grouped(query, lambda call: (call.method, call.route))
    ranked = sorted(expected, key=lambda key: (-len(expected[key]), key))[:limit]
    found = kept.store.endpoints(query, limit=limit)
    assert [(each.method, each.route) for each in found] == ranked
    for each in found:
        calls = expected[each.method, each.route]
        assert each.count == len(calls)
        assert each.client_errors == clients(calls)
        assert each.server_errors == servers(calls)
        assert each.last == max(call.time for call in calls)
        assert near(each.p50, quantile(calls, 50))
        assert near(each.p95, quantile(calls, 95))
        assert near(each.p99, quantile(calls, 99))


@patiently
@given(
    st.sampled_from(ALL),
    ANY,
    st.sampled_from(["", "", "a", "/items", "id-", "4", "19", "\U0010ffff", "日", "'", "%"]),
    st.sampled_from([1, 10, 5_000]),
)
def test_the_values_of_a_field_are_counted(
    kept: Kept, field: str, query: Query, beginning: str, limit: int
) -> None:
    found = kept.store.values(field, query, beginning=beginning, limit=limit)
    typed = beginning.upper() if field == "method" else beginning
    assert found == kept.reference.values(field, query, typed, limit)


@patiently
@given(st.sampled_from(["user", "company", "session"]), ANY, st.sampled_from([1, 10, 5_000]))
def test_subjects_are_counted_with_their_errors_and_times(
    kept: Kept, field: str, query: Query, limit: int
) -> None:
    found = kept.store.subjects(field, query, limit=limit)
    assert found == kept.reference.subjects(field, query, limit)


@patiently
@given(ANY, st.sampled_from([1, 40, 5_000]))
def test_news_from_the_beginning_are_all_calls_in_the_order_of_arrival(
    kept: Kept, query: Query, limit: int
) -> None:
    expected = [call.id for call in kept.reference.wanted(query)]
    if limit == 1:
        expected = expected[:5]
    found: list[str] = []
    position, more = "", True
    while more and (limit > 1 or len(found) < 5):
        news = kept.store.news(position, query, limit=limit)
        assert len(news.rows) <= limit
        found += [row.id for row in news.rows]
        position, more = news.position, news.more
    assert found == expected
    assert limit == 1 or position == kept.store.position()


def test_each_call_is_found_by_its_id_with_all_it_has(kept: Kept) -> None:
    for call in kept.reference.calls[::37]:
        whole = kept.store.get(call.id)
        assert whole is not None
        assert whole.event == call.event
        for field in whole.row.__slots__:
            if field not in ("received", "place"):
                assert getattr(whole.row, field) == getattr(call, field)
    for absent in ("", "id-", "nobody", "\ud800", "a\0b", "x" * 100_000):
        assert kept.store.get(absent) is None


@pytest.mark.parametrize("field", ["user", "route", "method"])
def test_the_known_values_of_the_calls_are_among_the_values(kept: Kept, field: str) -> None:
    known = {"user": USERS, "route": ROUTES, "method": METHODS}[field]
    found = kept.store.values(field, Query(), beginning="", limit=1_000)
    assert {value.value for value in found} == set(known) - {""}


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.page(Query(), limit=0),
        lambda store: store.page(Query(), limit=5, place="yesterday"),
        lambda store: store.page(Query(), limit=5, place="1-2-3"),
        lambda store: store.page(Query(), limit=5, place="9" * 500 + "-1"),
        lambda store: store.news("1:2,", Query(), limit=5),
        lambda store: store.news("1:2;3:4", Query(), limit=5),
        lambda store: store.news("x", Query(), limit=5),
        lambda store: store.news("", Query(), limit=0),
        lambda store: store.series(Query(), step=0),
        lambda store: store.endpoints(Query(), limit=-1),
        lambda store: store.values("seq", Query(), beginning="", limit=5),
        lambda store: store.values("user FROM call --", Query(), beginning="", limit=5),
        lambda store: store.subjects("ip", Query(), limit=5),
    ],
)
def test_what_cannot_be_asked_is_refused(kept: Kept, ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ValueError, match=r"limit|place|position|step|field|subject"):
        ask(kept.store)

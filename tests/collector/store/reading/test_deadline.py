"""A question that takes too long: a list goes on where it got to, a count says so."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from reading_kit.made import NOW, calls
from reading_kit.reference import Reference

from apilog.collector.filter_language import parse
from apilog.collector.query import Query
from apilog.collector.store.protocol import StoreBusy
from apilog.collector.store.reading import Reading
from apilog.collector.store.sqlite import SqliteStore

Opened = Callable[..., SqliteStore]


@pytest.fixture
def many(opened: Opened) -> tuple[SqliteStore, Reference]:
    store = opened(clock=lambda: NOW)
    reference = Reference()
    for day in calls(2, 3_000, seed=20):
        store.add(day)
        reference.add(day)
    return store, reference


@pytest.fixture
def hurried(many: tuple[SqliteStore, Reference]) -> Reading:
    """The same calls, read with no time at all."""
    return Reading(many[0]._days, seconds=0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda reading: reading.series(Query(), step=1_000_000),
        lambda reading: reading.series(Query(), step=3_600_000_000),
        lambda reading: reading.endpoints(Query(parse("ip:192.0.2.7")), limit=5),
        lambda reading: reading.values("host", Query(), beginning="", limit=5),
        lambda reading: reading.values("path", Query(), beginning="", limit=5),
        lambda reading: reading.subjects("session", Query(), limit=5),
        lambda reading: reading.series(Query(parse('body:"blue teapot"')), step=1_000_000),
        lambda reading: reading.news("", Query(parse("path:*no-such-path*")), limit=5),
    ],
)
def test_a_count_without_time_is_refused_with_the_way_out(
    hurried: Reading, ask: Callable[[Reading], object]
) -> None:
    with pytest.raises(StoreBusy, match="choose a shorter time"):
        ask(hurried)


@pytest.mark.parametrize("text", ["", "ip:192.0.2.7", '-body:"blue teapot"', "-body:teapot", "zzz"])
def test_a_list_that_takes_long_comes_in_parts_that_make_the_whole(
    many: tuple[SqliteStore, Reference], text: str
) -> None:
    # Each look at the clock takes a second, and there is one for 10,000 instructions at most.
    hurried = Reading(many[0]._days, seconds=4, stopwatch=itertools.count().__next__)
    query = Query(parse(text))
    found: list[str] = []
    place = None
    parts = 0
    while True:
        page = hurried.page(query, limit=1_000, place=place)
        found += [row.id for row in page.rows]
        parts += 1
        if page.next is None:
            break
        assert page.next != place
        place = page.next
    assert found == many[1].listed(query)
    assert parts > len(found) / 1_000 + 1


def test_a_store_answers_after_it_was_too_busy(many: tuple[SqliteStore, Reference]) -> None:
    store, reference = many
    hurried = Reading(store._days, seconds=0)
    for _ in range(30):
        with pytest.raises(StoreBusy):
            hurried.series(Query(), step=1_000_000)
        assert sum(point.count for point in store.series(Query(), step=10**12)) == len(
            reference.calls
        )

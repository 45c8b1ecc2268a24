"""News: everything that arrives, once, in order, across days, restarts and processes."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from reading_kit.made import NOW, calls

from apilog.collector.filter_language import parse
from apilog.collector.query import Query
from apilog.collector.store import arrivals
from apilog.collector.store.sqlite import SqliteStore

DAY = 86_400_000_000
WATCHDOG_SECONDS = 60

Opened = Callable[..., SqliteStore]


EVERYTHING = Query()


def heard(
    store: SqliteStore, position: str, query: Query = EVERYTHING, limit: int = 40
) -> list[str]:
    """Return the ids of all that is new."""
    found: list[str] = []
    more = True
    while more:
        news = store.news(position, query, limit=limit)
        found += [row.id for row in news.rows]
        position, more = news.position, news.more
    return found


def test_what_arrives_is_heard_once_in_order_whatever_its_day(opened: Opened) -> None:
    clock = [NOW]
    store = opened(clock=lambda: clock[0])
    made = [call for day in calls(3, 200, seed=8) for call in day]
    random.Random(1).shuffle(made)
    position = store.position()
    found: list[str] = []
    for begin in range(0, len(made), 17):
        store.add(made[begin : begin + 17])
        clock[0] += 1_000
        if begin % 5 == 0:
            news = store.news(position, Query(), limit=1_000)
            found += [row.id for row in news.rows]
            assert not news.more
            position = news.position
    found += heard(store, position)
    # Of what arrived at the same time, one day comes after the other.
    assert sorted(found) == sorted(call.id for call in made)
    at = {call.id: number for number, call in enumerate(made)}
    assert all(at[one] // 17 <= at[other] // 17 for one, other in pairwise(found))


def test_a_position_holds_after_the_store_was_opened_again(opened: Opened) -> None:
    first, second = calls(2, 100, seed=9)
    store = opened(clock=lambda: NOW)
    store.add(first)
    position = store.position()
    assert heard(store, position) == []
    store.close()
    again = opened(clock=lambda: NOW)
    assert heard(again, position) == []
    again.add(second)
    assert heard(again, position) == [call.id for call in second]


def test_a_day_that_was_removed_and_began_again_is_heard(opened: Opened) -> None:
    clock = [NOW]
    store = opened(clock=lambda: clock[0])
    older, newer = calls(2, 100, seed=10)
    store.add([*older, *newer])
    position = store.position()
    clock[0] = NOW + 7 * DAY - DAY // 2
    assert store.retain() == len(older)
    assert heard(store, position) == []
    clock[0] = NOW
    store.add(older[:30])
    assert heard(store, position) == [call.id for call in older[:30]]


@pytest.mark.parametrize(
    "text", ["status:5xx", "body:teapot", 'body:"out of" -user:ada', "is:error"]
)
def test_only_what_is_wanted_is_heard_and_the_rest_is_passed_over(
    opened: Opened, text: str
) -> None:
    store = opened(clock=lambda: NOW)
    position = store.position()
    (made,) = calls(1, 400, seed=11)
    store.add(made)
    query = Query(parse(text))
    wanted = {row.id for row in store.page(query, limit=1_000).rows}
    assert heard(store, position, query, limit=7) == [c.id for c in made if c.id in wanted]
    assert wanted
    assert store.news(store.position(), query, limit=7).rows == []


def test_much_that_is_not_wanted_is_passed_over_in_parts(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MOST_EXAMINED", 50)
    store = opened(clock=lambda: NOW)
    older, newer = calls(2, 300, seed=12)
    wanted = replace(newer[-1], id="wanted", user="the one")
    store.add([*older, *newer, wanted])
    query = Query(parse('user:"the one"'))
    news = store.news("", query, limit=10)
    assert news.more
    assert news.rows == []
    assert heard(store, "", query) == ["wanted"]
    assert heard(store, "") == [call.id for call in [*older, *newer, wanted]]


def test_clocks_that_go_back_hide_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MOST_EXAMINED", 50)
    clock = [NOW]
    store = opened(clock=lambda: clock[0])
    made = calls(2, 300, seed=13)
    for begin in range(0, 300, 10):
        clock[0] = NOW - begin * 1_000_000
        store.add([*made[0][begin : begin + 10], *made[1][begin : begin + 10]])
    found = heard(store, "", limit=35)
    assert sorted(found) == sorted(call.id for day in made for call in day)
    for day in made:
        own = {call.id for call in day}
        assert [key for key in found if key in own] == [call.id for call in day]


WRITER = """
import sys
from contextlib import closing
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from reading_kit.made import NOW, calls
from apilog.collector.store.sqlite import SqliteStore
made = [call for day in calls(2, 500, seed=14) for call in day]
with closing(SqliteStore(Path(sys.argv[1]), clock=lambda: NOW)) as store:
    for begin in range(0, len(made), 25):
        store.add(made[begin:begin + 25])
"""


def test_another_process_hears_all_while_it_is_written(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with closing(SqliteStore(directory, clock=lambda: NOW)) as store:
        store.add(calls(3, 10, seed=15)[0])
        position = store.position()
    here = str(Path(__file__).parent)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(directory), here])
    expected = [call.id for day in calls(2, 500, seed=14) for call in day]
    found: list[str] = []
    try:
        with closing(SqliteStore(directory, writable=False, clock=lambda: NOW)) as reader:
            until = time.monotonic() + WATCHDOG_SECONDS
            while len(found) < len(expected) and time.monotonic() < until:
                news = reader.news(position, Query(), limit=200)
                found += [row.id for row in news.rows]
                position = news.position
        assert writer.wait(WATCHDOG_SECONDS) == 0
    finally:
        writer.kill()
        writer.wait()
    assert found == expected

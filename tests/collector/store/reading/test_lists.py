"""Lists while calls arrive and days go, and the indexes they follow."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reading_kit.made import NOW, calls

from apilog.collector.filter_language import parse
from apilog.collector.query import Query
from apilog.collector.store.protocol import StoreUnavailable
from apilog.collector.store.sqlite import SqliteStore

DAY = 86_400_000_000

Opened = Callable[..., SqliteStore]


@pytest.fixture
def store(opened: Opened) -> SqliteStore:
    return opened(clock=lambda: NOW)


@pytest.mark.parametrize("text", ["", "user:ada,bob", "body:teapot", 'body:"out of"', "status:5xx"])
def test_a_list_that_is_read_while_calls_arrive_has_no_gaps_and_no_repeats(
    store: SqliteStore, text: str
) -> None:
    made = [call for day in calls(2, 600, seed=3) for call in day]
    there, late = made[::2], made[1::2]
    store.add(there)
    query = Query(parse(text))
    before = [row.id for row in store.page(query, limit=5_000).rows]
    found: list[str] = []
    place = None
    while True:
        page = store.page(query, limit=20, place=place)
        found += [row.id for row in page.rows]
        # Some arrive before the place, some after it.
        batch, late = late[:30], late[30:]
        store.add(batch)
        place = page.next
        if place is None:
            break
    assert len(set(found)) == len(found)
    assert [key for key in found if key in set(before)] == before
    assert before


def test_answers_are_whole_while_another_thread_adds(store: SqliteStore) -> None:
    made = [call for day in calls(2, 2_000, seed=4) for call in day]
    batches = [made[begin : begin + 50] for begin in range(0, len(made), 50)]
    done = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not done.is_set():
            # Each batch is there as a whole or not at all, in every answer.
            for day in range(2):
                low = NOW // DAY * DAY - day * DAY
                span = Query(since=low, until=low + DAY)
                counts = [point.count for point in store.series(span, step=DAY)]
                ends = [each.count for each in store.endpoints(span, limit=1_000)]
                if sum(counts) > sum(ends):
                    wrong.append(f"{counts} counted before, {sum(ends)} after")
            store.page(Query(parse("body:teapot is:error")), limit=50)
            store.values("user", Query(), beginning="", limit=10)
            store.subjects("session", Query(), limit=10)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for batch in batches:
            store.add(batch)
    finally:
        done.set()
        for reader in readers:
            reader.join(60)
    assert not any(reader.is_alive() for reader in readers)
    assert wrong == []
    assert sum(point.count for point in store.series(Query(), step=DAY)) == len(made)


def test_a_list_goes_on_when_its_day_has_been_removed(opened: Opened) -> None:
    clock = [NOW]
    store = opened(clock=lambda: clock[0])
    older, newer = calls(2, 300, seed=5)
    store.add([*older, *newer])
    page = store.page(Query(), limit=len(newer) + 20)
    assert page.next is not None
    clock[0] = NOW + 7 * DAY - DAY // 2
    assert store.retain() == len(older)
    assert store.page(Query(), limit=50, place=page.next).rows == []
    assert len(store.page(Query(), limit=5_000).rows) == len(newer)


def test_a_place_names_a_call_and_holds_after_the_store_was_opened_again(opened: Opened) -> None:
    (made,) = calls(1, 200, seed=6)
    store = opened(clock=lambda: NOW)
    store.add(made)
    rows = store.page(Query(), limit=200).rows
    store.close()
    again = opened(clock=lambda: NOW)
    for at in (0, 57, 198):
        assert again.page(Query(), limit=200, place=rows[at].place).rows == rows[at + 1 :]


def asked(store: SqliteStore, ask: Callable[[], object]) -> list[str]:
    """Return the questions that an answer asks of today's file, with their values."""
    seen: list[str] = []
    with store._days.reading(NOW // DAY) as day:
        # It is lent again first, for it was given back last.
        day.db.set_trace_callback(seen.append)
    try:
        ask()
    finally:
        with store._days.reading(NOW // DAY) as day:
            day.db.set_trace_callback(None)
    return [text for text in seen if text.startswith("SELECT")]


def ways(store: SqliteStore, questions: list[str]) -> list[str]:
    """Return how SQLite finds the calls for these questions."""
    with store._days.reading(NOW // DAY) as day:
        plans = [day.db.execute(f"EXPLAIN QUERY PLAN {question}") for question in questions]
        return [detail for plan in plans for *_, detail in plan if " call" in detail]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("", "call_time (time>? AND time<?)"),
        ("ip:192.0.2.7 duration:>1ms", "call_time (time>? AND time<?)"),
        ("user:ada", "call_user (<expr>=? AND user=?)"),
        ("user:ada status:5xx route:/items", "call_user (<expr>=? AND user=?)"),
        ("user:ada,bob", "call_user (<expr>=? AND user=?)"),
        ("company:acme", "call_company (<expr>=? AND company=?)"),
        ("session:s-7", "call_session (<expr>=? AND session=?)"),
        ("route:/items", "call_route (route=? AND time>? AND time<?)"),
        ("status:5xx", "call_failed (status=? AND time>? AND time<?)"),
        ("status:>=400 method:GET", "call_failed (status=? AND time>? AND time<?)"),
        (f"trace:{7:032x}", "call_trace (<expr>=? AND trace=?)"),
        ("id:0193483e-2a70-7abc-8def-0123456789ab", "sqlite_autoindex_call_1 (id=?)"),
    ],
)
def test_a_list_follows_the_index_that_leads_to_its_calls(
    store: SqliteStore, text: str, index: str
) -> None:
    store.add(calls(1, 300)[0])
    query = Query(parse(text))
    questions = asked(store, lambda: store.page(query, limit=50))
    found = ways(store, [each for each in questions if "ORDER BY time DESC" in each])
    assert found
    assert all(index in way for way in found), found


@pytest.mark.parametrize(
    ("ask", "tables"),
    [
        (lambda store, span: store.series(span, step=3_600_000_000), {"roll60"}),
        (lambda store, span: store.series(span, step=900_000_000), {"roll5"}),
        (lambda store, span: store.series(span, step=1_000_000), {"call"}),
        (lambda store, span: store.endpoints(span, limit=5), {"roll60"}),
        (lambda store, span: store.values("status", span, beginning="", limit=5), {"roll60"}),
        (lambda store, span: store.values("error", span, beginning="", limit=5), {"call"}),
    ],
)
@pytest.mark.parametrize("text", ["", "status:5xx method:GET -route:/login"])
def test_counts_come_from_roll_ups_where_these_can_tell(
    store: SqliteStore, ask: Callable[..., object], tables: set[str], text: str
) -> None:
    store.add(calls(1, 300)[0])
    span = Query(parse(text), since=NOW // DAY * DAY, until=(NOW // DAY + 1) * DAY)
    counting = [each for each in asked(store, lambda: ask(store, span)) if "GROUP BY" in each]
    assert {each.split(" FROM ")[1].split()[0] for each in counting} == tables


def test_subjects_are_counted_by_their_index_alone(store: SqliteStore) -> None:
    store.add(calls(1, 300)[0])
    for field in ("user", "company", "session"):
        questions = asked(store, lambda field=field: store.subjects(field, Query(), limit=5))  # type: ignore[misc]
        assert all("COVERING INDEX" in way for way in ways(store, questions))


@pytest.mark.parametrize("text", ["user:ada", "company:acme"])
def test_a_chart_of_one_subject_reads_no_call(store: SqliteStore, text: str) -> None:
    """Its calls are all over the file: each would be read from the disk for itself."""
    store.add(calls(1, 300)[0])
    questions = asked(store, lambda: store.series(Query(parse(text)), step=900_000_000))
    found = ways(store, [each for each in questions if "GROUP BY" in each])
    assert found
    assert all("COVERING INDEX" in way for way in found), found


def test_a_damaged_file_is_no_answer(store: SqliteStore, tmp_path: Any) -> None:
    store.add(calls(1, 300)[0])
    with store._days.reading(NOW // DAY) as day:
        (path,) = (row[2] for row in day.db.execute("PRAGMA database_list"))
    store.close()
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: 8_192 * 2].ljust(len(content), b"\xa5"))
    damaged = SqliteStore(tmp_path / "data", clock=lambda: NOW, writable=False)
    try:
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            damaged.page(Query(), limit=50)
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            damaged.series(Query(), step=1_000_000)
    finally:
        damaged.close()


def test_a_call_of_the_last_microsecond_before_a_bound_is_told_from_the_next(
    store: SqliteStore,
) -> None:
    (made,) = calls(1, 10)
    moment = NOW - 3_600_000_000
    near = [replace(made[n], time=moment + n - 5, id=f"near-{n}") for n in range(10)]
    store.add(near)
    for bound in range(10):
        since = store.page(Query(since=moment + bound - 5), limit=50).rows
        until = store.page(Query(until=moment + bound - 5), limit=50).rows
        assert [row.id for row in since] == [f"near-{n}" for n in range(9, bound - 1, -1)]
        assert [row.id for row in until] == [f"near-{n}" for n in range(bound - 1, -1, -1)]
    assert sqlite3.sqlite_version_info >= (3, 38)

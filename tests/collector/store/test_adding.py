"""Adding calls: each once, all of a batch or none."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apilog.collector.call import Call
from apilog.collector.protocols.moments import unique_id
from apilog.collector.store.day import search_is_possible
from apilog.collector.store.days import Days
from apilog.collector.store.payloads import LEARN_AT
from apilog.collector.store.protocol import StoreUnavailable
from apilog.collector.store.schema import (
    BLOCK_SIZE,
    NO_ANSWER,
    NO_DURATION,
    NO_STATUS,
    STEP_5,
    STEP_60,
    bucket_of,
    day_of,
    unpacked,
)

DAY = 86_400_000_000

ACall = Callable[..., Call]


def asked(directory: Path, number: int, query: str, *parameters: object) -> list[Any]:
    """Return what another connection than the store's finds in a day."""
    days = Days(directory, writable=False)
    try:
        with days.reading(number) as day:
            return day.db.execute(query, parameters).fetchall()
    finally:
        days.close()


def ids(directory: Path, number: int) -> list[str]:
    rows = asked(directory, number, "SELECT id FROM call ORDER BY seq")
    return [unpacked(row[0]) for row in rows]


def test_a_call_is_kept_with_all_it_has(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened()
    assert store.add([a_call(error="ValueError", time=now - 5)]) == 1
    dim = "(SELECT text FROM dim WHERE id = call.{0})".format
    columns = ["time", "received", *map(dim, ("source", "method", "host", "route", "error"))]
    rest = "path query status duration user company session ip trace request_size response_size"
    query = f"SELECT {', '.join(columns + rest.split())} FROM call"
    assert asked(tmp_path / "data", day_of(now), query) == [
        (
            *(now - 5, now, "moesif", "GET", "shop.test", "/items/{id}", "ValueError"),
            *("/items/7", "page=2", 200, 12_000, "ada", "acme", "s-1", "192.0.2.7"),
            *("4bf92f3577b34da6a3ce929d0e0e4736", 0, 321),
        )
    ]
    with store._days.reading(day_of(now)) as day:
        assert day.payload(1) == (b'{"request":{"verb":"GET"}}', "a blue teapot")
        assert day.payload(2) is None


def test_what_is_not_known_is_null_or_the_empty_dim(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    texts = "host route path query user company session ip trace error text".split()
    numbers = "status duration request_size response_size".split()
    opened().add([a_call(**dict.fromkeys(texts, ""), **dict.fromkeys(numbers))])
    query = "SELECT host, route, error, path, query, user, company, session, ip, trace FROM call"
    assert asked(tmp_path / "data", day_of(now), query) == [(0, 0, 0, *[None] * 7)]
    query = f"SELECT {', '.join(numbers)} FROM call"
    assert asked(tmp_path / "data", day_of(now), query) == [(None,) * 4]
    assert asked(tmp_path / "data", day_of(now), "SELECT text FROM dim WHERE id = 0") == [("",)]


def test_a_known_id_changes_nothing(opened: Any, a_call: ACall, now: int, tmp_path: Path) -> None:
    store = opened()
    assert store.add([a_call(id="one"), a_call(id="two", text="green")]) == 2
    again = [a_call(id="two", text="red"), a_call(id="three"), a_call(id="one")]
    assert store.add(again) == 1
    assert store.add(again) == 0
    assert ids(tmp_path / "data", day_of(now)) == ["one", "two", "three"]
    for query, count in {
        "SELECT count(*) FROM payload": 3,
        "SELECT calls FROM tally": 3,
        "SELECT sum(n) FROM roll5": 3,
        "SELECT sum(n) FROM roll60": 3,
        "SELECT count(*) FROM words('green')": 1,
        "SELECT count(*) FROM words('red')": 0,
        "SELECT count(*) FROM words('teapot')": 2,
    }.items():
        assert asked(tmp_path / "data", day_of(now), query) == [(count,)], query
    assert store.size().calls == 3


def test_an_id_that_a_batch_holds_twice_is_stored_once(opened: Any, a_call: ACall) -> None:
    store = opened()
    assert store.add([a_call(id="x", user="first"), a_call(id="x", user="second")]) == 1
    with store._days.reading(store._days.numbers()[0]) as day:
        assert day.db.execute("SELECT user FROM call").fetchall() == [("first",)]


@pytest.mark.parametrize("days", [-1, 1], ids=["the day before", "the day after"])
def test_an_id_known_in_a_day_beside_is_known(
    opened: Any, a_call: ACall, now: int, days: int
) -> None:
    store = opened()
    assert store.add([a_call(id="x"), a_call(id="y")]) == 2
    assert store.add([a_call(id="x", time=now + days * DAY), a_call(id="z")]) == 1
    assert store.add([a_call(id=str(n), time=now + days * DAY) for n in range(500)]) == 500
    assert store.add([a_call(id=str(n)) for n in range(-1, 500)]) == 1


@pytest.mark.parametrize(
    "ahead", [-2_000_000, 2_000_000, 3_000_000_000], ids=["right", "a bit fast", "50 minutes fast"]
)
def test_an_id_from_before_midnight_is_known_when_its_call_comes_again_after_it(
    opened: Any, a_call: ACall, now: int, ahead: int
) -> None:
    midnight = now // DAY * DAY
    made = unique_id(midnight + ahead)
    store = opened()
    assert store.add([a_call(id=made, time=midnight - 1_000_000)]) == 1
    assert store.add([a_call(id=made, time=midnight + 1_000_000)]) == 0
    assert store.add([a_call(id=made, time=midnight - 500_000)]) == 0


def test_threads_that_add_the_same_store_each_once(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened()
    calls = [a_call(id=f"call {number}", time=now - number * DAY // 40) for number in range(60)]
    new: list[int] = []
    threads = [
        threading.Thread(target=lambda part=calls[start:]: new.append(store.add(part)))  # type: ignore[misc]
        for start in range(0, 40, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(new) == 60
    found = [key for number in store._days.numbers() for key in ids(tmp_path / "data", number)]
    assert sorted(found) == sorted(call.id for call in calls)


def test_calls_go_to_the_day_of_their_time(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    midnight = now // DAY * DAY
    store = opened()
    calls = [a_call(id="before", time=midnight - 1), a_call(id="at", time=midnight)]
    assert store.add(calls) == 2
    assert {path.name for path in (tmp_path / "data").glob("20*.db")} == {
        "2026-11-19.db",
        "2026-11-20.db",
    }
    assert ids(tmp_path / "data", day_of(now) - 1) == ["before"]
    assert ids(tmp_path / "data", day_of(now)) == ["at"]


def test_a_batch_of_many_days_is_stored_with_few_files_left_open(
    opened: Any, a_call: ACall, now: int
) -> None:
    store = opened(keep=timedelta(days=60))
    calls = [a_call(id=f"{n}", time=now - n * DAY) for n in range(50)]
    assert store.add(calls) == 50
    assert len(store._days.numbers()) == 50
    assert len(store._days._writers) <= 2
    assert store.add(calls) == 0


def test_a_batch_that_fails_in_one_day_leaves_nothing_in_another(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened()
    store.add([a_call(id="first", time=now - DAY)])
    foreign = tmp_path / "data" / "2026-11-20.db"
    foreign.write_bytes(b"not a database" * 100)
    batch = [a_call(id="yesterday", time=now - DAY, route="/new"), a_call(id="today")]
    with pytest.raises(StoreUnavailable, match=r"2026-11-20\.db is not a file of this collector"):
        store.add(batch)
    assert foreign.read_bytes() == b"not a database" * 100
    foreign.unlink()
    assert ids(tmp_path / "data", day_of(now) - 1) == ["first"]
    assert asked(tmp_path / "data", day_of(now) - 1, "SELECT calls FROM tally") == [(1,)]
    assert store.add(batch) == 2
    routes = "SELECT text FROM dim JOIN call ON route = dim.id ORDER BY seq"
    assert asked(tmp_path / "data", day_of(now) - 1, routes) == [("/items/{id}",), ("/new",)]


@pytest.mark.parametrize(
    ("poison", "error"),
    [
        pytest.param({"path": "/\ud800"}, ValueError, id="half of a character in the path"),
        pytest.param({"route": "/\ud800"}, ValueError, id="half of a character in the route"),
        pytest.param({"id": "\ud800"}, ValueError, id="half of a character in the id"),
        pytest.param({"text": "\ud800"}, ValueError, id="half of a character in the text"),
        pytest.param({"status": 2**63}, OverflowError, id="a number beyond 64 bits"),
    ],
)
def test_what_cannot_be_stored_takes_nothing_with_it(
    opened: Any, a_call: ACall, poison: dict[str, Any], error: type[Exception], tmp_path: Path
) -> None:
    store = opened()
    with pytest.raises(error):
        store.add([a_call(id="good"), a_call(**{"id": "bad", **poison})])
    assert store.size().calls == 0
    assert store.add([a_call(id="good")]) == 1
    assert ids(tmp_path / "data", store._days.numbers()[0]) == ["good"]


ANYTHING = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ANYTHING, ANYTHING, st.binary(max_size=200)), max_size=8))
def test_any_text_comes_out_as_it_went_in(
    opened: Any, a_call: ACall, tmp_path_factory: Any, parts: list[tuple[str, str, bytes]]
) -> None:
    directory = tmp_path_factory.mktemp("any") / "data"
    store = opened(directory)
    calls = {
        key: a_call(id=key, user=text, route=text, error=text, event=event, text=text)
        for key, text, event in reversed(parts)
    }
    assert store.add(list(calls.values())) == len(calls)
    assert store.add(list(calls.values())) == 0
    found = {}
    for number in store._days.numbers():
        with store._days.reading(number) as day:
            query = """SELECT seq, call.id, user, r.text, e.text FROM call
                       JOIN dim AS r ON r.id = route JOIN dim AS e ON e.id = error"""
            for seq, key, user, route, error in day.db.execute(query).fetchall():
                found[unpacked(key)] = (user or "", route, error, *day.payload(seq))
    assert found == {
        key: (call.user, call.route, call.error, call.event, call.text)
        for key, call in calls.items()
    }
    store.close()


NUMBERS = st.one_of(st.none(), st.integers(0, 10**13))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, DAY - 1),
            st.sampled_from(["/a", "/b", ""]),
            st.sampled_from(["GET", "POST"]),
            st.sampled_from([200, 404, 500, None]),
            NUMBERS,
            st.sampled_from(["", "ValueError"]),
        ),
        max_size=60,
    )
)
def test_roll_ups_count_what_is_there(
    opened: Any, a_call: ACall, now: int, tmp_path_factory: Any, parts: list[Any]
) -> None:
    directory = tmp_path_factory.mktemp("rolled") / "data"
    store = opened(directory, clock=lambda: now + DAY)
    calls = []
    for number, (time, route, method, status, duration, error) in enumerate(parts):
        values = {"method": method, "status": status, "duration": duration, "error": error}
        time += now // DAY * DAY
        calls.append(a_call(id=str(number), time=time, route=route, **values))
    for start in range(0, len(calls), 7):
        store.add(calls[start : start + 7])
    for table, step in (("roll5", STEP_5), ("roll60", STEP_60)):
        expected = Counter(
            (
                call.time // step,
                call.route,
                call.method,
                (NO_ANSWER if call.error else NO_STATUS) if call.status is None else call.status,
                NO_DURATION if call.duration is None else bucket_of(call.duration),
            )
            for call in calls
        )
        query = f"""SELECT step, r.text, m.text, status, bucket, n FROM {table}
                    JOIN dim AS r ON r.id = route JOIN dim AS m ON m.id = method"""
        rows = asked(directory, day_of(now), query) if calls else []
        assert {row[:5]: row[5] for row in rows} == expected
    store.close()


def test_blocks_tell_between_which_times_their_calls_are(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened()
    minutes = [3, 1, 2, 5, 0, 4]
    calls = [a_call(id=str(n), time=now - n * 60_000_000) for n in minutes]
    for first in (0, 2, 4):
        store.add(calls[first : first + 2])
    query = "SELECT * FROM block"
    assert asked(tmp_path / "data", day_of(now), query) == [(0, now - 300_000_000, now)]


def test_a_batch_may_end_one_block_and_begin_the_next(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    calls = [a_call(id=str(n), time=now - n) for n in range(BLOCK_SIZE + 10)]
    opened().add(calls)
    # The numbers begin with 1.
    last = BLOCK_SIZE - 2
    assert asked(tmp_path / "data", day_of(now), "SELECT * FROM block") == [
        (0, now - last, now),
        (1, now - BLOCK_SIZE - 9, now - last - 1),
    ]


@pytest.mark.skipif(not search_is_possible(), reason="this SQLite has no FTS5")
def test_words_of_the_text_are_found(opened: Any, a_call: ACall, now: int, tmp_path: Path) -> None:
    opened().add([a_call(id="1", text="the blue teapot"), a_call(id="2", text="Grüne Kanne")])
    for word, seqs in {"teapot": [(1,)], "grune": [(2,)], "nothing": []}.items():
        query = "SELECT rowid FROM words(?)"
        assert asked(tmp_path / "data", day_of(now), query, word) == seqs


@pytest.mark.skipif(not search_is_possible(), reason="this SQLite has no FTS5")
def test_a_day_keeps_to_what_it_began_with(opened: Any, a_call: ACall, now: int) -> None:
    with closing(opened(search=False)) as store:
        store.add([a_call(id="1")])
    store = opened(search=True)
    store.add([a_call(id="2"), a_call(id="3", time=now + DAY)])
    for number, searchable in {day_of(now): False, day_of(now) + 1: True}.items():
        with store._days.reading(number) as day:
            assert day.searchable is searchable
            tables = "SELECT count(*) FROM sqlite_master WHERE name = 'words'"
            assert day.db.execute(tables).fetchone() == (searchable,)


def test_numbers_are_never_given_twice(opened: Any, a_call: ACall, now: int) -> None:
    store = opened()
    store.add([a_call(id="1"), a_call(id="2", user="eve"), a_call(id="3", user="eve")])
    assert store.purge(user="eve") == 2
    store.add([a_call(id="4")])
    number = day_of(now)
    with store._days.reading(number) as day:
        assert day.db.execute("SELECT seq FROM call").fetchall() == [(1,), (4,)]
    assert store.purge(before=now + DAY) == 2
    store.add([a_call(id="5")])
    with store._days.reading(number) as day:
        assert day.db.execute("SELECT seq FROM call").fetchall() == [(5,)]


def test_a_commit_is_durable_before_add_returns(opened: Any, a_call: ACall, now: int) -> None:
    store = opened()
    store.add([a_call()])
    db = store._days.writer(day_of(now)).db
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_what_was_packed_before_its_turn_can_be_read_whatever_happened_since(
    opened: Any, a_call: ACall, now: int
) -> None:
    store = opened(search=False)

    def some(name: str, count: int) -> list[Call]:
        ids = [f"{name}{n}" for n in range(count)]
        return [
            a_call(id=each, user=name, event=f'{{"name":"{each}"}}'.encode() * 9) for each in ids
        ]

    def dictionary() -> object:
        return store._days.dictionary(day_of(now))

    without = store.prepare(some("without", 3))
    store.add(some("ada", LEARN_AT))
    store.add(some("eve", 1))
    first = dictionary()
    with_first = store.prepare(some("first", 3))
    assert store.purge(user="ada") == LEARN_AT
    store.add(some("bob", LEARN_AT))
    store.add(some("eve", 2))
    assert dictionary() not in (None, first)
    with_second = store.prepare(some("second", 3))
    assert store.add([*without, *with_first, *with_second]) == 9
    assert with_second[0].made.dictionary is dictionary()
    for each in (*without, *with_first, *with_second):
        assert store.get(each.call.id).event == each.call.event


def test_a_file_learns_what_its_payloads_have_in_common(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened(search=False)
    names = "accept connection content-length content-type host user-agent x-request-id".split()
    events = [
        ("{" + ",".join(f'"{name}":"{name} {n * 7919 % 1009}"' for name in names) + "}").encode()
        for n in range(LEARN_AT + 500)
    ]
    for start in range(0, len(events), 500):
        store.add(
            [
                a_call(id=str(start + n), event=event, text=f"word{start + n}")
                for n, event in enumerate(events[start : start + 500])
            ]
        )
    with store._days.reading(day_of(now)) as day:
        for seq, event in enumerate(events, 1):
            assert day.payload(seq) == (event, f"word{seq - 1}")
        sizes = dict(day.db.execute("SELECT seq, length(content) FROM payload").fetchall())
        (samples,) = day.db.execute("SELECT count(*) FROM sample").fetchone()
    assert 2 * sizes[len(events)] < sizes[1]
    assert samples >= 500

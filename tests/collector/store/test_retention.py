"""What is taken at all, and what goes: by age, by room."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apilog.collector.call import Call
from apilog.collector.store.protocol import StoreFull

ACall = Callable[..., Call]
DAY = 86_400_000_000
MEGABYTE = 1_048_576


def test_a_day_goes_as_a_whole_when_all_of_it_is_too_old(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    time = now
    store = opened(keep=timedelta(days=2), clock=lambda: time)
    store.add([a_call(id=f"{n}", time=now - n * DAY // 4) for n in range(8)])
    assert store.retain() == 0
    assert store.size().calls == 8
    midnight = now // DAY * DAY
    time = midnight + DAY + DAY - 1
    assert store.retain() == 1
    time += 1
    assert store.retain() == 4
    assert {path.name for path in (tmp_path / "data").glob("2026*")} <= {
        "2026-11-20.db",
        "2026-11-20.db-wal",
        "2026-11-20.db-shm",
    }
    assert store.size().calls == 3
    assert store.size().oldest == midnight


@pytest.mark.parametrize(
    ("ago", "reason"),
    [
        pytest.param(
            7 * DAY + 1,
            "1 call is older than what is kept, which begins at 2026-11-13 12:00:00 UTC; the first"
            " is of 2026-11-13 11:59:59 UTC",
            id="too old",
        ),
        pytest.param(
            -DAY - 1,
            "1 call is more than a day ahead of this machine's clock; the first is of 2026-11-21"
            " 12:00:00 UTC",
            id="too far ahead",
        ),
        pytest.param(
            10**17,
            "1 call is older than what is kept, which begins at 2026-11-13 12:00:00 UTC; the first"
            " is of -98204824000000000 microseconds",
            id="before all years",
        ),
    ],
)
def test_a_call_of_another_time_is_kept_aside_with_the_reason(
    opened: Any, a_call: ACall, now: int, ago: int, reason: str
) -> None:
    store = opened()
    calls = [a_call(id="good"), a_call(id="bad", time=now - ago, event=b"{}" * 9_000)]
    assert store.add(calls) == 1
    (refusal,) = store.refusals(10)
    assert refusal.reason == reason.replace("-98204824000000000", str(now - ago))
    assert (refusal.time, refusal.source, refusal.status) == (now, "moesif", 202)
    assert refusal.content == b"{}" * 2_048
    assert store.size().calls == 1


def test_many_calls_of_another_time_are_one_refusal_for_each_source(
    opened: Any, a_call: ACall, now: int
) -> None:
    store = opened()
    old = [
        a_call(id=f"{n}", time=now - 9 * DAY, source=("moesif", "umami")[n % 2]) for n in range(9)
    ]
    assert store.add([*old, a_call(id="ahead", time=now + 9 * DAY)]) == 0
    assert sorted(refusal.reason[:18] for refusal in store.refusals(10)) == [
        "1 call is more tha",
        "4 calls are older ",
        "5 calls are older ",
    ]


def test_the_edges_of_what_is_kept_are_kept(opened: Any, a_call: ACall, now: int) -> None:
    store = opened()
    assert store.add([a_call(id="1", time=now - 7 * DAY), a_call(id="2", time=now + DAY)]) == 2
    assert store.size().calls == 2
    assert store.refusals(10) == []


def test_nothing_is_too_old_for_whoever_keeps_everything(
    opened: Any, a_call: ACall, now: int
) -> None:
    store = opened(keep=timedelta.max)
    assert store.add([a_call(id="1", time=0), a_call(id="2", time=-1)]) == 1
    assert store.size().oldest == 0


def incompressible(seed: int) -> bytes:
    return random.Random(seed).randbytes(10_000)


def test_the_oldest_days_make_room(opened: Any, a_call: ACall, now: int, tmp_path: Path) -> None:
    store = opened(max_bytes=3 * MEGABYTE)
    for number in range(5, -1, -1):
        for part in range(5):
            calls = [
                a_call(
                    id=f"{number}/{part}/{n}",
                    time=now - number * DAY,
                    event=incompressible(number * 100 + part * 10 + n),
                )
                for n in range(10)
            ]
            assert store.add(calls) == 10
    store.retain()
    held = sum(path.stat().st_size for path in (tmp_path / "data").iterdir())
    assert held == store.size().bytes <= 3 * MEGABYTE
    numbers = store._days.numbers()
    assert 1 < len(numbers) < 6
    assert numbers[-1] == now // DAY
    assert store.size().calls == 50 * len(numbers)


def test_a_day_that_is_too_large_alone_is_full(opened: Any, a_call: ACall, now: int) -> None:
    store = opened(max_bytes=2 * MEGABYTE)
    store.add([a_call(id="yesterday", time=now - DAY)])
    stored = 0
    message = ""
    while not message and stored < 1_000:
        try:
            stored += store.add([a_call(id=str(stored), event=incompressible(stored))])
        except StoreFull as error:
            message = str(error)
    assert "the store may have 2,097,152 bytes (--max-size), and its newest day alone" in message
    assert 50 < stored < 250
    assert store.size().calls == stored
    assert store._days.numbers() == [now // DAY]
    with pytest.raises(StoreFull):
        store.add([a_call(id="one more")])
    assert store.purge(user="ada") == stored
    assert store.add([a_call(id="one more")]) == 1


def test_a_day_that_made_room_and_comes_again_goes_on_counting(
    opened: Any, a_call: ACall, now: int
) -> None:
    store = opened(max_bytes=2 * MEGABYTE)
    store.add([a_call(id=f"{n}", time=now - DAY, event=incompressible(n)) for n in range(100)])
    store.add([a_call(id=f"today {n}", event=incompressible(n)) for n in range(120)])
    store.retain()
    assert store._days.numbers() == [now // DAY]
    store._days.writer(now // DAY - 1)
    assert store._days.writer(now // DAY - 1).last == 100

"""A disk that is full: nothing is half-stored, and the same process goes on when there is room."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from apilog.collector.call import Call, Refusal
from apilog.collector.store.protocol import StoreFull
from apilog.collector.store.sqlite import SqliteStore

ACall = Callable[..., Call]
DAY = 86_400_000_000
MEGABYTE = 1_048_576


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB; it takes root to make one."""
    point = tmp_path / "disk"
    point.mkdir(mode=0o700)
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(point)], check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("no disk can be mounted here")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", str(point)], check=True)


def incompressible(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def consistent(store: SqliteStore) -> dict[int, int]:
    """See that the files agree with themselves; return how many calls each day has."""
    counts = {}
    for number in store._days.numbers():
        with store._days.reading(number) as day:
            (counts[number],) = day.db.execute("SELECT count(*) FROM call").fetchone()
            for query in (
                "SELECT calls FROM tally",
                "SELECT coalesce(sum(n), 0) FROM roll5",
                "SELECT count(*) FROM payload",
                "SELECT count(*) FROM words('teapot')",
            ):
                assert day.db.execute(query).fetchone() == (counts[number],), query
    return counts


def test_a_full_disk_refuses_whole_batches_until_there_is_room(
    small_disk: Path, a_call: ACall
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 * MEGABYTE))
    with closing(SqliteStore(small_disk / "data", clock=lambda: a_call().time)) as store:
        stored = filled(store, [batch(a_call, number) for number in range(100)])
        assert 0 < stored < 5_000
        assert consistent(store) == {20_777: stored}
        with pytest.raises(StoreFull):
            store.refuse([a_refusal(number) for number in range(1_000)])
        assert consistent(store) == {20_777: stored}
        ballast.unlink()
        assert store.add(batch(a_call, 200)) == 50
        assert consistent(store) == {20_777: stored + 50}
        # What was refused and what was stored may come again.
        assert store.add([call for number in (0, 200) for call in batch(a_call, number)]) == 0


def filled(store: SqliteStore, batches: list[list[Call]]) -> int:
    """Add batches until the store is full; return how many calls it took."""
    stored = 0
    for each in batches:
        try:
            stored += store.add(each)
        except StoreFull as error:
            assert "full" in str(error)  # noqa: PT017
            return stored
    raise AssertionError("The disk was large enough for all.")


def fill(ballast: Path) -> None:
    """Leave no room on a disk."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4_096)):
            pass


def batch(a_call: ACall, number: int) -> list[Call]:
    return [
        a_call(id=f"{number}/{part}", event=incompressible(number * 50 + part, 3_000))
        for part in range(50)
    ]


def a_refusal(number: int) -> Refusal:
    return Refusal(
        time=1,
        source="moesif",
        path="/",
        status=400,
        reason="x",
        content=incompressible(number, 4_000),
    )


def test_a_day_that_was_committed_is_taken_back_when_the_next_cannot_be(
    small_disk: Path, a_call: ACall, now: int
) -> None:
    with closing(SqliteStore(small_disk / "data", clock=lambda: now)) as store:
        store.add([a_call(id="0"), a_call(id="1", time=now - DAY)])
        # The last day is committed first; the one before has more than there is room for.
        large = [
            a_call(id=f"large {n}", time=now - DAY, event=incompressible(n, 500_000))
            for n in range(16)
        ]
        small = [a_call(id=f"small {n}", text="a red teapot") for n in range(5)]
        with pytest.raises(StoreFull):
            store.add([*small, *large])
        assert consistent(store) == {20_776: 1, 20_777: 1}
        with store._days.reading(20_777) as day:
            assert day.db.execute("SELECT * FROM words('red')").fetchall() == []
        assert store.add([*small, *large[:2]]) == 7
        assert consistent(store) == {20_776: 3, 20_777: 6}


def test_a_full_disk_is_said_at_the_first_call_of_a_day(
    small_disk: Path, a_call: ACall, now: int
) -> None:
    with closing(SqliteStore(small_disk / "data", clock=lambda: now)) as store:
        ballast = small_disk / "ballast"
        fill(ballast)
        with pytest.raises(StoreFull):
            store.add([a_call()])
        assert not list((small_disk / "data").glob("*2026*"))
        ballast.unlink()
        assert store.add([a_call()]) == 1


def test_the_oldest_day_goes_even_on_a_full_disk(small_disk: Path, a_call: ACall, now: int) -> None:
    with closing(SqliteStore(small_disk / "data", clock=lambda: now, max_bytes=MEGABYTE)) as store:
        store.add([a_call(id="1", time=now - DAY, event=incompressible(1, 600_000))])
        (small_disk / "ballast").write_bytes(bytes(5 * MEGABYTE))
        with pytest.raises(StoreFull):
            store.add([a_call(id="2", event=incompressible(2, 4 * MEGABYTE))])
        assert store.add([a_call(id="3", event=incompressible(3, 600_000))]) == 1
        assert consistent(store) == {20_777: 1}


def test_a_start_on_a_full_disk_makes_room_by_age(
    small_disk: Path, a_call: ACall, now: int
) -> None:
    directory = small_disk / "data"
    with closing(SqliteStore(directory, clock=lambda: now)) as store:
        store.add([a_call(id="old", event=incompressible(1, 1_000_000)), a_call(id="older")])
    fill(small_disk / "ballast")
    with closing(SqliteStore(directory, clock=lambda: now + 9 * DAY)) as store:
        with pytest.raises(StoreFull):
            store.add([a_call(id="new", time=now + 9 * DAY)])
        store.retain()
        assert store.add([a_call(id="new", time=now + 9 * DAY)]) == 1
        assert consistent(store) == {20_786: 1}


LIMITED = """
import resource, sys
from apilog.collector.call import Call
from apilog.collector.store.protocol import StoreUnavailable
from apilog.collector.store.sqlite import SqliteStore
import random

store = SqliteStore(sys.argv[1], clock=lambda: 10**15)
limit = resource.getrlimit(resource.RLIMIT_FSIZE)

def batch(number):
    return [Call(id=f"{number}/{n}", time=10**15, source="moesif", method="GET", text="teapot",
                 event=random.Random(number * 50 + n).randbytes(3_000)) for n in range(50)]

resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limit[1]))
stored = 0
try:
    for number in range(100):
        stored += store.add(batch(number))
except StoreUnavailable:
    pass
assert 0 < stored < 5_000, stored
assert store.size().calls == stored
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
assert store.add(batch(200)) == 50
assert store.add(batch(0) + batch(200)) == 0
print(stored + 50, store.size().calls)
store.close()
"""


def test_a_file_that_may_not_grow_refuses_whole_batches_until_it_may(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "data")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first == second

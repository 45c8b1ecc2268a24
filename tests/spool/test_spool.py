"""What a spool does with events while nothing goes wrong."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from spool_kit.faults import FaultyFiles
from spool_kit.reports import Reports, drained

from apilog.spool import Parcel, Spool, SpoolError

NewSpool = Callable[..., Spool]


def events(count: int, size: int = 0) -> list[bytes]:
    return [b'{"n":%d,"f":"%s"}' % (n, b"x" * size) for n in range(count)]


def shipped(spool: Spool, max_events: int = 100, max_bytes: int = 1 << 20) -> Parcel:
    parcel = spool.next(max_events, max_bytes)
    assert parcel is not None
    return parcel


def test_to_make_a_spool_does_not_touch_the_disk(place: Path, new_spool: NewSpool) -> None:
    spool = new_spool(place / "no" / "such" / "place")
    assert (spool.pending, spool.pending_bytes, spool.degraded, spool.busy) == (0, 0, None, False)
    assert spool.next(1, 1) is None
    assert spool.adopt() == 0
    spool.sync()
    spool.roll()
    spool.close()
    assert not place.exists()


def test_events_come_out_as_they_went_in(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool()
    for event in events(25, 100):
        spool.append(event)
    assert (spool.pending, spool.pending_bytes) == (25, sum(map(len, events(25, 100))))
    assert drained(spool) == events(25, 100)
    assert (spool.pending, spool.pending_bytes) == (0, 0)
    assert not reports


def test_files_are_for_nobody_else(place: Path, new_spool: NewSpool) -> None:
    before = os.umask(0)
    try:
        spool = new_spool()
        spool.append(b"{}")
        spool.quarantine(b"{}", "refused")
        spool.settle(shipped(spool))
    finally:
        os.umask(before)
    modes = {
        path.relative_to(place): stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*")
    }
    assert len(modes) == 5
    assert {m for path, m in modes.items() if path != Path("quarantine")} == {0o600}
    assert modes[Path("quarantine")] == stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_umask_that_takes_everything_takes_nothing_from_us(
    place: Path, new_spool: NewSpool
) -> None:
    before = os.umask(0o377)
    try:
        spool = new_spool()
        spool.append(b"{}")
    finally:
        os.umask(before)
    [segment] = place.glob("*.seg")
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_parcel_has_at_most_so_many_events(new_spool: NewSpool) -> None:
    spool = new_spool()
    for event in events(5):
        spool.append(event)
    assert shipped(spool, max_events=3).events == tuple(events(3))


@pytest.mark.parametrize(("spare", "count"), [(0, 3), (-1, 2), (11, 3), (1 << 20, 5)])
def test_a_parcel_has_at_most_so_many_bytes_as_json(
    new_spool: NewSpool, spare: int, count: int
) -> None:
    spool = new_spool()
    for event in events(5):
        spool.append(event)
    size = len(b"[" + b",".join(events(3)) + b",]")
    assert len(shipped(spool, max_bytes=size + spare).events) == count


def test_an_event_that_is_too_large_comes_alone(new_spool: NewSpool) -> None:
    spool = new_spool()
    for event in (b"{}", b"x" * 1000, b"{}"):
        spool.append(event)
    assert drained(spool, max_bytes=100) == [b"{}", b"x" * 1000, b"{}"]


def test_what_is_put_back_comes_again(new_spool: NewSpool) -> None:
    spool = new_spool()
    spool.append(b"{}")
    parcel = shipped(spool)
    spool.put_back(parcel)
    assert spool.pending == 1
    assert shipped(spool).events == parcel.events


def test_what_is_put_aside_comes_after_what_stands_elsewhere_until_something_is_settled(
    new_spool: NewSpool,
) -> None:
    spool = new_spool()
    for event in (b"[1]", b"[2]", b"[3]"):
        spool.append(event)
        spool.roll()
    order = []
    for _ in range(4):
        parcel = shipped(spool, max_events=1)
        order += parcel.events
        spool.put_back(parcel, aside=True)
    assert order == [b"[1]", b"[2]", b"[3]", b"[1]"]
    parcel = shipped(spool, max_events=1)
    assert parcel.events == (b"[2]",)
    spool.settle(parcel)
    assert drained(spool) == [b"[1]", b"[3]"]


def test_only_one_parcel_is_out_at_a_time(new_spool: NewSpool) -> None:
    spool = new_spool()
    for event in events(4):
        spool.append(event)
    parcel = shipped(spool, max_events=1)
    with pytest.raises(RuntimeError, match="neither settled nor put back"):
        spool.next(1, 100)
    spool.release()
    assert shipped(spool, max_events=1).events == parcel.events
    spool.settle(parcel)
    assert spool.pending == 4, "the first one was put back"


def test_a_segment_goes_when_it_is_sealed_and_settled(place: Path, new_spool: NewSpool) -> None:
    spool = new_spool()
    for event in events(3):
        spool.append(event)
    spool.roll()
    spool.append(b"{}")
    assert len(list(place.glob("*.seg"))) == 2
    spool.settle(shipped(spool, max_events=2))
    assert len(list(place.glob("*.ack"))) == 1
    spool.settle(shipped(spool))
    assert len(list(place.glob("*.seg"))) == 1
    assert list(place.glob("*.ack")) == []


def test_segments_roll_by_size_and_by_time(place: Path, new_spool: NewSpool) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files, max_bytes=1 << 20)
    for event in events(300, 1000):
        spool.append(event)
    assert len(list(place.glob("*.seg"))) == 3
    files.elapsed += 61
    spool.append(b"{}")
    assert len(list(place.glob("*.seg"))) == 4
    assert drained(spool) == [*events(300, 1000), b"{}"]


def test_a_long_outage_holds_few_descriptors(place: Path, new_spool: NewSpool) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files)
    for event in events(500, 100):
        spool.append(event)
        files.elapsed += 61
    assert len(list(place.glob("*.seg"))) <= 6
    assert drained(spool) == events(500, 100)


def test_nothing_is_rolled_when_nothing_was_written(place: Path, new_spool: NewSpool) -> None:
    spool = new_spool()
    ticket = spool.start(b"{}")
    spool.roll()
    names = sorted(place.iterdir())
    for _ in range(5):
        spool.roll()
    assert sorted(place.iterdir()) == names
    spool.cancel(ticket)


def test_a_closed_spool_takes_nothing_and_keeps_what_waits(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool()
    for event in events(3):
        spool.append(event)
    spool.settle(shipped(spool, max_events=1))
    spool.close()
    spool.close()
    assert spool.pending == 2
    with pytest.raises(SpoolError) as caught:
        spool.append(b"{}")
    assert caught.value.reason == "closed"
    assert spool.next(1, 100) is None
    assert spool.adopt() == 0
    other = new_spool()
    assert other.adopt() == reports["adopted"] == 2
    assert drained(other) == events(3)[1:]
    assert list(place.glob("*.*")) == [place / "ship.lock"]


def test_two_spools_share_a_directory_and_one_of_them_ships(new_spool: NewSpool) -> None:
    first, second = new_spool(), new_spool()
    first.append(b"1")
    second.append(b"2")
    assert first.adopt() == second.adopt() == 0
    parcel = shipped(first)
    assert parcel.events == (b"1",)
    assert second.next(1, 100) is None
    assert second.busy
    first.settle(parcel)
    assert second.next(1, 100) is None
    first.release()
    assert shipped(second).events == (b"2",)
    assert not second.busy


def test_what_a_dead_process_left_is_shipped_first_and_apart(
    new_spool: NewSpool, reports: Reports
) -> None:
    dead, living = new_spool(), new_spool()
    dead.append(b"dead")
    dead.start(b"aborted")
    living.append(b"living")
    dead.renew()
    assert living.adopt() == 2
    assert reports == {"adopted": 1, "aborted": 1}
    parcel = shipped(living)
    assert (parcel.events, parcel.adopted) == ((b"dead", b"aborted"), True)
    living.settle(parcel)
    parcel = shipped(living)
    assert (parcel.events, parcel.adopted) == ((b"living",), False)


def test_many_segments_of_the_dead_are_taken_a_few_at_a_time(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    for event in events(30):
        dead = new_spool()
        dead.append(event)
        dead.close()
    spool = new_spool()
    descriptors = len(os.listdir("/dev/fd"))
    assert spool.adopt() == 8
    assert len(os.listdir("/dev/fd")) <= descriptors + 9
    assert drained(spool) == events(30)
    assert reports["adopted"] == 30
    assert list(place.glob("*.seg")) == []


def test_a_call_that_ends_is_not_aborted(new_spool: NewSpool, reports: Reports) -> None:
    spool, other = new_spool(), new_spool()
    answered, skipped, _ = (spool.start(b"%d" % n) for n in range(3))
    spool.append(b"answer", started=answered)
    spool.cancel(skipped)
    spool.renew()
    assert other.adopt() == 2
    assert sorted(drained(other)) == [b"2", b"answer"]
    assert reports == {"adopted": 1, "aborted": 1}


def test_an_open_call_moves_on_with_the_segments(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool, other = new_spool(max_bytes=80_000), new_spool()
    open_one, ended = spool.start(b"open"), spool.start(b"ended")
    for event in events(30, 1000):
        spool.append(event)
    spool.append(b"answer", started=ended)
    assert spool.pending == 31
    shipped_here = drained(spool)
    assert len(list(place.glob("*.seg"))) == 1
    assert open_one != ended
    spool.renew()
    assert other.adopt() == 1
    assert drained(other) == [b"open"]
    assert reports == {"aborted": 1}
    assert b"ended" not in shipped_here


def test_calls_that_are_open_when_the_spool_closes_are_aborted(new_spool: NewSpool) -> None:
    spool, other = new_spool(), new_spool()
    spool.start(b"open")
    spool.append(b"event")
    spool.close()
    assert other.adopt() == 2
    assert sorted(drained(other)) == [b"event", b"open"]


def test_a_call_that_is_open_is_kept_though_every_event_is_settled(new_spool: NewSpool) -> None:
    spool, other = new_spool(), new_spool()
    spool.start(b"open")
    spool.append(b"event")
    assert drained(spool) == [b"event"]
    spool.close()
    assert other.adopt() == 1
    assert drained(other) == [b"open"]


def test_open_calls_have_a_bound(new_spool: NewSpool) -> None:
    spool = new_spool()
    tickets = [spool.start(b"x" * (1 << 20)) for _ in range(10)]
    assert [bool(ticket) for ticket in tickets] == [True] * 8 + [False] * 2
    spool.append(b"{}", started=tickets[-1])
    spool.cancel(tickets[0])
    assert spool.start(b"x" * (1 << 20))


def test_who_only_writes_leaves_sealed_segments_to_others(new_spool: NewSpool) -> None:
    writer, other = new_spool(), new_spool()
    writer.write_only = True
    assert writer.write_only
    writer.append(b"1")
    assert other.adopt() == 0
    writer.roll()
    assert writer.pending == 0
    assert other.adopt() == 1
    writer.append(b"2")
    assert drained(other) == [b"1"]
    assert other.adopt() == 0


def test_eight_threads_lose_nothing(new_spool: NewSpool, reports: Reports) -> None:
    spool = new_spool(max_bytes=4 << 20)
    found: list[bytes] = []
    done = threading.Event()

    def append(name: int) -> None:
        for n in range(500):
            ticket = spool.start(b"begun") if n % 5 == 0 else None
            spool.append(b'{"t":%d,"n":%d,"f":"%s"}' % (name, n, b"x" * 500), started=ticket)

    def ship() -> None:
        while not (done.is_set() and not spool.pending):
            found.extend(drained(spool))
            spool.sync()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        shipper = threading.Thread(target=ship)
        writers = [threading.Thread(target=append, args=(name,)) for name in range(8)]
        for thread in (shipper, *writers):
            thread.start()
        for thread in writers:
            thread.join(30)
        done.set()
        shipper.join(30)
    finally:
        sys.setswitchinterval(interval)
    assert len(found) == len(set(found)) == 4000
    for name in range(8):
        own = [event for event in found if event.startswith(b'{"t":%d,' % name)]
        assert own == sorted(own, key=lambda event: int(event.split(b":")[2].split(b",")[0]))
    assert not reports


def test_an_append_from_within_an_append_is_refused_and_not_stuck(new_spool: NewSpool) -> None:
    """As a finaliser does, or a signal handler, on the thread that it interrupts."""

    class Interrupting(FaultyFiles):
        def write(self, descriptor: int, content: bytes) -> int:
            if content.endswith(b"outer"):
                with pytest.raises(SpoolError, match="in use by what this interrupts"):
                    spool.append(b"inner")
            return super().write(descriptor, content)

    spool = new_spool(files=Interrupting())
    spool.append(b"outer")
    assert spool.degraded is None
    assert drained(spool) == [b"outer"]


def test_an_event_survives_that_the_next_one_is_interrupted(new_spool: NewSpool) -> None:
    """A signal handler may raise at any point: also when the bytes are written."""

    class Interrupted(FaultyFiles):
        def write(self, descriptor: int, content: bytes) -> int:
            written = super().write(descriptor, content)
            if content.endswith(b"interrupted"):
                raise KeyboardInterrupt
            return written

    spool, other = new_spool(files=Interrupted()), new_spool()
    spool.append(b"before")
    with pytest.raises(KeyboardInterrupt):
        spool.append(b"interrupted")
    spool.append(b"after")
    assert spool.pending == 2
    spool.renew()
    assert other.adopt() == 2
    assert drained(other) == [b"before", b"after"]


def test_events_expire_after_three_days(place: Path, new_spool: NewSpool, reports: Reports) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files)
    spool.append(b"old")
    spool.sync()
    files.elapsed += 72 * 3600 + 1
    spool.append(b"new")
    spool.sync()
    assert reports == {"expired": 1}
    assert drained(spool) == [b"new"]


def test_a_clock_that_jumps_ahead_expires_nothing(new_spool: NewSpool, reports: Reports) -> None:
    class Jumped(FaultyFiles):
        def time(self) -> int:
            return super().time() + 365 * 86_400 * 10**9

    dead = new_spool()
    dead.append(b"of the dead")
    dead.close()
    files = Jumped()
    spool = new_spool(files=files)
    spool.append(b"ours")
    assert spool.adopt() == 1
    spool.sync()
    files.elapsed += 599
    spool.sync()
    assert spool.pending == 2
    files.elapsed += 61
    spool.sync()
    assert spool.pending == 1, "adopted events had their chance"
    assert reports == {"adopted": 1, "expired": 1}

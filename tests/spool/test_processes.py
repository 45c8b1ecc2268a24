"""Real processes: killed, forked, several at one spool."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from spool_kit.faults import FaultyFiles
from spool_kit.processes import Child, forked
from spool_kit.reports import Reports, drained

from apilog.spool import Spool
from apilog.spool.inspect import survey

NewSpool = Callable[..., Spool]


def adopted_and_drained(spool: Spool) -> list[bytes]:
    """Ship what the dead left, however many segments that is."""
    found: list[bytes] = []
    while spool.adopt() or spool.pending:
        found += drained(spool)
    return found


def appending(place: Path, size: int) -> Callable[[int], None]:
    """Return a child's work: append for ever, and say the number of each event that is stored."""

    def work(pipe: int) -> None:
        spool = Spool(place, report=Reports())
        number = 0
        while True:
            ticket = spool.start(b'{"begun":%d}' % number) if number % 3 == 0 else None
            spool.append(b'{"n":%d,"f":"%s"}' % (number, b"x" * size), started=ticket)
            os.write(pipe, b"%d\n" % number)
            number += 1

    return work


def kill_and_check(place: Path, size: int, spool: Spool, reports: Reports) -> int:
    """Kill a child that appends; return how many events it had stored."""
    child = forked(appending(place, size))
    said = child.heard()
    time.sleep(random.random() * 0.01)  # at any moment, which is not to be waited for
    child.kill()
    said += child.rest()
    assert child.ended() == -signal.SIGKILL
    stored = len(said.splitlines())
    reports.clear()
    found = adopted_and_drained(spool)
    numbers = [int(event.split(b":")[1].split(b",")[0]) for event in found if b'"n"' in event]
    begun = [event for event in found if b'"begun"' in event]
    assert numbers[:stored] == list(range(stored))
    assert len(numbers) <= stored + 1
    assert len(begun) == reports["aborted"] <= 1
    return stored


@pytest.mark.parametrize(("size", "kills"), [(200, 40), (2_000, 30), (8_000, 20), (500_000, 10)])
def test_a_killed_process_loses_nothing_that_it_had_stored(
    size: int, kills: int, place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool()
    stored = sum(kill_and_check(place, size, spool, reports) for _ in range(kills))
    assert stored > kills
    assert list(place.glob("*.seg")) == []


def large(number: int, sizes: Sequence[int]) -> bytes:
    """Return a large event; its content follows from its number, to the last byte."""
    size = sizes[number % len(sizes)]
    word = b"%d," % number
    return b'{"n":%d,"f":"%s"}' % (number, (word * (size // len(word)))[:size])


def tear(place: Path, spool: Spool, reports: Reports, sizes: Sequence[int]) -> int:
    """Kill a child amid large events; return how many records that tore: none of them is taken."""

    def work(pipe: int) -> None:
        theirs = Spool(place, report=Reports())
        for number in range(1_000_000):
            theirs.append(large(number, sizes))
            os.write(pipe, b"%d\n" % number)

    child = forked(work)
    said = child.heard()
    time.sleep(random.random() * 0.01)  # at any moment, which is not to be waited for
    child.kill()
    said += child.rest()
    assert child.ended() == -signal.SIGKILL
    stored = len(said.splitlines())
    reports.clear()
    found = adopted_and_drained(spool)
    assert stored <= len(found) <= stored + 1
    assert all(event == large(number, sizes) for number, event in enumerate(found))
    torn = reports["corrupt"]
    assert torn <= 1
    assert set(reports) <= {"adopted", "corrupt"}
    return torn


LARGE = (64_000, 300_000, 1_000_000, 2_000_000)


@pytest.mark.parametrize(
    "kills", [12, pytest.param(200, marks=pytest.mark.long)], ids=["a few", "two hundred"]
)
def test_a_kill_tears_one_large_event_at_most_and_it_is_not_taken_for_whole(
    kills: int, place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool()
    torn = sum(tear(place, spool, reports, LARGE) for _ in range(kills))
    print(f"\n{kills} kills tore {torn} records")
    assert list(place.glob("*.seg")) == []


@pytest.mark.long
def test_two_thousand_kills_lose_nothing(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool()
    for number in range(2000):
        kill_and_check(place, (200, 2_000, 8_000, 300_000)[number % 4], spool, reports)


def test_a_fork_while_locks_are_held_ends_in_no_deadlock(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool()
    done = threading.Event()
    appended: list[bytes] = []
    shipped: list[bytes] = []

    def append() -> None:
        while not done.is_set():
            event = b"parent-%d-" % len(appended) + b"x" * 300
            spool.append(event)
            appended.append(event)
            done.wait(0.0005)

    def ship() -> None:
        while not done.is_set():
            shipped.extend(drained(spool))
            spool.sync()
            spool.release()
            spool.adopt()
            done.wait(0.001)

    def work(pipe: int) -> None:
        spool.renew()
        assert spool.pending == 0
        spool.append(b"child-%d" % os.getpid())
        spool.sync()

    threads = [threading.Thread(target=append), threading.Thread(target=ship)]
    for thread in threads:
        thread.start()
    try:
        children = []
        for _ in range(200):
            child = forked(work)
            assert child.rest() == b""
            assert child.ended() == 0
            children.append(b"child-%d" % child.pid)
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    shipped += adopted_and_drained(spool)
    assert sorted(shipped) == sorted(appended + children)
    assert reports["adopted"] == 200
    assert list(reports) == ["adopted"]


def test_a_child_does_not_keep_what_its_parent_left(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    """A lock lives until everybody has closed the file who has it open."""

    def parent(pipe: int) -> None:
        spool = Spool(place, report=Reports())
        spool.append(b"of the parent")
        assert spool.next(1, 100)
        grandchild = os.fork()
        if not grandchild:
            spool.renew()
            spool.append(b"of the child")
            os.write(pipe, b"%d" % os.getpid())
            signal.pause()
        os._exit(0)

    child = forked(parent)
    grandchild = int(child.heard())
    assert child.ended() == 0
    spool = new_spool()
    try:
        assert spool.adopt() == 1
        assert drained(spool) == [b"of the parent"]
        assert [each.state for each in survey(place).segments] == ["live"]
    finally:
        os.kill(grandchild, signal.SIGKILL)
    assert _adopted_in_time(spool) == 1
    assert drained(spool) == [b"of the child"]


def _adopted_in_time(spool: Spool) -> int:
    """Adopt as soon as a process that was killed is gone; it is not ours to wait for."""
    deadline = time.monotonic() + 20
    while not (count := spool.adopt()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return count


def test_a_fork_in_the_middle_of_opening_leaves_no_descriptor_behind(
    place: Path, new_spool: NewSpool
) -> None:
    """Another thread may be about to get one, which stands in no book yet."""
    opened, forking = threading.Event(), threading.Event()

    class Slow(FaultyFiles):
        slow = False

        def _opened(self, name: str, flags: int, folder: int | None) -> int:
            if not self.slow:
                return super()._opened(name, flags, folder)
            token = object()
            self._opening.add(token)
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
            opened.set()
            assert forking.wait(20)
            self._opening.discard(token)
            self._open.add(descriptor)
            return descriptor

    files = Slow()
    spool = new_spool(files=files)
    spool.append(b"1")
    spool.roll()
    files.slow = True
    thread = threading.Thread(target=spool.append, args=(b"2",))
    thread.start()
    assert opened.wait(20)

    def work(pipe: int) -> None:
        spool.renew()
        targets = [
            os.path.realpath(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")
        ]
        os.write(pipe, b"%d" % sum(target.startswith(str(place)) for target in targets))

    child = forked(work)
    said = child.rest()
    files.slow = False
    forking.set()
    thread.join(20)
    assert (said, child.ended()) == (b"0", 0)
    assert drained(spool) == [b"1", b"2"]


def test_a_fork_in_the_middle_of_closing_leaves_no_lock_behind(
    place: Path, new_spool: NewSpool
) -> None:
    """The child would hold the lock of the one who ships, as long as it lives, and not know it."""
    closing, forking = threading.Event(), threading.Event()

    class Slow(set[int]):
        def discard(self, descriptor: int) -> None:
            super().discard(descriptor)
            closing.set()
            assert forking.wait(20)

    files = FaultyFiles()
    spool = new_spool(files=files)
    spool.append(b"of the parent")
    assert spool.next(1, 100)
    files._open = Slow(files._open)
    thread = threading.Thread(target=spool.release)
    thread.start()
    assert closing.wait(20)

    def work(pipe: int) -> None:
        forking.set()
        spool.renew()
        spool.append(b"of the child")
        os.write(pipe, b"ready")
        os.read(go, 1)
        os.write(pipe, b"".join(drained(spool)))

    go, say = os.pipe()
    child = forked(work)
    said = child.heard()
    forking.set()
    thread.join(20)
    os.write(say, b"!")
    said += child.rest()
    assert (said, child.ended()) == (b"readyof the child", 0)
    assert drained(spool) == [b"of the parent"]
    os.close(go)
    os.close(say)


def test_a_parcel_of_the_parent_means_nothing_in_the_child(
    place: Path, new_spool: NewSpool
) -> None:
    spool = new_spool()
    spool.append(b"1")
    parcel = spool.next(1, 100)
    assert parcel is not None

    def work(pipe: int) -> None:
        spool.renew()
        spool.settle(parcel)
        spool.put_back(parcel)
        spool.release()
        spool.close()

    child = forked(work)
    assert (child.rest(), child.ended()) == (b"", 0)
    assert list(place.glob("*.ack")) == []
    assert spool.pending == 1
    spool.settle(parcel)
    assert spool.pending == 0


def test_several_processes_ship_every_event_once(place: Path, new_spool: NewSpool) -> None:
    """Each appends, adopts and ships; half of them are killed."""

    def work(pipe: int) -> None:
        spool = Spool(place, report=Reports())
        for number in range(400):
            event = b"%d-%d" % (os.getpid(), number)
            spool.append(event)
            os.write(pipe, b"stored %s\n" % event)
            if number % 7 == 0:
                spool.adopt()
                while (parcel := spool.next(5, 1000)) is not None:
                    os.write(pipe, b"".join(b"shipped %s\n" % each for each in parcel.events))
                    spool.settle(parcel)
                spool.release()
        os.write(pipe, b"done\n")
        signal.pause()

    children = [forked(work) for _ in range(4)]
    said = [_said_until_done(child) for child in children]
    for child in children:
        child.kill()
        said.append(child.rest())
        child.ended()
    lines = b"".join(said).splitlines()
    stored = [line[7:] for line in lines if line.startswith(b"stored ")]
    shipped = [line[8:] for line in lines if line.startswith(b"shipped ")]
    rest = adopted_and_drained(new_spool())
    assert len(stored) == 1600
    assert shipped
    assert sorted(shipped + rest) == sorted(stored)


def _said_until_done(child: Child) -> bytes:
    said = b""
    while not said.endswith(b"done\n"):
        said += child.heard()
    return said

"""A disk that is full, broken, gone or unsafe: there is a reason, and no event is half there."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from spool_kit.faults import FaultyFiles, ShortFiles
from spool_kit.reports import Reports, drained

from apilog.spool import Spool, SpoolError
from apilog.spool.files import Files

NewSpool = Callable[..., Spool]


def refused(spool: Spool, event: bytes = b"{}") -> str:
    with pytest.raises(SpoolError) as caught:
        spool.append(event)
    assert spool.degraded == caught.value.reason
    return caught.value.reason


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EFBIG, "file_too_large"),
        (errno.EIO, "disk_error"),
        (errno.ESTALE, "unavailable"),
        (errno.EROFS, "unavailable"),
    ],
    ids=errno.errorcode.get,
)
def test_a_write_that_fails_has_a_reason_and_costs_nothing_else(
    number: int, reason: str, new_spool: NewSpool, reports: Reports
) -> None:
    files = FaultyFiles()
    spool, other = new_spool(files=files), new_spool()
    spool.append(b"before")
    files.fail(["write"], number)
    assert refused(spool) == reason
    tries = files.calls["write"]
    assert refused(spool) == reason
    assert files.calls["write"] == tries, "the second one is refused without a look"
    files.mend()
    spool.append(b"after")
    assert spool.degraded is None
    spool.renew()
    assert other.adopt() == 2
    assert drained(other) == [b"before", b"after"]
    assert reports == {"adopted": 2}


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EACCES, errno.ENOLCK])
@pytest.mark.parametrize("call", ["open", "open_folder", "lock", "rename", "keep_private"])
def test_a_segment_that_cannot_be_made_is_made_later(
    call: str, number: int, place: Path, new_spool: NewSpool
) -> None:
    place.mkdir(mode=0o700)
    files = FaultyFiles()
    spool = new_spool(files=files)
    if call == "lock":
        spool.append(b"first")
        spool.roll()
    files.fail([call], number)
    assert refused(spool) == "unavailable"
    assert files.failed[call]
    assert list(place.glob("*.tmp")) == []
    files.mend()
    spool.append(b"{}")
    assert drained(spool)[-1] == b"{}"


def test_an_open_segment_goes_on_when_the_next_one_cannot_be_made(
    place: Path, new_spool: NewSpool
) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files, max_bytes=80_000)
    spool.append(b"first")
    files.fail(["open"], errno.EMFILE)
    for n in range(30):
        spool.append(b"%d" % n * 1000)
    assert files.failed["open"] < 5
    assert len(list(place.glob("*.seg"))) == 1
    files.mend()
    assert len(drained(spool)) == 31


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("room", [0, 1, 24, 500, 1031])
def test_a_short_write_is_taken_back(
    room: int, number: int, place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    files = ShortFiles(1 << 20, number)
    spool, other = new_spool(files=files), new_spool()
    spool.append(b"before")
    [segment] = place.glob("*.seg")
    size = segment.stat().st_size
    files.room = room
    assert refused(spool, b"x" * 1000) == "disk_full"
    assert segment.stat().st_size == size
    files.room = 1 << 20
    files.elapsed += 1
    spool.append(b"after")
    spool.renew()
    assert other.adopt() == 2
    assert drained(other) == [b"before", b"after"]
    assert reports == {"adopted": 2}


def test_a_write_that_cannot_be_taken_back_ends_its_segment(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    files = ShortFiles(1 << 20, errno.EIO)
    spool, other = new_spool(files=files), new_spool()
    spool.append(b"before")
    files.room = 10
    files.fail(["cut"], errno.EIO)
    assert refused(spool) == "disk_error"
    files.room = 1 << 20
    files.elapsed += 1
    spool.append(b"after")
    assert len(list(place.glob("*.seg"))) == 2
    spool.renew()
    assert other.adopt() == 2
    assert drained(other) == [b"before", b"after"]
    assert reports["adopted"] == 2


def test_a_segment_that_a_full_disk_left_unsealed_is_sealed_later(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    """Or the calls that had begun in it would seem to be aborted."""
    files = FaultyFiles()
    spool, other = new_spool(files=files), new_spool()
    ticket = spool.start(b"begun")
    spool.append(b"1")
    spool.cancel(ticket)
    files.fail(["write"], errno.ENOSPC)
    spool.roll()
    files.mend()
    spool.append(b"2")
    spool.sync()
    spool._tidy_at = 0
    spool.sync()
    spool.renew()
    assert other.adopt() == 2
    assert drained(other) == [b"1", b"2"]
    assert reports == {"adopted": 2}


def test_an_interrupted_call_is_made_again(new_spool: NewSpool) -> None:
    class Interrupted(FaultyFiles):
        times = 3

        def write(self, descriptor: int, content: bytes) -> int:
            if self.times:
                self.times -= 1
                raise InterruptedError(errno.EINTR, "interrupted")
            return super().write(descriptor, content)

    files = Interrupted()
    spool = new_spool(files=files)
    spool.append(b"{}")
    assert not files.times
    assert drained(spool) == [b"{}"]


def test_a_sync_that_failed_once_is_not_believed_later(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files)
    spool.append(b"1")
    spool.append(b"2")
    [suspect] = place.glob("*.seg")
    real = FaultyFiles.sync
    synced: list[int] = []

    def failing_once(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 1:
            raise OSError(errno.EIO, "the pages are marked as clean now")
        real(files, descriptor)

    files.sync = failing_once  # type: ignore[method-assign]
    spool.sync()
    assert len(synced) == 3, "the old file, the new one, the directory"
    assert not suspect.exists()
    assert reports == {"suspect": 2}
    assert drained(spool) == [b"1", b"2"]
    spool.append(b"3")
    assert drained(spool) == [b"3"]


def test_nothing_is_synced_twice(new_spool: NewSpool) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files)
    spool.append(b"{}")
    spool.sync()
    calls = files.calls["sync"]
    assert calls == 2
    spool.sync()
    assert files.calls["sync"] == calls


def test_a_page_that_cannot_be_read_costs_the_events_on_it(
    new_spool: NewSpool, reports: Reports
) -> None:
    class Scratched(FaultyFiles):
        def read(self, descriptor: int, size: int, offset: int) -> bytes:
            if offset <= 10_000 < offset + size:
                raise OSError(errno.EIO, "bad sector")
            return super().read(descriptor, size, offset)

    events = [b"%03d" % n + b"x" * 200 for n in range(100)]
    spool = new_spool(files=Scratched())
    for event in events:
        spool.append(event)
    found = drained(spool)
    assert 75 <= len(found) < 100
    assert set(found) < set(events)
    assert reports["damaged"] == 100 - len(found)
    assert (spool.pending, spool.pending_bytes) == (0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(disk)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount).returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)  # also when a test has left it busy


def test_a_full_disk_takes_nothing_and_goes_on_when_there_is_room(
    small_disk: Path, new_spool: NewSpool, reports: Reports
) -> None:
    files = FaultyFiles()
    spool = new_spool(small_disk / "spool", files=files)
    ballast = small_disk / "ballast"
    stored: list[int] = []

    def fill() -> None:
        for n in range(3000):
            spool.append(b'{"n":%d,"f":"%s"}' % (n, b"x" * 1500))
            stored.append(n)

    with pytest.raises(SpoolError) as caught:
        fill()
    assert caught.value.reason == "disk_full"
    assert 1000 < len(stored) < 1400
    ballast.touch()
    half = spool.next(500, 1 << 20)
    assert half is not None
    spool.settle(half)
    spool.roll()
    rest = drained(spool)
    assert len(half.events) + len(rest) == len(stored), "a full disk can be emptied"
    files.elapsed += 1
    spool.append(b"again")
    assert drained(spool) == [b"again"]
    assert not reports


def test_a_disk_is_left_to_others_before_it_is_full(place: Path, new_spool: NewSpool) -> None:
    class NearlyFull(FaultyFiles):
        free = 100 << 30

        def space(self, folder: int) -> tuple[int, int]:
            return self.free, 200 << 30

    files = NearlyFull()
    spool = new_spool(files=files)
    spool.append(b"{}")
    files.free = (1 << 30) - 1
    reason = None
    for _ in range(3000):
        try:
            spool.append(b"x" * 2000)
        except SpoolError as error:
            reason = error.reason
            break
    assert reason == "disk_full"
    files.free = 1 << 30
    files.elapsed += 1
    spool.append(b"{}")


def test_a_small_disk_may_be_used_nearly_to_the_end(new_spool: NewSpool) -> None:
    class Small(FaultyFiles):
        def space(self, folder: int) -> tuple[int, int]:
            return 600 << 10, 10 << 20

    spool = new_spool(files=Small())
    spool.append(b"{}")
    assert drained(spool) == [b"{}"]


LIMITED = """
import resource, sys
from apilog.spool import Spool, SpoolError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
spool = Spool(sys.argv[1], report=lambda *_: None)
for number in range(200):
    spool.append(b"%03d" % number + b"x" * 2000)
try:
    spool.append(b"x" * 200_000)
except SpoolError as error:
    print(error.reason)
"""


def test_a_file_that_may_not_grow_gives_way_to_the_next(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    assert resource.RLIMIT_FSIZE is not None
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(place)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert result.stdout == "file_too_large\n"
    assert len(list(place.glob("*.seg"))) >= 5
    spool = new_spool()
    spool.adopt()
    assert [int(event[:3]) for event in drained(spool)] == list(range(200))
    assert reports == {"adopted": 200}


def test_a_directory_that_vanished_is_made_again(place: Path, new_spool: NewSpool) -> None:
    files = FaultyFiles()
    spool = new_spool(files=files)
    spool.append(b"1")
    shutil.rmtree(place)
    files.elapsed += 1
    spool.append(b"2")
    assert len(list(place.glob("*.seg"))) == 1
    assert drained(spool) == [b"1", b"2"], "what is open can be read to the end"


def test_what_is_open_is_shipped_though_the_directory_vanished(
    place: Path, new_spool: NewSpool
) -> None:
    spool = new_spool()
    spool.append(b"1")
    shutil.rmtree(place)
    assert drained(spool) == [b"1"]
    spool.release()
    spool.adopt()
    spool.sync()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777], ids=oct)
def test_a_directory_that_others_may_write_in_is_not_used(
    mode: int, place: Path, new_spool: NewSpool
) -> None:
    place.mkdir()
    place.chmod(mode)
    spool = new_spool()
    assert refused(spool) == "unsafe"
    assert spool.adopt() == 0
    with pytest.raises(SpoolError):
        spool.quarantine(b"{}", "refused")
    assert list(place.iterdir()) == []


def test_a_link_is_not_followed(place: Path, tmp_path: Path, new_spool: NewSpool) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    place.symlink_to(target)
    assert refused(new_spool()) == "unsafe"
    assert list(target.iterdir()) == []


def test_a_file_is_no_directory(place: Path, new_spool: NewSpool) -> None:
    place.write_text("precious")
    assert refused(new_spool()) == "unsafe"
    assert place.read_text() == "precious"


def test_a_directory_of_another_user_is_not_used(place: Path, new_spool: NewSpool) -> None:
    class Somebody(FaultyFiles):
        def user(self) -> int:
            return super().user() + 1

    place.mkdir(mode=0o700)
    assert refused(new_spool(files=Somebody())) == "unsafe"


def test_a_directory_that_may_not_be_read_is_unavailable(place: Path, new_spool: NewSpool) -> None:
    class Locked(FaultyFiles):  # as root finds nothing locked, this says it
        def open_folder(self, path: str, folder: int | None = None) -> int:
            raise PermissionError(errno.EACCES, "Permission denied", path)

    place.mkdir(mode=0o700)
    assert refused(new_spool(files=Locked())) == "unavailable"


def test_one_missing_parent_is_made_and_no_more(place: Path, new_spool: NewSpool) -> None:
    new_spool(place / "one").append(b"{}")
    files = FaultyFiles()
    spool = new_spool(place / "two" / "three" / "four", files=files)
    assert refused(spool) == "unavailable"
    (place / "two").mkdir()
    files.elapsed += 1
    spool.append(b"{}")


def test_a_link_planted_in_place_of_a_file_is_not_followed(
    place: Path, tmp_path: Path, new_spool: NewSpool
) -> None:
    """Whoever may write in the directory is us; but a mistake must not become a hole."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    spool = new_spool()
    spool.append(b"1")
    spool.append(b"2")
    [segment] = place.glob("*.seg")
    segment.with_suffix(".ack").symlink_to(victim)
    (place / "ship.lock").unlink()
    (place / "ship.lock").symlink_to(victim)
    assert spool.next(1, 100) is None
    (place / "ship.lock").unlink()
    parcel = spool.next(1, 100)
    assert parcel is not None
    spool.settle(parcel)
    (place / "quarantine").symlink_to(tmp_path)
    with pytest.raises(SpoolError) as caught:
        spool.quarantine(b"{}", "refused")
    assert caught.value.reason == "unsafe"
    assert victim.read_text() == "precious"


def test_a_directory_that_becomes_a_link_is_not_used_any_more(
    place: Path, tmp_path: Path, new_spool: NewSpool
) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    files = FaultyFiles()
    spool = new_spool(files=files)
    spool.append(b"{}")
    shutil.rmtree(place)
    place.symlink_to(target)
    files.elapsed += 1
    assert refused(spool) == "unsafe"
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    "lock", [lambda *_: True, lambda *_: _unsupported()], ids=["that lie", "that do not work"]
)
def test_locks(lock: Callable[..., bool], place: Path, new_spool: NewSpool) -> None:
    """Where locks cannot be trusted each process is alone, and nobody adopts anything."""

    class Lying(FaultyFiles):
        def lock(self, descriptor: int) -> bool:
            return lock(descriptor)

    spools = [new_spool(files=Lying()) for _ in range(2)]
    for number, spool in enumerate(spools):
        spool.append(b"%d" % number)
    assert len(list(place.glob("alone-*/*.seg"))) == 2
    assert list(place.glob("*.seg")) == []
    for number, spool in enumerate(spools):
        assert spool.adopt() == 0
        assert drained(spool) == [b"%d" % number]


def _unsupported() -> bool:
    raise OSError(errno.ENOTSUP, "no locks here")


def test_a_lock_that_is_held_proves_that_locks_work(place: Path, new_spool: NewSpool) -> None:
    first, second = new_spool(), new_spool()
    first.append(b"1")
    assert first.next(1, 100)
    second.append(b"2")
    assert len(list(place.glob("*.seg"))) == 2


def test_an_event_beyond_all_bounds_is_refused(new_spool: NewSpool) -> None:
    spool = new_spool()
    with pytest.raises(SpoolError) as caught:
        spool.append(bytes((64 << 20) + 1))
    assert caught.value.reason == "file_too_large"
    assert spool.degraded is None


def test_a_stuck_disk_holds_up_one_thread_and_not_the_others(new_spool: NewSpool) -> None:
    import threading

    entered, leave = threading.Event(), threading.Event()

    class Stuck(FaultyFiles):
        def write(self, descriptor: int, content: bytes) -> int:
            if content.endswith(b"slow"):
                entered.set()
                assert leave.wait(30)
            return super().write(descriptor, content)

    spool = new_spool(files=Stuck())
    thread = threading.Thread(target=spool.append, args=(b"slow",))
    thread.start()
    assert entered.wait(30)
    assert refused(spool) == "unavailable"
    leave.set()
    thread.join(30)
    assert drained(spool) == [b"slow"]


def test_the_model_of_the_tests_has_all_calls_of_the_system() -> None:
    from spool_kit.model import ModelFiles

    calls = {name for name in vars(Files) if not name.startswith("_")}
    assert calls - {"renew", "lock_shared"} <= set(vars(ModelFiles))

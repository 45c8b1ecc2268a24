"""Disks that fail, as an app with apilog meets them: it answers, and every event is accounted for.

Most faults are made for real: a small disk, a limit of the process, a damaged file. Where that
cannot be done, the one place where the spool calls the system raises what it would raise.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from spool_kit.damage import KINDS
from spool_kit.faults import FaultyFiles
from spool_kit.reports import Reports, drained

from apilog import Client, Stats
from apilog.spool import Spool
from apilog.spool.files import Files
from apilog.spool.inspect import survey, verify
from apilog.spool.records import Kind, Record, encoded, scan
from apilog.wsgi import ApiLogMiddleware

NewSpool = Callable[..., Spool]
New = Callable[..., Client]

PATIENCE = 20.0
LONG = 3600


class Gate:
    """A destination that lets nothing through while it is shut."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.opened = threading.Event()
        self.opened.set()

    def send(self, batch: Sequence[bytes]) -> None:
        assert self.opened.wait(PATIENCE)
        self.events += batch

    @property
    def paths(self) -> list[str]:
        uris = [json.loads(event)["request"]["uri"] for event in self.events]
        return [uri.removeprefix("http://127.0.0.1") for uri in uris]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def new_client(place: Path, gate: Gate) -> Iterator[New]:
    with ExitStack() as stack:

        def new_client(**options: Any) -> Client:
            client = Client(gate, **{"spool": str(place), "flush_interval": 0.02, **options})
            stack.callback(client.close, 5)
            stack.callback(gate.opened.set)
            return client

        yield new_client


def call(client: Client, path: str = "/", body: bytes = b"hello", status: int = 200) -> None:
    """Make a call of a small app that *client* records; the answer must be the app's own."""
    head: list[Any] = []

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(f"{status} Said", [("Content-Type", "text/plain")])
        return [body]

    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    recorded = ApiLogMiddleware(app, client=client)
    response: Any = recorded(environ, lambda *said: head.append(said))
    try:
        assert b"".join(response) == body
    finally:
        getattr(response, "close", lambda: None)()
    assert head == [(f"{status} Said", [("Content-Type", "text/plain")])]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.005)


def balanced(stats: Stats) -> bool:
    places = (stats.queued, stats.delivered, stats.spooled, stats.quarantined)
    return stats.captured == sum(places) + sum(stats.dropped.values()) and min(places) >= 0


def on_disk(place: Path) -> bytes:
    return b"".join(each.read_bytes() for each in place.rglob("*.seg"))


def warnings_of_the_spool(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in caplog.messages if "spool cannot be used" in text]


durabilities = pytest.mark.parametrize("durability", ["worker", "request"])


# A full disk


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a disk of 2 MiB."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a disk")
    with ExitStack() as stack:

        def mounted(options: str) -> Path:
            disk = tmp_path / "disk"
            disk.mkdir(exist_ok=True)
            mount = ["mount", "-t", "tmpfs", "-o", f"size=2m,mode=0700,{options}", "tmpfs"]
            if subprocess.run([*mount, str(disk)], check=False).returncode:
                pytest.skip("this machine mounts no disk")
            stack.callback(subprocess.run, ["umount", "-l", str(disk)], check=True)
            return disk

        yield mounted


TEXT = random.Random(1).randbytes(2_000).hex().encode()
ROUND = 10


def call_often(client: Client, first: int) -> None:
    """Make some calls, and let the worker take them: it is the disk that is to be too small."""
    for number in range(first, first + ROUND):
        call(client, f"/{number}", TEXT)
    until(lambda: not client._lanes.of_calls[0]._ledger.waits)


@durabilities
def test_on_a_full_disk_events_wait_in_memory_and_go_back_to_it(
    durability: str,
    mounted: Callable[[str], Path],
    gate: Gate,
    new_client: New,
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = mounted("rw") / "spool"
    client = new_client(spool=str(place), durability=durability)
    gate.opened.clear()
    calls = 0
    while not client.stats().faults.get("spool_disk_full"):
        assert calls < 1_000, "the disk is full long before"
        call_often(client, calls)
        calls += ROUND
    stored = client.stats().spooled
    assert 300 < stored < 600
    assert verify(place) == [], "what was written in part was taken back"
    call_often(client, calls)
    calls += ROUND
    stats = client.stats()
    assert (stats.dropped, balanced(stats)) == ({}, True)
    assert stats.queued >= ROUND
    assert len(warnings_of_the_spool(caplog)) == 1
    gate.opened.set()
    assert client.flush(PATIENCE)
    assert sorted(gate.paths) == sorted(f"/{number}" for number in range(calls))
    gate.opened.clear()
    until(lambda: _call_and_see(client, "/again", place))


@durabilities
def test_what_memory_does_not_hold_either_is_counted_by_its_reason(
    durability: str, mounted: Callable[[str], Path], gate: Gate, new_client: New
) -> None:
    place = mounted("rw") / "spool"
    client = new_client(spool=str(place), durability=durability, queue_bytes=200_000)
    gate.opened.clear()
    calls = 0
    while client.stats().dropped.get("disk_full", 0) < 50:
        assert calls < 2_000
        call_often(client, calls)
        calls += ROUND
    stats = client.stats()
    assert (set(stats.dropped), balanced(stats)) == ({"disk_full"}, True)
    gate.opened.set()
    assert client.flush(PATIENCE)
    stats = client.stats()
    assert (stats.captured, stats.queued, stats.spooled) == (calls, 0, 0)
    assert len(set(gate.paths)) == len(gate.events) == stats.delivered
    assert stats.delivered == calls - stats.dropped["disk_full"]
    assert f"/{calls - 1}" in gate.paths, "the oldest went first"


def fill(path: Path) -> None:
    """Write until the disk takes nothing more."""

    def write() -> None:
        with path.open("wb", buffering=0) as ballast:
            while True:
                ballast.write(b"x" * 4_096)

    with pytest.raises(OSError, match="No space left"):
        write()


def test_what_is_delivered_leaves_a_disk_that_is_still_full(
    mounted: Callable[[str], Path], new_spool: NewSpool, reports: Reports
) -> None:
    disk = mounted("rw")
    spool = new_spool(disk / "spool", max_bytes=1 << 20)
    for number in range(400):
        spool.append(b'{"n":%d,"f":"%s"}' % (number, TEXT[:1_500]))
    spool.roll()
    fill(disk / "ballast")
    held = survey(disk / "spool").segments
    assert len(held) > 2
    assert len(drained(spool)) == 400
    assert list((disk / "spool").glob("*.seg")) == []
    assert not reports


LIMITED = """
import resource, sys, threading, time
from wsgiref.util import setup_testing_defaults
from apilog import Client
from apilog.wsgi import ApiLogMiddleware

paths, opened = [], threading.Event()


class Gate:
    def send(self, batch):
        import json
        opened.wait(20)
        paths.extend(json.loads(event)["request"]["uri"][16:] for event in batch)


def call(client, path, body):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    response = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    assert list(response) == [body]
    response.close()


resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
client = Client(Gate(), spool=sys.argv[1], durability=sys.argv[2], flush_interval=0.02)
for number in range(100):
    call(client, f"/{number}", b"y" * 3_000)
call(client, "/large", b"z" * 200_000)
while not client.stats().faults.get("spool_file_too_large"):
    call(client, "/again", b"")
    time.sleep(0.01)  # or the queue would overflow, and /large go with it
opened.set()
assert client.flush(20), client.stats()
stats = client.stats()
assert stats.dropped == {}, stats
assert stats.delivered == stats.captured == len(paths), stats
assert {f"/{number}" for number in range(100)} | {"/large"} <= set(paths)
assert client.close(5)
print("all there")
"""


@durabilities
def test_an_event_too_large_for_any_file_goes_by_memory(durability: str, place: Path) -> None:
    """The limit is that of the process, and its signal would kill a process less careful."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(place), durability],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert (ended.stdout, ended.returncode) == ("all there\n", 0), ended.stderr
    assert "Traceback" not in ended.stderr


# A disk in trouble


class Trouble:
    """What the system says to some of the calls of every spool; nothing while *number* is None."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.number: int | None = None
        self.met = 0

    def strike(self, method: str, number: int) -> None:
        really = getattr(Files, method)
        self.number = number

        def failing(files: Files, *arguments: Any) -> Any:
            if self.number is None:
                return really(files, *arguments)
            self.met += 1
            raise OSError(self.number, os.strerror(self.number))

        self._monkeypatch.setattr(Files, method, failing)


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Trouble:
    return Trouble(monkeypatch)


@durabilities
@pytest.mark.parametrize(
    ("method", "number", "reason"),
    [
        pytest.param("write", errno.EDQUOT, "disk_full", id="EDQUOT when it writes"),
        pytest.param("write", errno.EIO, "disk_error", id="EIO when it writes"),
        pytest.param("write", errno.EINTR, "disk_error", id="EINTR whenever it writes"),
        pytest.param("write", errno.ESTALE, "unavailable", id="ESTALE when it writes"),
        pytest.param("open", errno.EMFILE, "unavailable", id="EMFILE when it opens"),
        pytest.param("open_folder", errno.ESTALE, "unavailable", id="ESTALE when it opens"),
        pytest.param("status", errno.EIO, "disk_error", id="EIO when it looks"),
        pytest.param("space", errno.EIO, "disk_error", id="EIO when it asks for the room"),
        pytest.param("names", errno.EIO, "disk_error", id="EIO when it reads the directory"),
        pytest.param("rename", errno.EDQUOT, "disk_full", id="EDQUOT when it renames"),
        pytest.param("lock", errno.EINTR, None, id="EINTR when it locks"),
    ],
)
def test_trouble_with_the_disk_is_counted_and_costs_no_event(
    method: str,
    number: int,
    reason: str | None,
    durability: str,
    trouble: Trouble,
    gate: Gate,
    new_client: New,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trouble.strike(method, number)
    client = new_client(durability=durability)
    for path in range(5):
        call(client, f"/{path}")
    assert client.flush(PATIENCE)
    assert trouble.met, "the fault happened"
    stats = client.stats()
    assert (sorted(gate.paths), stats.dropped) == ([f"/{path}" for path in range(5)], {})
    assert (stats.delivered, balanced(stats)) == (5, True)
    if reason is not None:
        assert stats.faults[f"spool_{reason}"] >= 1
        assert len(warnings_of_the_spool(caplog)) == 1
        assert {name for name in stats.faults if name.startswith("spool_")} == {f"spool_{reason}"}


@durabilities
def test_trouble_that_comes_later_and_goes_costs_no_event_either(
    durability: str, trouble: Trouble, gate: Gate, new_client: New, place: Path
) -> None:
    client = new_client(durability=durability)
    gate.opened.clear()
    call(client, "/before")
    until(lambda: b"/before" in on_disk(place))
    trouble.strike("write", errno.EIO)
    call(client, "/amid")
    until(lambda: client.stats().faults.get("spool_disk_error", 0) >= 1)
    trouble.number = None
    until(lambda: _call_and_see(client, "/after", place))
    until(lambda: client.stats().queued == 0)
    assert b"/amid" in on_disk(place), "what waited in memory is on disk as well"
    gate.opened.set()
    assert client.flush(PATIENCE)
    stats = client.stats()
    assert set(gate.paths) == {"/before", "/amid", "/after"}
    assert (stats.dropped, stats.delivered, balanced(stats)) == ({}, stats.captured, True)


def _call_and_see(client: Client, path: str, place: Path) -> bool:
    call(client, path)
    return path.encode() in on_disk(place)


STARVED = """
import json, os, resource, sys, threading
from wsgiref.util import setup_testing_defaults
from apilog import Client
from apilog.wsgi import ApiLogMiddleware

paths = []


class Here:
    def send(self, batch):
        paths.extend(json.loads(event)["request"]["uri"][16:] for event in batch)


def call(client, path):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    response = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    assert list(response) == [b"hello"]
    response.close()


resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
client = Client(Here(), spool=sys.argv[1], durability=sys.argv[2], flush_interval=0.02)
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
for number in range(10):
    call(client, f"/{number}")
assert client.flush(20), client.stats()
stats = client.stats()
assert stats.faults["spool_unavailable"] >= 1, stats
for each in taken:
    os.close(each)
call(client, "/after")
assert client.close(5)
stats = client.stats()
assert (stats.delivered, stats.dropped) == (11, {}), stats
assert len(set(paths)) == 11
print("all there")
"""


@durabilities
def test_without_a_file_descriptor_left_events_go_by_memory(durability: str, place: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STARVED, str(place), durability],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert (ended.stdout, ended.returncode) == ("all there\n", 0), ended.stderr
    assert "Traceback" not in ended.stderr


# A directory that is not what it should be


def read_only(place: Path, mounted: Any) -> Path:
    if os.geteuid():
        place.mkdir()
        place.chmod(0o500)
        return place
    return Path(mounted("ro"))


def below_nothing(place: Path, mounted: Any) -> Path:
    return place / "missing" / "twice" / "spool"


def a_link(place: Path, mounted: Any) -> Path:
    target = place.with_name("target")
    target.mkdir(mode=0o700)
    place.symlink_to(target)
    return place


def another_users(place: Path, mounted: Any) -> Path:
    if os.geteuid():
        pytest.skip("only root may give a directory away")
    place.mkdir(mode=0o700)
    os.chown(place, 65_534, 65_534)
    return place


def open_to_all(place: Path, mounted: Any) -> Path:
    place.mkdir()
    place.chmod(0o777)
    return place


def a_file(place: Path, mounted: Any) -> Path:
    place.write_text("precious")
    return place


@durabilities
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(read_only, "unavailable", id="read-only"),
        pytest.param(below_nothing, "unavailable", id="missing, and so is what it should be in"),
        pytest.param(a_link, "unsafe", id="a symbolic link"),
        pytest.param(another_users, "unsafe", id="another user's"),
        pytest.param(open_to_all, "unsafe", id="open to all"),
        pytest.param(a_file, "unsafe", id="a file"),
    ],
)
def test_in_a_directory_that_cannot_be_used_nothing_is_written_and_memory_does_instead(
    make: Callable[[Path, Any], Path],
    reason: str,
    durability: str,
    place: Path,
    gate: Gate,
    new_client: New,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    mounted = request.getfixturevalue("mounted") if make is read_only and not os.geteuid() else None
    directory = make(place, mounted)
    before = sorted(directory.parent.rglob("*"))
    client = new_client(spool=str(directory), durability=durability)
    for path in range(5):
        call(client, f"/{path}")
    assert client.flush(PATIENCE)
    stats = client.stats()
    assert stats.faults[f"spool_{reason}"] >= 1
    assert (sorted(gate.paths), stats.dropped) == ([f"/{path}" for path in range(5)], {})
    assert (stats.delivered, balanced(stats)) == (5, True)
    assert len(warnings_of_the_spool(caplog)) == 1
    assert client.close(5)
    assert sorted(directory.parent.rglob("*")) == before
    assert not place.is_file() or place.read_text() == "precious"


@durabilities
def test_a_directory_that_is_deleted_under_an_app_is_made_again(
    durability: str, place: Path, gate: Gate, new_client: New
) -> None:
    client = new_client(durability=durability)
    gate.opened.clear()
    for path in range(5):
        call(client, f"/{path}")
    until(lambda: b"/4" in on_disk(place))
    shutil.rmtree(place)
    until(lambda: _call_and_see(client, "/after", place))
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    gate.opened.set()
    assert client.flush(PATIENCE)
    stats = client.stats()
    assert {f"/{path}" for path in range(5)} | {"/after"} == set(gate.paths)
    assert (stats.dropped, stats.delivered, balanced(stats)) == ({}, stats.captured, True)


# A disk that does not keep what it takes


class Unsafe(FaultyFiles):
    """A disk that fails to sync so many times, and then says that all is well."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.times = times
        self.synced: list[str] = []

    def sync(self, descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            self.synced.append(os.path.basename(os.readlink(f"/dev/fd/{descriptor}")))
            if self.times:
                self.times -= 1
                raise OSError(errno.EIO, "the pages are marked as clean now")
        super().sync(descriptor)


linux = pytest.mark.skipif(sys.platform != "linux", reason="the names of open files are asked for")


@linux
def test_after_a_failed_sync_a_segment_takes_no_event_more_and_is_not_asked_about_again(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    files = Unsafe()
    spool = new_spool(files=files)
    spool.append(b"1")
    [suspect] = place.glob("*.seg")
    for number in (b"2", b"3"):
        spool.sync()
        spool.append(number)
    spool.sync()
    assert files.synced.count(suspect.name) == 1, "success would prove nothing"
    assert reports == {"suspect": 1}
    assert not suspect.exists()
    spool.renew()
    other = new_spool()
    assert other.adopt() == 3
    assert sorted(drained(other)) == [b"1", b"2", b"3"]


@linux
def test_a_segment_whose_sync_failed_while_its_events_were_out_is_written_again_afterwards(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    """While an endpoint is away, a parcel is always out."""
    files = Unsafe()
    spool = new_spool(files=files)
    for number in range(4):
        spool.append(b"%d" % number)
    [suspect] = place.glob("*.seg")
    parcel = spool.next(1, 100)
    assert parcel is not None
    spool.sync()
    assert suspect.exists(), "it is being read"
    spool.put_back(parcel)
    spool.sync()
    assert not suspect.exists()
    assert reports == {"suspect": 4}
    assert files.synced.count(suspect.name) == 1
    assert drained(spool) == [b"0", b"1", b"2", b"3"]


@linux
def test_a_disk_that_never_syncs_costs_no_event(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    """It cannot keep what it is given through a loss of power, but what it gives back is right."""
    files = Unsafe(times=1 << 30)
    spool = new_spool(files=files)
    for number in range(10):
        spool.append(b"%d" % number)
        spool.sync()
    assert sorted(drained(spool, max_events=3)) == [b"%d" % number for number in range(10)]
    assert not (Counter(reports) - Counter({"suspect": reports["suspect"]}))
    assert spool.pending == 0


def test_a_sync_that_fails_under_an_app_is_counted(
    trouble: Trouble, gate: Gate, new_client: New
) -> None:
    client = new_client()
    gate.opened.clear()
    trouble.strike("sync", errno.EIO)
    call(client, "/suspect")
    until(lambda: client.stats().faults.get("spool_suspect", 0) >= 1)
    trouble.number = None
    gate.opened.set()
    assert client.flush(PATIENCE)
    stats = client.stats()
    assert (gate.paths, stats.dropped, balanced(stats)) == (["/suspect"], {}, True)


# Damage


def test_wherever_its_last_record_was_cut_off_a_segment_gives_all_before_it(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    dead = new_spool()
    events = [b'{"n":%d,"f":"%s"}' % (n, b"x" * (n * 97)) for n in range(8)]
    for event in events:
        dead.append(event)
    dead.renew()
    [segment] = place.glob("*.seg")
    content = segment.read_bytes()
    records = [each for each in scan(_window(content)) if isinstance(each, Record)]
    assert [each.content for each in records[1:]] == events
    for number, record in enumerate(records):
        size = record.end - record.offset
        for cut in sorted({1, 3, 4, 12, 23, 24, 31, size // 2, size - 1}):
            reports.clear()
            segment.write_bytes(content[: record.offset + cut])
            spool = new_spool()
            assert spool.adopt() == max(0, number - 1)
            assert drained(spool) == events[: max(0, number - 1)]
            assert reports["corrupt"] == 1, "the torn record itself"
            assert list(place.glob("*.seg")) == []
            spool.close()


def _window(content: bytes) -> Any:
    from apilog.spool.records import Window

    return Window(lambda size, offset: content[offset : offset + size], len(content))


def left_behind(place: Path, first: int, count: int) -> tuple[str, bytes]:
    """Have a process die with *count* events stored; return its segment, which is taken away."""
    before = set(place.glob("*.seg"))
    dead = Spool(place, report=Reports())
    for number in range(first, first + count):
        uri = f"http://127.0.0.1/old/{number}"
        dead.append(json.dumps({"request": {"uri": uri, "body": "x" * 500}}).encode())
    dead.renew()
    [segment] = set(place.glob("*.seg")) - before
    content = segment.read_bytes()
    segment.unlink()
    return segment.name, content


def test_a_spool_full_of_damage_costs_what_it_touches_and_is_told(
    place: Path, gate: Gate, new_client: New, caplog: pytest.LogCaptureFixture
) -> None:
    """One segment of each kind of damage, and an app that starts with them."""
    place.mkdir(mode=0o700)
    dice = random.Random(7)
    spared: set[str] = set()
    damaged: dict[str, bytes] = {}
    cut_off = 0
    for kind, (words, damage) in enumerate(KINDS.items()):
        name, content = left_behind(place, 100 * kind, 50)
        left, begin, end = damage(content, dice)
        for number, record in enumerate(
            each for each in scan(_window(content)) if isinstance(each, Record)
        ):
            inside = record.offset < begin < record.end
            if number and not inside and not (record.offset < end and begin < record.end):
                spared.add(f"/old/{100 * kind + number - 1}")
            elif number and words == "the end is cut off":
                cut_off += 1  # nothing tells how many they were
        damaged[name] = left
    damaged["random.seg"] = dice.randbytes(10_000)
    damaged["empty.seg"] = b""
    newer = encoded(1, Kind.HEAD, 99, b"of the future") + b"anything"
    damaged["newer.seg"] = newer
    for name, content in damaged.items():
        (place / name).write_bytes(content)
    with (place / "sparse.seg").open("wb") as sparse:
        sparse.truncate(1 << 30)
    client = new_client()
    call(client, "/new")
    strange = {*damaged, "sparse.seg"}
    until(lambda: {each.name for each in place.glob("*.seg")} & strange == {"newer.seg"})
    assert client.flush(PATIENCE)
    until(lambda: "/new" in gate.paths and spared <= set(gate.paths))
    stats = client.stats()
    assert len(gate.paths) == len(set(gate.paths)) == stats.delivered
    lost = 50 * len(KINDS) - (len(gate.paths) - 1)
    assert stats.dropped["corrupt"] >= lost - cut_off + 1 + len(["random", "empty", "sparse"])
    assert (set(stats.dropped), balanced(stats)) == ({"corrupt"}, True)
    assert stats.faults["spool_corrupt"] >= 1
    assert stats.faults["spool_unknown_version"] == 1
    assert (place / "newer.seg").read_bytes() == newer
    assert {each.stem for each in (place / "quarantine").glob("*.damaged")} >= {
        Path(name).stem for name in damaged if name not in ("newer.seg", "empty.seg")
    } - {Path(name).stem for name, left in damaged.items() if not left}
    assert [text for text in caplog.messages if "damaged" in text]
    assert "Traceback" not in caplog.text


def test_a_newer_segment_is_spared_when_room_is_made(place: Path, new_spool: NewSpool) -> None:
    place.mkdir(mode=0o700)
    newer = encoded(1, Kind.HEAD, 2, b"of the future") + b"x" * 300_000
    (place / "0newer.seg").write_bytes(newer)
    spool = new_spool(max_bytes=1 << 20)
    spool.adopt()
    for number in range(2_000):
        spool.append(event(200, transaction=number))
    spool.sync()
    drained(spool)
    spool.close()
    assert (place / "0newer.seg").read_bytes() == newer


# No room left


def event(status: int | None, *, transaction: int = 0, aborted: bool = False) -> bytes:
    document: dict[str, Any] = {
        "request": {"verb": "POST", "body": "q" * 400},
        "response": {"status": status, "body": "a" * 600},
        "metadata": {"apilog": {"aborted": True} if aborted else {}},
        "transaction_id": str(transaction),
    }
    return json.dumps(document).encode()


def test_what_is_given_up_goes_in_its_order_and_is_counted_by_its_reason(
    place: Path, new_spool: NewSpool
) -> None:
    """Response bodies of successes, then request bodies, then successes; failures come last."""
    reports: Counter[str] = Counter()
    seen: Counter[str] = Counter()

    def report(what: str, count: int) -> None:
        reports[what] += count
        if what == "spool_full":  # so those in all other segments have to be light by now
            for segment in spool._shelf:
                if segment.sealed:
                    seen.update(_kind(record) for record in segment.waiting())

    spool = new_spool(max_bytes=1 << 20, report=report)
    sent: dict[int, str] = {}
    for number in range(4_000):
        aborted = number % 50 == 7
        status = 500 if number % 20 == 0 else 200
        sent[number] = "failure" if aborted or status == 500 else "success"
        spool.append(event(status, transaction=number, aborted=aborted))
        assert reports["body_shed"] or not reports["spool_full"], "bodies go first"
    assert set(seen) == {"success", "failure with its answer"}
    assert reports["body_shed"] > 500
    assert reports["spool_full"] > 500
    left = [json.loads(each) for each in drained(spool)]
    kept = {int(each["transaction_id"]) for each in left}
    assert len(left) == len(kept) == len(sent) - reports["spool_full"]
    assert {number for number, kind in sent.items() if kind == "failure"} <= kept
    gone = sorted(set(sent) - kept)
    successes = sorted(number for number in kept if sent[number] == "success")
    assert sum(number > gone[-1] for number in successes) > 0.9 * len(successes), "the oldest go"
    assert set(reports) == {"body_shed", "spool_full"}


def _kind(record: Record) -> str:
    document = json.loads(record.content)
    is_aborted = document["metadata"]["apilog"].get("aborted")
    kind = "failure" if document["response"]["status"] >= 400 or is_aborted else "success"
    question = " with its question" if "body" in document["request"] else ""
    answer = " with its answer" if "body" in document["response"] else ""
    return kind + question + answer


def test_a_spool_that_is_full_for_long_keeps_failures_and_counts_the_rest(
    place: Path, gate: Gate, new_client: New
) -> None:
    client = new_client(spool_bytes=1 << 20, durability="request", batch_size=100)
    gate.opened.clear()
    calls = 3_000
    for number in range(calls):
        call(client, f"/{number}", TEXT[:600], status=500 if number % 20 == 0 else 200)
    size = sum(each.stat().st_size for each in place.glob("*.seg"))
    assert size < 1.2 * (1 << 20)
    gate.opened.set()
    assert client.flush(PATIENCE)
    stats = client.stats()
    assert stats.faults["spool_body_shed"] > 100
    assert stats.dropped["spool_full"] > 100
    assert (set(stats.dropped), balanced(stats)) == ({"spool_full"}, True)
    assert stats.delivered == calls - stats.dropped["spool_full"] == len(set(gate.paths))
    assert {f"/{number}" for number in range(0, calls, 20)} <= set(gate.paths)


# Several processes at one directory


def test_where_files_cannot_be_locked_every_process_has_a_directory_of_its_own(
    trouble: Trouble, place: Path, gate: Gate, new_client: New
) -> None:
    """A network file system without locks; nobody adopts what another one left."""
    trouble.strike("lock", errno.ENOTSUP)
    gate.opened.clear()
    clients = [new_client(durability="request") for _ in range(3)]
    for number, client in enumerate(clients):
        call(client, f"/{number}")
    assert len(list(place.glob("alone-*/*.seg"))) == 3
    assert list(place.glob("*.seg")) == []
    gate.opened.set()
    for client in clients:
        assert client.flush(PATIENCE)
        stats = client.stats()
        assert (stats.captured, stats.delivered, stats.adopted) == (1, 1, 0)
    assert sorted(gate.paths) == ["/0", "/1", "/2"]


def test_clients_that_share_a_directory_deliver_every_event_once(
    place: Path, gate: Gate, new_client: New
) -> None:
    clients = [new_client(durability="request") for _ in range(2)]
    for number in range(100):
        call(clients[number % 2], f"/{number}")
    for client in clients:
        assert client.flush(PATIENCE)
    assert sorted(gate.paths) == sorted(f"/{number}" for number in range(100))
    assert [client.stats().adopted for client in clients] == [0, 0]

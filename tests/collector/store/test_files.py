"""The folder and its files: whose they are, who writes them, what is left alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apilog.collector.call import Call, Profile
from apilog.collector.store.day import DayGone
from apilog.collector.store.directory import file_system
from apilog.collector.store.protocol import StoreUnavailable
from apilog.collector.store.schema import (
    APPLICATION_ID,
    FIRST_COLLECTOR_ID,
    REGISTER_ID,
    day_of,
)
from apilog.collector.store.sqlite import SqliteStore
from apilog.exceptions import ConfigError

ACall = Callable[..., Call]
DAY = 86_400_000_000


def test_files_are_for_their_owner_only_whatever_the_umask(
    opened: Any, a_call: ACall, tmp_path: Path
) -> None:
    previous = os.umask(0)
    try:
        opened().add([a_call()])
        found = list((tmp_path / "data").iterdir())
        assert {path.name for path in found} >= {"2026-11-20.db", "2026-11-20.db-wal", "store.db"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    finally:
        os.umask(previous)


def test_what_was_stored_survives_a_new_start(opened: Any, a_call: ACall) -> None:
    with closing(opened()) as store:
        store.add([a_call(id="1")])
        store.describe([Profile(kind="user", id="ada", time=1, document=b'{"name":"Ada"}')])
    store = opened()
    assert store.size().calls == 1
    assert store.add([a_call(id="1"), a_call(id="2")]) == 1
    assert store.profile("user", "ada") is not None


def test_a_second_writer_is_refused_by_name(opened: Any, tmp_path: Path) -> None:
    opened()
    with pytest.raises(ConfigError, match=rf"another collector \(process {os.getpid()}\)"):
        SqliteStore(tmp_path / "data")


def test_the_right_to_write_ends_with_the_process(opened: Any, tmp_path: Path) -> None:
    script = (
        "import sys; from apilog.collector.store.sqlite import SqliteStore\n"
        "store = SqliteStore(sys.argv[1]); print('there', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"there\n"
            with pytest.raises(ConfigError, match=f"process {process.pid}"):
                opened()
        finally:
            process.kill()
    assert opened().size().calls == 0


def test_others_read_while_one_writes(opened: Any, a_call: ACall, now: int) -> None:
    writer = opened()
    writer.add([a_call(id="1")])
    reader = opened(writable=False)
    assert reader.size().calls == 1
    writer.add([a_call(id="2"), a_call(id="3", time=now - DAY)])
    assert reader.size().calls == 3
    assert reader.profile("user", "ada") is None
    for change in (
        lambda: reader.add([a_call(id="4")]),
        lambda: reader.purge(user="ada"),
        lambda: reader.retain(),
    ):
        with pytest.raises(StoreUnavailable, match="opened for reading only"):
            change()
    writer.close()
    assert reader.size().calls == 3


def test_a_reader_sees_one_moment_and_follows_a_day_that_begins_anew(
    opened: Any, a_call: ACall, now: int
) -> None:
    writer = opened()
    writer.add([a_call(id="1")])
    reader = opened(writable=False)
    number, count = day_of(now), "SELECT count(*) FROM call"
    with reader._days.reading(number) as day:
        assert day.db.execute(count).fetchone() == (1,)
        writer.add([a_call(id="2")])
        assert day.db.execute(count).fetchone() == (1,)
    with reader._days.reading(number) as day:
        assert day.db.execute(count).fetchone() == (2,)
    writer._days.remove(number)
    with pytest.raises(DayGone), reader._days.reading(number):
        pass
    writer.add([a_call(id="3")])
    with reader._days.reading(number) as day:
        assert day.db.execute("SELECT seq FROM call").fetchall() == [(3,)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are not listed here")
def test_a_reader_keeps_no_removed_file_open(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    writer = opened()
    writer.add([a_call(id="1")])
    reader = opened(writable=False)
    assert reader.size().calls == 1
    assert str(tmp_path / "data" / "2026-11-20.db") in open_files()
    writer._days.remove(day_of(now))
    assert reader.size().calls == 0
    assert str(tmp_path / "data" / "2026-11-20.db") not in open_files()


def open_files() -> set[str]:
    """Return what this process has open; of files that are gone, under the name they had."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(os.readlink(descriptor).removesuffix(" (deleted)"))
    return found


def test_a_question_that_is_not_read_to_its_end_holds_nothing(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened()
    store.add([a_call(id=str(number)) for number in range(500)])
    with store._days.reading(day_of(now)) as day:
        assert next(iter(day.db.execute("SELECT id FROM call"))) is not None
    store._days.shrink()
    assert (tmp_path / "data" / "2026-11-20.db-wal").stat().st_size == 0


def database(path: Path, application: int, version: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE events (id INTEGER)")
        db.execute(f"PRAGMA application_id = {application}")
        db.execute(f"PRAGMA user_version = {version}")


@pytest.mark.parametrize("name", ["2026-11-20.db", "store.db"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda path: path.write_bytes(b"not a database" * 100),
            "is not a file of this collector; it is left alone: move it away",
            id="another file",
        ),
        pytest.param(lambda path: path.touch(), "is not a file of this collector", id="empty"),
        pytest.param(
            lambda path: database(path, 0, 0),
            "is not a file of this collector",
            id="a database of another program",
        ),
        pytest.param(
            lambda path: database(
                path, REGISTER_ID if path.name == "store.db" else APPLICATION_ID, 2
            ),
            r"written by a newer apilog \(layout 2, this one knows 1\)",
            id="a newer one",
        ),
    ],
)
def test_what_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, opened: Any, name: str, make: Any, message: str
) -> None:
    opened().close()
    path = tmp_path / "data" / name
    path.unlink(missing_ok=True)
    make(path)
    before = path.read_bytes(), path.stat().st_mtime_ns
    for writable in (True, False):
        with pytest.raises(ConfigError, match=message):
            opened(writable=writable)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert not list(path.parent.glob(f"{name}-*"))


def test_other_files_of_a_folder_are_no_matter(opened: Any, a_call: ACall, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    for name in ("notes.db", "2026-13-45.db", "2026-11-20.db.bak", "x-wal", "token"):
        (tmp_path / "data" / name).write_bytes(b"mine")
    store = opened()
    store.add([a_call()])
    store.purge(user="ada")
    store.retain()
    assert {p.name for p in (tmp_path / "data").iterdir() if p.read_bytes() == b"mine"} == {
        "notes.db",
        "2026-13-45.db",
        "2026-11-20.db.bak",
        "x-wal",
        "token",
    }


def test_a_database_of_the_first_collector_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "apilog.db"
    database(path, FIRST_COLLECTOR_ID, 0)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"apilog\.db is the database of the first collector"):
        SqliteStore(path)
    assert path.read_bytes() == before
    path.write_bytes(b"anything")
    with pytest.raises(ConfigError, match=r"apilog\.db is a file: give a folder"):
        SqliteStore(path)


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(ConfigError, match="can be written by other users"):
        SqliteStore(tmp_path / "open")
    assert not list((tmp_path / "open").iterdir())


def test_a_folder_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        SqliteStore(tmp_path / "missing", writable=False)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("options", [{"max_bytes": 1_000}, {"keep": timedelta(0)}], ids=str)
def test_a_limit_that_cannot_work_is_refused(tmp_path: Path, options: Any) -> None:
    with pytest.raises(ConfigError, match="must be"):
        SqliteStore(tmp_path / "data", **options)


def test_halves_of_files_are_removed_at_the_start(opened: Any, tmp_path: Path) -> None:
    opened().close()
    halves = [".2026-11-20.db.new", ".2026-11-20.db.new-wal", ".store.db.new"]
    for name in halves:
        (tmp_path / "data" / name).write_bytes(b"half")
    opened()
    assert not {path.name for path in (tmp_path / "data").iterdir()} & set(halves)


def test_a_wal_that_lost_its_file_is_never_replayed(
    opened: Any, a_call: ACall, tmp_path: Path
) -> None:
    (tmp_path / "kept").mkdir()
    with closing(opened()) as store:
        store.add([a_call(id="gone", user="eve")])
        shutil.copy(tmp_path / "data" / "2026-11-20.db-wal", tmp_path / "kept")
    wal = tmp_path / "kept" / "2026-11-20.db-wal"
    assert b"eve" in wal.read_bytes()
    (tmp_path / "data" / "2026-11-20.db").unlink()
    shutil.copy(wal, tmp_path / "data")
    with closing(opened()) as store:
        assert not (tmp_path / "data" / wal.name).exists()
        shutil.copy(wal, tmp_path / "data")  # as though it had come back since
        assert store.add([a_call(id="new", user="ada")]) == 1
    with opened()._days.reading(20_777) as day:
        assert day.db.execute("SELECT user FROM call").fetchall() == [("ada",)]


def test_a_damaged_day_is_named_and_does_not_keep_others_from_being_stored(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    with closing(opened()) as store:
        store.add([a_call(id=str(number), time=now - DAY) for number in range(2_000)])
    path = tmp_path / "data" / "2026-11-19.db"
    with path.open("r+b") as file:
        file.seek(8_192)
        file.write(os.urandom(path.stat().st_size - 8_192))
    store = opened()
    with pytest.raises(StoreUnavailable, match="cannot store"):
        store.add([a_call(id="late", time=now - DAY)])
    assert store.add([a_call(id="today")]) == 1
    later = opened(tmp_path / "data", writable=False, clock=lambda: now + 20 * DAY)
    assert later is not None
    store._clock = lambda: now + 8 * DAY
    store.retain()
    assert not path.exists()


def test_a_closed_store_says_so(opened: Any, a_call: ACall) -> None:
    store = opened()
    store.add([a_call()])
    store.close()
    store.close()
    for use in (lambda: store.add([a_call()]), store.retain, store.size):
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            use()


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /net/shared nfs4 rw 0 0
server:/b /net/two\\040words cifs rw 0 0
tmpfs /net/shared/local tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/apilog", "ext4"),
        ("/net/shared", "nfs4"),
        ("/net/shared/apilog", "nfs4"),
        ("/net/sharedness", "ext4"),
        ("/net/two words/x", "cifs"),
        ("/net/shared/local/x", "tmpfs"),
    ],
)
def test_a_folder_on_another_machine_is_recognised(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind
    assert file_system(Path(path), "") == ""

"""Events in SQLite."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from apilog.collector import SQLiteStore
from apilog.collector.records import record_of
from apilog.exceptions import ConfigError


def test_the_files_are_for_their_owner_only(tmp_path: Path, an_event: Any) -> None:
    path = tmp_path / "events.db"
    previous = os.umask(0)
    try:
        with closing(SQLiteStore(str(path))) as store:
            store.add([record_of(an_event())])
            modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(previous)
    assert modes == {0o600}


def test_an_event_survives_a_new_start(tmp_path: Path, an_event: Any) -> None:
    path = str(tmp_path / "events.db")
    with closing(SQLiteStore(path)) as store:
        store.add([record_of(an_event(user_id="ada"))])
    with closing(SQLiteStore(path)) as store:
        assert [event.user_id for event in store.newest(before=10, limit=10)] == ["ada"]


def test_a_commit_is_durable_before_add_returns(store: Any) -> None:
    assert store._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._writer.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_columns_are_typed(store: Any, an_event: Any, tmp_path: Path) -> None:
    store.add([record_of(an_event(user_id="ada", transaction_id="t"))])
    with closing(sqlite3.connect(tmp_path / "events.db")) as db:
        row = db.execute(
            "SELECT time, verb, uri, status, duration_ms, user_id, transaction_id FROM events"
        ).fetchone()
    assert row == (
        "2026-11-20T21:06:10.700Z",
        "GET",
        "http://shop.test/items/7?x=1",
        200,
        12.0,
        "ada",
        "t",
    )


def test_a_store_in_memory_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, an_event: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(SQLiteStore(":memory:")) as store:
        store.add([record_of(an_event())])
        assert store.find(1) is not None
        assert store.find(2) is None
    assert list(tmp_path.iterdir()) == []


def test_many_threads_store_each_transaction_once(store: Any, an_event: Any) -> None:
    records = [record_of(an_event(transaction_id=str(number))) for number in range(50)]
    threads = [threading.Thread(target=store.add, args=(records,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        store.newest(before=2**63 - 1, limit=100)
    for thread in threads:
        thread.join()
    assert len(store.after(0, limit=1_000)) == 50


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE events (id INTEGER)")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(Path.mkdir, id="a folder"),
        pytest.param(lambda path: path.write_bytes(b"not a database" * 100), id="another file"),
        pytest.param(other_database, id="a database of another program"),
    ],
)
def test_what_is_not_ours_is_refused_and_left_alone(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "other"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(ConfigError, match="other"):
        SQLiteStore(str(path))
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        SQLiteStore(str(tmp_path / "missing" / "events.db"))

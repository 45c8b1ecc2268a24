"""``apilog tail``, ``query``, ``export`` and ``purge``: beside a running collector, or without."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import signal
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from apilog import cli
from apilog.collector.call import Call
from apilog.collector.export.table import iso
from apilog.collector.store.sqlite import SqliteStore

NOW = time.time_ns() // 1_000_000 * 1_000
Run = Callable[..., tuple[int, str, str]]


def began(number: int) -> int:
    return NOW - 1_000_000 * (100 - number)


def call(number: int, **fields: Any) -> Call:
    known: dict[str, Any] = {
        "id": f"call-{number}",
        "time": began(number),
        "source": "moesif",
        "method": "GET",
        "path": f"/items/{number}",
        "route": "/items/{id}",
        "host": "shop.test",
        "status": 200,
        "duration": 1_500,
        "event": json.dumps({"request": {"uri": f"http://shop.test/items/{number}"}}).encode(),
        **fields,
    }
    return Call(**known)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with ten calls: of ada and bob in turn, each third a failure."""
    folder = tmp_path / "apilog-data"
    store = SqliteStore(folder)
    store.add(
        [
            call(at, user="ada" if at % 2 else "bob", status=500 if at % 3 == 0 else 200)
            for at in range(10)
        ]
    )
    store.close()
    return folder


@pytest.fixture
def run(data: Path, capfdbinary: Any) -> Run:
    """Run a command in this process on that folder."""

    def command(name: str, *arguments: str) -> tuple[int, str, str]:
        code = cli.main([name, "--data", str(data), *arguments])
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return command


def test_a_query_prints_calls_the_newest_first(run: Run) -> None:
    code, out, err = run("query", "status:5xx")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[-2] for line in lines] == [f"/items/{at}" for at in (9, 6, 3, 0)]
    assert lines[0].split()[2:6] == ["GET", "500", "1.5", "ms"]


def test_a_query_in_json_has_the_words_of_the_viewers_api(run: Run) -> None:
    code, out, _ = run("query", "user:ada", "--json", "--limit", "2")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["id"] for row in rows] == ["call-9", "call-7"]
    assert rows[0]["duration"] == 1.5
    assert rows[0]["time"] == (NOW - 91_000_000) / 1_000


def test_a_query_that_finds_nothing_is_1(run: Run) -> None:
    assert run("query", "user:nobody") == (1, "", "")


def test_times_narrow_a_query(run: Run) -> None:
    code, out, _ = run("query", "--json", "--from", iso(began(4)), "--to", iso(began(7)))
    assert code == 0
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["call-6", "call-5", "call-4"]
    assert run("query", "--from", "1h")[1].count("\n") == 10
    assert run("query", "--to", "1h")[0] == 1


def test_a_wrong_filter_says_where(run: Run) -> None:
    code, out, err = run("query", "stat:5xx")
    assert (code, out) == (2, "")
    assert "did you mean 'status'?" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["query", "tail", "export", "purge"])
def test_a_folder_that_is_not_there_is_named(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"export": ["--har"], "purge": ["--user", "x"]}.get(name, [])
    assert cli.main([name, "--data", str(tmp_path / "none"), *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"apilog: there is no folder {tmp_path / 'none'}")
    assert not (tmp_path / "none").exists()


def test_the_folder_may_be_named_by_the_environment(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_DATA", str(data))
    assert cli.main(["query", "--limit", "1"]) == 0
    assert "/items/9" in capsys.readouterr().out


def test_an_app_does_not_mind_that_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from apilog.config import warn_of_unknown

    warn_of_unknown({"APILOG_DATA": "x", "APILOG_NO_SUCH": "y"})
    assert "APILOG_NO_SUCH" in caplog.text
    assert "APILOG_DATA" not in caplog.text


HOSTILE = "/\x1b[31mred\x07\u202e\r\n"


def test_what_was_logged_gives_a_terminal_no_orders(data: Path, run: Run) -> None:
    store = SqliteStore(data)
    store.add([call(50, path=HOSTILE, user="\x9b2J", query="\x1b]0;x\x07")])
    store.close()
    _, out, _ = run("query", "--limit", "1")
    assert out.count("\n") == 1
    assert not {"\x1b", "\x07", "\r", "\u202e", "\x9b"} & set(out)


def test_a_har_file_comes_to_standard_output(run: Run) -> None:
    code, out, err = run("export", "--har", "user:ada")
    assert code == 0
    assert [each["_user"] for each in json.loads(out)["log"]["entries"]] == ["ada"] * 5
    assert err == "apilog: exported 5 calls\n"


def test_a_file_is_written_whole_and_for_its_owner_only(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    code, out, err = run("export", "--csv", "-o", str(path), "--quiet")
    assert (code, out, err) == (0, "", "")
    lines = list(csv.reader(io.StringIO(path.read_text(), newline="")))
    assert len(lines) == 11
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


def test_a_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    code, out, err = run("export", "--ndjson", "-o", str(tmp_path / "none" / "x"))
    assert (code, out) == (2, "")
    assert "cannot be written: No such file or directory" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' device that is full")
@pytest.mark.parametrize("command", [["query"], ["export", "--csv"], ["tail"]])
def test_an_output_that_is_full_is_named(
    command: list[str], data: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as context:
        context.setattr("sys.stdout", full)
        assert cli.main([command[0], "--data", str(data), *command[1:]]) == 2
        with suppress(OSError):
            full.close()
    assert "No space left on device" in capsys.readouterr().err


def test_json_lines_are_what_apilog_reads_again(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "calls.ndjson"
    assert run("export", "--ndjson", "-o", str(path))[0] == 0
    assert cli.main(["lint", str(path)]) in (0, 1)


def test_parquet_is_for_a_file(run: Run) -> None:
    code, _, err = run("export", "--parquet")
    assert code == 2
    assert "name it with -o FILE" in err


def test_parquet_is_what_pyarrow_reads(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "calls.parquet"
    try:
        import pyarrow.parquet as parquet
    except ModuleNotFoundError:
        code, _, err = run("export", "--parquet", "-o", str(path))
        assert (code, err.splitlines()[-1]) == (
            2,
            "apilog: pyarrow is not installed; try: pip install pyarrow",
        )
        assert not path.exists()
        return
    assert run("export", "--parquet", "-o", str(path))[0] == 0
    rows = parquet.read_table(path).to_pylist()
    assert [row["id"] for row in rows] == [f"call-{at}" for at in range(10)][::-1]
    assert rows[0]["time"].timestamp() == pytest.approx((NOW - 91_000_000) / 1e6)
    assert json.loads(rows[0]["event"])["request"]["uri"] == "http://shop.test/items/9"


def test_a_user_is_gone_from_every_byte(run: Run, data: Path) -> None:
    canary = "canary-7f3a9"
    store = SqliteStore(data)
    event = json.dumps({"user_id": canary}).encode()
    store.add([call(60, user=canary, path=f"/{canary}", event=event, text=canary)])
    store.close()
    assert run("purge", "--user", canary) == (0, "apilog: removed 1 call\n", "")
    assert not [each for each in data.iterdir() if canary.encode() in each.read_bytes()]
    assert len(run("query", "--json")[1].splitlines()) == 10


def test_what_is_before_a_moment_is_gone(run: Run) -> None:
    assert run("purge", "--before", "1d")[1] == "apilog: removed 0 calls\n"
    assert run("purge", "--before", iso(began(7)))[1] == "apilog: removed 7 calls\n"
    found = [json.loads(line)["id"] for line in run("query", "--json")[1].splitlines()]
    assert found == ["call-9", "call-8", "call-7"]


@pytest.mark.parametrize("options", [[], ["--user", "a", "--before", "1d"], ["--before", "then"]])
def test_what_to_purge_must_be_said_once(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["purge", *options])
    assert "usage: apilog purge" in capsys.readouterr().err


@pytest.mark.parametrize("tls", [False, True])
def test_a_running_collector_is_told_to_purge(
    serving: Any, apilog: Any, finished: Any, an_event: Any, tmp_path: Path, tls: bool
) -> None:
    options: list[str] = []
    if tls:
        import trustme

        issued = trustme.CA().issue_cert("logs.example")
        (tmp_path / "cert.pem").write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        options = ["--tls-cert", "cert.pem"]
    with serving(*options) as collector:
        batch = [an_event(user_id=user) for user in ("ada", "bob", "ada")]
        assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
        done = finished(apilog("purge", "--user", "ada"))
        assert done == (0, "apilog: removed 2 calls\n", "")
        assert [row["user"] for row in collector.rows()] == ["bob"]


def test_the_token_is_told_to_no_stranger_who_took_the_port(
    run: Run, data: Path, tmp_path: Path
) -> None:
    """The address may outlive a collector that was killed; the lock does not."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.setblocking(False)
        port = stranger.getsockname()[1]
        address = {"host": "127.0.0.1", "port": port, "certificate": ""}
        (data / "address").write_text(json.dumps(address))
        (data / "lock").touch()
        assert run("purge", "--user", "ada")[:2] == (0, "apilog: removed 5 calls\n")
        with pytest.raises(BlockingIOError):
            stranger.accept()


def lines_of(process: Any, count: int) -> list[str]:
    return [process.stdout.readline() for _ in range(count)]


def test_tail_follows_what_a_collector_takes_and_ends_with_control_c(
    serving: Any, apilog: Any, finished: Any, an_event: Any
) -> None:
    with serving() as collector:
        first = an_event(uri="/first")
        assert collector.http.post("/v1/events", json=first).status_code == 201
        tail = apilog("tail", "path:/f*")
        assert "/first" in tail.stdout.readline()
        batch = [an_event(uri="/other"), an_event(uri="/future")]
        assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
        assert "/future" in tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert finished(tail) == (0, "", "")


def test_tail_in_json_begins_with_as_many_as_are_wanted(
    apilog: Any, data: Path, finished: Any
) -> None:
    tail = apilog("tail", "--json", "-n", "3")
    keys = [json.loads(line)["id"] for line in lines_of(tail, 3)]
    assert keys == ["call-7", "call-8", "call-9"]
    store = SqliteStore(data)
    store.add([call(70)])
    store.close()
    assert json.loads(tail.stdout.readline())["id"] == "call-70"
    tail.send_signal(signal.SIGINT)
    assert finished(tail)[0] == 0


@pytest.mark.usefixtures("data")
def test_tail_ends_quietly_when_nobody_reads_any_more(apilog: Any) -> None:
    tail = apilog("tail", "-n", "1")
    assert tail.stdout.readline()
    tail.stdout.close()  # though no further call arrives that could not be written
    assert tail.wait(30) == 2
    assert tail.stderr.read() == ""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    for each in (ours, theirs):
        try:
            os.close(each)
        except OSError:
            continue


def test_on_a_terminal_there_are_colours(
    data: Path, terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from apilog.call_lines import shown_by

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    ours, theirs = terminal
    with os.fdopen(theirs, "w", closefd=False) as stream:
        show = shown_by(stream, as_json=False)
        store = SqliteStore(data, writable=False)
        row = store.get("call-9")
        store.close()
        assert row is not None
        show(row.row)
    text = os.read(ours, 4_096).decode()
    assert "\x1b[" in text
    assert "/items/9" in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("columns", ["46", "59", "60", "1"])
def test_a_narrow_terminal_has_one_line_a_call_and_room_for_its_path(
    columns: str, data: Path, terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from apilog.call_lines import shown_by

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    ours, theirs = terminal
    store = SqliteStore(data, writable=False)
    whole = store.get("call-9")
    store.close()
    assert whole is not None
    with os.fdopen(theirs, "w", closefd=False) as stream:
        shown_by(stream, as_json=False)(whole.row)
    text = os.read(ours, 4_096).decode()
    assert text.count("\n") == 1
    assert ("/items/9" in text) == (columns != "1")


def test_readers_and_the_collector_do_not_disturb_each_other(
    serving: Any, apilog: Any, finished: Any, an_event: Any
) -> None:
    with serving() as collector:
        stop = threading.Event()
        statuses: set[int] = set()

        def send() -> None:
            while not stop.is_set():
                batch = [an_event() for _ in range(20)]
                statuses.add(collector.http.post("/v1/events/batch", json=batch).status_code)

        sending = threading.Thread(target=send)
        sending.start()
        try:
            for name, options in (("query", ["--json"]), ("export", ["--csv"])):
                code, _, err = finished(apilog(name, *options))
                assert code in (0, 1), err
        finally:
            stop.set()
            sending.join(30)
        assert statuses == {201}


def test_a_database_of_the_first_collector_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "apilog.db"
    database = sqlite3.connect(path)
    database.execute("PRAGMA application_id = 0x61706c31")
    database.execute("CREATE TABLE events (id INTEGER PRIMARY KEY)")
    database.commit()
    database.close()
    for command in (["query"], ["serve", "--port", "0"]):
        assert cli.main([*command, "--db", str(path)]) == 2
        assert "the database of the first collector" in capsys.readouterr().err

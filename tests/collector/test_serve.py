"""The ``apilog`` command, as a process of its own."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from apilog import cli
from apilog._version import __version__

if TYPE_CHECKING:
    from pathlib import Path


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate()
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_without_a_word(serving: Any, number: signal.Signals) -> None:
    with serving() as collector:
        port = collector.http.base_url.port
        assert collector.announced == f"apilog collector: http://127.0.0.1:{port}/\n"
        assert collector.http.get("/healthz").json() == {"status": "ok"}
        collector.process.send_signal(number)
        assert finished(collector.process) == (0, "", "")


def test_events_arrive_and_are_seen(serving: Any, an_event: Any, tmp_path: Path) -> None:
    batch = [an_event(transaction_id="a"), an_event(transaction_id="b")]
    with serving() as collector:
        response = collector.http.post(
            "/v1/events/batch",
            content=gzip.compress(json.dumps(batch).encode()),
            headers={"Content-Encoding": "gzip", "X-Moesif-Application-Id": "x"},
        )
        assert response.status_code == 201
        assert "/items/7?x=1" in collector.http.get("/").text
        assert "shop.test" in collector.http.get("/events/2").text
        events = collector.http.get("/api/events").json()["events"]
        assert [row["event"] for row in events] == batch
    assert (tmp_path / "apilog.db").exists()


def test_an_answered_batch_survives_a_kill(serving: Any, an_event: Any) -> None:
    batch = [an_event(transaction_id=str(number)) for number in range(100)]
    with serving("--db", "kept.db") as collector:
        assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
        collector.process.kill()
        collector.process.wait()
    with serving("--db", "kept.db") as collector:
        assert len(collector.http.get("/api/events").json()["events"]) == 100


def test_senders_that_repeat_each_other_at_once_are_stored_once(
    serving: Any, an_event: Any
) -> None:
    batch = [an_event(transaction_id=str(number)) for number in range(100)]
    statuses: list[int] = []
    with serving("--db", ":memory:") as collector:

        def send() -> None:
            answer = httpx.post(
                collector.http.base_url.join("/v1/events/batch"), json=batch, trust_env=False
            )
            statuses.append(answer.status_code)

        senders = [threading.Thread(target=send) for _ in range(10)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        events = collector.http.get("/api/events?limit=1000").json()["events"]
    assert statuses == [201] * 10
    assert len(events) == 100


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_a_body_over_the_limit_is_413_on_the_wire(serving: Any, announced: bool) -> None:
    with serving("--db", ":memory:") as collector:
        content = b" " * 20_000_000
        response = collector.http.post(
            "/v1/events", content=content if announced else iter([content])
        )
        assert response.status_code == 413
        assert collector.http.get("/healthz").status_code == 200


def test_a_sender_that_leaves_half_way_leaves_no_trace(serving: Any) -> None:
    with serving("--db", ":memory:") as collector:
        address = (collector.http.base_url.host, collector.http.base_url.port)
        with socket.create_connection(address) as half:
            half.sendall(
                b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
            )
        assert collector.http.get("/api/events").json() == {"events": []}
        collector.process.terminate()
        assert finished(collector.process) == (0, "", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "8.8.8.8"])
def test_a_host_that_others_can_reach_is_refused(apilog: Any, host: str, tmp_path: Path) -> None:
    code, out, err = finished(apilog("serve", "--host", host))
    assert (code, out) == (2, "")
    assert err == (
        f"apilog: --host {host}: only a loopback address such as 127.0.0.1 is allowed, "
        "because the viewer has no access token yet\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_cannot_be_a_name_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    host = "x" * 70
    assert cli.main(["serve", "--host", host]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"apilog: cannot listen on {host}, port 8090: ")
    assert err.count("\n") == 1


def test_localhost_is_a_host(serving: Any) -> None:
    with serving("--host", "localhost", "--db", ":memory:") as collector:
        assert collector.announced.startswith("apilog collector: http://localhost:")
        assert collector.http.get("/healthz").status_code == 200


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port), "--db", str(tmp_path / "x.db")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"apilog: cannot listen on 127.0.0.1, port {port}: Address already in us")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_opened_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = str(tmp_path / "missing" / "x.db")
    assert cli.main(["serve", "--port", "0", "--db", path]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"apilog: cannot open the database '{path}': ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "x", "٣"])
def test_a_port_that_is_none_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], port: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["serve", f"--port={port}"])
    assert exit_.value.code == 2
    assert f"'{port}' is not a number from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra_is_named(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from apilog.cli import main; "
    run = [sys.executable, "-c", code + "sys.exit(main(['serve', '--port', '0']))"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"apilog: {missing} is not installed; try: pip install 'apilog[collector]'\n",
    )


def test_the_version_needs_no_extra(apilog: Any) -> None:
    assert finished(apilog("--version")) == (0, f"apilog {__version__}\n", "")
    run = [sys.executable, "-c", "import sys, apilog.cli; print(*sys.modules)"]
    bare = {name: each for name, each in os.environ.items() if not name.startswith("COVERAGE_")}
    program = subprocess.run(run, env=bare, capture_output=True, text=True, check=True)
    loaded = program.stdout.split()
    assert {"starlette", "uvicorn", "sqlite3", "apilog.collector"}.isdisjoint(loaded)

"""``apilog serve``, as a process of its own."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from apilog import cli
from apilog._version import __version__


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_without_a_word(
    serving: Any, finished: Any, number: signal.Signals
) -> None:
    with serving() as collector:
        port = collector.http.base_url.port
        assert collector.announced == f"apilog collector: http://127.0.0.1:{port}/\n"
        assert collector.http.get("/healthz").json() == {"status": "ok"}
        collector.process.send_signal(number)
        assert finished(collector.process) == (0, "", "")


def test_it_stops_at_once_while_somebody_watches(serving: Any, finished: Any) -> None:
    with serving() as collector, collector.viewer() as viewer:
        with viewer.stream("GET", "/view/live") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: hello"
            collector.process.terminate()
            assert "event: calls" not in list(lines)
        assert finished(collector.process) == (0, "", "")


def test_events_arrive_and_are_seen(serving: Any, an_event: Any) -> None:
    batch = [an_event(), an_event()]
    with serving() as collector:
        response = collector.http.post(
            "/v1/events/batch",
            content=gzip.compress(json.dumps(batch).encode()),
            headers={"Content-Encoding": "gzip", "X-Moesif-Application-Id": "x"},
        )
        assert response.status_code == 201
        rows = collector.rows()
        assert {row["id"] for row in rows} == {each["transaction_id"] for each in batch}
        assert (rows[0]["path"], rows[0]["query"], rows[0]["host"]) == (
            "/items/7",
            "x=1",
            "shop.test",
        )


def test_what_it_prints_logs_in_once(serving: Any) -> None:
    with serving() as collector:
        headers = {"X-Apilog-CSRF": "1"}
        token = {"token": collector.login_token}
        assert token["token"] != collector.token
        statuses = [collector.http.post("/view/login", json=token, headers=headers).status_code]
        collector.http.cookies.clear()
        statuses.append(collector.http.post("/view/login", json=token, headers=headers).status_code)
        assert statuses == [204, 403]


def test_a_session_outlives_a_restart(serving: Any) -> None:
    with serving() as collector, collector.viewer() as viewer:
        cookies = dict(viewer.cookies)
        port = str(viewer.base_url.port)
        collector.process.terminate()
        collector.process.wait()
    with serving("--port", port) as collector:
        collector.http.cookies.update(cookies)
        assert collector.http.get("/view/calls").status_code == 200


def test_what_it_makes_is_for_its_owner_only(serving: Any, an_event: Any) -> None:
    with serving() as collector:
        assert collector.http.post("/v1/events", json=an_event()).status_code == 201
        assert collector.rows()
        modes = {stat.S_IMODE(each.stat().st_mode) for each in collector.data.iterdir()}
        assert (stat.S_IMODE(collector.data.stat().st_mode), modes) == (0o700, {0o600})


def test_an_answered_batch_survives_a_kill(serving: Any, an_event: Any) -> None:
    batch = [an_event() for _ in range(100)]
    with serving() as collector:
        assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
        collector.process.kill()
        collector.process.wait()
    with serving() as collector:
        assert len(collector.rows()) == 100


def test_senders_that_repeat_each_other_at_once_are_stored_once(
    serving: Any, an_event: Any
) -> None:
    batch = [an_event() for _ in range(100)]
    statuses: list[int] = []
    with serving() as collector:

        def send() -> None:
            answer = httpx.post(f"{collector.url}v1/events/batch", json=batch, trust_env=False)
            statuses.append(answer.status_code)

        senders = [threading.Thread(target=send) for _ in range(10)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert statuses == [201] * 10
        assert len(collector.rows(limit=200)) == 100


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_a_body_over_the_limit_is_413_on_the_wire(serving: Any, announced: bool) -> None:
    with serving() as collector:
        content = b" " * 20_000_000
        try:
            response = collector.http.post(
                "/v1/events", content=content if announced else iter([content])
            )
            assert response.status_code == 413
        except httpx.TransportError:
            pass  # it may end the connection before all of it was sent
        assert collector.http.get("/healthz").status_code == 200
        assert not collector.rows()


def test_a_sender_that_leaves_half_way_leaves_no_trace(serving: Any, finished: Any) -> None:
    with serving() as collector:
        address = (collector.http.base_url.host, collector.http.base_url.port)
        with socket.create_connection(address) as half:
            half.sendall(
                b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
            )
        assert collector.rows() == []
        collector.process.terminate()
        assert finished(collector.process) == (0, "", "")


def certificate(folder: Path) -> tuple[str, str, ssl.SSLContext]:
    """Make a certificate; give its file, that of its key, and what trusts it."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    files[1].write_bytes(issued.private_key_pem.bytes())
    return str(files[0]), str(files[1]), context


def test_with_a_certificate_it_speaks_tls_only(serving: Any, tmp_path: Path) -> None:
    cert, key, context = certificate(tmp_path)
    with serving("--tls-cert", cert, "--tls-key", key) as collector:
        assert collector.url.startswith("https://127.0.0.1:")
        with httpx.Client(base_url=collector.url, verify=context, trust_env=False) as http:
            assert http.get("/healthz").status_code == 200
            headers = {"X-Apilog-CSRF": "1"}
            login = http.post("/view/login", json={"token": collector.login_token}, headers=headers)
            assert login.headers["set-cookie"].startswith("__Host-apilog-")
            assert "; secure" in login.headers["set-cookie"].lower()
            assert http.get("/view/calls").status_code == 200
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        address = (collector.http.base_url.host, collector.http.base_url.port)
        with socket.create_connection(address) as plain, pytest.raises(ssl.SSLError):
            old.wrap_socket(plain)


REFUSED = {
    "nothing": ([], "ask senders for a token with --token"),
    "a token alone": (["--token"], "give a certificate with --tls-cert"),
    "no token": (["--i-know-this-is-plaintext"], "ask senders for a token with --token"),
}


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize(("options", "remedy"), REFUSED.values(), ids=REFUSED)
def test_it_listens_beyond_this_machine_only_on_purpose(
    apilog: Any, finished: Any, host: str, options: list[str], remedy: str, tmp_path: Path
) -> None:
    code, out, err = finished(apilog("serve", "--port", "0", "--host", host, *options))
    assert (code, out) == (2, "")
    assert err.startswith(f"apilog: --host {host} can be reached from other machines: {remedy}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tls", [True, False])
def test_it_listens_beyond_this_machine_with_a_token_and_tls_or_a_word(
    serving: Any, an_event: Any, tmp_path: Path, tls: bool
) -> None:
    cert, key, _ = certificate(tmp_path)
    how = ["--tls-cert", cert, "--tls-key", key] if tls else ["--i-know-this-is-plaintext"]
    with serving("--host", "0.0.0.0", "--token", *how) as collector:
        kept = (collector.data / "sender-token").read_text().strip()
        url = f"{'https' if tls else 'http'}://127.0.0.1:{collector.http.base_url.port}"
        with httpx.Client(base_url=url, verify=False, trust_env=False) as http:
            assert http.post("/v1/events", json=an_event()).status_code == 401
            headers = {"X-Moesif-Application-Id": kept}
            answer = http.post("/v1/events", json=an_event(), headers=headers)
            assert answer.status_code == 201


def test_senders_may_be_asked_for_a_given_token(serving: Any, an_event: Any) -> None:
    token = "given-token-0123456789"
    with serving("--token", token) as collector:
        assert collector.http.post("/v1/events", json=an_event()).status_code == 401
        answer = collector.http.post(f"/{token}/v1/events", json=an_event())
        assert answer.status_code == 201
        assert not (collector.data / "sender-token").exists()


def test_it_answers_to_the_names_it_is_given(serving: Any) -> None:
    with serving("--name", "logs.example", "--name", "Logs.Test") as collector:
        for host, status in (
            ("logs.example:8090", 200),
            ("logs.test", 200),
            ("other.example", 421),
        ):
            answer = collector.http.get("/healthz", headers={"Host": host})
            assert answer.status_code == status


MISTAKES = {
    "a token that is too short": (["--token", "x"], "a token must be 16 to 128 letters"),
    "a key without a certificate": (["--tls-key", "x"], "--tls-key needs the certificate"),
    "a certificate that is not there": (["--tls-cert", "no"], "the certificate cannot be used"),
    "a file for a folder": (["--data", __file__], f"{__file__} is a file: give a folder"),
}


@pytest.mark.parametrize(("options", "error"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(apilog: Any, finished: Any, options: list[str], error: str) -> None:
    code, out, err = finished(apilog("serve", "--port", "0", *options))
    assert (code, out) == (2, "")
    assert err.startswith(f"apilog: {error}")
    assert err.count("\n") == 1


def test_a_folder_is_served_by_one(serving: Any, apilog: Any, finished: Any) -> None:
    with serving() as collector:
        second = apilog("serve", "--port", "0", "--data", str(collector.data))
        code, out, err = finished(second)
        assert (code, out) == (2, "")
        assert "is written by another collector" in err


def test_a_host_that_cannot_be_a_name_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    host = "x" * 70
    assert cli.main(["serve", "--host", host]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"apilog: cannot listen on {host}, port 8090: ")
    assert err.count("\n") == 1


def test_localhost_is_a_host(serving: Any) -> None:
    with serving("--host", "localhost") as collector:
        assert collector.announced.startswith("apilog collector: http://localhost:")
        assert collector.http.get("/healthz").status_code == 200


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port), "--data", str(tmp_path / "x")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"apilog: cannot listen on 127.0.0.1, port {port}: Address already in us")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


WRONG = [
    ("--port=-1", "'-1' is not a number from 0 to 65535"),
    ("--port=65536", "'65536' is not a number from 0 to 65535"),
    ("--port=x", "'x' is not a number from 0 to 65535"),
    ("--port=\u0663", "'\u0663' is not a number from 0 to 65535"),
    ("--keep=7", "'7' is no length of time; write 30m, 12h or 7d"),
    ("--data=:memory:", "calls are kept in files: name a folder"),
    ("--max-size=much", "'much' is no size; write 500MB or 2GB"),
]


@pytest.mark.parametrize(("option", "error"), WRONG, ids=lambda part: ascii(part))
def test_a_wrong_option_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], option: str, error: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["serve", option])
    assert exit_.value.code == 2
    assert error in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "named"),
    [("starlette", "starlette"), ("uvicorn", "uvicorn")],
)
def test_a_missing_extra_is_named(missing: str, named: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from apilog.cli import main; "
    run = [sys.executable, "-c", code + "sys.exit(main(['serve', '--port', '0']))"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"apilog: {named} is not installed; try: pip install 'apilog[collector]'\n",
    )


def test_the_version_needs_no_extra(apilog: Any, finished: Any) -> None:
    import os

    assert finished(apilog("--version")) == (0, f"apilog {__version__}\n", "")
    run = [sys.executable, "-c", "import sys, apilog.cli; print(*sys.modules)"]
    bare = {name: each for name, each in os.environ.items() if not name.startswith("COVERAGE_")}
    program = subprocess.run(run, env=bare, capture_output=True, text=True, check=True)
    loaded = program.stdout.split()
    assert {"starlette", "uvicorn", "sqlite3", "apilog.collector"}.isdisjoint(loaded)


def test_old_calls_are_removed_while_it_runs(serving: Any, an_event: Any, eventually: Any) -> None:
    """What is older than --keep goes as a whole day, at the start and then every minute."""
    with serving() as collector:
        old = an_event(ago=5 * 86_400)
        assert collector.http.post("/v1/events", json=old).status_code == 201
        assert len(list(collector.data.glob("20*.db"))) == 1
        collector.process.terminate()
        collector.process.wait()
    with serving("--keep", "2d") as collector:
        eventually(lambda: not list(collector.data.glob("20*.db")))
        assert collector.rows() == []

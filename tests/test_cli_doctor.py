"""``apilog doctor``: what it finds, what it says to do, and what it never shows."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from http_kit import Handler, Listener, serving

from apilog import cli
from apilog.doctor import worker
from apilog.spool import Spool

HALF_A_MINUTE = 30
KEY = "zq-very-secret-key-47114711"


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def about(self, name: str) -> list[tuple[str, str]]:
        """The status and the finding of every check of this name."""
        checks = self.document["checks"]
        return [(each["status"], each["found"]) for each in checks if each["name"] == name]

    def fixes(self, name: str) -> str:
        checks = self.document["checks"]
        return " | ".join(each["fix"] for each in checks if each["name"] == name and each["fix"])


Doctor = Callable[..., Answer]


@pytest.fixture(autouse=True)
def nothing_of_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = ("APILOG_", "UVICORN_", "GUNICORN_", "PYTHONWARNINGS", "DJANGO_")
    for name in list(os.environ):
        if name.startswith(foreign) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def doctor(capfd: pytest.CaptureFixture[str]) -> Doctor:
    """Run the command in this process, for JSON."""

    def run(*options: str, text: bool = False) -> Answer:
        code = cli.main(["doctor", *([] if text else ["--json"]), *options])
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture
def module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], str]]:
    """Write a module with this source where the command finds it; return its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    made: list[str] = []

    def write(source: str) -> str:
        name = f"doctored_{abs(hash(request.node.nodeid))}_{len(made)}"
        (tmp_path / f"{name}.py").write_text(source)
        made.append(name)
        return name

    yield write
    for name in made:
        sys.modules.pop(name, None)


class Endpoint(Listener):
    """Answers every batch with *status*, and keeps what came."""

    def __init__(self) -> None:
        self.status = 201
        self.headers: dict[str, str] = {}
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(_Handler)


class _Handler(Handler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers.items()), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint()) as server:
        yield server


@pytest.fixture
def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


# The whole


def test_a_healthy_environment_has_no_problem(
    doctor: Doctor, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    monkeypatch.setenv("APILOG_DESTINATION", f"http://{endpoint.address}")
    monkeypatch.setenv("APILOG_SPOOL", str(spool))
    monkeypatch.setenv("APILOG_SPOOL_BYTES", "1048576")
    answer = doctor()
    assert answer.code == 0, answer.out
    assert answer.document["status"] == "ok", answer.out
    assert [each["name"] for each in answer.document["checks"]][-1] == "worker"
    assert list(spool.iterdir()) == []


def test_the_checks_come_in_order(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", "console:")
    names = [each["name"] for each in doctor().document["checks"]]
    assert names == ["configuration", "destination", "reachability", "spool", "server", "worker"]


def test_every_check_has_the_same_fields(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APILOG_BATCH_SIZE", "many")
    document = doctor().document
    assert set(document) == {"checks", "status"}
    for check in document["checks"]:
        assert list(check) == ["name", "status", "found", "fix"]
        assert check["status"] in ("ok", "warning", "problem")
        assert (check["fix"] is None) == (check["status"] == "ok")
        assert "\n" not in check["found"] + (check["fix"] or "")


def test_the_text_says_the_same_as_the_json(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_BATCH_SIZE", "many")
    answer = doctor(text=True)
    assert answer.code == 1
    assert "problem  configuration: APILOG_BATCH_SIZE cannot work\n" in answer.out
    assert "         fix: expected a whole number from 1 to 10000\n" in answer.out
    assert answer.out.endswith("\nproblems: 2, warnings: 1\n")


def test_no_key_and_no_value_is_shown(
    doctor: Doctor, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.status = 401
    urls = f"moesif://{KEY}@{endpoint.address}/{KEY}?insecure=1 moesif://{KEY}:{KEY}@x nope:{KEY}"
    monkeypatch.setenv("APILOG_DESTINATION", urls)
    for name in ("HASH", "BATCH_SIZE", "MASK_PATTERNS", "SPOOL_BYTES", "NONSENSE", "SAMPLE_RATE"):
        monkeypatch.setenv(f"APILOG_{name}", f"*{KEY}")
    for text in (False, True):
        answer = doctor(text=text)
        assert answer.code == 1
        assert KEY not in answer.out + answer.err
        assert f"moesif://…@{endpoint.address}" in (
            answer.out if text else "".join(found for _, found in answer.about("reachability"))
        )


def test_it_runs_as_a_command_of_its_own(tmp_path: Path) -> None:
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    finished = subprocess.run(
        [sys.executable, "-m", "apilog", "doctor", "--offline"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "ascii"}
        | {"APILOG_DESTINATION": "moesif://app@api.moesif.net"},
        capture_output=True,
        text=True,
        timeout=HALF_A_MINUTE,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "ok       reachability: moesif://\\u2026@api.moesif.net was not tried" in finished.stdout
    assert finished.stdout.endswith("\nall is well\n")


def test_wrong_arguments_cannot_be_run(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--app", "no-attribute"])
    assert ended.value.code == 2
    assert "expected MODULE:ATTRIBUTE" in capfd.readouterr().err


# The configuration


def test_an_unknown_variable_is_named_with_the_closest_option(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_BATCHSIZE", "10")
    answer = doctor()
    assert answer.code == 0
    expected = ("warning", "APILOG_BATCHSIZE is no option and does nothing")
    assert expected in answer.about("configuration")
    assert "APILOG_BATCH_SIZE" in answer.fixes("configuration")


def test_every_variable_that_cannot_work_is_named(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_BATCH_SIZE", "0")
    monkeypatch.setenv("APILOG_DURABILITY", "always")
    answer = doctor()
    assert answer.code == 1
    assert answer.about("configuration") == [
        ("problem", "APILOG_BATCH_SIZE cannot work"),
        ("problem", "APILOG_DURABILITY cannot work"),
    ]
    assert "expected 'worker' or 'request'" in answer.fixes("configuration")
    assert answer.about("worker") == [("problem", "not tried: no client can be made")]


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        pytest.param({"ENABLED": "0"}, "recording is switched off", id="switched off"),
        pytest.param({"SAMPLE_RATE": "0"}, "no call is sampled", id="nothing sampled"),
        pytest.param(
            {"DURABILITY": "request"},
            'durability="request" has no effect without a spool',
            id="a durability without a disk",
        ),
    ],
)
def test_options_that_record_nothing_are_named(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], found: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"APILOG_{name}", value)
    answer = doctor()
    assert ("warning", found) in answer.about("configuration")
    assert answer.about("worker")[0][0] == "ok"


def test_a_pause_is_named(doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pause").touch()
    monkeypatch.setenv("APILOG_PAUSE_FILE", str(tmp_path / "pause"))
    answer = doctor()
    assert answer.about("configuration")[1][1].startswith("recording is paused")
    assert answer.about("worker")[0][0] == "ok"


@pytest.mark.parametrize(
    ("url", "status", "found"),
    [
        pytest.param("", "warning", "APILOG_DESTINATION is not set", id="none"),
        pytest.param("nope://x", "problem", "unknown scheme", id="an unknown scheme"),
        pytest.param("moesif://host", "problem", "no application id", id="a missing key"),
        pytest.param("memory:", "warning", "keeps events in memory only", id="memory"),
        pytest.param("http://192.0.2.1", "warning", "is reached without TLS", id="no TLS"),
        pytest.param("https://192.0.2.1", "ok", "https://192.0.2.1 is understood", id="TLS"),
    ],
)
def test_the_destination_is_understood_or_not(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, url: str, status: str, found: str
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", url)
    (checked,) = doctor("--offline").about("destination")
    assert checked[0] == status
    assert found in checked[1]


# Reachability


def test_an_endpoint_is_asked_with_its_key_and_an_empty_batch(
    doctor: Doctor, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    monkeypatch.setenv("APILOG_DESTINATION", f"moesif://{KEY}@{endpoint.address}?insecure=1")
    (checked,) = doctor().about("reachability")
    assert checked[0] == "ok"
    assert f"moesif://…@{endpoint.address} took an empty batch in" in checked[1]
    ((path, headers, body),) = endpoint.seen
    assert path == "/v1/events/batch"
    assert headers["X-Moesif-Application-Id"] == KEY
    assert gzip.decompress(body) == b"[]"


@pytest.mark.parametrize(
    ("status", "judged", "fix"),
    [
        pytest.param(401, "problem", "does not take the key", id="a wrong key"),
        pytest.param(403, "problem", "look at the rights of the key", id="a key without rights"),
        pytest.param(404, "problem", "nothing takes events at this address", id="a wrong path"),
        pytest.param(405, "problem", "nothing takes events at this address", id="a wrong host"),
        pytest.param(302, "problem", "never follows a redirect", id="a redirect"),
        pytest.param(413, "problem", "refuses even an empty batch", id="no room at all"),
        pytest.param(429, "warning", "fewer requests", id="too many requests"),
        pytest.param(503, "warning", "trouble of its own", id="trouble of its own"),
        pytest.param(400, "warning", "nothing, if events arrive", id="no empty batches"),
        pytest.param(410, "problem", "nothing takes events at this address", id="gone"),
        pytest.param(418, "problem", "speaks Moesif's protocol", id="another protocol"),
    ],
)
def test_every_answer_is_put_into_words(
    doctor: Doctor,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    judged: str,
    fix: str,
) -> None:
    endpoint.status = status
    endpoint.headers = {"Location": "http://127.0.0.1:1/elsewhere"} if status == 302 else {}
    monkeypatch.setenv("APILOG_DESTINATION", f"http://{endpoint.address}")
    answer = doctor()
    (checked,) = answer.about("reachability")
    assert checked[0] == judged
    assert f"answered {status}" in checked[1]
    assert fix in answer.fixes("reachability")
    assert answer.code == (judged == "problem")
    assert len(endpoint.seen) == 1


def test_a_closed_port_is_a_problem(
    doctor: Doctor, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", f"http://127.0.0.1:{closed_port}")
    found = f"127.0.0.1:{closed_port} takes no connection: connection refused"
    assert doctor().about("reachability") == [("problem", found)]


def test_a_name_that_does_not_resolve_is_a_problem(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", "https://collector.invalid")
    (checked,) = doctor().about("reachability")
    assert checked[0] == "problem"
    assert checked[1].startswith("collector.invalid: ")
    assert "resolve" in checked[1]


def test_a_peer_that_speaks_no_tls_is_a_problem(
    doctor: Doctor, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", f"https://{endpoint.address}")
    answer = doctor()
    (checked,) = answer.about("reachability")
    assert checked[0] == "problem"
    assert "TLS" in checked[1]
    assert "?insecure=1" in answer.fixes("reachability")


def test_a_peer_that_hangs_up_is_a_problem(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def hang_up() -> None:
            for _ in range(2):  # the connection that is only tried, and the one with the batch
                peer, _ = listener.accept()
                peer.recv(1)
                peer.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        monkeypatch.setenv("APILOG_DESTINATION", f"http://127.0.0.1:{listener.getsockname()[1]}")
        (checked,) = doctor().about("reachability")
        thread.join(HALF_A_MINUTE)
    assert checked[0] == "problem"
    assert "gave no answer: it " in checked[1]


@pytest.mark.long
def test_a_peer_that_says_nothing_is_a_problem(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        monkeypatch.setenv("APILOG_DESTINATION", f"http://127.0.0.1:{listener.getsockname()[1]}")
        (checked,) = doctor().about("reachability")
    assert checked[0] == "problem"
    assert "took the batch, and said nothing in time" in checked[1]


def test_a_proxy_that_is_down_is_named(
    doctor: Doctor, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://user:{KEY}@127.0.0.1:{closed_port}")
    monkeypatch.setenv("APILOG_DESTINATION", "https://collector.invalid")
    answer = doctor()
    found = f"the proxy 127.0.0.1:{closed_port} takes no connection: connection refused"
    assert answer.about("reachability") == [("problem", found)]
    assert KEY not in answer.out


def test_offline_opens_no_connection(
    doctor: Doctor, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", f"http://{endpoint.address}")
    found = f"http://{endpoint.address} was not tried: --offline"
    assert doctor("--offline").about("reachability") == [("ok", found)]
    assert endpoint.seen == []


@pytest.mark.parametrize(
    ("path", "status", "found"),
    [
        pytest.param("new.ndjson", "ok", "can be written", id="a new file"),
        pytest.param("directory", "problem", "cannot be written", id="a directory"),
        pytest.param("none/new.ndjson", "problem", "cannot be made", id="a missing directory"),
    ],
)
def test_a_file_is_looked_at_and_not_written(
    doctor: Doctor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    status: str,
    found: str,
) -> None:
    (tmp_path / "directory").mkdir()
    monkeypatch.setenv("APILOG_DESTINATION", (tmp_path / path).as_uri())
    (checked,) = doctor().about("reachability")
    assert checked[0] == status
    assert found in checked[1]
    assert [each.name for each in tmp_path.iterdir()] == ["directory"]


# The spool


def test_a_spool_that_is_not_there_yet_will_be_made(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_SPOOL", str(tmp_path / "spool"))
    answer = doctor()
    assert answer.about("spool") == [
        ("ok", f"{tmp_path / 'spool'} will be made with the first event")
    ]
    assert list(tmp_path.iterdir()) == []
    assert "by way of a spool" in answer.about("worker")[0][1]


def test_a_spool_that_cannot_be_made_is_a_problem(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_SPOOL", str(tmp_path / "none" / "spool"))
    answer = doctor()
    assert answer.code == 1
    assert "cannot be made" in answer.about("spool")[0][1]


@pytest.mark.parametrize("kind", ["open to all", "a link", "a file"])
def test_an_unsafe_spool_is_a_problem(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    spool = tmp_path / "spool"
    if kind == "a file":
        spool.touch()
    else:
        (tmp_path / "real").mkdir(mode=0o700)
        spool.symlink_to("real") if kind == "a link" else spool.mkdir()
    if kind == "open to all":
        spool.chmod(0o777)
    monkeypatch.setenv("APILOG_SPOOL", str(spool))
    answer = doctor()
    assert answer.code == 1
    ((status, found),) = answer.about("spool")
    assert status == "problem"
    assert str(spool) in found
    assert "chmod 700" in answer.fixes("spool")


def test_a_disk_without_room_for_the_spool_is_a_warning(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("APILOG_SPOOL", str(tmp_path))
    monkeypatch.setenv("APILOG_SPOOL_BYTES", str(1 << 40))
    answer = doctor()
    assert any(
        status == "warning" and "spool_bytes allows 1024.0 GiB more" in found
        for status, found in answer.about("spool")
    )


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setenv("APILOG_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("APILOG_SPOOL_BYTES", "1048576")
    return Spool(tmp_path / "spool", report=lambda *_: None)


def test_what_waits_in_the_spool_is_counted(doctor: Doctor, spool: Spool) -> None:
    spool.append(b'{"id": 1}')
    spool.append(b'{"id": 2}')
    found = [found for status, found in doctor().about("spool") if status == "ok"]
    assert any(each.startswith("2 events wait in ") for each in found)
    spool.close()
    found = [found for status, found in doctor().about("spool") if status == "ok"]
    assert "1 segment of dead processes will be adopted" in found


def test_what_waits_for_more_than_an_hour_is_a_warning(
    doctor: Doctor, spool: Spool, tmp_path: Path
) -> None:
    spool.append(b'{"id": 1}')
    spool.close()
    (path,) = (tmp_path / "spool").glob("*.seg")
    began = int(path.name.partition("-")[0], 16) - 7_200 * 10**9
    path.rename(path.with_name(f"{began:016x}-{path.name.partition('-')[2]}"))
    answer = doctor()
    expected = ("warning", "1 event waits, the oldest for more than an hour")
    assert expected in answer.about("spool")
    assert "apilog ship" in answer.fixes("spool")
    assert answer.code == 0


def test_damage_and_refusals_are_warnings(doctor: Doctor, spool: Spool, tmp_path: Path) -> None:
    for number in range(5):
        spool.append(b'{"id": %d}' % number)
    spool.quarantine(b'{"id": 5}', "rejected")
    spool.close()
    (path,) = (tmp_path / "spool").glob("*.seg")
    path.write_bytes(path.read_bytes().replace(b'"id": 2', b'"id": 9'))
    answer = doctor()
    warnings = [found for status, found in answer.about("spool") if status == "warning"]
    assert warnings == [
        "1 segment with damage; what is whole in it is delivered",
        "1 event in the quarantine: the endpoint refused it",
    ]
    assert f"apilog spool {tmp_path / 'spool'} --verify" in answer.fixes("spool")


def test_every_destination_has_a_spool_of_its_own(
    doctor: Doctor, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(b'{"id": 1}')
    spool.close()
    (tmp_path / "spool" / "destination-2").mkdir()
    (tmp_path / "spool" / "destination-2").chmod(0o777)
    monkeypatch.setenv("APILOG_DESTINATION", "console: file:///dev/null")
    problems = [found for status, found in doctor().about("spool") if status == "problem"]
    assert len(problems) == 1
    assert "destination-2" in problems[0]


# The server


def uwsgi(**options: object) -> types.ModuleType:
    """What uWSGI puts in the place of its module: names are text, values are bytes or True."""
    module = types.ModuleType("uwsgi")
    module.opt = {name.replace("_", "-"): value for name, value in options.items()}  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("options", "judged"),
    [
        pytest.param({"master": True}, ["problem", "warning"], id="no threads, and a fork"),
        pytest.param({"enable_threads": True, "lazy_apps": True}, ["ok"], id="threads, no fork"),
        pytest.param({"threads": b"4", "lazy_apps": b"true"}, ["ok"], id="threads by number"),
        pytest.param({"enable_threads": b"false", "lazy_apps": True}, ["problem"], id="said no"),
        pytest.param({"enable_threads": True}, ["warning"], id="a fork that Python is not told of"),
        pytest.param(
            {"enable_threads": True, "py_call_uwsgi_fork_hooks": True}, ["ok"], id="fork hooks"
        ),
    ],
)
def test_inside_of_uwsgi_its_options_are_read(
    doctor: Doctor,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    judged: list[str],
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi(**options))
    assert [status for status, _ in doctor().about("server")] == judged


def test_without_threads_a_spool_still_stores(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi(lazy_apps=True))
    answer = doctor()
    assert [status for status, _ in answer.about("server")] == ["warning"]
    assert "apilog ship" in answer.fixes("server")


@pytest.mark.parametrize(
    ("name", "value", "status", "found"),
    [
        pytest.param("GUNICORN_CMD_ARGS", "--preload -w 4", "ok", "--preload", id="preload"),
        pytest.param(
            "GUNICORN_CMD_ARGS",
            "--graceful-timeout 1",
            "warning",
            "kills workers after 1 s",
            id="no time to say goodbye",
        ),
        pytest.param(
            "GUNICORN_CMD_ARGS", "--graceful-timeout=30", "ok", "no settings", id="time enough"
        ),
        pytest.param("GUNICORN_CMD_ARGS", "--bind '", "warning", "divided", id="an open quote"),
        pytest.param("UVICORN_LIFESPAN", "off", "warning", "up to 2 s of events", id="no lifespan"),
        pytest.param("PYTHONWARNINGS", "error", "warning", "errors of warnings", id="warnings"),
        pytest.param("PYTHONWARNINGS", "default", "ok", "no settings", id="harmless warnings"),
    ],
)
def test_variables_that_servers_obey_are_read(
    doctor: Doctor,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    status: str,
    found: str,
) -> None:
    monkeypatch.setenv(name, value)
    (checked,) = doctor().about("server")
    assert checked[0] == status
    assert found in checked[1]


# The app

FLASK = """
from flask import Flask
from apilog_flask import ApiLog
from apilog.destinations import Memory

class Inner:
    def __init__(self, app): self.app = app
    def __call__(self, *call): return self.app(*call)

class ProxyFix(Inner): pass

def new(): return Flask(__name__)
"""

FASTAPI = """
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from apilog.destinations import Memory
from apilog_fastapi import ApiLogMiddleware
"""

PLAIN = """
from apilog import asgi, wsgi
from apilog.destinations import Memory

def bare(environ, start_response): return []

class Outer:
    def __init__(self, app): self.app = app
    def __call__(self, *call): return self.app(*call)
"""

OUTERMOST = ("ok", "is recorded, from the outside, once")
INSIDE = ("warning", "stands outside of apilog, and what it answers is not recorded")
TWICE = ("problem", "is wrapped 2 times")
NEVER = ("problem", "is not recorded: no middleware of apilog")

APPS = [
    pytest.param(f"{FLASK}app = new()\nApiLog(app, destination=Memory())", OUTERMOST, id="Flask"),
    pytest.param(f"{FLASK}app = new()", NEVER, id="Flask without it"),
    pytest.param(
        f"{FLASK}app = new()\nApiLog(app, destination=Memory())\n"
        "app.wsgi_app = Inner(app.wsgi_app)",
        INSIDE,
        id="Flask with another one outside",
    ),
    pytest.param(
        f"{FLASK}app = new()\nApiLog(app, destination=Memory())\n"
        "app.wsgi_app = ProxyFix(app.wsgi_app)",
        OUTERMOST,
        id="Flask behind a proxy",
    ),
    pytest.param(
        f"{FLASK}from apilog.wsgi import ApiLogMiddleware\n"
        "app = new()\nApiLog(app, destination=Memory())\n"
        "app.wsgi_app = ApiLogMiddleware(app.wsgi_app, destination=Memory())",
        TWICE,
        id="Flask, twice",
    ),
    pytest.param(
        f"{FASTAPI}app = FastAPI()\napp.add_middleware(ApiLogMiddleware, destination=Memory())",
        OUTERMOST,
        id="FastAPI",
    ),
    pytest.param(f"{FASTAPI}app = FastAPI()", NEVER, id="FastAPI without it"),
    pytest.param(
        f"{FASTAPI}app = FastAPI()\napp.add_middleware(ApiLogMiddleware, destination=Memory())\n"
        "app.add_middleware(GZipMiddleware)",
        INSIDE,
        id="FastAPI with another one outside",
    ),
    pytest.param(
        f"{FASTAPI}app = FastAPI()\n"
        "for _ in range(2): app.add_middleware(ApiLogMiddleware, destination=Memory())",
        TWICE,
        id="FastAPI, twice",
    ),
    pytest.param(
        f"{FASTAPI}app = FastAPI()\ninner = FastAPI()\napp.mount('/inner', inner)\n"
        "for each in (app, inner): each.add_middleware(ApiLogMiddleware, destination=Memory())",
        ("problem", "is wrapped 2 times, again at /inner"),
        id="FastAPI, again in what is mounted",
    ),
    pytest.param(
        f"{FASTAPI}app = Starlette()\ninner = Starlette()\napp.mount('/inner', inner)\n"
        "inner.add_middleware(ApiLogMiddleware, destination=Memory())",
        ("warning", "only what is mounted at /inner is recorded"),
        id="Starlette, in what is mounted only",
    ),
    pytest.param(
        f"{PLAIN}app = wsgi.ApiLogMiddleware(bare, destination=Memory())", OUTERMOST, id="WSGI"
    ),
    pytest.param(
        f"{PLAIN}app = asgi.ApiLogMiddleware(bare, destination=Memory())", OUTERMOST, id="ASGI"
    ),
    pytest.param(f"{PLAIN}app = bare", NEVER, id="WSGI without it"),
    pytest.param(
        f"{PLAIN}app = Outer(wsgi.ApiLogMiddleware(bare, destination=Memory()))",
        INSIDE,
        id="WSGI with another one outside",
    ),
    pytest.param(
        f"{PLAIN}app = Outer(None)\napp.app = app", NEVER, id="a middleware that wraps itself"
    ),
]


@pytest.mark.parametrize(("source", "expected"), APPS)
def test_the_app_is_looked_through(
    doctor: Doctor, module: Callable[[str], str], source: str, expected: tuple[str, str]
) -> None:
    answer = doctor("--offline", "--app", f"{module(source)}:app")
    (checked,) = answer.about("app")
    assert checked[0] == expected[0]
    assert expected[1] in checked[1]
    assert answer.code == (expected[0] == "problem"), answer.out


def test_a_factory_is_called_and_its_noise_goes_elsewhere(
    doctor: Doctor, module: Callable[[str], str]
) -> None:
    name = module(
        f"{PLAIN}print('noise')\n"
        "class shop:\n"
        "    @staticmethod\n"
        "    def make(): return wsgi.ApiLogMiddleware(bare, destination=Memory())\n"
    )
    answer = doctor("--offline", "--app", f"{name}:shop.make()")
    assert answer.about("app")[0][0] == "ok"
    assert "noise" in answer.err


def test_what_the_app_says_beats_the_environment(
    doctor: Doctor,
    module: Callable[[str], str],
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", "memory:")
    name = module(
        f"{PLAIN}app = wsgi.ApiLogMiddleware(bare, destination='http://{endpoint.address}',"
        f" spool={str(tmp_path / 'spool')!r})"
    )
    answer = doctor("--app", f"{name}:app")
    assert answer.about("destination") == [("ok", f"http://{endpoint.address} is understood")]
    assert answer.about("reachability")[0][0] == "ok"
    assert "will be made" in answer.about("spool")[0][1]


@pytest.mark.parametrize(
    ("source", "attribute", "found"),
    [
        pytest.param(f"raise RuntimeError('{KEY}')", "app", "raises RuntimeError", id="it raises"),
        pytest.param("raise SystemExit(3)", "app", "raises SystemExit", id="it ends"),
        pytest.param("import no_such_module", "app", "no module no_such_module", id="an import"),
        pytest.param("", "app", "there is no such attribute", id="no attribute"),
        pytest.param(
            f"{PLAIN}app = wsgi.ApiLogMiddleware(bare, destination=Memory(), batch_size='{KEY}')",
            "app",
            "batch_size: expected a whole number",
            id="an option that cannot work",
        ),
        pytest.param(
            f"{FASTAPI}app = FastAPI()\n"
            f"app.add_middleware(ApiLogMiddleware, destination=Memory(), sample_rate='{KEY}')",
            "app",
            "sample_rate: expected a number",
            id="an option that would fail with the first call",
        ),
    ],
)
def test_an_app_that_cannot_be_loaded_is_a_problem(
    doctor: Doctor, module: Callable[[str], str], source: str, attribute: str, found: str
) -> None:
    answer = doctor("--offline", "--app", f"{module(source)}:{attribute}")
    assert answer.code == 1
    (checked,) = answer.about("app")
    assert checked[0] == "problem"
    assert found in checked[1]
    assert KEY not in answer.out + answer.err
    assert answer.about("worker")[0][0] == "ok"


DJANGO = """
import os
from django.conf import settings

settings.configure(
    MIDDLEWARE={middleware},
    APILOG={{"DESTINATION": "memory:"}},
    ROOT_URLCONF=__name__,
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["*"],
)
urlpatterns = []
import django
django.setup()
from django.core.{kind} import get_{kind}_application
app = get_{kind}_application()
"""

OURS = "apilog_django.ApiLogMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


def doctor_elsewhere(folder: Path) -> Answer:
    """Look at ``shop:app`` in a process of its own: Django has one configuration for each."""
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    environ = {**os.environ, "PYTHONPATH": paths}
    environ.pop("DJANGO_SETTINGS_MODULE", None)
    finished = subprocess.run(
        [sys.executable, "-m", "apilog", "doctor", "--json", "--offline", "--app", "shop:app"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=HALF_A_MINUTE,
        check=False,
    )
    return Answer(finished.returncode, finished.stdout, finished.stderr)


def test_django_without_settings_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("from django.conf import settings\nsettings.MIDDLEWARE")
    answer = doctor_elsewhere(tmp_path)
    (checked,) = answer.about("app")
    assert (answer.code, checked[0]) == (1, "problem")
    assert "Django has no valid settings" in checked[1]


@pytest.mark.parametrize(
    ("middleware", "kind", "expected"),
    [
        pytest.param([OURS, COMMON], "wsgi", OUTERMOST, id="first, under WSGI"),
        pytest.param([OURS, COMMON], "asgi", OUTERMOST, id="first, under ASGI"),
        pytest.param([COMMON, OURS], "wsgi", INSIDE, id="second"),
        pytest.param([COMMON], "wsgi", NEVER, id="not there"),
        pytest.param([OURS, COMMON, OURS], "wsgi", TWICE, id="there twice"),
    ],
)
def test_django_tells_its_middlewares(
    tmp_path: Path, middleware: list[str], kind: str, expected: tuple[str, str]
) -> None:
    (tmp_path / "shop.py").write_text(DJANGO.format(middleware=middleware, kind=kind))
    answer = doctor_elsewhere(tmp_path)
    (checked,) = answer.about("app")
    assert checked[0] == expected[0]
    assert expected[1] in checked[1]
    assert checked[1].startswith("Django")
    assert answer.code == (expected[0] == "problem"), answer.err
    if expected is not NEVER:
        assert "memory: keeps events in memory only" in answer.about("destination")[0][1]


# The worker


def test_the_worker_is_not_tried_on_the_spool_of_the_app(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    monkeypatch.setenv("APILOG_SPOOL", str(spool))
    ((status, found),) = doctor().about("worker")
    assert status == "ok"
    assert "delivered a call by way of a spool" in found
    assert list(spool.iterdir()) == []


def test_a_process_without_threads_is_a_problem(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(worker, "PATIENCE", 0.2)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    answer = doctor()
    assert answer.code == 1
    assert answer.about("worker") == [("problem", "no thread can be started here")]

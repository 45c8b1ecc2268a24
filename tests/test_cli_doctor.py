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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

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


class Endpoint(ThreadingHTTPServer):
    """Answers every batch with *status*, and keeps what came."""

    def __init__(self) -> None:
        self.status = 201
        self.headers: dict[str, str] = {}
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers.items()), body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(HALF_A_MINUTE)


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
    answer = doctor_elsewhere(tmp_path)
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
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    finished = subprocess.run(  # Django has one configuration for a process
        [sys.executable, "-m", "apilog", "doctor", "--json", "--offline", "--app", "shop:app"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=HALF_A_MINUTE,
        check=False,
    )
    answer = Answer(finished.returncode, finished.stdout, finished.stderr)
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

"""What is shipped: the wheel and the sdist, installed where no framework is."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

import apilog

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "apilog": ROOT / "src",
    "apilog_django": ROOT / "integrations",
    "apilog_fastapi": ROOT / "integrations",
    "apilog_flask": ROOT / "integrations",
}
MINUTE = 60

USE = """
import json, pathlib, sys
from wsgiref.util import setup_testing_defaults

import apilog, apilog.asgi, apilog.testing
from apilog.wsgi import ApiLogMiddleware

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"sku": "A-1", "password": "hunter2"}']

calls = pathlib.Path("calls.ndjson").resolve()
client = apilog.Client(calls.as_uri())
environ = {}
setup_testing_defaults(environ)
response = ApiLogMiddleware(app, client=client)(environ, lambda status, headers: None)
body = b"".join(response)
response.close()
assert body == b'{"sku": "A-1", "password": "hunter2"}', body
assert client.flush(timeout=30), client.stats()
event = json.loads(calls.read_text())
assert event["response"]["status"] == 200, event
assert event["response"]["body"]["sku"] == "A-1", event
assert "hunter2" not in calls.read_text(), event
client.close()

for package in ("apilog_django", "apilog_fastapi", "apilog_flask"):
    try:
        __import__(package)
    except ImportError as error:
        assert error.name in ("asgiref", "django", "flask", "starlette"), error
    else:
        raise AssertionError(f"{package} works without its framework")
"""

LOADED = """
import sys
import apilog, apilog.asgi, apilog.cli, apilog.wsgi
names = {name.partition(".")[0] for name in sys.modules}
known = '''
    anyio asgiref brotli django fastapi flask httpcore httpx pydantic pytest starlette uvicorn
    werkzeug zstandard
'''
print(*sorted(names & set(known.split())))
"""


def test_import_apilog_loads_no_framework_and_no_http_client() -> None:
    assert run([sys.executable, "-W", "error", "-c", LOADED]).stdout.split() == []


IMPORTED = """
import sys
before = set(sys.modules)
{statement}
print(*sorted(set(sys.modules) - before))
"""

SLOW = set("asyncio email.message http.client httpx sqlite3 ssl".split())
"""What costs as much as half of apilog, each."""


def test_import_apilog_waits_for_nothing_but_its_version() -> None:
    loaded = imported("import apilog")
    assert {name for name in loaded if name.startswith("apilog")} == {"apilog", "apilog._version"}
    assert not loaded & {*SLOW, "dataclasses", "inspect", "json", "logging", "threading", "uuid"}


def test_a_middleware_waits_for_the_destination_that_it_has_and_for_no_other() -> None:
    loaded = imported(
        "import apilog.wsgi; apilog.wsgi.ApiLogMiddleware(print, destination='file:///x')"
    )
    assert "apilog.destinations.file" in loaded
    assert not loaded & SLOW
    others = "collect_event console logimoni memory moesif swetrix umami".split()
    assert not loaded & {f"apilog.destinations.{name}" for name in others}


def test_the_collector_waits_for_nothing_of_the_sender() -> None:
    loaded = imported(
        "import apilog.serve_command, apilog.collector.app, apilog.collector.server,"
        " apilog.collector.store.sqlite"
    )
    assert "uvicorn" in loaded
    assert not loaded & {"apilog.client", "apilog.destinations", "httpx", "uvloop", "webbrowser"}


FIRST_CALL = """
import io, sys
from wsgiref.util import setup_testing_defaults
from apilog.wsgi import ApiLogMiddleware

def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json; charset=utf-8")])
    return [body]

recorded = ApiLogMiddleware(app, destination={destination!r}, shutdown_timeout={patience})
environ = {{
    "CONTENT_LENGTH": "18",
    "CONTENT_TYPE": "application/json",
    "HTTP_AUTHORIZATION": "Bearer hunter2",
    "QUERY_STRING": "page=2&token=hunter2",
    "REQUEST_METHOD": "POST",
    "wsgi.input": io.BytesIO(b'{{"name": "Hello"}}'),
}}
setup_testing_defaults(environ)
before = set(sys.modules)
response = recorded(environ, lambda status, headers: None)
assert b"".join(response) == b'{{"name": "Hello"}}'
response.close()
recorded.client.flush()
assert recorded.client.stats().{state} == 1, recorded.client.stats()
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize(
    ("destination", "state", "patience"),
    [
        pytest.param("memory:", "delivered", 30, id="in memory"),
        pytest.param("http://127.0.0.1:9", "queued", 1, id="over HTTP, to nobody"),
    ],
)
def test_the_first_call_waits_for_no_import(destination: str, state: str, patience: int) -> None:
    program = FIRST_CALL.format(destination=destination, state=state, patience=patience)
    assert run([sys.executable, "-c", program]).stdout.split() == []


def imported(statement: str) -> set[str]:
    """Return the modules that *statement* imports in a new process."""
    program = IMPORTED.format(statement=statement)
    return set(run([sys.executable, "-c", program]).stdout.split())


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"apilog-{apilog.__version__}.dist-info/METADATA").decode()
    information = {name for name in names if ".dist-info/" in name}
    assert names - information == {str(path) for path in sources()}
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {PurePosixPath(name).name for name in information} == {
        "LICENSE",
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
    }
    assert "License-Expression: MIT" in metadata


def test_the_sdist_holds_what_it_takes_to_test_it(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}
    assert {
        ".ci/run",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "examples/demo.py",
        "integrations/apilog_flask/py.typed",
        "noxfile.py",
        "pyproject.toml",
        "scripts/system-packages.sh",
        "src/apilog/collector/static/index.html",
        "src/apilog/py.typed",
        "tests/test_package.py",
        "viewer/package-lock.json",
    } <= names
    made_here = {".venv", "__pycache__", "node_modules"}
    assert not [name for name in names if made_here & set(PurePosixPath(name).parts)]


@pytest.mark.parametrize("kind", ["wheel", pytest.param("sdist", marks=pytest.mark.long)])
def test_it_works_in_a_fresh_environment_without_any_framework(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    artefact: Path = request.getfixturevalue(kind)
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    run([python, "-m", "pip", "install", "--quiet", artefact], tmp_path)
    run([python, "-m", "pip", "check"], tmp_path)

    run([python, "-I", "-W", "error", "-c", USE], tmp_path)

    version = run([programs / "apilog", "--version"], tmp_path).stdout
    assert version == f"apilog {apilog.__version__}\n"
    serve = subprocess.run(
        [programs / "apilog", "serve"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=MINUTE,
    )
    assert serve.returncode == 2
    assert "pip install 'apilog[collector]'" in serve.stderr


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return built("wheel", tmp_path / "dist")


@pytest.fixture
def sdist(tmp_path: Path) -> Path:
    return built("sdist", tmp_path / "dist")


def built(kind: str, folder: Path) -> Path:
    run([sys.executable, "-m", "build", f"--{kind}", "--outdir", folder, ROOT])
    (artefact,) = folder.iterdir()
    return artefact


def sources() -> Iterator[PurePosixPath]:
    """Yield every file of the packages as it should stand in a wheel."""
    for package, root in PACKAGES.items():
        for path in (root / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield PurePosixPath(path.relative_to(root).as_posix())


def run(command: list[str | Path], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=10 * MINUTE
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def environment() -> dict[str, str]:
    """Return this process's environment without what would let the work tree in."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("APILOG_", "COV", "PYTEST_"))
    }

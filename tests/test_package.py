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
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "examples/demo.py",
        "integrations/apilog_flask/py.typed",
        "noxfile.py",
        "pyproject.toml",
        "src/apilog/py.typed",
        "tests/test_package.py",
    } <= names
    assert not [name for name in names if ".venv" in name or "__pycache__" in name]


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
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
        [programs / "apilog", "serve", "--db", ":memory:"],
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

"""The tests on every other Python of this machine, and with the oldest supported frameworks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

RUNNING = "{}.{}".format(*sys.version_info)
VERSIONS = dict.fromkeys(["3.10", "3.11", "3.12", "3.13", RUNNING])

OLDEST = (
    "anyio==3.7.*",
    "django==4.2.*",
    "fastapi==0.100.*",
    "flask==3.0.*",
    "httpx==0.27.*",
    "orjson==3.10.*",
    "uvicorn==0.30.*",
)
"""The lower bounds in pyproject.toml; FastAPI brings the Starlette that it wants."""


def found() -> list[str]:
    """Return the versions that run here, from the PATH or else pyenv's, and put all on the PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders: dict[str, str] = {}
    for version in VERSIONS:
        name = f"python{version}"
        for candidate in filter(None, [shutil.which(name), *pyenv.glob(f"{version}.*/bin/{name}")]):
            # A shim on the PATH may stand for nothing, and some systems ship half a Python.
            probe = subprocess.run([candidate, "-c", "import ensurepip, venv"], capture_output=True)
            if probe.returncode == 0:
                folders[version] = str(Path(candidate).parent)
                break
    os.environ["PATH"] = os.pathsep.join([*folders.values(), os.environ["PATH"]])
    return list(folders)


FOUND = found()
OTHERS = [each for each in FOUND[1:] if each != RUNNING]
"""All but the first, which has the oldest frameworks, and the one that runs nox: `make test` has
that, with the newest of everything."""

STARVED = [each for each in FOUND if each in ("3.10", "3.11")][:1]
"""Where the last uWSGI that lets no thread run works, and has a wheel."""

EVERYDAY = ("--ignore=tests/viewer",)
"""All but the tests in a browser: they are about the files of the viewer, which are the same for
every Python, and `make test` runs them."""

nox.options.sessions = ["oldest", "django"]
nox.options.sessions += ["newest"] * bool(OTHERS) + ["starved"] * bool(STARVED)
nox.options.default_venv_backend = "venv"


@nox.session(python=FOUND[:1])
def oldest(session: nox.Session) -> None:
    """Run the everyday tests with the oldest of everything."""
    run(session, *OLDEST)


@nox.session(python=OTHERS)
def newest(session: nox.Session) -> None:
    """Run the everyday tests with the newest of everything."""
    run(session)


@nox.session(python=FOUND[:1])
@nox.parametrize("version", ["5.0", "5.1"])
def django(session: nox.Session, version: str) -> None:
    """Run the tests of the integrations with a Django between the oldest and the newest."""
    run(session, f"django=={version}.*", tests=("tests/integrations",))


@nox.session(python=STARVED)
def starved(session: nox.Session) -> None:
    """Run the tests of uWSGI with one that lets no thread run."""
    run(session, "pyuwsgi==2.0.26", tests=("-m", "long", "tests/delivery/test_uwsgi.py"))


def run(session: nox.Session, *pins: str, tests: tuple[str, ...] = EVERYDAY) -> None:
    """Install apilog and its tests as *pins* have it, and run *tests*."""
    session.install("--upgrade", "pip")
    session.install("--editable", ".", "--group", "test", *pins)
    workers = os.environ.get("WORKERS", "auto")
    session.run("python", "-m", "pytest", "-n", workers, *tests, *session.posargs)

"""Make the environments that the comparison runs in: one for apilog, one for each peer.

    python benchmarks/peers/environments.py [--only sentry] [--clear]

Each is a virtual environment in `.environments`, made once of `requirements/NAME.txt`, where every
version is pinned (`constraints.txt` pins what those pull in). The frameworks are the same in all,
so that the bare app is the same app for everybody.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PLACE = ROOT / ".environments"
REQUIREMENTS = HERE / "requirements"
NAMES = ("apilog", "moesif", "apitally", "sentry", "opentelemetry")


def python(name: str) -> Path:
    """Return the interpreter of the environment *name*."""
    return PLACE / name / "bin" / "python"


def versions(name: str) -> dict[str, str]:
    """Return what is installed in the environment *name*."""
    listed = subprocess.run(
        [python(name), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pinned = (line.split("==") for line in listed.splitlines() if "==" in line)
    return {package.lower(): version for package, version in pinned}


def make(name: str, *, clear: bool = False) -> None:
    """Make the environment *name*, unless it is there and as its requirements say."""
    listed = (REQUIREMENTS / f"{name}.txt", REQUIREMENTS / "frameworks.txt")
    constraints = REQUIREMENTS / "constraints.txt"
    wanted = "".join(path.read_text() for path in (*listed, constraints))
    ready = PLACE / name / "ready"
    if not clear and ready.exists() and ready.read_text() == wanted:
        return
    print(f"Making {PLACE / name}", file=sys.stderr)
    venv.create(PLACE / name, clear=True, with_pip=True)
    packages: list[str | Path] = ["--requirement", listed[0], "--constraint", constraints]
    if name == "apilog":
        packages += ["--editable", ROOT]
    subprocess.run(
        [python(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
        check=True,
    )
    ready.write_text(wanted)


def main() -> None:
    """Make all of them, or one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--clear", action="store_true", help="make them anew")
    given = parser.parse_args()
    for name in [given.only] if given.only else NAMES:
        make(name, clear=given.clear)


if __name__ == "__main__":
    main()

"""The viewer built anew, with Node and the packages that its lock file names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
VIEWER = ROOT / "viewer"
STATIC = Path("src/apilog/collector/static")
BUILD_SECONDS = 300


def copied(folder: Path) -> Path:
    """Copy the sources of the viewer into *folder*, as a clone has them; return the viewer's."""
    viewer = folder / "viewer"
    left_out = shutil.ignore_patterns("node_modules", "*.tsbuildinfo", "dist")
    shutil.copytree(VIEWER, viewer, ignore=left_out)
    (folder / STATIC).mkdir(parents=True)
    return viewer


def run(*command: str, at: Path) -> str:
    """Run a command of Node's world; return what it printed."""
    done = subprocess.run(
        command, cwd=at, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def with_packages(folder: Path) -> Path:
    """Return a copy of the viewer in *folder* with its packages installed."""
    viewer = copied(folder)
    run("npm", "ci", "--no-audit", "--no-fund", at=viewer)
    return viewer

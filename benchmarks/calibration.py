"""What machine this is, and how fast it is just now: figures of two days compare only by that.

python benchmarks/calibration.py
"""

from __future__ import annotations

import mmap
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("apilog", "starlette", "uvicorn", "h11", "httptools", "uvloop", "orjson", "playwright")
PAGE = bytes(range(256)) * 32
PAGES = 2_048
ROUNDS = 5


def describe() -> None:
    """Print the machine, the versions and the date."""
    now = datetime.now(timezone.utc)
    print(
        f"{now:%Y-%m-%d %H:%M} UTC, {processor()}, {os.cpu_count()} processors,"
        f" {platform.system()} {platform.release()}\n\n"
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" {', '.join(filter(None, map(installed, PACKAGES)))}\n"
    )


def report(directory: Path) -> None:
    """Print how fast the machine is now, files in *directory*."""
    print(
        f"Calibration: load {os.getloadavg()[0]:.1f}, {each(loop):.4f} us a turn of a loop,"
        f" {each(remember):.1f} us an 8 KiB page of new memory,"
        f" {each(lambda: write(directory)):.1f} us one of a new file,"
        f" {synchronised(directory):,.0f} us one made durable.\n",
        flush=True,
    )


def each(work: Callable[[], int]) -> float:
    """Return the microseconds that a piece of *work* takes, which returns how many it did."""
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        count = work()
        spent.append((time.perf_counter() - began) / count)
    return statistics.median(spent) * 1e6


def loop(turns: int = 200_000) -> int:
    """Add numbers."""
    total = 0
    for number in range(turns):
        total += number & 7
    return turns


def remember() -> int:
    """Fill pages of memory that nobody had before."""
    with mmap.mmap(-1, PAGES * len(PAGE)) as memory:
        for _ in range(PAGES):
            memory.write(PAGE)
    return PAGES


def write(directory: Path) -> int:
    """Fill pages of a new file."""
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(PAGES):
            file.write(PAGE)
    return PAGES


def synchronised(directory: Path, count: int = 20) -> float:
    """Return the microseconds until a page of a file is on disk, in the middle."""
    spent = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(PAGE)
            os.fdatasync(file.fileno())
            spent.append(time.perf_counter() - began)
    return statistics.median(spent) * 1e6


def installed(package: str) -> str:
    """Return the name and version of a package, nothing if it is not there."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def processor() -> str:
    """Return the name of the processor, or its kind where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    describe()
    report(Path(tempfile.gettempdir()))

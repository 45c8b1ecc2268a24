"""What this process takes of the machine. Linux only: it is read from ``/proc``."""

from __future__ import annotations

import os
from pathlib import Path


def resident() -> int:
    """Return the bytes of memory that this process has in use, mapped files included."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """Return how many files and sockets are open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1  # the folder itself

"""Real files for the apps to send."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="conformance-")


@functools.cache
def file_of(size: int) -> str:
    """Return the path of a file of *size* bytes; its time is always the same."""
    path = Path(_folder().name) / f"{size}.bin"
    path.write_bytes(bytes(number % 251 for number in range(1000)) * (size // 1000))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return str(path)

"""A file of events, one JSON object a line (NDJSON)."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from apilog.destinations._selection import Filtered, Selection
from apilog.exceptions import RetryLater

if TYPE_CHECKING:
    from typing_extensions import Unpack


class File(Filtered):
    """Append events to *path*; the file is readable by its owner only.

    Each batch is one append, so that several processes can share a file. A disk that is full is
    tried again later; what was half written then is taken back. ``only``, ``exclude`` and
    ``sample_rate`` are as for `apilog.destinations.Filter`.
    """

    def __init__(self, path: str | os.PathLike[str], **selection: Unpack[Selection]) -> None:
        super().__init__(selection)
        self._path = Path(path)

    def send(self, batch: Sequence[bytes]) -> None:
        """Append *batch*."""
        text = b"".join(event + b"\n" for event in batch)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(self._path, flags, 0o600)
            try:
                _append(descriptor, text)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise RetryLater(f"cannot write {self._path}: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"<File {self._path}>"


def _append(descriptor: int, text: bytes) -> None:
    written = os.write(descriptor, text)
    if written < len(text):
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        if os.fstat(descriptor).st_size == end:  # else another process has appended since
            os.ftruncate(descriptor, end - written)
        raise OSError(errno.ENOSPC, "no space for the whole batch")

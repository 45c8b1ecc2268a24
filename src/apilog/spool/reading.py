"""Reading what waits in a spool, and leaving it where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from apilog.spool.directory import SEGMENT, view
from apilog.spool.files import READ, Files
from apilog.spool.findings import examine
from apilog.spool.inspect import acknowledged, folders, is_free


class Waiting(NamedTuple):
    """An event that waits, the segment it stands in, and where there it ends."""

    segment: str
    end: int
    content: bytes | None
    """None for a place that cannot be read."""


class Reading:
    """Yield what waits at *directory* in segments without a living process, in their order.

    With *segment* and *offset*, of an earlier event, it begins behind that. Nobody can take a
    segment while it is read. Raises `SpoolError` when the directory cannot be opened.
    """

    def __init__(
        self, directory: str | os.PathLike[str], segment: str = "", offset: int = 0
    ) -> None:
        self._directory = directory
        self._segment = segment
        self._offset = offset
        self._files = Files()
        self.living: list[str] = []
        """Segments passed over, because their processes live."""

    def sizes(self) -> dict[str, int]:
        """Return the bytes of every segment, in the order in which they are read."""
        sizes: dict[str, int] = {}
        for prefix, folder in folders(self._files, self._directory):
            for name in sorted(self._files.names(folder)):
                if name.endswith(SEGMENT):
                    with suppress(OSError):
                        sizes[f"{prefix}{name}"] = self._files.status_of(name, folder).st_size
        return sizes

    def __iter__(self) -> Iterator[Waiting]:
        for prefix, folder in folders(self._files, self._directory):
            for name in sorted(self._files.names(folder)):
                is_past = (prefix, name) < order(self._segment)
                if name.endswith(SEGMENT) and not is_past:
                    yield from self._in(prefix, name, folder)

    def _in(self, prefix: str, name: str, folder: int) -> Iterator[Waiting]:
        segment = f"{prefix}{name}"
        since = self._offset if segment == self._segment else 0
        try:
            descriptor = self._files.open(name, READ, folder)
        except OSError:  # shipped by now
            return
        try:
            size = self._files.status(descriptor).st_size
            if size and not is_free(self._files, descriptor):
                self.living.append(segment)
                return
            window = view(self._files, descriptor, size)
            settled = acknowledged(self._files, name[: -len(SEGMENT)], folder)
            found = examine(window, settled)
            if found.is_newer:
                yield Waiting(segment, size, None)
                return
            for offset in found.index:
                record = window.record_at(offset) if offset >= since else None
                if record is not None:
                    yield Waiting(segment, record.end, record.content)
            for damage in found.damages:
                if not damage.torn and damage.end > max(settled, since):
                    yield Waiting(segment, size, None)
        finally:
            self._files.close(descriptor)


def order(segment: str) -> tuple[str, str]:
    """Return a key by which segments sort in the order in which they are read."""
    prefix, slash, name = segment.rpartition("/")
    return prefix + slash, name

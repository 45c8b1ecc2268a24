"""What is replayed: calls in a file or a spool, read one by one and never as a whole."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from apilog import codec
from apilog.json_elements import LARGEST, Elements
from apilog.recording_error import RecordingError
from apilog.spool import SpoolError
from apilog.spool.reading import Reading, order

FORMATS = ("ndjson", "events", "har")

_HEAD = 65_536
_HAR = re.compile(rb'\s*\{\s*"log"\s*:')
_BOM = b"\xef\xbb\xbf"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"PK\3\4")
"""How files of gzip, zstd, bzip2, xz and zip begin."""
_WINDOW = 4096
"""Bytes at the beginning of a file, and before a place in it, by which it is known again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place between two calls: how many came before it, and where the next one begins."""

    number: int = 0
    segment: str = ""
    offset: int = 0


class Item(NamedTuple):
    """One call as it was read; *after* is the place behind it."""

    after: Place
    content: bytes | None
    """None if it is too large, damaged, or cut off."""
    done: int
    """Bytes of the source up to its end."""


def content_of(item: Item) -> bytes:
    """Return the content of *item*.

    Raises:
        RecordingError: it has none.
    """
    if item.content is None:
        raise RecordingError("it is too large, damaged or cut off")
    return item.content


class Source(Protocol):
    """Calls to be read."""

    noun: str
    """What a number counts: ``line``, ``call``."""

    size: int
    """Bytes of all of it."""

    def items(self, place: Place) -> Iterator[Item]:
        """Yield what comes behind *place*."""

    def identity(self, place: Place) -> str:
        """Return what tells this source, as far as *place*, from others; it may grow behind that.

        Raises OSError when it cannot be read.
        """


def source_of(path: str, format_name: str | None = None) -> Source:
    """Return the calls at *path*, a file in *format_name* or what it looks like, or a spool.

    Raises:
        RecordingError: it cannot be read.
    """
    try:
        mode = Path(path).stat().st_mode if path != "-" else stat.S_IFIFO
        if stat.S_ISDIR(mode):
            return SpoolSource(path)
        if stat.S_ISREG(mode):
            with Path(path).open("rb") as file:
                head = file.read(_HEAD)
    except (OSError, ValueError, SpoolError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise RecordingError(f"it cannot be read: {str(why).lower()}") from error
    if not stat.S_ISREG(mode):
        raise RecordingError("it is no file that can be read again: save it in one first")
    if format_name == "ndjson" or (format_name is None and _is_ndjson(head)):
        return LineSource(path)
    head = head.removeprefix(_BOM)
    if format_name == "har" or (format_name is None and _HAR.match(head)):
        return ElementSource(path, [b"log", b"entries"])
    start = head.lstrip()[:1]
    if start == b"[":
        return ElementSource(path, [])
    if start == b"{":
        return ElementSource(path, None)
    if head.startswith(_COMPRESSED):
        raise RecordingError("it is compressed: unpack it first")
    if head.startswith(b"SQLite format 3\0"):
        raise RecordingError("it is a database; export its events first")
    what = "it is empty" if not start else "it is neither events, one a line, nor a HAR file"
    raise RecordingError(what)


class _File:
    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.size = self.path.stat().st_size

    def identity(self, place: Place) -> str:
        """Return a digest of how the file begins, and of what stands before *place*."""
        with self.path.open("rb") as file:
            digest = blake2b(file.read(min(place.offset, _WINDOW)), digest_size=16)
            file.seek(max(0, place.offset - _WINDOW))
            digest.update(file.read(min(place.offset, _WINDOW)))
        return digest.hexdigest()


class LineSource(_File):
    """A file with one call a line."""

    noun = "line"

    def items(self, place: Place) -> Iterator[Item]:
        """Yield every line behind *place* that is not empty."""
        with self.path.open("rb") as file:
            file.seek(place.offset)
            number, offset = place.number, place.offset
            for size, line in _lines(file):
                number += 1
                offset += size
                if line is not None and number == 1:
                    line = line.removeprefix(_BOM)
                if line is None or line.strip():
                    yield Item(Place(number=number, offset=offset), line, offset)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield the size of each line, and the line, unless it is too large to be kept."""
    while line := file.readline(LARGEST):
        size = len(line)
        whole: bytes | None = line
        while not line.endswith(b"\n") and (line := file.readline(LARGEST)):
            size += len(line)
            whole = None
        yield size, whole


class ElementSource(_File):
    """A file of JSON with calls in an array at *path*, or without one, one behind the other."""

    noun = "call"

    def __init__(self, file: str, path: list[bytes] | None) -> None:
        super().__init__(file)
        self._path = path
        self.is_har = bool(path)

    def items(self, place: Place) -> Iterator[Item]:
        """Yield every element behind *place*."""
        with self.path.open("rb") as file:
            file.seek(place.offset)
            number = place.number
            for element in Elements(file, self._path, place.offset):
                number += 1
                after = Place(number=number, offset=element.end)
                yield Item(after, element.content, element.end)


class SpoolSource:
    """What waits in a spool in segments without a living process; it stays there."""

    noun = "event"

    def __init__(self, path: str) -> None:
        self._path = path
        self.reading = Reading(path)
        self._sizes = self.reading.sizes()
        self.size = sum(self._sizes.values())

    def items(self, place: Place) -> Iterator[Item]:
        """Yield every event behind *place*."""
        self.reading = Reading(self._path, place.segment, place.offset)
        before: dict[str, int] = {}
        total = 0
        for name, size in self._sizes.items():
            before[name] = total
            total += size
        number = place.number
        with closing(iter(self.reading)) as waiting:  # type: ignore[type-var]
            for segment, end, content in waiting:
                number += 1
                after = Place(number=number, segment=segment, offset=end)
                yield Item(after, content, before.get(segment, total) + end)

    def identity(self, place: Place) -> str:
        """Return a digest of where the spool is: what stands before *place* may be gone by then."""
        where = os.fsencode(Path(self._path).resolve())
        return blake2b(where, digest_size=16).hexdigest()

    def passed_for_good(self, place: Place) -> list[str]:
        """Return the segments of living processes that stand before *place*."""
        return [name for name in self.reading.living if order(name) < order(place.segment)]


def _is_ndjson(head: bytes) -> bool:
    """Say whether the first line that is not empty is an object by itself."""
    text = head.removeprefix(_BOM).lstrip()
    if _HAR.match(text):
        return False
    line, newline, _ = text.partition(b"\n")
    if not newline and len(head) >= _HEAD:
        return line.startswith(b"{")  # one that long is a line, or all there is
    try:
        return isinstance(codec.loads(line), dict)
    except ValueError:
        return False

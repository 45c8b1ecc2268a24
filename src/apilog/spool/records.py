"""The bytes of a segment: records that can be told from damage.

A record is ``magic 4 | length u32 | crc32 u32 | sequence u64 | kind u8 | padding 3`` and then
*length* bytes: a mark (u64) and the content. All numbers are little-endian. The checksum is that
of sequence, kind, mark and content. The sequence goes up by one with every record of a segment.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

MAGIC = b"\xf5\xa9\x01\xfe"
"""Two of its bytes never stand in UTF-8, so no event can look like the beginning of a record."""

VERSION = 1

_PREFIX = struct.Struct("<4sIIQB3xQ")
_CHECKED = struct.Struct("<QBQ")
_MARK_BYTES = 8
HEADER_BYTES = _PREFIX.size - _MARK_BYTES
SMALLEST = _PREFIX.size
"""Bytes of a record without content."""

LARGEST_CONTENT = 64 * 1024 * 1024
"""Bytes; a length above that is damage, whatever the file's size."""

WINDOW = 256 * 1024
_PAGE = 4096


class Kind(IntEnum):
    """What a record says; readers skip kinds that they do not know."""

    START = 0
    """A call began; its mark is the ticket, its content the event in case that nothing follows."""
    EVENT = 1
    """An event; its mark is the ticket that it retires, or 0."""
    SEAL = 2
    """Nothing follows; its mark says how many records there are."""
    COUNTERS = 3
    CLOCK = 4
    HEAD = 5
    """The first record; its mark is the version. Newer versions keep the form of this record."""
    CANCEL = 6
    """The ticket in its mark is retired, without an event."""


class Record(NamedTuple):
    """A record whose checksum was right, and where it stands in its file."""

    offset: int
    end: int
    sequence: int
    kind: int
    mark: int
    content: bytes


def encoded(sequence: int, kind: int, mark: int, content: bytes = b"") -> bytes:
    """Return the bytes of a record."""
    checksum = crc32(content, crc32(_CHECKED.pack(sequence, kind, mark)))
    length = _MARK_BYTES + len(content)
    return _PREFIX.pack(MAGIC, length, checksum, sequence, kind, mark) + content


class Window:
    """The part of a file that is in memory: up to 256 KiB, or one record."""

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        end: int,
        data_from: Callable[[int], int] = lambda offset: offset,
    ) -> None:
        """*read* is told size and offset and may return less; the file ends at *end*.

        *data_from* returns where a hole ends that begins at an offset.
        """
        self._read = read
        self._data_from = data_from
        self.end = end
        self.base = 0
        self.content = b""

    def reach(self, offset: int, size: int) -> bool:
        """Have *size* bytes from *offset* on in `content`, if the file has them."""
        if self.base <= offset and offset + size <= self.base + len(self.content):
            return True
        if offset + size > self.end:
            return False
        self._fill(offset, max(size, min(WINDOW, self.end - offset)))
        return len(self.content) >= size

    def record_at(self, offset: int) -> Record | None:
        """Return the record that begins at *offset*, if there is one and it is whole."""
        if not self.reach(offset, _PREFIX.size):
            return None
        magic, length, checksum, sequence, kind, mark = _PREFIX.unpack_from(
            self.content, offset - self.base
        )
        if magic != MAGIC or not _MARK_BYTES <= length <= LARGEST_CONTENT + _MARK_BYTES:
            return None
        size = HEADER_BYTES + length
        if not self.reach(offset, size):
            return None
        at = offset - self.base
        content = self.content[at + _PREFIX.size : at + size]
        if crc32(content, crc32(_CHECKED.pack(sequence, kind, mark))) != checksum:
            return None
        return Record(offset, offset + size, sequence, kind, mark, content)

    def next_magic(self, offset: int) -> int:
        """Return where, from *offset* on, a record may begin, or the end of the file."""
        while True:
            reached = self.base + len(self.content)
            if self.base <= offset < reached:
                found = self.content.find(MAGIC, offset - self.base)
                if found >= 0:
                    return self.base + found
                offset = max(offset, reached - len(MAGIC) + 1)
            offset = max(offset, self._data_from(offset))
            left = self.end - offset
            if left < len(MAGIC) or not self.reach(offset, min(WINDOW, left)):
                return self.end

    def is_torn(self, offset: int) -> bool:
        """Whether what stands at *offset* may be a last record whose writing was interrupted.

        It is the beginning of one, or space that never got its content.
        """
        size = self.end - offset
        if not self.reach(offset, min(size, WINDOW)):
            return False
        rest = self.content[offset - self.base :]
        if size <= WINDOW and not rest.strip(b"\0"):
            return True
        if len(rest) < _PREFIX.size:
            return rest[: len(MAGIC)] == MAGIC[: len(rest)]
        length: int = _PREFIX.unpack_from(rest)[1]
        return rest.startswith(MAGIC) and size < HEADER_BYTES + length <= LARGEST_CONTENT

    def _fill(self, offset: int, size: int) -> None:
        self.base = offset
        try:
            self.content = self._read(size, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.content = b"".join(self._pages(offset, size))

    def _pages(self, offset: int, size: int) -> Iterator[bytes]:
        """Read what the disk still gives, page by page; a page that it does not give is damage."""
        for start in range(offset, offset + size, _PAGE):
            length = min(_PAGE, offset + size - start)
            try:
                page = self._read(length, start)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                page = b""
            yield page.ljust(length, b"\0")


class Damage(NamedTuple):
    """A stretch of a file that is no record; *torn* if it is the interrupted last one."""

    offset: int
    end: int
    torn: bool


def scan(window: Window) -> Iterator[Record | Damage]:
    """Read a file from its beginning: every whole record, and the damage between them.

    Never fails on what it reads, and never takes a record with a wrong checksum. After damage it
    goes on where the next record may begin.
    """
    offset = 0
    while offset < window.end:
        record = window.record_at(offset)
        if record is not None:
            yield record
            offset = record.end
            continue
        start = offset
        while record is None and offset < window.end:
            offset = window.next_magic(offset + 1)
            record = window.record_at(offset) if offset < window.end else None
        yield Damage(start, offset, offset == window.end and window.is_torn(start))

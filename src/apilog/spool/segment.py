"""A segment: one file of records, and what of it is still to be shipped."""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress

from apilog.spool.directory import (
    ACKNOWLEDGED,
    SEGMENT,
    UNFINISHED,
    Directory,
    created,
    view,
)
from apilog.spool.files import CREATE
from apilog.spool.findings import End, Findings
from apilog.spool.records import VERSION, Kind, Record, Window, encoded

_TRIES = 8


class Segment:
    """A locked file of records. One thread at a time writes it, or settles what is in it."""

    def __init__(self, directory: Directory, name: str, descriptor: int, since: float) -> None:
        self.name = name
        self.descriptor = descriptor
        self.since = since
        """When it became ours, in seconds of the monotonic clock."""
        self.created = created(name)
        """When it was made, in nanoseconds since 1970, or None if its name does not say."""
        self.size = 0
        """Bytes of whole records; what the file has beyond them is the rest of a failed write."""
        self.payload_from = 0
        """Where the first record stands that was not carried over from the segment before."""
        self.records = 0
        self.last = 0
        """The sequence of the last record."""
        self.index: array[int] = array("Q")
        """Where the events stand that were not settled when the segment became ours."""
        self.settled = 0
        """How many of these are settled by now."""
        self._stored_bytes = self._settled_bytes = 0
        self.acknowledged = 0
        self.adopted = False
        self.sealed = False
        self.broken = False
        """Whether nothing can be appended any more: how the file ends is not known."""
        self.suspect = False
        """Whether the disk did not take it; what can be read may be memory only."""
        self.stays_open = False
        """Whether calls are open in it that nobody will end: it must not be sealed or removed."""
        self.dirty = False
        self.lightness = 0
        """Which step of shedding it went through."""
        self._directory = directory
        self._files = directory.files

    @classmethod
    def create(cls, directory: Directory, moment: int, since: float) -> Segment:
        """Make a file of that *moment*; `publish` makes it a segment. Raises `OSError`.

        It is locked before it has the name that others look for. One who cleans up may get to
        the lock first and take the file away; then this tries again.
        """
        files = directory.files
        for _ in range(_TRIES):
            name = directory.new_name(moment)
            descriptor = files.open(f"{name}{UNFINISHED}", CREATE, directory.folder)
            try:
                files.keep_private(descriptor, 0o600)  # whatever the umask took
                if directory.lock(descriptor) and files.status(descriptor).st_nlink:
                    return cls(directory, name, descriptor, since)
            except BaseException:
                directory.remove(f"{name}{UNFINISHED}")
                files.close(descriptor)
                raise
            files.close(descriptor)
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    @classmethod
    def adopted_from(
        cls, directory: Directory, name: str, descriptor: int, findings: Findings, since: float
    ) -> Segment:
        """Return the segment of a process that is gone, whose lock is ours now."""
        segment = cls(directory, name, descriptor, since)
        segment.size = findings.size
        segment.index = findings.index
        segment._stored_bytes = findings.pending_bytes
        segment.adopted = True
        segment.sealed = findings.end is End.SEALED
        segment.broken = True
        return segment

    def begin(self, sequence: int, carried: Iterable[tuple[int, bytes]] = ()) -> int:
        """Write the first record, and the calls that are still open; return the next sequence."""
        self.add(sequence, Kind.HEAD, VERSION, b"apilog spool")
        for ticket, event in carried:
            sequence += 1
            self.add(sequence, Kind.START, ticket, event)
        self.payload_from = self.size
        return sequence + 1

    def publish(self) -> None:
        """Let others see the segment. Raises `OSError`."""
        self._files.rename(
            f"{self.name}{UNFINISHED}", f"{self.name}{SEGMENT}", self._directory.folder
        )

    def abandon(self) -> None:
        """Take back a file that was not published."""
        self._directory.remove(f"{self.name}{UNFINISHED}")
        self._files.close(self.descriptor)

    def add(self, sequence: int, kind: int, mark: int, content: bytes = b"") -> None:
        """Append a record, or nothing at all. Raises `OSError`.

        Whatever interrupts this, `broken` says whether the file still ends where we think.
        """
        record = encoded(sequence, kind, mark, content)
        self.broken = True
        try:
            self._write_all(record)
        except OSError:
            with suppress(OSError):
                self._files.cut(self.descriptor, self.size)
                self.broken = False
            raise
        offset = self.size
        self.size += len(record)
        if kind == Kind.EVENT:
            self._stored_bytes += len(content)
            self.index.append(offset)  # last: who reads this reads the size afterwards
        self.records += 1
        self.last = sequence
        self.dirty = True
        self.broken = False

    def _write_all(self, record: bytes) -> None:
        """Write in one call, as a rule; a short one is asked again, to hear the reason."""
        rest = record
        for _ in range(_TRIES):
            try:
                written = self._files.write(self.descriptor, rest)
            except InterruptedError:
                continue
            if written == len(rest):
                return
            rest = rest[written:]
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def seal(self) -> None:
        """Say that nothing follows. Raises `OSError`."""
        if self.broken:
            self._files.cut(self.descriptor, self.size)
        self.add(self.last + 1, Kind.SEAL, self.records)
        self.sealed = True

    @property
    def pending(self) -> int:
        """How many events are still to be shipped."""
        return len(self.index) - self.settled

    @property
    def pending_bytes(self) -> int:
        """The size of these events."""
        return self._stored_bytes - self._settled_bytes if self.pending else 0

    @property
    def lacks_seal(self) -> bool:
        """Whether it ended without its last record, which should still be written."""
        return not (self.sealed or self.suspect or self.stays_open)

    def window(self) -> Window:
        """Return a view of the records that are whole by now."""
        return view(self._files, self.descriptor, self.size)

    def lose(self, offset: int) -> None:
        """Take an event off the index: it cannot be read any more."""
        with suppress(ValueError):
            self.index.remove(offset)

    def settle(self, count: int, size: int, end: int) -> None:
        """Put the next *count* events, of *size* bytes, behind us; they end at *end*."""
        self.settled += count
        self._settled_bytes += size
        self.acknowledged = max(self.acknowledged, end)
        self._directory.acknowledge(self.name, self.acknowledged)

    def remove(self) -> bool:
        """Take the file away, then its acknowledgement, then the lock; say whether it is gone."""
        gone = self._directory.remove(f"{self.name}{SEGMENT}")
        if gone:
            self._directory.remove(f"{self.name}{ACKNOWLEDGED}")
        self.let_go()
        return gone

    def let_go(self) -> None:
        """Give the lock back: whoever wants to may adopt the segment now."""
        self._files.close(self.descriptor)

    def waiting(self) -> Iterator[Record]:
        """Read what is still to be shipped, as far as it is readable. Raises `OSError`."""
        window = self.window()
        for offset in self.index[self.settled :]:
            record = window.record_at(offset)
            if record is not None:
                yield record

"""The writing side of a spool: the one segment that is open, and when it gives way to the next."""

from __future__ import annotations

import errno
import threading
from contextlib import suppress

from apilog.spool.directory import Directory
from apilog.spool.open_calls import OpenCalls
from apilog.spool.records import LARGEST_CONTENT, Kind
from apilog.spool.segment import Segment
from apilog.spool.trouble import SpoolError

ROLL_BYTES = 4 * 1024 * 1024
LARGEST_ROLL = 64 * 1024 * 1024
ROLL_SECONDS = 60.0
"""When a segment is sealed. While more and more waits, segments get larger, and time alone seals
none: each holds a file descriptor until it is shipped."""

FEW = 4
"""How many sealed segments wait before that begins."""

RETRY_SECONDS = 0.5
"""How long a failure is believed, without another look at the disk."""

PATIENCE = 0.5
"""Seconds that a thread waits for another one's write; a disk that takes longer is stuck."""

TIGHT = 0.125
"""The part of the bounds that has to be free, or it is time to give something up."""


class SpoolFull(SpoolError):
    """Say that the spool holds what it may; some of it can be given up."""


class Writer:
    """Append records to the open segment, from any thread.

    A call from within another one of the same thread (a finaliser, a signal handler) is refused
    as ``unavailable``: it cannot wait.
    """

    def __init__(self, directory: Directory, max_bytes: int) -> None:
        self._directory = directory
        self._files = directory.files
        self.max_bytes = max_bytes
        self._stride = min(ROLL_BYTES, max_bytes // 8)
        self._sequence = 1
        self.write_only = False
        self.closed = False
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child. Tickets go on counting: an inherited one is nobody's."""
        self._pen = threading.Lock()
        self._holder = 0
        self.current: Segment | None = None
        self.retired: list[Segment] = []
        """Those that were written to, oldest first; all their changes are made under the lock."""
        self._calls = OpenCalls()
        self._roll_at = self._look_at = self._refused_until = 0.0
        self._roll_bytes = self._room = 0
        self.degraded: str | None = None
        self.is_tight = False
        """Whether little room is left."""
        self.published = False

    def append(self, event: bytes, started: int) -> None:
        """Write *event*, which retires the ticket *started* (0: none). Raises `SpoolError`."""
        try:
            now = self._enter_to_write()
            try:
                self._retire_those_over(now)
                self._write(now, Kind.EVENT, started, event)
            finally:
                self._leave()
        finally:
            self._calls.forget(started)

    def start(self, event: bytes) -> int:
        """Write that a call begins; return its ticket, or 0 for one too many."""
        now = self._enter_to_write()
        try:
            if not self._calls.has_room(event):
                return 0
            ticket = self._write(now, Kind.START, 0, event)
            self._calls.add(ticket, event)
            return ticket
        finally:
            self._leave()

    def cancel(self, ticket: int, *, at_once: bool = True) -> None:
        """Retire *ticket*, or have the next event do that. Raises `SpoolError`.

        What cannot be written is forgotten in any case: the next segment does not know it.
        """
        self._calls.end(ticket)
        if at_once:
            now = self._enter_to_write()
            try:
                self._retire_those_over(now)
            finally:
                self._leave()

    def _retire_those_over(self, now: float) -> None:
        while (ticket := self._calls.next_over()) is not None:
            try:
                if ticket in self._calls:
                    self._write(now, Kind.CANCEL, ticket, b"")
            finally:
                self._calls.forget(ticket)

    def roll(self) -> None:
        """Seal the open segment if anything is in it. Raises `SpoolError`."""
        self._enter()
        try:
            segment = self.current
            if segment is not None and segment.size > segment.payload_from:
                if self._calls.remain:
                    self._next_segment(self._files.monotonic())
                else:
                    self.current = None
                    self._retire(segment)
        except OSError as error:
            raise SpoolError.of(error) from error
        finally:
            self._leave()

    def close(self) -> None:
        """Take nothing more. Calls that are still open stay so: what becomes of them is lost."""
        self.closed = True
        self._enter()
        try:
            segment, self.current = self.current, None
            if segment is not None:
                segment.stays_open = self._calls.remain
                self._retire(segment)
        finally:
            self._leave()

    def drop(self, segment: Segment, replacement: Segment | None = None) -> None:
        """Take a retired segment off the list, or put another one in its place."""
        self._enter()
        try:
            at = self.retired.index(segment)
            self.retired[at : at + 1] = [] if replacement is None else [replacement]
        finally:
            self._leave()

    def seal_again(self) -> None:
        """Seal the segments that a full disk left without their last record."""
        if not any(segment.lacks_seal for segment in self.retired):
            return
        self._enter()
        try:
            for segment in self.retired:
                if segment.lacks_seal:
                    self._seal(segment)
        finally:
            self._leave()

    def _enter_to_write(self) -> float:
        """Return the time, and wait for nobody while it is clear that nothing can be written."""
        now = self._files.monotonic()
        self._enter(patient=now >= self._refused_until)
        return now

    def _enter(self, *, patient: bool = True) -> None:
        if self._holder == threading.get_ident():
            raise SpoolError("unavailable", "the spool is in use by what this interrupts")
        if not self._pen.acquire(timeout=PATIENCE if patient else 0):
            if patient:
                self.refuse("unavailable")
            raise SpoolError("unavailable", "the disk of the spool does not answer")
        self._holder = threading.get_ident()

    def _leave(self) -> None:
        self._holder = 0
        self._pen.release()

    def refuse(self, reason: str) -> None:
        """Believe for a while that nothing can be written."""
        self.degraded = reason
        self._refused_until = self._files.monotonic() + RETRY_SECONDS

    def _write(self, now: float, kind: Kind, mark: int, event: bytes) -> int:
        """Write one record; return its sequence. A start is its own ticket."""
        if self.closed:
            raise SpoolError("closed", "the spool is closed")
        if now < self._refused_until:
            raise SpoolError(self.degraded or "unavailable", "the spool took nothing lately")
        if len(event) > LARGEST_CONTENT:
            raise SpoolError("file_too_large", f"an event has more than {LARGEST_CONTENT} bytes")
        try:
            sequence = self._placed(now, kind, mark, event)
        except SpoolFull:
            raise  # there is one more thing to try
        except SpoolError as error:
            self.refuse(error.reason)
            raise
        except OSError as error:
            trouble = SpoolError.of(error)
            self.refuse(trouble.reason)
            raise trouble from error
        self.degraded = None
        return sequence

    def _placed(self, now: float, kind: Kind, mark: int, event: bytes) -> int:
        segment = self._segment(now)
        self._check_room(len(event))
        try:
            return self._add(segment, kind, mark, event)
        except OSError as error:
            if error.errno != errno.EFBIG or segment.size == segment.payload_from:
                raise
        return self._add(self._next_segment(now), kind, mark, event)

    def _add(self, segment: Segment, kind: Kind, mark: int, event: bytes) -> int:
        sequence = self._sequence
        segment.add(sequence, kind, sequence if kind is Kind.START else mark, event)
        self._sequence = sequence + 1
        return sequence

    def _segment(self, now: float) -> Segment:
        """Return the segment to write to: the open one, unless its time is over."""
        segment = self.current
        if segment is None or segment.broken:
            return self._next_segment(now)
        if now >= self._look_at:
            self._look_at = now + RETRY_SECONDS
            if not self._files.status(segment.descriptor).st_nlink:  # somebody removed it
                self._directory.close()
                return self._next_segment(now)
        if segment.size - segment.payload_from >= self._roll_bytes or now >= self._roll_at:
            if segment.size == segment.payload_from:
                self._roll_at = now + ROLL_SECONDS
                return segment
            try:
                return self._next_segment(now)
            except (OSError, SpoolError):  # then this one has to do
                self._roll_bytes += ROLL_BYTES
                self._roll_at = now + ROLL_SECONDS
        return segment

    def _next_segment(self, now: float) -> Segment:
        """Open a segment that knows all open calls, and only then seal the one before.

        A crash in between leaves two that know them: twice the same event, and none is lost.
        """
        self._directory.open(create=True)
        try:
            fresh = Segment.create(self._directory, self._files.time(), now)
        except FileNotFoundError:  # the directory is gone, but perhaps it may be made again
            self._directory.close()
            self._directory.open(create=True)
            fresh = Segment.create(self._directory, self._files.time(), now)
        try:
            self._sequence = fresh.begin(self._sequence, self._calls.items())
            fresh.publish()
        except BaseException:
            fresh.abandon()
            raise
        old, self.current = self.current, fresh
        self.published = True
        if old is not None:
            self._retire(old)
        backlog = sum(segment.size for segment in self.retired)
        smallest = min(ROLL_BYTES, self.max_bytes // 8)
        self._roll_bytes = max(smallest, min(LARGEST_ROLL, self.max_bytes // 8, backlog // 2))
        few = self.write_only or len(self.retired) < FEW
        self._roll_at = now + ROLL_SECONDS if few else float("inf")
        self._look_at = now + RETRY_SECONDS
        return fresh

    def _retire(self, segment: Segment) -> None:
        if segment.lacks_seal:
            self._seal(segment)
        if self.write_only and segment.sealed:
            segment.let_go()
        else:
            self.retired.append(segment)

    def _seal(self, segment: Segment) -> None:
        with suppress(OSError):  # `seal_again` tries again
            segment.seal()

    def _check_room(self, size: int) -> None:
        """Look at the disk now and then: whether the spool, and everybody else, has room."""
        self._room -= size
        if self._room >= 0:
            return
        if self._directory.is_nearly_full():
            raise SpoolError("disk_full", "the disk of the spool is nearly full")
        room = self.max_bytes - self._directory.measure() - size
        if room < 0:
            raise SpoolFull("disk_full", f"the spool holds {self.max_bytes} bytes already")
        self._room = min(self._stride, room)
        self.is_tight = room < self.max_bytes * TIGHT

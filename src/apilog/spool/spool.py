"""The spool: events on disk, until somebody has taken them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress

from apilog.spool.directory import Directory, absolute
from apilog.spool.files import Files
from apilog.spool.pace import Pace
from apilog.spool.parcel import Parcel, packed
from apilog.spool.quarantine import Quarantine
from apilog.spool.shelf import Shelf
from apilog.spool.trouble import SpoolError
from apilog.spool.writer import PATIENCE, SpoolFull, Writer

CAPACITY = 512 * 1024 * 1024
"""Bytes that a spool holds at most, all processes together."""

MOMENT = 0.05
"""Seconds that an event waits for the one who ships, when there is no room without giving up some.
"""

TIDY_SECONDS = 60.0
"""How often the age of what waits is looked at."""


class Spool:
    """Keep events in *directory*, shared by any number of processes, until they are settled.

    To make one never touches the disk and never fails: everything is lazy. An event is safe from
    the end of its process, however that comes, when `append` returns; it is safe from the loss of
    power after the next `sync`.

    *report* is told, by the thread that finds out, about what nobody asked for:

    - events that wait from now on: ``adopted`` (whole ones of a dead process), ``aborted``
      (its calls that had begun and not ended);
    - events that waited and are lost: ``spool_full``, ``expired``, ``damaged`` (could be read
      once and cannot be any more);
    - lost events that never waited here: ``corrupt`` (damage in what a dead process left);
    - and ``slow`` (a write that took half a second), ``body_shed``, ``suspect`` (written again,
      because a sync failed), ``unknown_version`` (segments of a newer apilog, left alone) and
      ``quarantine_full``, which cost no waiting event.

    `append`, `start`, `cancel` and `quarantine` may be called by any thread, the others by one at
    a time: `next` to `release` belong to whoever ships.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        max_bytes: int = CAPACITY,
        report: Callable[[str, int], None],
        files: Files | None = None,
    ) -> None:
        self._files = files or Files()
        self._directory = Directory(absolute(directory), self._files)
        self._quarantine = Quarantine(self._directory, report)
        self._writer = Writer(self._directory, max_bytes)
        self._pace = Pace(self._files.monotonic, report)
        self._shelf = Shelf(self._directory, self._writer, self._quarantine, report)
        self._begin()

    def _begin(self) -> None:
        self._desk = threading.Lock()
        self._lead: int | None = None
        self._out: Parcel | None = None
        self._tidy_at = 0.0
        self.busy = False
        """Whether another process ships, as the last call of `next` found."""

    def renew(self) -> None:
        """Begin anew in a forked child, which owns nothing of what its parent wrote.

        Locks are made anew, never taken; descriptors are closed, never unlocked: the lock on a
        file is the parent's, and ends when both have closed it.
        """
        self._files.renew(self._directory.path)
        self._directory.renew()
        self._quarantine.renew()
        self._writer.renew()
        self._pace.renew()
        self._shelf.renew()
        self._begin()

    @property
    def write_only(self) -> bool:
        """Whether sealed segments are left to other processes, because this one ships nothing."""
        return self._writer.write_only

    @write_only.setter
    def write_only(self, value: bool) -> None:
        self._writer.write_only = value

    @property
    def degraded(self) -> str | None:
        """Why the last event was not written, or None if it was."""
        return self._writer.degraded

    @property
    def is_slow(self) -> bool:
        """Whether `append` and `start` may take so long that nobody should wait for them."""
        return self._pace.is_slow

    @property
    def pending(self) -> int:
        """How many events wait here, ours and adopted ones."""
        return sum(segment.pending for segment in self._shelf)

    @property
    def pending_bytes(self) -> int:
        """The size of these."""
        return sum(segment.pending_bytes for segment in self._shelf)

    def append(self, event: bytes, *, started: int | None = None) -> None:
        """Write *event*, so that it survives the process; *started* is the ticket it retires.

        Raises `SpoolError`, and then nothing of the event is on the disk. After a failure the
        disk is asked again at most every half second; in between this fails at no cost.
        """
        began = self._files.monotonic()
        try:
            self._writer.append(event, started or 0)
        except SpoolFull:
            self._give_way()
            try:
                self._writer.append(event, started or 0)
            except SpoolFull as error:
                self._writer.refuse(error.reason)
                raise
        finally:
            self._pace.note(began)

    def _give_way(self) -> None:
        """Make room at once; as a rule `sync` does so before that becomes urgent."""
        if self._desk.acquire(timeout=MOMENT):
            try:
                with suppress(OSError, SpoolError):
                    self._shelf.shed()
            finally:
                self._desk.release()

    def start(self, event: bytes) -> int:
        """Write that a call began, and *event*, to be sent if its process dies before its end.

        Return a ticket for `append` or `cancel`; 0, which is nobody's, when 8 MiB of calls are
        open. Raises `SpoolError`.
        """
        began = self._files.monotonic()
        try:
            return self._writer.start(event)
        finally:
            self._pace.note(began)

    def cancel(self, ticket: int) -> None:
        """Forget a call that began: it has no event. Never raises, never waits for a slow disk."""
        with suppress(SpoolError):
            self._writer.cancel(ticket, at_once=not self.is_slow)

    def next(self, max_events: int, max_bytes: int) -> Parcel | None:
        """Return the oldest events that wait, of one segment, or None.

        *max_bytes* counts each event and one byte more, and two for all: JSON in brackets. A
        larger event comes alone. `settle`, `put_back` or `release` has to follow before the next
        call. Never blocks: while another process ships, this returns None and `busy` is true.
        """
        with self._desk:
            if self._out is not None:
                raise RuntimeError("the last parcel is neither settled nor put back")
            self.busy = False
            if self._writer.closed:
                return None
            if self._shelf.has_more and not self._shelf.adopted:
                self._shelf.adopt()
            if not self.pending:
                return None
            try:
                self.busy = not self._leads()
                if not self.busy:
                    self._out = self._packed(max_events, max_bytes)
            except (OSError, SpoolError):
                return None
            return self._out

    def _leads(self) -> bool:
        if self._lead is None:
            self._lead = self._directory.take_lead()
        return self._lead is not None

    def _packed(self, max_events: int, max_bytes: int) -> Parcel | None:
        for segment in self._shelf:
            while segment.pending:
                parcel = packed(segment, max_events, max_bytes, self._shelf.lose)
                if parcel is not None:
                    self._shelf.busy = segment
                    return parcel
        self._shelf.sweep()
        return None

    def settle(self, parcel: Parcel) -> None:
        """Note that all of *parcel* is in its last place, wherever that is."""
        with self._desk:
            if parcel is self._out:
                self._forget_parcel()
                self._shelf.aside = []
                parcel.settle()
                if not parcel.segment.pending:
                    with suppress(SpoolError):
                        self._shelf.sweep()

    def _forget_parcel(self) -> None:
        self._out = self._shelf.busy = None

    def put_back(self, parcel: Parcel, *, aside: bool = False) -> None:
        """Note that nothing became of *parcel*: it is the next one, or put *aside* the last."""
        with self._desk:
            if parcel is self._out:
                self._forget_parcel()
                if aside:
                    self._shelf.put_aside(parcel.segment)

    def release(self) -> None:
        """Let other processes ship; a parcel that is out is put back."""
        with self._desk:
            self._release()

    def _release(self) -> None:
        self._forget_parcel()
        lead, self._lead = self._lead, None
        if lead is not None:
            self._files.close(lead)

    def adopt(self) -> int:
        """Take over what dead processes left, 8 segments at a time; return how many events.

        Costs one look into the directory when there is nothing. `next` goes on by itself when
        there were more.
        """
        with self._desk:
            return 0 if self._writer.closed else self._shelf.adopt()

    def quarantine(self, event: bytes, reason: str) -> None:
        """Keep an event that no endpoint takes where a person finds it. Raises `SpoolError`."""
        with self._desk:
            try:
                self._quarantine.add(event, reason)
            except OSError as error:
                raise SpoolError.of(error) from error

    def sync(self) -> None:
        """Bring what was written to the disk, and keep the spool within its bounds.

        To be called every half second or so, off the request path; blocks as long as the disk
        does. Never raises for the state of the disk.
        """
        with self._desk, suppress(OSError, SpoolError):
            self._shelf.secure()
            self._tidy()

    def _tidy(self) -> None:
        now = self._files.monotonic()
        if self._writer.is_tight:
            self._shelf.shed()
        if now >= self._tidy_at and self._directory.is_open:
            self._tidy_at = now + TIDY_SECONDS
            self._shelf.expire()
            self._shelf.sweep()

    def roll(self) -> None:
        """Seal the open segment. Never raises for the state of the disk."""
        with suppress(SpoolError):
            self._writer.roll()

    def close(self) -> None:
        """Let go of everything; what waits stays for another process. Never raises."""
        if not self._desk.acquire(timeout=PATIENCE):
            self._writer.closed = True
            return
        try:
            if not self._writer.closed:
                with suppress(SpoolError, OSError):
                    self._writer.close()
                    self._shelf.sweep()
                for segment in self._shelf:
                    segment.let_go()
                self._release()
                self._directory.end()
        finally:
            self._desk.release()

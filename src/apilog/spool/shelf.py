"""The shelf: everything that waits to be shipped, ours and what the dead left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from apilog.spool.directory import SEGMENT, UNFINISHED, Directory, view
from apilog.spool.findings import Findings, examine
from apilog.spool.quarantine import Quarantine
from apilog.spool.segment import Segment
from apilog.spool.shedding import STEPS, Rewriting, lighter
from apilog.spool.trouble import SpoolError
from apilog.spool.writer import Writer

HELD = 8
"""Segments of others that one process takes at a time: each holds a file descriptor."""

READ_BYTES = 16 * 1024 * 1024
"""What one process reads of them at a time: others wait for that."""

AGE_SECONDS = 72 * 3600.0
CHANCE_SECONDS = 600.0
"""Events older than that expire; those of another process only after this chance to be shipped,
because their age is told by a clock that may have jumped."""

WANTED = 0.75
"""The part of its bounds that a spool is brought back to when it has grown too large."""

_PIECE = 64 * 1024


class Shelf:
    """Find, order, rewrite and remove segments. One thread at a time calls this."""

    def __init__(
        self,
        directory: Directory,
        writer: Writer,
        quarantine: Quarantine,
        report: Callable[[str, int], None],
    ) -> None:
        self._directory = directory
        self._files = directory.files
        self._writer = writer
        self._quarantine = quarantine
        self._report = report
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self.adopted: list[Segment] = []
        self.has_more = False
        """Whether `adopt` left some for the next time."""
        self.busy: Segment | None = None
        """The segment of the parcel that is out: it stays as it is."""
        self.aside: list[Segment] = []
        self._left_alone: set[str] = set()
        self._read_bytes = 0

    def __iter__(self) -> Iterator[Segment]:
        """All segments: those of others first, the oldest first, but what was put aside last."""
        segments = [*self.adopted, *self._writer.retired]
        current = self._writer.current
        if current is not None:
            segments.append(current)
        aside = self.aside  # another thread may put another list there
        if aside:
            segments.sort(key=lambda each: aside.index(each) if each in aside else -1)
        return iter(segments)

    def put_aside(self, segment: Segment) -> None:
        """Have the other segments come first."""
        self.aside = [*(each for each in self.aside if each is not segment), segment]

    def adopt(self) -> int:
        """Take segments whose process is gone; return how many events that brings."""
        try:
            self._directory.open(create=False)
            names = self._directory.names() if self._directory.shared else []
        except (OSError, SpoolError):
            return 0
        count = 0
        self.has_more = False
        self._read_bytes = 0
        known = {f"{segment.name}{SEGMENT}" for segment in self} | self._left_alone
        for name in names:
            if name.endswith(UNFINISHED):
                self._clean_up(name)
            elif name.endswith(SEGMENT) and name not in known:
                if len(self.adopted) >= HELD or self._read_bytes >= READ_BYTES:
                    self.has_more = True
                    break
                with suppress(OSError):
                    count += self._adopt(name)
        return count

    def _clean_up(self, name: str) -> None:
        """Remove a file that never became a segment; what it holds is elsewhere, too."""
        descriptor = self._directory.take(name)
        if descriptor is not None:
            self._directory.remove(name)
            self._files.close(descriptor)

    def _adopt(self, file: str) -> int:
        descriptor = self._directory.take(file)
        if descriptor is None:
            return 0
        kept = False
        try:
            name = file[: -len(SEGMENT)]
            size = self._files.status(descriptor).st_size
            self._read_bytes += size
            window = view(self._files, descriptor, size)
            found = examine(window, self._directory.acknowledged(name))
            kept = self._put_up(name, descriptor, found)
        finally:
            if not kept:
                self._files.close(descriptor)
        return found.events + found.aborted

    def _put_up(self, name: str, descriptor: int, found: Findings) -> bool:
        """Report what was found, and keep the segment if something in it is to be shipped."""
        if found.is_newer:
            if f"{name}{SEGMENT}" not in self._left_alone:  # another thread looked meanwhile
                self._left_alone.add(f"{name}{SEGMENT}")
                self._report("unknown_version", 1)
            return False
        since = self._files.monotonic()
        segment = Segment.adopted_from(self._directory, name, descriptor, found, since)
        self._keep_damaged(segment, [(each.offset, each.end) for each in found.damages])
        for what, count in (
            ("adopted", found.events),
            ("aborted", found.aborted),
            ("corrupt", found.lost),
        ):
            if count:
                self._report(what, count)
        self.adopted.append(segment)
        if not segment.pending:
            self._remove(segment)
        return True

    def _keep_damaged(self, segment: Segment, places: list[tuple[int, int]]) -> None:
        if not places:
            return

        def pieces() -> Iterator[bytes]:
            for begin, end in places:
                for offset in range(begin, end, _PIECE):
                    yield self._files.read(segment.descriptor, min(_PIECE, end - offset), offset)

        self._quarantine.keep_damaged(segment.name, pieces())

    def lose(self, segment: Segment, offset: int, end: int) -> None:
        """Give up an event that was whole when it was stored, and cannot be read any more."""
        segment.lose(offset)
        self._keep_damaged(segment, [(offset, end)])
        self._report("damaged", 1)

    def sweep(self) -> None:
        """Remove the segments in which nothing waits."""
        self._writer.seal_again()
        for segment in self._idle():
            if not segment.pending and not segment.stays_open:
                self._remove(segment)

    def _idle(self) -> list[Segment]:
        """The segments that nobody writes to, and nobody reads from at this moment."""
        segments = [*self.adopted, *self._writer.retired]
        return [segment for segment in segments if segment is not self.busy]

    def _remove(self, segment: Segment) -> None:
        self._replace(segment, None)
        if not segment.remove():
            self._left_alone.add(f"{segment.name}{SEGMENT}")

    def _replace(self, old: Segment, new: Segment | None) -> None:
        if old.adopted:
            at = self.adopted.index(old)
            self.adopted[at : at + 1] = [] if new is None else [new]
        else:
            self._writer.drop(old, new)

    def expire(self) -> None:
        """Remove what nobody took for 72 hours."""
        now, moment = self._files.monotonic(), self._files.time()
        current = self._writer.current
        if current is not None and now - current.since > AGE_SECONDS:
            self._writer.roll()
        for segment in self._idle():
            held = now - segment.since
            age = max(held, (moment - (segment.created or moment)) / 1e9)
            patience = CHANCE_SECONDS if segment.adopted else AGE_SECONDS
            if age > AGE_SECONDS and held > patience:
                expired = segment.pending
                self._remove(segment)
                if expired:
                    self._report("expired", expired)

    def secure(self) -> None:
        """Bring what was written to the disk, names included.

        A disk that fails to do so once may forget what it did not write and then report success:
        the events are written again, into a new file, and asking again would prove nothing.
        """
        for segment in list(self):
            if segment.dirty:
                segment.dirty = False
                if not segment.suspect:
                    self._sync(segment)
                if segment.suspect:
                    self._write_again(segment)
        if self._writer.published:
            self._writer.published = False
            with suppress(OSError):
                self._directory.sync()

    def _sync(self, segment: Segment) -> None:
        try:
            self._files.sync(segment.descriptor)
        except OSError:
            segment.suspect = True
            if segment.pending:
                self._report("suspect", segment.pending)

    def _write_again(self, segment: Segment) -> None:
        if segment is self._writer.current:
            with suppress(SpoolError):
                self._writer.roll()
        if segment not in self._idle():
            segment.dirty = True  # while a parcel of it is out, another file cannot take its place
        elif segment.pending:
            with suppress(OSError):
                fresh = Rewriting(lambda event: event).rewrite(self._directory, segment, sync=True)
                self._replace(segment, fresh)
                segment.remove()

    def shed(self) -> None:
        """Give up our part of what is too much: bodies, then successes, and the rest last."""
        held = self._directory.measure()
        own = sum(segment.size for segment in self)
        wanted = self._writer.max_bytes * WANTED
        excess = own - own * wanted / max(held, own, 1)
        current = self._writer.current
        if excess > 0 and current is not None and own / 2 < current.size > wanted / 32:
            with suppress(SpoolError):
                self._writer.roll()
        for step in range(1, STEPS + 1):
            for segment in self._idle():
                if excess <= 0:
                    return
                if segment.lightness < step:
                    excess -= self._lighten(segment, step)

    def _lighten(self, segment: Segment, step: int) -> int:
        """Write a segment again as *step* leaves it; return how many bytes that saved."""
        segment.lightness = step
        change = Rewriting(lambda event: lighter(event, step))
        try:
            fresh = change.rewrite(self._directory, segment)
        except OSError:
            return 0
        self._replace(segment, fresh)
        segment.remove()
        if change.lightened:
            self._report("body_shed", change.lightened)
        if segment.pending > fresh.pending:
            self._report("spool_full", segment.pending - fresh.pending)
        if not fresh.pending:
            self._remove(fresh)
        return segment.size - fresh.size

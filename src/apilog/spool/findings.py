"""What a segment holds, found out by reading all of it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import Enum

from apilog.spool.records import SMALLEST, VERSION, Damage, Kind, Record, Window, scan


class End(Enum):
    """How a segment ends."""

    SEALED = "sealed"
    OPEN = "open"
    """Where its process stopped: after a whole record, or in the middle of one."""
    DAMAGED = "damaged"
    """In something that no interrupted write leaves; what was still open there is not known."""


@dataclass(slots=True)
class Findings:
    """What is left to do with a segment, and what is lost in it."""

    size: int
    version: int = VERSION
    end: End = End.OPEN
    index: array[int] = field(default_factory=lambda: array("Q"))
    """Where the events stand that are still to be shipped, in order, aborted calls included."""
    events: int = 0
    """How many whole events there are to be shipped."""
    aborted: int = 0
    """How many calls began and did not end: each is one more event."""
    pending_bytes: int = 0
    acknowledged: int = 0
    """How many whole events have their place elsewhere."""
    lost: int = 0
    """How many events the damage cost, as the sequence tells; at least one for each place."""
    damages: list[Damage] = field(default_factory=list)

    @property
    def is_newer(self) -> bool:
        """Whether a later apilog wrote this, in a form that is not ours to read."""
        return self.version > VERSION


def examine(window: Window, acknowledged: int = 0) -> Findings:
    """Read a whole segment, of which the bytes before *acknowledged* are settled.

    A call that began and did not end counts wherever it stands: the acknowledged offset speaks of
    events that came after it. A record that stands twice counts once.
    """
    found = Findings(window.end, lost=0 if window.end else 1)  # there is no empty segment
    reader = _Reader(found, acknowledged)
    for item in scan(window):
        if isinstance(item, Damage):
            reader.damage(item)
        else:
            reader.record(item)
            if found.is_newer:
                return found
    reader.conclude()
    return found


class _Reader:
    def __init__(self, found: Findings, acknowledged: int) -> None:
        self._found = found
        self._acknowledged = acknowledged
        self._seen: set[int] = set()
        self._started: dict[int, tuple[int, int]] = {}
        self._last = -1
        self._damaged = 0  # bytes since the last whole record

    def damage(self, damage: Damage) -> None:
        self._found.damages.append(damage)
        self._found.end = End.OPEN if damage.torn else End.DAMAGED
        if damage.end > self._acknowledged:
            self._found.lost += 1
            self._damaged += damage.end - damage.offset

    def record(self, record: Record) -> None:
        if record.sequence in self._seen:
            return
        self._seen.add(record.sequence)
        self._count_gap(record)
        found = self._found
        found.end = End.OPEN
        if record.kind == Kind.EVENT:
            self._started.pop(record.mark, None)
            if record.offset < self._acknowledged:
                found.acknowledged += 1
            else:
                found.events += 1
                found.pending_bytes += len(record.content)
                found.index.append(record.offset)
        elif record.kind == Kind.START:
            self._started[record.mark] = (record.offset, len(record.content))
        elif record.kind == Kind.CANCEL:
            self._started.pop(record.mark, None)
        elif record.kind == Kind.SEAL:
            found.end = End.SEALED
        elif record.kind == Kind.HEAD and record.offset == 0:
            found.version = record.mark

    def _count_gap(self, record: Record) -> None:
        """Count what is missing before *record*, as far as there was room for it."""
        missing = record.sequence - self._last - 1
        if self._last >= 0 and missing > 0 and record.offset > self._acknowledged:
            room = self._damaged or self._found.size
            counted = 1 if self._damaged else 0  # the place itself, see `damage`
            self._found.lost += max(0, min(missing, room // SMALLEST) - counted)
        self._damaged = 0
        self._last = max(self._last, record.sequence)

    def conclude(self) -> None:
        found = self._found
        if found.end is End.OPEN and self._started:
            found.aborted = len(self._started)
            found.pending_bytes += sum(size for _, size in self._started.values())
            found.index = array(
                "Q", sorted([*found.index, *(offset for offset, _ in self._started.values())])
            )

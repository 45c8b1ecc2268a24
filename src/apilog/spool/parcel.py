"""A parcel: events that go out together, and how they are taken from a segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apilog.spool.segment import Segment


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """Events that go out together, all of them from one segment."""

    events: tuple[bytes, ...]
    adopted: bool
    """Whether they are another process's, which is gone."""
    segment: Segment
    """Where they stand; of no use to anybody but the spool."""
    end: int
    """Where in it they end, in bytes."""

    def settle(self) -> None:
        """Note that they are in their last place."""
        self.segment.settle(len(self.events), sum(map(len, self.events)), self.end)


def packed(
    segment: Segment, max_events: int, max_bytes: int, lose: Callable[[Segment, int, int], None]
) -> Parcel | None:
    """Return the next events of *segment*, as JSON in brackets at most *max_bytes* large.

    *lose* is told of each that cannot be read any more, and where the damage begins and ends.
    Raises `OSError`.
    """
    offsets = segment.index[segment.settled : segment.settled + max_events]
    window = segment.window()
    events: list[bytes] = []
    room, end = max_bytes - 2, 0
    for offset in offsets:
        record = window.record_at(offset)
        if record is None:
            lose(segment, offset, window.next_magic(offset + 1))
            continue
        room -= len(record.content) + 1
        if events and room < 0:
            break
        events.append(record.content)
        end = record.end
    return Parcel(tuple(events), segment.adopted, segment, end) if events else None

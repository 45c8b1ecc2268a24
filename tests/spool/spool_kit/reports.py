"""What a spool reports, and all that comes out of one."""

from __future__ import annotations

from collections import Counter

from apilog.spool import Spool


class Reports(Counter[str]):
    """Adds up what a spool reports."""

    def __call__(self, what: str, count: int) -> None:
        assert count > 0
        self[what] += count


def drained(spool: Spool, *, max_events: int = 10, max_bytes: int = 1 << 20) -> list[bytes]:
    """Ship everything that waits in *spool*; adopt nothing but what `next` adopts itself."""
    events: list[bytes] = []
    while (parcel := spool.next(max_events, max_bytes)) is not None:
        events += parcel.events
        spool.settle(parcel)
    return events

"""What was lost, said in one line a minute, and told to the destinations that want to know."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from apilog.complaints import Complaints
from apilog.delivery import Destination
from apilog.ledger import Stats

INTENDED = frozenset({"sampled_out", "skipped", "mask_event", "self_traffic", "closed"})
"""Reasons that somebody wanted."""

SILENT = frozenset({"queue_full", "event_too_large", "disk_full", "disk_error"})
"""Reasons that nobody complained about when it happened."""

BETWEEN_REPORTS = 10.0
"""Seconds between two reports to a destination at least."""


class Losses:
    """Tell of the losses in one pipeline's account.

    A destination with a method `report` (`apilog.destinations.Collector` has one) is told the whole
    account whenever more was lost.
    """

    def __init__(
        self, destination: Destination, stats: Callable[[], Stats], complaints: Complaints
    ) -> None:
        self._report: Any = getattr(destination, "report", None)
        self._stats = stats
        self._complaints = complaints
        self._said: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._next_report = 0.0

    def look(self) -> None:
        """Log what was lost since the last line; on the thread that ships."""
        lost = Counter({reason: n for reason, n in self._lost().items() if reason in SILENT})
        new = lost - self._said
        if new:
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(new.items()))
            if self._complaints.say("lost", f"{new.total()} events were lost: {reasons}"):
                self._said = lost

    def report(self) -> None:
        """Tell the destination, which just took a batch, if there is something new to tell."""
        if self._report is None or time.monotonic() < self._next_report:
            return
        lost = self._lost()
        if lost != self._told:
            self._next_report = time.monotonic() + BETWEEN_REPORTS
            self._told = lost
            with self._complaints.shielded("report_failed", "losses were not reported"):
                self._report(account(self._stats()))

    def _lost(self) -> Counter[str]:
        dropped = self._stats().dropped
        return Counter({reason: n for reason, n in dropped.items() if reason not in INTENDED})


def account(stats: Stats) -> Mapping[str, Any]:
    """Return *stats* as JSON has it."""
    return {
        "captured": stats.captured,
        "delivered": stats.delivered,
        "spooled": stats.spooled,
        "quarantined": stats.quarantined,
        "dropped": dict(stats.dropped),
    }

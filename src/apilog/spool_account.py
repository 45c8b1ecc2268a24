"""What happens to stored events, as the account of a pipeline has it."""

from __future__ import annotations

from collections.abc import Sequence

from apilog.complaints import Complaints
from apilog.ledger import QUARANTINED, Ledger
from apilog.spool import Spool, SpoolError

_LOST = frozenset({"expired", "spool_full", "damaged"})

SLOW = "the disk of the spool is slow; the worker writes for all requests until it is fast again"


class SpoolAccount:
    """Keep *ledger* in step with *spool*, and say what is wrong with it."""

    def __init__(self, spool: Spool, ledger: Ledger, complaints: Complaints) -> None:
        self._spool = spool
        self._ledger = ledger
        self._complaints = complaints

    def take_report(self, what: str, count: int) -> None:
        """Take what happened in the spool without anybody's asking."""
        if what in ("adopted", "aborted"):
            self._ledger.add_adopted(count)
        elif what == "corrupt":
            self._ledger.add_adopted(count, lost=what)
            self._complaints.complain("spool_corrupt", f"{count} events in the spool are damaged")
        elif what in _LOST:
            self._ledger.settle_stored(count, what, adopted=False)
            self._complaints.complain(f"spool_{what}", f"{count} stored events are lost: {what}")
        elif what == "slow":
            self._complaints.complain("spool_slow", SLOW)
        else:
            for _ in range(count):
                self._complaints.count(f"spool_{what}")

    def settle(self, events: Sequence[bytes], reason: str | None, *, adopted: bool) -> None:
        """Settle stored events; what was refused is kept where a person finds it."""
        kept = 0 if reason is None else self._quarantined(events, reason)
        self._ledger.settle_stored(kept, QUARANTINED, adopted=adopted)
        self._ledger.settle_stored(len(events) - kept, reason, adopted=adopted)

    def _quarantined(self, events: Sequence[bytes], reason: str) -> int:
        """Return how many of *events* could be kept."""
        for number, event in enumerate(events):
            try:
                self._spool.quarantine(event, reason)
            except SpoolError as trouble:
                self.complain(trouble)
                return number
        return len(events)

    def complain(self, trouble: Exception) -> str:
        """Say that the spool cannot be used, and return why, in one word."""
        reason = trouble.reason if isinstance(trouble, SpoolError) else "spool_failed"
        self._complaints.complain(
            f"spool_{reason}", f"the spool cannot be used ({reason}); events wait in memory"
        )
        return reason

"""A shipment: a spool that is brought to a destination by a process that records nothing."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from apilog.complaints import Complaints
from apilog.courier import Courier
from apilog.delivery import Destination, Limits
from apilog.exceptions import RetryLater
from apilog.shipper import ROUND, may_go_aside, turn
from apilog.spool import Parcel, Spool, SpoolError
from apilog.worker import Bell

ENDURANCE = 5.0
"""Seconds of waiting, one after the other, after which ``--once`` leaves the rest for later."""

FAREWELL = 2.0
"""Seconds after a signal in which requests may still begin."""

_ROOM = 1 << 50
"""Bytes: nothing is given up to make room, because nothing is added here."""

_LOST = frozenset({"corrupt", "damaged", "expired", "spool_full", "quarantine_full"})
"""What the spool reports that costs events."""


@dataclass(slots=True)
class Tally:
    """What became of the events."""

    delivered: int = 0
    quarantined: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    left: int = 0
    """How many wait in what this process held at the end."""
    troubles: Counter[str] = field(default_factory=Counter)
    """What kept the rest from being shipped, by the word for it."""

    def add(self, other: Tally) -> None:
        """Add what became of other events."""
        self.delivered += other.delivered
        self.quarantined += other.quarantined
        self.lost += other.lost
        self.left += other.left
        self.troubles += other.troubles

    @property
    def is_clean(self) -> bool:
        """Whether every event was delivered."""
        return not (self.quarantined or self.left or self.lost.total() or self.troubles.total())


class Shipment:
    """Adopt what dead processes left in *directory*, and deliver it to *destination*.

    With *once* it ends when nothing is left to adopt, or when the endpoint has made it wait for
    `ENDURANCE` seconds without taking anything; else it looks again every *interval* seconds until
    `stop` is called. Events that the endpoint refuses are quarantined, whatever the reason.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        destination: Destination,
        *,
        once: bool,
        interval: float,
        batch_size: int,
    ) -> None:
        self.tally = Tally()
        self._once = once
        self._interval = interval
        self._batch_size = batch_size
        self._destination = destination
        self._bell = Bell()
        self._stopped_at: float | None = None
        self._waited = 0.0
        self._gave_up = False
        self._complaints = Complaints()
        self._directory = Path(directory).absolute()
        self._spool = self._opened()
        self._courier = Courier(
            _Until(destination, self),
            getattr(destination, "limits", Limits()),
            complaints=self._complaints,
            closing=lambda: self.is_stopping,
            pause=self._pause,
            retried=lambda: None,
        )

    @property
    def is_stopping(self) -> bool:
        """Whether this ends as soon as it can."""
        return self._gave_up or self._stopped_at is not None

    @property
    def is_over(self) -> bool:
        """Whether no request may begin any more."""
        return self._stopped_at is not None and time.monotonic() - self._stopped_at > FAREWELL

    def stop(self) -> None:
        """End after what is in flight; may be called by a signal handler."""
        self._stopped_at = self._stopped_at or time.monotonic()
        self._bell.ring()

    def run(self) -> Tally:
        """Ship until the end.

        Raises:
            SpoolError: the spool cannot be used, and this is to be done once.
        """
        try:
            while not self.is_stopping:
                moved = self._round()
                waits = self._spool.busy and self._spool.pending > 0
                if waits:  # another process ships; it lets go after a while
                    self._pause(turn())
                elif not self._once:
                    self._bell.wait(self._interval)
                elif not moved:
                    break
        finally:
            self.tally.left = self._spool.pending
            if self._spool.busy:
                self.tally.troubles["busy"] += 1
            self._spool.close()
            close = getattr(self._destination, "close", None)
            if close is not None:
                with self._complaints.shielded("close_failed", "closing a destination failed"):
                    close()
        return self.tally

    def _opened(self) -> Spool:
        self._identity = _identity(self._directory)
        return Spool(self._directory, max_bytes=_ROOM, report=self._take_report)

    def _look_again(self) -> None:
        """Take the directory that stands there now, if ours was removed and made again."""
        found = _identity(self._directory)
        if found is not None and found != self._identity and not self._spool.pending:
            self._spool.close()
            self._spool = self._opened()

    def _round(self) -> bool:
        """Adopt and deliver; say whether there was anything."""
        self._look_again()
        try:
            moved = self._spool.adopt() > 0
            for _ in range(ROUND):
                parcel = self._spool.next(self._batch_size, self._courier.batch_bytes)
                if parcel is None or self.is_stopping:
                    if parcel is not None:
                        self._spool.put_back(parcel)
                    break
                moved = True
                self._deliver(parcel)
        except SpoolError as trouble:
            if self._once:
                raise
            self._complaints.complain(f"spool_{trouble.reason}", str(trouble), trouble)
            return False
        finally:
            self._spool.release()
        return moved

    def _deliver(self, parcel: Parcel) -> None:
        if self._courier.deliver(parcel.events, self._settle):
            self._spool.settle(parcel)
        else:
            self._spool.put_back(parcel, aside=may_go_aside(parcel))

    def _settle(self, events: Sequence[bytes], reason: str | None) -> None:
        self._waited = 0.0
        if reason is None:
            self.tally.delivered += len(events)
            return
        for event in events:
            try:
                self._spool.quarantine(event, reason)
            except (SpoolError, OSError) as error:
                self._complaints.complain("quarantine", "an event was not quarantined", error)
                self.tally.lost[reason] += 1
            else:
                self.tally.quarantined += 1

    def _pause(self, seconds: float) -> None:
        """Wait; if this is to be done once, not for longer than `ENDURANCE` without progress."""
        self._waited += seconds
        if self._once and self._waited > ENDURANCE:
            self._gave_up = True
        end = time.monotonic() + seconds
        while not self.is_stopping and (left := end - time.monotonic()) > 0:
            self._bell.wait(left)

    def _take_report(self, what: str, count: int) -> None:
        if what in _LOST:
            self.tally.lost[what] += count
        elif what == "unknown_version":
            self.tally.troubles[what] += count


def _identity(directory: Path) -> tuple[int, int] | None:
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class _Until:
    """The destination, until its shipment is over: then it is asked to wait for the next one."""

    def __init__(self, destination: Destination, shipment: Shipment) -> None:
        self._destination = destination
        self._shipment = shipment

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*."""
        if self._shipment.is_over:
            raise RetryLater("the shipment ends")
        self._destination.send(batch)

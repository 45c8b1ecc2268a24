"""The shipper: deliver what is stored, batch by batch, while others store more."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from apilog import chance
from apilog.complaints import Complaints
from apilog.courier import Courier
from apilog.delivery import Limits
from apilog.ledger import Ledger
from apilog.overflow import Overflow
from apilog.spool import Parcel, Spool
from apilog.spool_account import SpoolAccount
from apilog.updates import is_update
from apilog.worker import Bell

ADOPT = 1.0
"""Seconds between two looks for what dead processes left."""

ROUND = 50
"""Batches that one process ships before another one may."""


class Shipper:
    """Bring what *spool* holds, and what waits in *overflow*, to an endpoint by *courier*.

    Args:
        limits: what the endpoint takes at once.
        events: events of a batch at most.
        interval: seconds that an event waits for others at most.
        deadline: says when all shipping ends, by the monotonic clock.
        deliver: brings a batch that was never stored to its end; says whether it is there.
        tell: called after each round, to tell of losses.
    """

    def __init__(
        self,
        spool: Spool,
        overflow: Overflow,
        courier: Courier,
        *,
        ledger: Ledger,
        account: SpoolAccount,
        complaints: Complaints,
        limits: Limits,
        events: int,
        interval: float,
        deadline: Callable[[], float],
        deliver: Callable[[tuple[bytes, ...]], bool],
        tell: Callable[[], None],
    ) -> None:
        self._spool = spool
        self._overflow = overflow
        self._courier = courier
        self._ledger = ledger
        self._account = account
        self._complaints = complaints
        self._limits = limits
        self._events = events
        self._interval = interval
        self._deadline = deadline
        self._deliver = deliver
        self._tell = tell
        self._bell = Bell()
        self._hurries = False
        self._is_ending = False

    def hurry(self, *, even_few: bool) -> None:
        """Ship what is stored by now without waiting for more: a full batch, or *even few*."""
        if even_few or self._is_full():
            self._hurries |= even_few
            self._bell.ring()

    def finish(self) -> None:
        """Ship what is stored now, as far as there is time, and end."""
        self._is_ending = True
        self._bell.ring()

    def run(self) -> None:
        """Ship until `finish` is called; on a thread of its own."""
        due = time.monotonic() + self._interval
        adopting = 0.0
        while True:
            is_last = self._is_ending
            now = time.monotonic()
            with self._complaints.shielded("shipper_failed", "the shipper failed and goes on"):
                everything = is_last or now >= due or self._hurries or self._ledger.urgent
                self._hurries = False
                if now >= adopting:
                    adopting = now + ADOPT
                    everything |= bool(self._spool.adopt())  # that has waited long enough
                if everything or self._is_full():
                    due = now + self._interval if everything else due
                    self._ship(everything=everything)
                    self._tell()
            is_kept_out = self._spool.busy and bool(self._spool.pending)  # others end now, too
            goes_on = is_kept_out or self._hurries
            if is_last and not (goes_on and now < self._deadline()):
                return
            if is_kept_out:
                self._bell.wait(turn())
            elif not (self._hurries or self._is_full()):
                self._bell.wait(min(due, adopting) - time.monotonic())

    def _is_full(self) -> bool:
        return (
            self._spool.pending >= self._events
            or self._spool.pending_bytes >= self._limits.batch_bytes
        )

    def _ship(self, *, everything: bool) -> None:
        """Ship what is stored, or only full batches; what is left of these has its own time."""
        try:
            for _ in range(ROUND):
                if time.monotonic() >= self._deadline():
                    return
                if not everything and not self._is_full():
                    break
                parcel = self._spool.next(self._events, self._courier.batch_bytes)
                if parcel is None:
                    break
                if not self._ship_parcel(parcel):
                    return
            else:
                self._hurries |= everything  # after the others' turn
        finally:
            self._spool.release()
        while batch := self._overflow.take(self._events, self._courier.batch_bytes):
            if not self._deliver(batch):
                return

    def _ship_parcel(self, parcel: Parcel) -> bool:
        """Bring *parcel* to its end; say whether it is there."""
        settle = partial(self._account.settle, adopted=parcel.adopted)
        if not self._courier.deliver(parcel.events, settle):
            self._spool.put_back(parcel, aside=may_go_aside(parcel))
            return False
        self._spool.settle(parcel)
        return True


def may_go_aside(parcel: Parcel) -> bool:
    """Say whether others may be sent before *parcel*: what is told of one user keeps its order."""
    return not any(map(is_update, parcel.events))


def turn() -> float:
    """Return the seconds until this process asks again whether it may ship."""
    return 0.02 + 0.06 * chance.roll()  # so that no two ask in step

"""The pipeline: one worker thread that encodes, packs, sends and tries again."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from apilog.batches import batches
from apilog.capture import Exchange
from apilog.complaints import Complaints
from apilog.courier import Courier
from apilog.delivery import Destination, Encoder, Limits
from apilog.encoding import encoded
from apilog.ledger import Ledger, Stats
from apilog.losses import Losses
from apilog.process import after_fork, at_end
from apilog.worker import Bell, Worker


class Pipeline:
    """Bring exchanges to one destination.

    `submit` is all that a request pays for. A daemon thread, started by the first exchange of a
    process and again after a fork, encodes each exchange on its own, packs batches and sends them.
    A pipeline that *shares* its exchanges with another one takes nothing from them to make room.
    """

    def __init__(
        self,
        destination: Destination,
        encoder: Encoder,
        complaints: Complaints,
        *,
        batch_size: int,
        flush_interval: float,
        queue_events: int,
        queue_bytes: int,
        shutdown_timeout: float,
        shares: bool = False,
    ) -> None:
        self._destination = destination
        self._limits: Limits = getattr(destination, "limits", Limits())
        self._encoder = encoder
        self._complaints = complaints
        self._flush_interval = flush_interval
        self._batch_size = min(batch_size, self._limits.batch_events, max(1, queue_events // 2))
        self._new_ledger = partial(
            Ledger,
            batch_size=self._batch_size,
            batch_bytes=min(self._limits.batch_bytes, queue_bytes // 2),
            queue_events=queue_events,
            queue_bytes=queue_bytes,
            shares=shares,
        )
        self.shutdown_timeout = shutdown_timeout
        self.takes: frozenset[str] = getattr(destination, "takes", frozenset())
        """What the destination takes besides events, by the names of `apilog.updates`."""
        self._ledger = self._new_ledger()
        self.renew()
        _pipelines.add(self)

    def renew(self) -> None:
        """Begin with nothing: at first, and in a forked child, where the parent ships its own.

        Locks are made anew, never taken: the thread that held one does not exist in the child.
        """
        self._encoder.renew()
        self._complaints.renew()
        closed = self._ledger.closed
        self._ledger = self._new_ledger()
        self._ledger.closed = closed
        self._bell = Bell()
        self._worker = Worker("apilog-worker", self._run, self._complaints)
        self._farewell: tuple[float, int] | None = None
        self._courier = Courier(
            self._destination,
            self._limits,
            complaints=self._complaints,
            closing=lambda: self._ledger.closed,
            pause=self._pause,
            retried=self._ledger.retried,
        )
        self._losses = Losses(self._destination, self.stats, self._complaints)
        self._refresh_destination = getattr(self._destination, "refresh", None)
        self._deadline = float("inf")
        self._kept: list[bytes] = []

    def submit(self, exchange: Exchange, size: int) -> None:
        """Take an exchange that has ended and holds *size* bytes; never wait, never raise."""
        reason = exchange.drop_reason
        full = self._ledger.add(exchange, size, reason)
        if reason is None and not self._ledger.closed:
            self._worker.start()
        if full:
            self._bell.ring()

    def wake(self) -> None:
        """Begin to work before the first call; only where there is a disk is there anything."""

    def begin(self, exchange: Exchange) -> None:
        """Take note that *exchange* begins; only where there is a disk does that mean anything."""

    def leave_out(self, reason: str) -> None:
        """Count a call that was not recorded at all."""
        self._ledger.add(None, 0, reason)

    def hurry(self) -> int:
        """Have the worker ship what was submitted so far; return the mark for `wait_until`."""
        mark, passed = self._ledger.hurry()
        if not passed:
            self._worker.start()
            self._bell.ring()
        return mark

    def wait_until(self, mark: int, timeout: float) -> bool:
        """Say whether everything before *mark* was settled within *timeout* seconds."""
        return self._ledger.wait_until(mark, timeout)

    def flush(self, timeout: float) -> bool:
        """Ship what was submitted so far; say whether all of it was settled within *timeout* s."""
        return self.wait_until(self.hurry(), timeout)

    def stop(self, timeout: float) -> None:
        """Take nothing more, and have the worker deliver what is left within *timeout* seconds."""
        if not self._ledger.closed:
            self._deadline = time.monotonic() + timeout
        if self._ledger.close():
            self._bell.ring()

    def close(self, timeout: float) -> bool:
        """Stop, wait for the worker at most *timeout* seconds, and count the rest as ``shutdown``.

        Say whether nothing was lost to that. Later exchanges are counted as ``closed``.
        """
        self.stop(timeout)
        if not self._ledger.settled:
            self._finish(timeout)
        return not self._ledger.lost_at_shutdown

    def leave_by(self, deadline: float) -> None:
        """Take note of a farewell that the server waits for until *deadline*, a monotonic time."""
        self._farewell = (deadline, self._ledger.stats().captured)

    @property
    def patience(self) -> float:
        """Seconds that the end of the process may take: what a farewell has left of them."""
        if self._farewell is None or self._farewell[1] != self._ledger.stats().captured:
            return self.shutdown_timeout
        return min(self.shutdown_timeout, max(0.0, self._farewell[0] - time.monotonic()))

    def stats(self) -> Stats:
        """Return the account as it is now; faults are the client's to tell."""
        return self._ledger.stats()

    def _finish(self, timeout: float) -> None:
        if self._ledger.waits:
            self._worker.start(patience=timeout)
        if not self._worker.was_started:
            self._ship(everything=True)
            self._close_destination()
        elif not self._worker.is_this_thread and self._ledger.wait_for_end(timeout):
            self._worker.join(timeout)
        self._abandon()

    def _abandon(self) -> None:
        lost = self._ledger.abandon() and self._ledger.lost_at_shutdown
        if lost:
            self._complaints.complain("shutdown", f"{lost} events were not delivered in time")

    def _run(self) -> None:
        """Ship full batches as they fill and the rest every interval, until the pipeline closes."""
        due = time.monotonic() + self._flush_interval
        self._refresh()
        while not self._ledger.closed:
            if not self._ledger.hurried and not self._kept:
                self._bell.wait(due - time.monotonic())
            everything = time.monotonic() >= due or self._ledger.hurried or bool(self._kept)
            self._ship(everything=everything)
            self._tell_of_losses()
            if everything:
                due = time.monotonic() + self._flush_interval
        try:
            self._ship(everything=True)
            self._close_destination()
        finally:
            self._ledger.end()

    def _tell_of_losses(self) -> None:
        with self._complaints.shielded("worker_failed", "losses were not told"):
            self._losses.look()
            self._losses.report()
        self._refresh()

    def _refresh(self) -> None:
        """Have the destination look for news, which it does without waiting."""
        if self._refresh_destination is not None and not self._ledger.closed:
            with self._complaints.shielded("refresh_failed", "a destination was not refreshed"):
                self._refresh_destination()

    def _ship(self, *, everything: bool) -> None:
        """Send what is in the queue now, or only full batches; later ones have their own time."""
        mark = self._ledger.end_of_queue() if everything else 0
        while (taken := self._take(mark)) or self._kept:
            kept, self._kept = self._kept, []
            try:
                encoded = (event for _, event in self._encoded(taken) if event is not None)
                too_large = partial(self._ledger.settle, 1, "event_too_large")
                for batch in batches(chain(kept, encoded), self._limits, too_large):
                    self._deliver(batch)
            except BaseException as error:  # noqa: BLE001 - the worker must outlive our bugs
                self._kept = []
                self._complaints.complain("worker_failed", "the worker failed and goes on", error)
                self._ledger.settle(None, "worker_failed")
            if self._kept:
                return

    def _take(self, mark: int) -> list[Exchange]:
        """Take from the queue, unless enough is waiting in front of it."""
        return [] if len(self._kept) >= self._batch_size else self._ledger.take(mark)

    def _encoded(self, exchanges: Iterable[Exchange]) -> Iterator[tuple[Exchange, bytes | None]]:
        """Encode each exchange on its own; one that gives no event is settled."""
        return encoded(exchanges, self._encoder, self._ledger, self._complaints)

    def _deliver(self, batch: Sequence[bytes]) -> bool:
        """Bring *batch*, which is in flight, to its end; say whether it is there.

        It comes again while the endpoint takes nothing. What time cuts off at the end is lost.
        """
        left = len(batch)

        def settle(events: Sequence[bytes], reason: str | None) -> None:
            nonlocal left
            left -= len(events)
            self._ledger.settle(len(events), reason)

        if self._kept:  # it waits behind them
            self._keep(batch)
            return False
        in_time = time.monotonic() < self._deadline
        if not (in_time and self._courier.deliver(batch, settle)) and not self._ledger.closed:
            self._keep(batch)
            return False
        self._ledger.settle(left, "shutdown")
        return True

    def _keep(self, batch: Sequence[bytes]) -> None:
        """Have *batch* come again with what is new."""
        self._kept += batch

    def _pause(self, seconds: float) -> None:
        """Wait so long, but not for anything once the pipeline closes."""
        end = time.monotonic() + seconds
        while not self._ledger.closed and (left := end - time.monotonic()) > 0:
            self._bell.wait(left)

    def _close_destination(self) -> None:
        close = getattr(self._destination, "close", None)
        if close is not None:
            with self._complaints.shielded("close_failed", "closing a destination failed"):
                close()


def close_together(pipelines: Iterable[Pipeline], timeout: float | None = None) -> bool:
    """Close *pipelines* at the same time, under one deadline; say whether all was settled."""
    closing = list(pipelines)
    patience = max((each.patience for each in closing), default=0.0)
    for pipeline in closing:
        pipeline.stop(pipeline.patience if timeout is None else timeout)
    if timeout is None:
        timeout = patience
    deadline = time.monotonic() + timeout
    return all([each.close(max(0.0, deadline - time.monotonic())) for each in closing])


def _renew_all() -> None:
    for pipeline in list(_pipelines):
        pipeline.renew()


def _close_all() -> None:
    close_together(_pipelines)


_pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()
after_fork(_renew_all)
at_end(_close_all)

"""The pipeline: one worker thread that encodes, packs, sends and tries again."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from apilog.capture import Exchange
from apilog.complaints import Complaints
from apilog.delivery import Destination, Dropped, Encoder, Limits, pause_before
from apilog.exceptions import Rejected, RetryLater
from apilog.ledger import Ledger, Stats

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 300.0
"""Seconds that an endpoint may ask us to wait; "at once" from one in trouble makes a storm."""

SLICE = 0.001
"""Seconds that the worker computes before it lets waiting requests have the interpreter."""

REST = 0.00005
"""Seconds that it lets them have it."""


class Pipeline:
    """Bring exchanges to one destination.

    `submit` is all that a request pays for. A daemon thread, started by the first exchange of a
    process and again after a fork, encodes each exchange on its own, packs batches and sends them.
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
    ) -> None:
        self._destination = destination
        self._limits: Limits = getattr(destination, "limits", Limits())
        self._encoder = encoder
        self._complaints = complaints
        self._flush_interval = flush_interval
        self._new_ledger = partial(
            Ledger,
            batch_size=min(batch_size, self._limits.batch_events, max(1, queue_events // 2)),
            batch_bytes=min(self._limits.batch_bytes, queue_bytes // 2),
            queue_events=queue_events,
            queue_bytes=queue_bytes,
        )
        self.shutdown_timeout = shutdown_timeout
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
        self._bell = _Bell()
        self._starting = threading.Lock()
        self._deadline = float("inf")
        self._thread: threading.Thread | None = None

    def submit(self, exchange: Exchange, size: int) -> None:
        """Take an exchange that has ended and holds *size* bytes; never wait, never raise."""
        reason = exchange.drop_reason
        full = self._ledger.add(exchange, size, reason)
        if reason is None and not self._ledger.closed:
            worker = self._thread
            if worker is None or not worker.is_alive():
                self._start_worker()
        if full:
            self._bell.ring()

    def leave_out(self, reason: str) -> None:
        """Count a call that was not recorded at all."""
        self._ledger.add(None, 0, reason)

    def hurry(self) -> int:
        """Have the worker ship what was submitted so far; return the mark for `wait_until`."""
        mark, passed = self._ledger.hurry()
        if not passed:
            self._start_worker()
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

    def stats(self) -> Stats:
        """Return the account as it is now; faults are the client's to tell."""
        return self._ledger.stats()

    def _finish(self, timeout: float) -> None:
        if self._ledger and (self._thread is None or not self._thread.is_alive()):
            self._start_worker(patience=timeout)
        worker = self._thread
        if worker is None:
            self._ship(everything=True)
            self._close_destination()
        elif worker is not threading.current_thread() and self._ledger.wait_for_end(timeout):
            worker.join(timeout)
        lost = self._ledger.abandon() and self._ledger.lost_at_shutdown
        if lost:
            self._complaints.complain("shutdown", f"{lost} events were not delivered in time")

    def _start_worker(self, patience: float = 0.0) -> None:
        """Start the worker unless it runs, or another thread is just starting it."""
        if not self._starting.acquire(timeout=patience):
            return
        try:
            if self._thread is None or not self._thread.is_alive():
                worker = threading.Thread(target=self._run, name="apilog-worker", daemon=True)
                worker.start()
                self._thread = worker
        except RuntimeError as error:  # no threads here, or the interpreter is going down
            self._complaints.complain("no_worker", "the worker thread did not start", error)
        finally:
            self._starting.release()

    def _run(self) -> None:
        """Ship full batches as they fill and the rest every interval, until the pipeline closes."""
        due = time.monotonic() + self._flush_interval
        while not self._ledger.closed:
            if not self._ledger.hurried:
                self._bell.wait(due - time.monotonic())
            everything = time.monotonic() >= due or self._ledger.hurried
            self._ship(everything=everything)
            if everything:
                due = time.monotonic() + self._flush_interval
        try:
            self._ship(everything=True)
            self._close_destination()
        finally:
            self._ledger.end()

    def _ship(self, *, everything: bool) -> None:
        """Send what is in the queue now, or only full batches; later ones have their own time."""
        mark = self._ledger.end_of_queue() if everything else 0
        while taken := self._ledger.take(mark):
            try:
                for batch in self._packed(self._encoded(taken)):
                    self._deliver(batch)
            except BaseException as error:  # noqa: BLE001 - the worker must outlive our bugs
                self._complaints.complain("worker_failed", "the worker failed and goes on", error)
                self._ledger.settle(None, "worker_failed")

    def _encoded(self, exchanges: Iterable[Exchange]) -> Iterator[bytes]:
        """Encode each exchange on its own, and rest between slices of work."""
        began = time.perf_counter()
        for exchange in exchanges:
            try:
                event = self._encoder.encode(exchange)
            except Dropped as outcome:
                self._ledger.settle(1, outcome.reason)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is this event's
                self._complaints.complain("encode_failed", "an event was not encoded", error)
                self._ledger.settle(1, "encode_failed")
            else:
                yield event
            if time.perf_counter() - began > SLICE:
                time.sleep(REST)
                began = time.perf_counter()

    def _packed(self, events: Iterable[bytes]) -> Iterator[tuple[bytes, ...]]:
        """Divide *events* into batches within the destination's limits, brackets and all."""
        largest = min(self._limits.event_bytes, self._limits.batch_bytes - 2)
        batch: list[bytes] = []
        size = 1
        for event in events:
            if len(event) > largest:
                self._ledger.settle(1, "event_too_large")
                continue
            if batch and size + len(event) + 1 > self._limits.batch_bytes:
                yield tuple(batch)
                batch, size = [], 1
            batch.append(event)
            size += len(event) + 1
        if batch:
            yield tuple(batch)

    def _deliver(self, batch: Sequence[bytes]) -> None:
        """Send *batch* until it arrives, is refused, or the time to close is over."""
        retry = 0
        while time.monotonic() < self._deadline:
            last_try = self._ledger.closed
            try:
                self._destination.send(batch)
            except RetryLater as trouble:
                retry += 1
                self._ledger.retried()
                self._complaints.complain("retry", f"delivery failed, will retry: {trouble}")
                if last_try:
                    break
                asked = trouble.after
                self._pause(pause_before(retry) if asked is None else max(SHORTEST_PAUSE, asked))
            except Rejected as refusal:
                self._complaints.complain("rejected", f"{len(batch)} events refused: {refusal}")
                self._ledger.settle(len(batch), "rejected")
                return
            except BaseException as error:  # noqa: BLE001 - a destination's bug costs its batch only
                self._complaints.complain("destination_failed", "a destination failed", error)
                self._ledger.settle(len(batch), "destination_failed")
                return
            else:
                self._ledger.settle(len(batch), None)
                return
        self._ledger.settle(len(batch), "shutdown")

    def _pause(self, seconds: float) -> None:
        """Wait, at most `LONGEST_PAUSE`, but not for anything once the pipeline closes."""
        end = time.monotonic() + min(seconds, LONGEST_PAUSE)
        while not self._ledger.closed and (left := end - time.monotonic()) > 0:
            self._bell.wait(left)

    def _close_destination(self) -> None:
        close = getattr(self._destination, "close", None)
        if close is not None:
            with self._complaints.shielded("close_failed", "closing a destination failed"):
                close()


class _Bell:
    """Wake the one who waits. Unlike an event it can be rung while this thread is ringing it."""

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        with suppress(RuntimeError):  # rung already
            self._silence.release()

    def wait(self, seconds: float) -> None:
        self._silence.acquire(timeout=max(0.0, seconds))


def close_together(pipelines: Iterable[Pipeline], timeout: float | None = None) -> bool:
    """Close *pipelines* at the same time, under one deadline; say whether all was settled."""
    closing = list(pipelines)
    for pipeline in closing:
        pipeline.stop(pipeline.shutdown_timeout if timeout is None else timeout)
    if timeout is None:
        timeout = max((each.shutdown_timeout for each in closing), default=0.0)
    deadline = time.monotonic() + timeout
    return all([each.close(max(0.0, deadline - time.monotonic())) for each in closing])


_pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()
atexit.register(lambda: close_together(_pipelines))


def _renew_after_fork() -> None:
    for pipeline in list(_pipelines):
        pipeline.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)

"""The pipeline: a bounded queue, one worker thread, batches, retries, and an account of it all."""

from __future__ import annotations

import atexit
import os
import random
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from apilog.capture import Exchange
from apilog.complaints import Complaints
from apilog.exceptions import ApiLogError, Rejected, RetryLater

LONGEST_PAUSE = 300.0
"""Seconds that an endpoint may ask us to wait at most."""

SLICE = 0.001
"""Seconds that the worker computes before it lets waiting requests have the interpreter."""

REST = 0.00005
"""Seconds that it lets them have it."""


class Dropped(ApiLogError):  # noqa: N818 - named by its outcome
    """Say that an exchange gives no event, and why; raised by the function that encodes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What a destination takes at once, in bytes of JSON and in events."""

    event_bytes: int = 1_000_000
    batch_bytes: int = 4_000_000
    batch_events: int = 10_000


class Encoder(Protocol):
    """What makes one event of an exchange; several pipelines may share it."""

    def encode(self, exchange: Exchange) -> bytes:
        """Return the event, or raise `Dropped`."""
        ...

    def renew(self) -> None:
        """Take new locks, in a forked child."""
        ...


@runtime_checkable
class Destination(Protocol):
    """Where batches go. Each item is one event, as JSON in UTF-8.

    Raises RetryLater or Rejected; anything else is a bug. A destination may have a `limits`
    attribute (`Limits`) and a `close()` method, called when the client closes.
    """

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*; returning means that it arrived."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The account of a client: ``captured`` is the sum of all the other places an event can be in.

    ``faults`` counts what went wrong without costing an event: a hook that raised, a body that
    stayed home.
    """

    captured: int = 0
    queued: int = 0
    delivered: int = 0
    spooled: int = 0
    quarantined: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)


def pause_before(
    retry: int, *, base: float = 0.5, cap: float = 30.0, jitter: Callable[[], float] = random.random
) -> float:
    """Seconds to wait before retry number *retry* (1, 2, ...).

    Full jitter, because a fleet restarted together must not knock together.
    """
    return jitter() * min(cap, base * 2.0 ** min(retry - 1, 16))


class Pipeline:
    """Bring exchanges to one destination.

    `submit` is all that a request pays for. A daemon thread, started by the first exchange of a
    process and again after a fork, encodes each exchange on its own, packs batches and sends them.
    When more waits than the bounds allow, the oldest are dropped and counted.
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
        self._batch_size = min(batch_size, self._limits.batch_events)
        self._flush_interval = flush_interval
        self._queue_events = queue_events
        self._queue_bytes = queue_bytes
        self.shutdown_timeout = shutdown_timeout
        self._closed = False
        self.renew()
        _pipelines.add(self)

    def renew(self) -> None:
        """Begin with nothing: at first, and in a forked child, where the parent ships its own.

        Locks are made anew, never taken: the thread that held one does not exist in the child.
        """
        self._encoder.renew()
        self._lock = threading.RLock()  # re-entrant: a finaliser may submit while we hold it
        self._settled_some = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._abandoned = False
        self._thread: threading.Thread | None = None
        self._queue: deque[tuple[Exchange, int]] = deque()
        self._bytes = 0
        self._in_flight = 0
        self._flush_to = 0
        self._captured = self._delivered = self._retries = self._settled = 0
        self._dropped: Counter[str] = Counter()

    def submit(self, exchange: Exchange) -> None:
        """Take an exchange that has ended; never wait, never raise."""
        size = exchange.held
        with self._lock:
            self._captured += 1
            if exchange.drop_reason is not None or self._closed:
                self._drop(1, exchange.drop_reason or "closed")
                return
            self._queue.append((exchange, size))
            self._bytes += size
            while len(self._queue) > self._queue_events or self._bytes > self._queue_bytes:
                self._bytes -= self._queue.popleft()[1]
                self._drop(1, "queue_full")
            full = len(self._queue) == self._batch_size
        if self._thread is None or not self._thread.is_alive():
            self._start_worker()
        if full:
            self._wake.set()

    def leave_out(self, reason: str) -> None:
        """Count a call that was not recorded at all."""
        with self._lock:
            self._captured += 1
            self._drop(1, reason)

    def flush(self, timeout: float) -> bool:
        """Ship what was submitted so far; say whether all of it was settled within *timeout* s."""
        with self._lock:
            target = self._captured
            if self._settled >= target:
                return True
            self._flush_to = max(self._flush_to, target)
        self._start_worker()
        self._wake.set()
        with self._settled_some:
            return self._settled_some.wait_for(lambda: self._settled >= target, timeout)

    def stop(self, timeout: float) -> None:
        """Take nothing more, and have the worker deliver what is left within *timeout* seconds."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._deadline = time.monotonic() + timeout
        self._closing.set()
        self._wake.set()

    def close(self, timeout: float) -> bool:
        """Stop, wait for the worker at most *timeout* seconds, and count the rest as ``shutdown``.

        Say whether everything was settled. Later exchanges are counted as ``closed``.
        """
        self.stop(timeout)
        worker = self._thread
        if worker is None or not worker.is_alive():
            self._ship(everything=True)
        elif worker is not threading.current_thread():
            worker.join(timeout)
        with self._lock:
            left = len(self._queue) + self._in_flight
            self._queue.clear()
            self._drop(left, "shutdown")
            self._in_flight = 0
            self._abandoned = True
        if left:
            self._complaints.complain("shutdown", f"{left} events were not delivered in time")
        close = getattr(self._destination, "close", None)
        if close is not None and not (worker and worker.is_alive()):
            with self._complaints.shielded("close_failed", "closing a destination failed"):
                close()
        return not left

    def stats(self) -> Stats:
        """Return the account as it is now; faults are the client's to tell."""
        with self._lock:
            return Stats(
                captured=self._captured,
                queued=len(self._queue) + self._in_flight,
                delivered=self._delivered,
                dropped=dict(self._dropped),
                retries=self._retries,
            )

    def _start_worker(self) -> None:
        with self._lock:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._run, name="apilog-worker", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # no threads here, or the interpreter is going down
                self._thread = None
                self._complaints.complain("no_worker", "the worker thread did not start", error)

    def _run(self) -> None:
        """Ship full batches as they fill and the rest every interval, until the pipeline closes."""
        due = time.monotonic() + self._flush_interval
        while not self._closing.is_set():
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            everything = time.monotonic() >= due or self._flush_to > self._settled
            try:
                self._ship(everything=everything)
            except Exception as error:  # noqa: BLE001 - the worker must outlive our bugs
                self._complaints.complain("worker_failed", "the worker failed and goes on", error)
                self._settle(self._in_flight, "worker_failed")
            if everything:
                due = time.monotonic() + self._flush_interval
        self._ship(everything=True)

    def _ship(self, *, everything: bool) -> None:
        least = 1 if everything else self._batch_size
        while taken := self._taken(least):
            for batch in self._packed(self._encoded(taken)):
                self._deliver(batch)

    def _taken(self, least: int) -> list[Exchange]:
        with self._lock:
            if len(self._queue) < least:
                return []
            pairs = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_size))]
            self._bytes -= sum(size for _, size in pairs)
            self._in_flight += len(pairs)
        return [exchange for exchange, _ in pairs]

    def _encoded(self, exchanges: Iterable[Exchange]) -> Iterator[bytes]:
        """Encode each exchange on its own, and rest between slices of work."""
        began = time.perf_counter()
        for exchange in exchanges:
            try:
                yield self._encoder.encode(exchange)
            except Dropped as outcome:
                self._settle(1, outcome.reason)
            if time.perf_counter() - began > SLICE:
                time.sleep(REST)
                began = time.perf_counter()

    def _packed(self, events: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Divide *events* into batches within the destination's limits."""
        batch: list[bytes] = []
        size = 0
        for event in events:
            if batch and size + len(event) > self._limits.batch_bytes:
                yield batch
                batch, size = [], 0
            batch.append(event)
            size += len(event) + 1
        if batch:
            yield batch

    def _deliver(self, batch: Sequence[bytes]) -> None:
        """Send *batch* until it arrives, is refused, or the time to close is over."""
        retry = 0
        while time.monotonic() < self._deadline:
            last_try = self._closing.is_set()
            try:
                self._destination.send(batch)
            except RetryLater as trouble:
                retry += 1
                with self._lock:
                    self._retries += 1
                self._complaints.complain("retry", f"delivery failed, will retry: {trouble}")
                if last_try:
                    break
                pause = pause_before(retry) if trouble.after is None else trouble.after
                self._closing.wait(min(max(pause, 0.0), LONGEST_PAUSE))
            except Rejected as refusal:
                self._complaints.complain("rejected", f"{len(batch)} events refused: {refusal}")
                self._settle(len(batch), "rejected")
                return
            except Exception as error:  # noqa: BLE001 - a destination's bug costs its batch only
                self._complaints.complain("destination_failed", "a destination failed", error)
                self._settle(len(batch), "destination_failed")
                return
            else:
                self._settle(len(batch), None)
                return
        self._settle(len(batch), "shutdown")

    def _settle(self, count: int, reason: str | None) -> None:
        """Put *count* events in flight in their last place; None means delivered."""
        with self._lock:
            if self._abandoned:
                return
            self._in_flight -= count
            if reason is None:
                self._delivered += count
                self._settled += count
                self._settled_some.notify_all()
            else:
                self._drop(count, reason)

    def _drop(self, count: int, reason: str) -> None:
        if count:
            self._dropped[reason] += count
            self._settled += count
            self._settled_some.notify_all()


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

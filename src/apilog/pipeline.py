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
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from apilog.capture import Exchange
from apilog.complaints import Complaints
from apilog.exceptions import ApiLogError, Rejected, RetryLater

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 300.0
"""Seconds that an endpoint may ask us to wait; "at once" from one in trouble makes a storm."""

SLICE = 0.001
"""Seconds that the worker computes before it lets waiting requests have the interpreter."""

REST = 0.00005
"""Seconds that it lets them have it."""


class Dropped(ApiLogError):
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

    Finalisers and signal handlers may call any method at any point of any other one: the lock is
    re-entrant, and what they submit waits in `_arrived` until nobody is at the books.
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
        room = max(1, queue_events // 2)
        self._batch_size = min(batch_size, self._limits.batch_events, room)
        self._batch_bytes = min(self._limits.batch_bytes, queue_bytes // 2)
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
        self._complaints.renew()
        self._lock = threading.RLock()
        self._settled_some = threading.Condition(self._lock)
        self._bell = _Bell()
        self._starting = threading.Lock()
        self._deadline = float("inf")
        self._abandoned = self._ended = False
        self._thread: threading.Thread | None = None
        self._arrived: deque[tuple[Exchange | None, int, str | None]] = deque()
        self._queue: deque[tuple[Exchange, int]] = deque()
        self._bytes = 0
        self._left_queue = 0  # how many exchanges were ever taken or dropped from the queue
        self._in_flight = 0
        self._in_flight_from = 0  # what `_left_queue` was when those in flight were taken
        self._flush_to = 0  # what `_left_queue` should become soon
        self._captured = self._delivered = self._retries = 0
        self._dropped: Counter[str] = Counter()

    def submit(self, exchange: Exchange, size: int) -> None:
        """Take an exchange that has ended and holds *size* bytes; never wait, never raise."""
        reason = exchange.drop_reason
        self._arrived.append((exchange, size, reason))
        full = self._take_in()
        if reason is None and not self._closed:
            worker = self._thread
            if worker is None or not worker.is_alive():
                self._start_worker()
        if full:
            self._bell.ring()

    def leave_out(self, reason: str) -> None:
        """Count a call that was not recorded at all."""
        self._arrived.append((None, 0, reason))
        self._take_in()

    def hurry(self) -> int:
        """Have the worker ship what was submitted so far; return the mark for `wait_until`."""
        self._take_in()
        with self._lock:
            mark = self._left_queue + len(self._queue)
            self._flush_to = max(self._flush_to, mark)
            if self._passed(mark):
                return mark
        self._start_worker()
        self._bell.ring()
        return mark

    def wait_until(self, mark: int, timeout: float) -> bool:
        """Say whether everything before *mark* was settled within *timeout* seconds."""
        with self._settled_some:
            return self._settled_some.wait_for(lambda: self._passed(mark), timeout)

    def flush(self, timeout: float) -> bool:
        """Ship what was submitted so far; say whether all of it was settled within *timeout* s."""
        return self.wait_until(self.hurry(), timeout)

    def stop(self, timeout: float) -> None:
        """Take nothing more, and have the worker deliver what is left within *timeout* seconds."""
        self._take_in()
        with self._lock:
            if self._closed:
                return
            self._deadline = time.monotonic() + timeout
            self._closed = True
        self._bell.ring()

    def close(self, timeout: float) -> bool:
        """Stop, wait for the worker at most *timeout* seconds, and count the rest as ``shutdown``.

        Say whether nothing was lost to that. Later exchanges are counted as ``closed``.
        """
        self.stop(timeout)
        if not self._abandoned:
            self._finish(timeout)
        return not self._dropped["shutdown"]

    def stats(self) -> Stats:
        """Return the account as it is now; faults are the client's to tell."""
        self._take_in()
        with self._lock:
            return Stats(
                captured=self._captured,
                queued=len(self._queue) + self._in_flight,
                delivered=self._delivered,
                dropped=dict(self._dropped),
                retries=self._retries,
            )

    def _take_in(self) -> bool:
        """Put what arrived into the queue and the account; say whether that filled a batch."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001
            return False  # a finaliser interrupted this thread at the books: the next one does it
        evicted = []  # let go of after the lock: they may hold the last reference to anything
        with self._lock:
            full_before = self._full()
            while self._arrived:
                exchange, size, reason = self._arrived.popleft()
                self._captured += 1
                if exchange is None or reason is not None or self._closed:
                    self._drop(1, reason or "closed")
                    continue
                self._queue.append((exchange, size))
                self._bytes += size
                while len(self._queue) > self._queue_events or self._bytes > self._queue_bytes:
                    evicted.append(self._queue.popleft())
                    self._bytes -= evicted[-1][1]
                    self._left_queue += 1
                    self._drop(1, "queue_full")
            return self._full() and not full_before

    def _full(self) -> bool:
        return len(self._queue) >= self._batch_size or self._bytes >= self._batch_bytes

    def _passed(self, mark: int) -> bool:
        """Say whether every exchange that was queued before *mark* is settled."""
        in_flight_before = self._in_flight and self._in_flight_from < mark
        return self._left_queue >= mark and not in_flight_before

    def _finish(self, timeout: float) -> None:
        if self._queue and (self._thread is None or not self._thread.is_alive()):
            self._start_worker(patience=timeout)
        worker = self._thread
        if worker is None:
            self._ship(everything=True)
            self._close_destination()
        elif worker is not threading.current_thread():
            with self._settled_some:  # waiting lets go of the lock, a join would not: see above
                self._settled_some.wait_for(lambda: self._ended, timeout)
            if self._ended:
                worker.join(timeout)
        with self._lock:
            left, self._queue = self._queue, deque()
            self._left_queue += len(left)
            self._drop(len(left) + self._in_flight, "shutdown")
            self._in_flight = 0
            told, self._abandoned = self._abandoned, True
            lost = self._dropped["shutdown"]
        if lost and not told:
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
        while not self._closed:
            if self._flush_to <= self._left_queue:
                self._bell.wait(due - time.monotonic())
            everything = time.monotonic() >= due or self._flush_to > self._left_queue
            self._ship(everything=everything)
            if everything:
                due = time.monotonic() + self._flush_interval
        try:
            self._ship(everything=True)
            self._close_destination()
        finally:
            with self._settled_some:
                self._ended = True
                self._settled_some.notify_all()

    def _ship(self, *, everything: bool) -> None:
        """Send what is in the queue now, or only full batches; later ones have their own time."""
        self._take_in()
        mark = self._left_queue + len(self._queue) if everything else 0
        while taken := self._taken(mark):
            try:
                for batch in self._packed(self._encoded(taken)):
                    self._deliver(batch)
            except BaseException as error:  # noqa: BLE001 - the worker must outlive our bugs
                self._complaints.complain("worker_failed", "the worker failed and goes on", error)
                self._settle(self._in_flight, "worker_failed")

    def _taken(self, mark: int) -> list[Exchange]:
        """Take the next exchanges from the queue, if they came before *mark* or fill a batch."""
        self._take_in()
        with self._lock:
            if not self._queue or (self._left_queue >= mark and not self._full()):
                return []
            pairs = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_size))]
            self._bytes -= sum(size for _, size in pairs)
            self._in_flight_from = self._left_queue
            self._in_flight += len(pairs)
            self._left_queue += len(pairs)
        return [exchange for exchange, _ in pairs]

    def _encoded(self, exchanges: Iterable[Exchange]) -> Iterator[bytes]:
        """Encode each exchange on its own, and rest between slices of work."""
        began = time.perf_counter()
        for exchange in exchanges:
            try:
                event = self._encoder.encode(exchange)
            except Dropped as outcome:
                self._settle(1, outcome.reason)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is this event's
                self._complaints.complain("encode_failed", "an event was not encoded", error)
                self._settle(1, "encode_failed")
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
                self._settle(1, "event_too_large")
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
            last_try = self._closed
            try:
                self._destination.send(batch)
            except RetryLater as trouble:
                retry += 1
                with self._lock:
                    self._retries += 1
                self._complaints.complain("retry", f"delivery failed, will retry: {trouble}")
                if last_try:
                    break
                asked = trouble.after
                self._pause(pause_before(retry) if asked is None else max(SHORTEST_PAUSE, asked))
            except Rejected as refusal:
                self._complaints.complain("rejected", f"{len(batch)} events refused: {refusal}")
                self._settle(len(batch), "rejected")
                return
            except BaseException as error:  # noqa: BLE001 - a destination's bug costs its batch only
                self._complaints.complain("destination_failed", "a destination failed", error)
                self._settle(len(batch), "destination_failed")
                return
            else:
                self._settle(len(batch), None)
                return
        self._settle(len(batch), "shutdown")

    def _pause(self, seconds: float) -> None:
        """Wait, at most `LONGEST_PAUSE`, but not for anything once the pipeline closes."""
        end = time.monotonic() + min(seconds, LONGEST_PAUSE)
        while not self._closed and (left := end - time.monotonic()) > 0:
            self._bell.wait(left)

    def _settle(self, count: int, reason: str | None) -> None:
        """Put *count* events in flight in their last place; None means delivered."""
        with self._lock:
            if self._abandoned:
                return
            self._in_flight -= count
            if reason is None:
                self._delivered += count
                self._settled_some.notify_all()
            else:
                self._drop(count, reason)

    def _drop(self, count: int, reason: str) -> None:
        if count:
            self._dropped[reason] += count
        self._settled_some.notify_all()

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

"""The ledger: what waits for one destination, and an account of everything that ever did."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from apilog.capture import Exchange
from apilog.waiting import Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The account of a client: ``captured`` is the sum of all the other places an event can be in.

    ``adopted`` says how many of the captured ones came from another process that died, or was
    stopped, before it had delivered them. ``faults`` counts what went wrong without costing an
    event: a hook that raised, a body that stayed home.
    """

    captured: int = 0
    queued: int = 0
    delivered: int = 0
    spooled: int = 0
    quarantined: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0
    adopted: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)


QUARANTINED = "quarantined"
"""The last place of an event that the endpoint refuses, where there is a disk to keep it on."""


class Ledger:
    """Keep the queue of one pipeline and its books, so that they agree at any moment.

    What gives way when more waits than the bounds allow is counted. Finalisers and signal
    handlers may call any method at any point of any other one: the lock is re-entrant, and what
    they bring waits in `_arrived` until nobody is at the books.

    A *mark* is the number of an exchange in the endless row of them; see `Waiting`.
    """

    def __init__(
        self,
        *,
        batch_size: int,
        batch_bytes: int,
        queue_events: int,
        queue_bytes: int,
        shares: bool = False,
    ) -> None:
        self._batch_size = batch_size
        self._batch_bytes = batch_bytes
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._arrived: deque[tuple[Exchange | None, int, str | None]] = deque()
        self._queue = Waiting(queue_events, queue_bytes, shares=shares)
        self._in_flight = 0
        self._in_flight_from = 0  # the number of the oldest in flight, or less
        self._hurry_to = 0  # the mark that somebody waits for
        self._captured = self._delivered = self._retries = 0
        self._spooled = self._quarantined = self._adopted = 0
        self._stored = self._stored_settled = 0  # of our own, ever
        self._waiting = 0  # how many threads wait for what is stored
        self._dropped: Counter[str] = Counter()
        self.closed = False
        """Whether everything that arrives now is counted as ``closed``."""
        self.settled = False
        """Whether the books are final: what was left is counted as ``shutdown``."""
        self._ended = False

    def add_stored(self, reason: str | None = None) -> None:
        """Count an exchange that never waited: it is on disk already, or lost for *reason*."""
        with self._lock:
            self._captured += 1
            if reason is not None:
                self._drop(1, reason)
            else:
                self._spooled += 1
                self._stored += 1

    def take_back(self) -> None:
        """Undo `add_stored` for an exchange that could not be stored."""
        with self._lock:
            self._captured -= 1
            self._spooled -= 1
            self._stored -= 1

    def add_adopted(self, count: int, lost: str | None = None) -> None:
        """Count events of a process that is gone: stored, or *lost* for a reason."""
        with self._lock:
            self._captured += count
            self._adopted += count
            if lost is not None:
                self._drop(count, lost)
            else:
                self._spooled += count

    def add(self, exchange: Exchange | None, size: int, reason: str | None) -> bool:
        """Take an exchange that holds *size* bytes, or only count it as lost for *reason*.

        Say whether that filled a batch. Never wait for more than the books, never raise.
        """
        self._arrived.append((exchange, size, reason))
        return self._take_in()

    def hurry(self) -> tuple[int, bool]:
        """Want everything so far to be settled; return its mark, and whether it is."""
        self._take_in()
        with self._lock:
            mark = self._queue.end
            self._hurry_to = max(self._hurry_to, mark)
            return mark, self._passed(mark) and self._stored_settled >= self._stored

    @property
    def hurried(self) -> bool:
        """Whether somebody waits for what is in the queue."""
        return self._hurry_to > self._queue.front

    def wait_until(self, mark: int, timeout: float) -> bool:
        """Say whether everything before *mark* was settled within *timeout* seconds."""
        end = time.monotonic() + timeout
        with self._changed:
            self._waiting += 1
            try:
                if not self._changed.wait_for(lambda: self._passed(mark), timeout):
                    return False
                stored, left = self._stored, end - time.monotonic()

                def settled() -> bool:  # some may not have been stored after all
                    return self._passed(mark) and self._stored_settled >= min(stored, self._stored)

                return self._changed.wait_for(settled, left)
            finally:
                self._waiting -= 1

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for what is in the queue or stored."""
        return self._waiting > 0 or self.hurried

    def close(self) -> bool:
        """Take nothing more; say whether this call changed that."""
        self._take_in()
        with self._lock:
            closed, self.closed = self.closed, True
            return not closed

    def take(self, mark: int) -> list[Exchange]:
        """Take the next exchanges from the queue, if they came before *mark* or fill a batch."""
        self._take_in()
        with self._lock:
            if not self._queue or (self._queue.front >= mark and not self._full()):
                return []
            if not self._in_flight:
                self._in_flight_from = self._queue.front
            taken = self._queue.take(self._batch_size)
            self._in_flight += len(taken)
        return taken

    def end_of_queue(self) -> int:
        """Return the mark of everything that is here now."""
        self._take_in()
        return self._queue.end

    def settle(self, count: int | None, reason: str | None) -> None:
        """Put *count* exchanges in flight (None: all) in their last place; no reason: delivered."""
        with self._lock:
            if self.settled:
                return
            count = self._in_flight if count is None else count
            self._in_flight -= count
            if reason is None:
                self._delivered += count
                self._changed.notify_all()
            else:
                self._drop(count, reason)

    def store(self, count: int) -> None:
        """Count *count* exchanges in flight as stored on disk; fewer than none: not after all."""
        with self._lock:
            if not self.settled:
                if not self._in_flight:
                    self._in_flight_from = 0  # what comes back may be older than any mark
                self._in_flight -= count
                self._spooled += count
                self._stored += count
                if count < 0 or not self._in_flight:  # no other change is waited for
                    self._changed.notify_all()

    def settle_stored(self, count: int, reason: str | None, *, adopted: bool) -> None:
        """Put *count* stored events in their last place; no reason: delivered."""
        if not count:
            return
        with self._lock:
            self._spooled -= count
            if not adopted:
                self._stored_settled += count
            if reason is None:
                self._delivered += count
            elif reason == QUARANTINED:
                self._quarantined += count
            else:
                self._dropped[reason] += count
            self._changed.notify_all()

    def retried(self) -> None:
        """Count one more try."""
        with self._lock:
            self._retries += 1

    def end(self) -> None:
        """Say that nobody takes from the queue any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_end(self, timeout: float) -> bool:
        """Say whether `end` was called within *timeout* seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, timeout)

    def abandon(self) -> bool:
        """Count everything that is left as ``shutdown``, for good; say whether this call did it."""
        with self._lock:
            left = self._queue.take(len(self._queue))
            self._drop(len(left) + self._in_flight, "shutdown")
            self._in_flight = 0
            settled, self.settled = self.settled, True
            return not settled

    @property
    def lost_at_shutdown(self) -> int:
        """How many were counted as ``shutdown``."""
        return self._dropped["shutdown"]

    def stats(self) -> Stats:
        """Return the account as it is now; faults are the client's to tell."""
        self._take_in()
        with self._lock:
            return Stats(
                captured=self._captured,
                queued=len(self._queue) + self._in_flight,
                delivered=self._delivered,
                spooled=self._spooled,
                quarantined=self._quarantined,
                dropped=dict(self._dropped),
                retries=self._retries,
                adopted=self._adopted,
                faults={"bodies_shed": self._queue.shed} if self._queue.shed else {},
            )

    @property
    def waits(self) -> bool:
        """Whether anything waits for the worker."""
        return bool(self._queue or self._arrived)

    def _take_in(self) -> bool:
        """Put what arrived into the queue and the account; say whether that filled a batch."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001
            return False  # a finaliser interrupted this thread at the books: the next one does it
        evicted: list[
            Exchange
        ] = []  # let go of after the lock: they may hold the last reference to anything
        with self._lock:
            full_before = self._full()
            while self._arrived:
                exchange, size, reason = self._arrived.popleft()
                self._captured += 1
                if exchange is None or reason is not None or self.closed:
                    self._drop(1, reason or "closed")
                    continue
                gone = self._queue.put(exchange, size)
                self._drop(len(gone), "queue_full")
                evicted += gone
            if self.settled:  # by a signal handler, after this thread had found the books open
                late = self._queue.take(len(self._queue))
                self._drop(len(late), "closed")
                evicted += late
            return self._full() and not full_before

    def _full(self) -> bool:
        return len(self._queue) >= self._batch_size or self._queue.bytes >= self._batch_bytes

    def _passed(self, mark: int) -> bool:
        """Say whether every exchange that was queued before *mark* is settled."""
        in_flight_before = self._in_flight and self._in_flight_from < mark
        return self._queue.front >= mark and not in_flight_before

    def _drop(self, count: int, reason: str) -> None:
        if count:
            self._dropped[reason] += count
            self._changed.notify_all()

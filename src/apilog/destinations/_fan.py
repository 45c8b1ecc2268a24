"""A fan: one request for each event, several at a time, and one verdict over all of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from apilog.exceptions import DeliveryError, Partly, Rejected, RetryLater

WIDTH = 4
"""Requests at a time: endpoints that take one event a request are small ones."""

STRIKES = 5
"""Failures over the same event, others taken since each of them, after which it is the event."""

IN_A_ROW = 3
"""Failures with nothing taken in between, after which it is the endpoint."""

LONGEST = 2.0
"""Seconds of one sending, after which the account is told before it goes on."""

AT_ONCE = 0.0
"""Seconds to wait before those are sent that had no turn."""

_OUTAGE = frozenset({502, 503, 504})
"""Answers of 5xx that say themselves that it is not the event."""


class Fan:
    """Send the events of one batch by their places, and remember what became of each.

    The first event is sent alone, so that an endpoint that is down costs one request. The first
    answer that asks for patience, or says that nothing is taken, ends the sending: what was not
    sent then is to be sent again. An event over which the endpoint fails waits for some others to
    pass, and is refused when that has happened again and again.
    """

    def __init__(
        self,
        count: int,
        send: Callable[[int], None],
        *,
        width: int = WIDTH,
        longest: float = LONGEST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._clock = clock
        self._until = clock() + longest
        self._waiting = deque(range(count))
        self._width = min(width, count)
        self._lock = threading.Lock()
        self._refused: dict[int, str] = {}
        self._delivered = 0
        self._again: dict[int, float | None] = {}
        self._strikes: dict[int, tuple[int, int]] = {}
        """How often the endpoint failed over an event, and how many were taken by then."""
        self._in_a_row = 0
        self._trouble: DeliveryError | None = None
        self._ends = False
        self._bug: BaseException | None = None

    def run(self) -> None:
        """Send all of them.

        Raises:
            RetryLater, Rejected: nothing was delivered.
            Partly: some were not.
        """
        self._step()
        started: list[threading.Thread] = []
        try:
            for _ in range(0 if self._ends else self._width - 1):
                helper = threading.Thread(target=self._work, daemon=True)
                helper.start()
                started.append(helper)
        except RuntimeError:  # no threads here, or the interpreter is going down
            pass
        self._work()
        for helper in started:
            helper.join()
        if self._bug is not None:
            raise self._bug
        self._judge()

    def _work(self) -> None:
        while not self._ends and self._step():
            pass

    def _step(self) -> bool:
        """Send the next event; say whether there was one."""
        with self._lock:
            place = self._next()
        if place is None:
            return False
        try:
            self._send(place)
        except RetryLater as trouble:
            with self._lock:
                self._failed(place, trouble)
        except Rejected as refusal:
            if refusal.why == "closed":
                self._again[place] = None
                self._trouble, self._ends = refusal, True
            else:
                self._refused[place] = str(refusal)
        except BaseException as bug:  # noqa: BLE001 - told by the thread that called
            self._bug, self._ends = bug, True
        else:
            with self._lock:
                self._delivered += 1
                self._in_a_row = 0
                self._again.pop(place, None)
        return True

    def _next(self) -> int | None:
        """Take the next event; one that failed is passed over until others were taken."""
        while self._waiting and not (self._delivered and self._clock() > self._until):
            place = self._waiting.popleft()
            if place not in self._strikes or self._strikes[place][1] < self._delivered:
                return place
        return None

    def _failed(self, place: int, trouble: RetryLater) -> None:
        self._again[place] = trouble.after
        self._trouble = trouble
        self._in_a_row += 1
        if not _may_be_the_event(trouble) or self._in_a_row >= IN_A_ROW:
            self._ends = True
            return
        strikes = self._strikes.get(place, (0, 0))[0] + 1
        self._strikes[place] = strikes, self._delivered
        if strikes < STRIKES:
            self._waiting.insert(WIDTH, place)
        else:
            del self._again[place]
            self._refused[place] = f"{trouble}, {STRIKES} times, while others passed"

    def _judge(self) -> None:
        rest = dict.fromkeys(self._waiting, None if self._ends else AT_ONCE)
        again = {**rest, **self._again}
        if again and self._trouble is not None and not self._delivered and not self._refused:
            raise self._trouble
        if again or self._refused:
            told = self._trouble if self._again else next(iter(self._refused.values()), "slow")
            raise Partly(f"{told}", retry=again, rejected=self._refused)


def _may_be_the_event(trouble: RetryLater) -> bool:
    """Say whether the endpoint failed over what it was sent."""
    status = trouble.status or 0
    return trouble.after is None and status >= 500 and status not in _OUTAGE

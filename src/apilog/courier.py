"""The courier: bring one batch after the other to its end, with good manners.

What it does about an answer:

* accepted: the next piece, at once;
* later: the same bytes again after a pause, which grows; while the endpoint is down only a small
  piece is offered, once a pause;
* refused, or answered with 5xx again and again while others pass: halves, until the events at
  fault stand alone; if nothing at all passes, it is not the events: they are kept;
* too large: less at once, and for later batches too; an event alone goes without its bodies;
* closed (wrong key, wrong address): everything is kept, and the endpoint asked once a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from apilog.breaker import Breaker
from apilog.complaints import Complaints
from apilog.consignment import Consignment, Piece, Settle
from apilog.delivery import Destination, Limits
from apilog.exceptions import Partly, Rejected, RetryLater

CLOSED_PAUSE = 60.0
"""Seconds until an endpoint that takes nothing from us is asked again."""

PROBE_BYTES = 65_536
"""Bytes offered at most to an endpoint that is down, as long as one event is no larger."""

STRIKES = 8
"""Answers of 5xx to the same piece after which it may be the piece and not the endpoint."""

PATIENCE = 3_600.0
"""Seconds of 5xx after which one event is given up for the others behind it, where nothing tells
whether it is the event: it was the only one, or all that passed did so before."""

BUDGET = 64
"""Posts in a row without one accepted, after which it is not the events."""

FULL_SIZE_AFTER = 3_600.0
"""Seconds after which an endpoint that found a batch too large is offered full ones again."""


class Courier:
    """Deliver batches to *destination*; one thread at a time.

    Args:
        destination: where they go.
        limits: what it says it takes.
        complaints: told about every trouble.
        closing: says whether the pipeline closes: then each batch has one last try, and no pauses.
        pause: waits so many seconds at most, less if the pipeline closes.
        retried: told each time that something is to be sent again.
        clock: counts seconds and is never set back.
    """

    def __init__(
        self,
        destination: Destination,
        limits: Limits,
        *,
        complaints: Complaints,
        closing: Callable[[], bool],
        pause: Callable[[float], object],
        retried: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._destination = destination
        self._limits = limits
        self._complaints = complaints
        self._closing = closing
        self._retried = retried
        self._clock = clock
        self._breaker = Breaker(pause=pause, clock=clock)
        self._refusals = 0
        self._refusal = ""
        self._fives = 0
        self._closed_because = ""
        self._learned: int | None = None
        self._learned_at = 0.0

    @property
    def batch_bytes(self) -> int:
        """The bytes of a batch that the endpoint takes, by what it said and what it let pass."""
        full = self._limits.batch_bytes
        if self._learned is None or self._clock() - self._learned_at >= FULL_SIZE_AFTER:
            return full
        return min(full, self._learned)

    def deliver(self, batch: Sequence[bytes], settle: Settle) -> bool:
        """Bring every event of *batch* to its last place; say whether there was time for it.

        *settle* takes each event once, with None if the endpoint has it, or ``rejected``,
        ``event_too_large`` or ``destination_failed``. Where the pipeline closes before the end,
        what was not settled stays the caller's. An event sent again has the same bytes.
        """
        largest = min(self._limits.event_bytes, self._limits.batch_bytes - 2)
        load = Consignment(batch, settle, largest=largest)
        while (piece := self._next(load)) is not None:
            self._breaker.wait()
            is_last_try = self._closing()
            self._offer(load, piece)
            if load and is_last_try and self._breaker.is_owed_a_pause:
                return False
        return True

    def _next(self, load: Consignment) -> Piece | None:
        """Take what is offered next; None when all is settled."""
        while load:
            piece = load.take(*self._bounds())
            if piece is not None:
                return piece
            if self._refusals >= BUDGET:
                load.rejoin()
            else:
                self._complain_of_refused(load.condemn())
        return None

    def _bounds(self) -> tuple[int, int]:
        """Return the bytes and the events that are worth a try now; one event always is."""
        if self._refusals >= BUDGET:
            return 0, 1
        if self._breaker.is_down:
            return min(PROBE_BYTES, self.batch_bytes), self._limits.batch_events
        return self.batch_bytes, self._limits.batch_events

    def _offer(self, load: Consignment, piece: Piece) -> None:
        try:
            verdict, pause = self._send(load.events(piece))
        except BaseException as error:  # noqa: BLE001 - a destination's bug costs its batch only
            self._complaints.complain("destination_failed", "a destination failed", error)
            load.give_up("destination_failed")
            return
        if verdict is None:
            self._accepted(load, piece)
        elif isinstance(verdict, RetryLater):
            self._again_later(load, piece, verdict, pause)
        elif isinstance(verdict, Partly):
            self._partly(load, piece, verdict, pause)
        elif verdict.why == "closed":
            load.put_back(piece)
            self._keep(f"{verdict}")
        else:
            self._refused(load, piece, verdict)

    def _send(
        self, events: tuple[bytes, ...]
    ) -> tuple[RetryLater | Partly | Rejected | None, float]:
        """Return the verdict on *events* and the pause it asks for; anything raised is a bug."""
        try:
            self._destination.send(events)
        except RetryLater as trouble:
            return trouble, self._breaker.pause_after(trouble.after, trouble.status)
        except Partly as some:
            told = [after for after in some.retry.values() if after is not None]
            return some, self._breaker.pause_after(max(told, default=None), None)
        except Rejected as refusal:
            return refusal, 0.0
        return None, 0.0

    def _accepted(self, load: Consignment, piece: Piece) -> None:
        size = load.size(piece)
        if self._learned is not None and size > self._learned:
            self._learned = size
        if self._refusals >= BUDGET:
            self._learned = None  # whatever that was, it was not the size
        self._breaker.answered()
        self._refusals = self._fives = 0
        self._closed_because = ""
        self._complain_of_refused(load.accept(piece))

    def _again_later(
        self, load: Consignment, piece: Piece, trouble: RetryLater | Partly, pause: float
    ) -> None:
        self._breaker.failed(pause)
        self._retried()
        self._complaints.complain("retry", f"delivery failed, will retry: {trouble}")
        if isinstance(trouble, RetryLater) and _may_be_the_events(trouble):
            self._suspect(load, piece, pause)
        else:
            load.put_back(piece)

    def _suspect(self, load: Consignment, piece: Piece, pause: float) -> None:
        """Look for the event that the endpoint answers with 5xx, once it may be one."""
        load.strike(piece, pause)
        if not load.hunting and piece.strikes < STRIKES:
            load.put_back(piece)
        elif len(piece) == 1 and self._is_poison(load, piece):
            self._refusal = "5xx, while others passed or for an hour"
            self._complain_of_refused(load.refuse(piece))
        else:
            self._hunt(load, piece)

    def _is_poison(self, load: Consignment, piece: Piece) -> bool:
        """Say whether it is the event; an outage answers alike, so something else must pass."""
        if load.saw_others_pass(piece) and piece.strikes >= STRIKES:
            return True
        return load.stuck >= PATIENCE and (load.is_lone or load.has_passed)

    def _hunt(self, load: Consignment, piece: Piece) -> None:
        load.hunting = True
        self._fives += 1
        if self._fives >= BUDGET:
            self._fives = 0
            load.rejoin()
        elif len(piece) > 1:
            load.split(piece)
        else:
            load.put_last(piece)

    def _partly(self, load: Consignment, piece: Piece, some: Partly, pause: float) -> None:
        again, refused, taken = [], [], []
        for position, place in enumerate(piece.places):
            if position in some.retry:
                again.append(place)
            elif position in some.rejected:
                refused.append(place)
            else:
                taken.append(place)
        load.suspect(refused)
        if refused:
            self._refusal = str(some)
        if taken:
            self._accepted(load, Piece(places=tuple(taken)))
        if again:
            self._again_later(load, Piece(places=tuple(again)), some, pause)
        if refused and not taken:
            self._count_refusal(load, f"{some}")

    def _refused(self, load: Consignment, piece: Piece, refusal: Rejected) -> None:
        self._breaker.answered()
        self._refusal = str(refusal)
        if refusal.why == "too_large":
            self._shrink(load, piece)
        else:
            load.split(piece)
        self._count_refusal(load, f"{refusal}")

    def _count_refusal(self, load: Consignment, why: str) -> None:
        """Stop the search when it is not the events, and offer one after the other from then on."""
        self._refusals += 1
        if self._refusals == BUDGET:
            load.rejoin()
        if self._refusals >= BUDGET:
            self._keep(why)

    def _shrink(self, load: Consignment, piece: Piece) -> None:
        """Offer less at once; what is offered next is cut to what was learned."""
        size = load.size(piece)
        if len(piece) == 1:
            if load.lighten(piece):
                load.put_back(piece)
            else:
                load.split(piece)
            return
        if self._learned is None or size <= self._learned:
            self._learned = size // 2
        self._learned_at = self._clock()
        load.put_back(piece)

    def _keep(self, why: str) -> None:
        """Ask again in a minute; the reason is logged when it is a new one."""
        self._breaker.closed(CLOSED_PAUSE)
        self._retried()
        if why == self._closed_because:
            self._complaints.count("endpoint_closed")
            return
        self._closed_because = why
        self._complaints.complain(
            "endpoint_closed",
            f"the endpoint takes nothing; everything is kept, and it is asked every minute: {why}",
        )

    def _complain_of_refused(self, count: int) -> None:
        if count:
            what = f"{count} events refused, the last one with: {self._refusal}"
            self._complaints.complain("rejected", what)


def _may_be_the_events(trouble: RetryLater) -> bool:
    """Say whether the endpoint failed over what it was sent; one that names a time knows why."""
    return trouble.after is None and trouble.status is not None and trouble.status >= 500

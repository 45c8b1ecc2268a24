"""The courier: bring one batch after the other to its end, with good manners.

What it does about an answer:

* accepted: the next piece, at once;
* later: the same bytes again after a pause, which grows; while the endpoint is down only a small
  piece is offered, once a pause;
* refused, or answered with 5xx again and again while others pass: halves, until the events at
  fault stand alone; if nothing at all passes, it is not the events: they are kept, and one is
  offered now and then;
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
from apilog.portion import Portion
from apilog.standstill import LONGEST_PAUSE, Standstill

PROBE_BYTES = 65_536
"""Bytes offered at most to an endpoint that is down, as long as one event is no larger."""

STRIKES = 8
"""Answers of 5xx to the same piece after which it may be the piece and not the endpoint."""

PATIENCE = 3_600.0
"""Seconds of 5xx after which one event is given up for the others behind it, where nothing tells
whether it is the event: it was the only one, or all that passed did so before."""

BUDGET = 64
"""Posts in a row without one accepted, after which it is not the events. Fewer are enough to offer
each event of a small batch alone."""


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
        self._breaker = Breaker(pause=pause, clock=clock)
        self._refusals = 0
        self._refusal = ""
        self._has_passed = False  # anything, since the endpoint last took nothing
        self._is_trusted = False  # what came before this batch was taken
        self._standstill = Standstill()
        self._fives = 0
        self._closed_because = ""
        self._portion = Portion(limits.batch_bytes, clock=clock)

    @property
    def batch_bytes(self) -> int:
        """The bytes of a batch that the endpoint takes, by what it said and what it let pass."""
        return self._portion.size

    def deliver(self, batch: Sequence[bytes], settle: Settle) -> bool:
        """Bring every event of *batch* to its last place; say whether all are there.

        *settle* takes each event once, with None if the endpoint has it, or ``rejected``,
        ``event_too_large`` or ``destination_failed``. What was not settled stays the caller's: when
        the pipeline closes before the end, and all of it when the endpoint takes nothing: then it
        is to come again, together with what is new. An event sent again has the same bytes.
        """
        load = Consignment(batch, settle, largest=self._limits.largest_event)
        self._is_trusted = self._has_passed and not self._refusals
        while (piece := self._next(load)) is not None:
            self._breaker.wait()
            is_last_try = self._closing()
            self._offer(load, piece)
            waits = self._breaker.is_owed_a_pause
            if load and waits and (is_last_try or (self._standstill.lasts and load.is_whole)):
                return False
        return not load

    def _next(self, load: Consignment) -> Piece | None:
        """Take what is offered next; None when all is settled, or is to come again."""
        while load:
            if self._standstill.lasts:
                return load.take_alone(self._standstill.next_try)
            piece = load.take(*self._bounds())
            if piece is not None:
                return piece
            if self._is_at_fault(load):
                self._complain_of_refused(load.condemn())
            else:
                self._keep_all(load, self._refusal)
                if load.is_whole:
                    return None
        return None

    def _is_at_fault(self, load: Consignment) -> bool:
        """Say whether what was refused alone is at fault itself: others have to have passed."""
        if load.has_passed or (load.is_lone and self._is_trusted):
            return True
        return self._standstill.condemns(load.suspects)

    def _bounds(self) -> tuple[int, int]:
        """Return the bytes and the events that are worth a try now; one event always is."""
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
            self._keep(f"{verdict}", LONGEST_PAUSE)
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
        self._portion.passed(load.size(piece))
        self._breaker.answered()
        self._refusals = self._fives = 0
        self._has_passed = True
        self._closed_because = ""
        self._complain_of_refused(load.accept(piece))
        if self._standstill.lasts:
            self._standstill.end()
            self._portion.forget()
            load.rejoin()

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
        if again and taken and not any(after != 0 for after in some.retry.values()):
            load.put_back(Piece(places=tuple(again)))  # no storm: each time some arrive
        elif again:
            self._again_later(load, Piece(places=tuple(again)), some, pause)
        if refused and not taken:
            self._count_refusal(load, f"{some}")
            if not self._standstill.lasts:  # it said so of each
                self._complain_of_refused(load.condemn())

    def _refused(self, load: Consignment, piece: Piece, refusal: Rejected) -> None:
        self._breaker.answered()
        self._refusal = str(refusal)
        if refusal.why == "too_large":
            self._shrink(load, piece)
        else:
            load.split(piece)
        self._count_refusal(load, f"{refusal}")

    def _count_refusal(self, load: Consignment, why: str) -> None:
        """Stop the search when it is not the events; where some of them passed, it is."""
        self._refusals += 1
        if self._standstill.lasts or (self._refusals >= BUDGET and not load.has_passed):
            self._keep_all(load, why)

    def _keep_all(self, load: Consignment, why: str) -> None:
        """Take it that it is not the events, and offer one now and then."""
        self._has_passed = False
        pause = self._standstill.goes_on(load.suspects)
        load.rejoin()
        self._keep(why, pause)

    def _shrink(self, load: Consignment, piece: Piece) -> None:
        """Offer less at once; what is offered next is cut to what was learned."""
        if len(piece) == 1:
            if load.lighten(piece):
                load.put_back(piece)
            else:
                load.split(piece)
            return
        self._portion.was_too_large(load.size(piece))
        load.put_back(piece)

    def _keep(self, why: str, pause: float) -> None:
        """Ask again after *pause* seconds; the reason is logged when it is a new one."""
        self._breaker.closed(pause)
        self._retried()
        if why == self._closed_because:
            self._complaints.count("endpoint_closed")
            return
        self._closed_because = why
        self._complaints.complain(
            "endpoint_closed",
            f"the endpoint takes nothing; everything is kept, and it is asked each minute: {why}",
        )

    def _complain_of_refused(self, count: int) -> None:
        if count:
            what = f"{count} events refused, the last one with: {self._refusal}"
            self._complaints.complain("rejected", what)


def _may_be_the_events(trouble: RetryLater) -> bool:
    """Say whether the endpoint failed over what it was sent; one that names a time knows why."""
    return trouble.after is None and trouble.status is not None and trouble.status >= 500

"""A replay: calls that were recorded, brought to a destination later, by another process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from apilog.complaints import INTERVAL, Complaints
from apilog.courier import Courier
from apilog.delivery import Destination, Limits
from apilog.exceptions import ApiLogError, Rejected, RetryLater
from apilog.gated_encoder import Gate
from apilog.recording_error import NotHttp, RecordingError
from apilog.replay_source import Item, Place, Source, content_of
from apilog.replay_state import State, Tally
from apilog.throttle import Throttle
from apilog.updates import is_update, parts
from apilog.worker import Bell

_TOGETHER = 4_000_000
"""Bytes of events that are read ahead at most."""

_STOPPED = "it was stopped"

Convert = Callable[[bytes, int], bytes]
"""Makes an event of what was read, the so manyth; raises RecordingError."""


class Replay:
    """Bring what *source* holds to *destination*, batch by batch, and keep count of every call.

    Each batch is brought to its end before the next one is read, and then *state* is written: a
    process that is killed sends one batch again at most, and one that is stopped none. What the
    endpoint refuses is added to the file *refused*.

    Args:
        convert: makes an event of what was read.
        batch_size: events of a batch at most.
        throttle: how fast they may go out, or None.
        patience: seconds of waiting in which nothing goes out, after which this ends.
        tell: takes a line for whoever watches.
        show: takes the bytes of the source that are done, whenever that has changed.
    """

    def __init__(
        self,
        source: Source,
        convert: Convert,
        destination: Destination,
        state: State,
        refused: Path,
        *,
        batch_size: int,
        throttle: Throttle | None,
        patience: float,
        tell: Callable[[str], None],
        show: Callable[[int], None],
    ) -> None:
        self.state = state
        self.reason = ""
        """Why it ended early; nothing if it did not."""
        self.left = 0
        """How many calls were read and have no last place."""
        self._source = source
        self._convert = convert
        self._destination = destination
        self._refused = refused
        self._throttle = throttle
        self._patience = patience
        self._tell = tell
        self._show = show
        self._bell = Bell()
        self._waited = 0.0
        self._trouble = ""
        self._open: dict[bytes, list[int]] = {}
        self._ahead: set[int] = set()
        self._takes: frozenset[str] = getattr(destination, "takes", frozenset())
        limits: Limits = getattr(destination, "limits", Limits())
        together = batch_size if throttle is None else min(batch_size, throttle.together)
        self._batch_size = min(together, limits.batch_events)
        self._batch_bytes = min(limits.batch_bytes, _TOGETHER)
        complaints = _Told(self)
        self._gate = Gate(destination, complaints)
        report_to = getattr(destination, "report_to", None)
        if report_to is not None:
            report_to(complaints)
        self._courier = Courier(
            self,
            limits,
            complaints=complaints,
            closing=lambda: self.is_stopping,
            pause=self.pause,
            retried=lambda: None,
        )

    @property
    def tally(self) -> Tally:
        """What became of the calls so far."""
        return self.state.tally

    @property
    def is_stopping(self) -> bool:
        """Whether this ends as soon as it can."""
        return bool(self.reason)

    @property
    def has_trouble(self) -> bool:
        """Whether it ended because the endpoint took nothing."""
        return self.is_stopping and self.reason != _STOPPED

    def stop(self, reason: str = _STOPPED) -> None:
        """End after what is in flight; may be called by a signal handler."""
        self.reason = self.reason or reason
        self._bell.ring()

    def run(self) -> bool:
        """Replay until the end; say whether it was reached.

        Raises:
            ApiLogError: the state or what is refused cannot be written.
        """
        place = self.state.place
        self.state.save(place, self.state.ahead)  # that it can be is known before anything is sent
        self._ahead = set(self.state.ahead)
        has_ended = False
        try:
            for items in self._portions(place):
                if self.is_stopping:
                    break
                if not self._bring(items):
                    break
                place = items[-1].after
                self._ahead = {number for number in self._ahead if number > place.number}
                self.state.save(place, self._ahead)
                self._show(items[-1].done)
            else:
                has_ended = True
        finally:
            self.state.save(place, self._ahead, ended=has_ended)
            close = getattr(self._destination, "close", None)
            if close is not None:
                close()
        return has_ended

    def _portions(self, place: Place) -> Iterator[list[Item]]:
        """Divide what comes behind *place* so that a portion makes one batch at most."""
        portion: list[Item] = []
        size = 0
        for item in self._source.items(place):
            length = len(item.content or b"") + 1
            if portion and (
                len(portion) >= self._batch_size or size + length > self._batch_bytes - 2
            ):
                yield portion
                portion, size = [], 0
            portion.append(item)
            size += length
        if portion:
            yield portion

    def _bring(self, items: Sequence[Item]) -> bool:
        """Bring *items* to their last places; say whether all are there."""
        self._open = {}
        batch: list[bytes] = []
        for item in items:
            number = item.after.number
            if number in self._ahead:
                continue
            event = self._event(item)
            if event is None:
                self._ahead.add(number)
                continue
            self._open.setdefault(event, []).append(number)
            batch.append(event)
        self._waited = 0.0
        while batch and not self._courier.deliver(batch, self._settle) and not self.is_stopping:
            batch = [event for event, numbers in self._open.items() for _ in numbers]
        self.left = sum(map(len, self._open.values()))
        return not self.left

    def _event(self, item: Item) -> bytes | None:
        """Return what is to be sent for *item*; None if that has its last place already."""
        number = item.after.number
        try:
            event = self._convert(content_of(item), number)
        except NotHttp:
            self.tally.left_out["not_http"] += 1
            return None
        except RecordingError as error:
            self.tally.unreadable += 1
            self._tell(f"{self._source.noun} {number} left out: {error}")
            return None
        except Exception as error:  # noqa: BLE001 - its message may quote the call
            self.tally.unreadable += 1
            self._tell(f"{self._source.noun} {number} left out: {type(error).__name__}")
            return None
        if is_update(event) and parts(event)[0] not in self._takes:
            self.tally.left_out["not_taken"] += 1
            return None
        selected = self._gate.passed(event)
        if isinstance(selected, str):
            self.tally.left_out[selected] += 1
            return None
        return selected

    def _settle(self, events: Sequence[bytes], reason: str | None) -> None:
        self._waited = 0.0
        if reason is not None:
            self._keep(events)
            self.tally.rejected[reason] += len(events)
        else:
            self.tally.delivered += len(events)
        for event in events:
            numbers = self._open[event]
            self._ahead.add(numbers.pop(0))
            if not numbers:
                del self._open[event]

    def _keep(self, events: Sequence[bytes]) -> None:
        """Add *events* to the file of what is refused, readable by its owner only."""
        text = b"".join(event + b"\n" for event in events)
        try:
            descriptor = os.open(self._refused, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(text)
        except OSError as error:
            why = str(error.strerror).lower()
            raise ApiLogError(f"{self._refused} cannot be written: {why}") from error

    def pause(self, seconds: float) -> None:
        """Wait for an endpoint in trouble, but not for longer than there is patience."""
        self._waited += seconds
        if self._waited > self._patience:
            trouble = f": {self._trouble}" if self._trouble else ""
            patience = f"beyond --patience {self._patience:g}"
            self.stop(
                f"nothing was taken, and the next try in {seconds:.1f} s is {patience}{trouble}"
            )
        self.rest(seconds)

    def rest(self, seconds: float) -> None:
        """Wait, unless this is stopped."""
        end = time.monotonic() + seconds
        while not self.is_stopping and (left := end - time.monotonic()) > 0:
            self._bell.wait(left)

    def send(self, batch: Sequence[bytes]) -> None:
        """Send *batch* when it is time, and note what keeps it from arriving."""
        if self._throttle is not None:
            self.rest(self._throttle.pause(len(batch)))
        if self.is_stopping:
            raise RetryLater("the replay ends")
        try:
            self._destination.send(batch)
        except RetryLater as trouble:
            self._trouble = str(trouble)
            raise
        except Rejected as refusal:
            self._trouble = str(refusal)
            if refusal.why == "closed":
                self.stop(f"the endpoint takes nothing: {refusal}")
            raise

    def tell(self, text: str) -> None:
        """Tell whoever watches, unless it is about the end itself."""
        if not self.is_stopping:
            self._tell(text)


class _Told(Complaints):
    """Complaints that go to whoever watches, not to a log."""

    def __init__(self, replay: Replay) -> None:
        super().__init__()
        self._replay = replay
        self._said: dict[str, float] = {}

    def say(self, kind: str, what: str) -> bool:
        """Tell *what*, unless something of this *kind* was just told; say if it was."""
        now = time.monotonic()
        if now - self._said.get(kind, -INTERVAL) < INTERVAL:
            return False
        self._said[kind] = now
        self._replay.tell(what)
        return True

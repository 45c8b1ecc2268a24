"""An encoder for one destination that does not receive every call."""

from __future__ import annotations

from typing import cast

from apilog import codec
from apilog.capture import Exchange
from apilog.codec import JSON
from apilog.complaints import Complaints
from apilog.delivery import Destination, Dropped, Encoder, Selective
from apilog.events import Event
from apilog.exceptions import ConfigError
from apilog.filters import Filter
from apilog.updates import is_update


def gated(encoder: Encoder, destination: Destination, complaints: Complaints) -> Encoder:
    """Return *encoder*, or one that asks *destination* what it wants, if it wants to be asked.

    Raises:
        ConfigError: its ``filter`` is none.
    """
    gate = Gate(destination, complaints)
    return encoder if gate.is_always_open else GatedEncoder(encoder, gate)


class Gate:
    """Ask *destination* which events it wants, and for how many calls each of them stands there.

    It is asked if it is `Selective`, or has a `Filter` called ``filter``. A selection that fails is
    taken for a no: it may be there to keep something from somebody.

    Raises:
        ConfigError: its ``filter`` is none.
    """

    def __init__(self, destination: Destination, complaints: Complaints) -> None:
        self._complaints = complaints
        found = getattr(destination, "filter", None)
        self._selective: Selective | None = None
        if isinstance(destination, Selective):
            self._selective = destination
        elif isinstance(found, Filter):
            self._selective = None if found.is_open else found
        elif found is not None and not callable(found):
            raise ConfigError(
                f"filter of {type(destination).__name__} is of class {type(found).__name__}:"
                " expected a Filter, such as Filter(only='5xx')"
            )

    @property
    def is_always_open(self) -> bool:
        """Whether nobody is ever asked."""
        return self._selective is None

    def passed(self, event: bytes, *, complain: bool = True) -> bytes | str:
        """Return *event* as the destination is to have it, or why it is not."""
        selective = self._selective
        if selective is None or not selective.is_selective or is_update(event):
            return event
        try:
            document = cast("dict[str, JSON]", codec.loads(event))
            weight = selective.weigh(Event.from_document(document))
            if weight is None:
                return "filtered"
            if weight < 1:
                return "sampled_out"
        except Exception as error:  # noqa: BLE001 - the user's own functions are asked
            if complain:
                what = "a filter failed, an event is lost"
                self._complaints.complain("filter_failed", what, error)
            return "filter_failed"
        if weight == 1:
            return event
        before = document.get("weight")
        document["weight"] = weight * (before if isinstance(before, int) else 1)
        return codec.dumps(document)


class GatedEncoder:
    """Give the events of *encoder* that pass *gate*, with the weight they have there."""

    def __init__(self, encoder: Encoder, gate: Gate) -> None:
        self._encoder = encoder
        self._gate = gate

    def renew(self) -> None:
        """Take new locks, in a forked child."""
        self._encoder.renew()

    def begun(self, exchange: Exchange) -> bytes:
        """Return the event that is delivered if the process dies before *exchange* ends.

        A filter is asked for it, too; one that fails, because there is no response, says no.

        Raises:
            Dropped: there is none for this destination.
        """
        known = self._gate.passed(self._encoder.begun(exchange), complain=False)
        if isinstance(known, str):
            raise Dropped(known)
        return known

    def encode(self, exchange: Exchange) -> bytes:
        """Return the event of *exchange*; asked again, the same one.

        Raises:
            Dropped: it gives no event, or none for this destination.
        """
        known = exchange.selected.get(self)
        if known is None:
            known = self._gate.passed(self._encoder.encode(exchange))
            exchange.selected = {**exchange.selected, self: known}
        if isinstance(known, str):
            raise Dropped(known)
        return known

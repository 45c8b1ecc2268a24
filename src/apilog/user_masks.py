"""The user's own masks: hooks that change bodies and events, asked so that no failure leaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from apilog import codec
from apilog.body import OmittedError
from apilog.codec import JSON
from apilog.complaints import Complaints
from apilog.delivery import Dropped
from apilog.events import Event, EventRequest, EventResponse
from apilog.patience import Patience


class UserMasks:
    """Ask *hooks* by their names, for at most so many *seconds* each time."""

    def __init__(
        self, hooks: Mapping[str, Callable[..., Any]], complaints: Complaints, seconds: float
    ) -> None:
        self._hooks = hooks
        self._complaints = complaints
        self._patience = Patience(seconds)

    def renew(self) -> None:
        """Begin anew in a forked child, where a thread that asks does not exist."""
        self._patience.renew()

    @property
    def have_event(self) -> bool:
        """Whether there is a hook for events."""
        return "mask_event" in self._hooks

    def body(self, content_type: str, body: bytes) -> bytes:
        """Return what the hook `mask_body` makes of *body*; *body* itself without one.

        Raises:
            OmittedError: it leaves the body out, or fails.
        """
        if "mask_body" not in self._hooks:
            return body
        try:
            changed = self._patience.call(self._hooks["mask_body"], content_type, body)
            if changed is not None and not isinstance(changed, (bytes, bytearray)):
                raise TypeError(f"expected bytes or None, not {type(changed).__name__}")
        except BaseException as error:  # noqa: BLE001 - counted and logged, never thrown
            self._complain("mask_body", "the body stays home", error)
            raise OmittedError("mask_body_failed") from None
        if changed is None:
            raise OmittedError("mask_body")
        return bytes(changed)

    def event(self, document: dict[str, JSON]) -> dict[str, JSON]:
        """Return what the hook `mask_event` makes of the event in *document*.

        Raises:
            Dropped: it leaves the event out, or fails.
        """
        try:
            event = self._patience.call(self._hooks["mask_event"], Event.from_document(document))
            if event is not None:
                _check(event)
                changed = cast("dict[str, JSON]", codec.loads(codec.dumps(event.document())))
                changed["transaction_id"] = document["transaction_id"]
                return changed
        except BaseException as error:  # noqa: BLE001 - counted and logged, never thrown
            self._complain("mask_event", "the event is dropped", error)
            raise Dropped("mask_event_failed") from None
        raise Dropped("mask_event")

    def _complain(self, name: str, outcome: str, error: BaseException) -> None:
        what = f"hook {name} failed, {outcome}"
        self._complaints.complain(f"hook_failed:{name}", what, error)


def _check(event: object) -> None:
    """Refuse what is no event, or has parts of other types than an event's: nobody could mask it.

    Raises:
        TypeError: it is not sound.
    """
    if not isinstance(event, Event):
        raise TypeError(f"expected an Event or None, not {type(event).__name__}")
    response = event.response
    _expect(EventRequest, event.request)
    texts = [event.request.time, event.request.uri, event.request.verb]
    headers = [event.request.headers]
    if response is not None:
        _expect(EventResponse, response)
        _expect(int, response.status)
        texts.append(response.time)
        headers.append(response.headers)
    _expect(str, *texts)
    _expect(Mapping, *headers, event.metadata)
    _expect(str, *(text for each in headers for pair in each.items() for text in pair))
    _expect((str, type(None)), event.direction, event.transaction_id)
    _expect(int, event.weight)


def _expect(kind: type | tuple[type, ...], *values: object) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f"expected {kind}, not {type(value).__name__}")

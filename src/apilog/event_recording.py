"""Events that were recorded, by apilog or by another sender of Moesif's events."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from apilog.codec import JSON
from apilog.headers import find
from apilog.mask_record import MAX_NOTES
from apilog.recording_error import RecordingError
from apilog.rehearsal import Rehearsal, Trace

_IDENTITY = ("user_id", "company_id", "session_token")
_MASKED = {
    "": frozenset({"request", "response", "metadata"}),
    "request": frozenset({"uri", "headers", "body", "transfer_encoding"}),
    "response": frozenset({"headers", "body", "transfer_encoding"}),
}
"""Fields that masking knows in an event, and in its two sides."""

_STRUCTURE = {
    "": frozenset(
        "blocked_by direction subscription_id trace_id transaction_id weight user_id company_id"
        " session_token".split()
    ),
    "request": frozenset({"time", "verb", "ip_address", "api_version"}),
    "response": frozenset({"time", "status", "ip_address"}),
}
"""Fields that hold nothing of a body or a header."""

_OWN = frozenset(
    "aborted chunks clock_jump duration_ms exception masked metadata_omitted reduced"
    " request_body_omitted request_size response_body_omitted response_size route sdk ttfb_ms"
    " user_id_from view".split()
)
"""What apilog itself says of a call."""


def is_event(value: JSON) -> bool:
    """Say whether *value* looks like an event."""
    request = value.get("request") if isinstance(value, dict) else None
    return isinstance(request, dict) and "uri" in request


class EventRecording:
    """Events; *write* gives them back in the format that they came in.

    Raises:
        RecordingError: one of *values* is no event.
    """

    def __init__(
        self,
        values: Iterable[JSON],
        kind: str,
        write: Callable[[Sequence[dict[str, JSON]]], bytes],
    ) -> None:
        self.kind = kind
        self.documents = [_checked(each, number) for number, each in enumerate(values, start=1)]
        self._write = write

    def mask(self, rehearsal: Rehearsal) -> list[Trace]:
        """Mask every event in place; return what that did, event by event."""
        return [_mask(event, rehearsal) for event in self.documents]

    def written(self) -> bytes:
        """Return the events in the format that they came in."""
        return self._write(self.documents)


def _checked(value: JSON, number: int) -> dict[str, JSON]:
    """Return *value*, event *number*, if everything stands where masking looks for it."""

    def wrong(place: str, expected: str) -> RecordingError:
        return RecordingError(f"event {number}: {place} is not as expected: {expected}")

    if not isinstance(value, dict) or not isinstance(value.get("request"), dict):
        raise wrong("request", "an object in an event")
    for side in ("request", "response"):
        message = value.get(side)
        if message is None:
            continue
        if not isinstance(message, dict):
            raise wrong(side, "an object")
        if not isinstance(message.get("headers"), (dict, type(None))):
            raise wrong(f"{side}.headers", "an object of names and values")
        if side == "request" and not isinstance(message.get("uri"), str):
            raise wrong("request.uri", "a string")
    if not isinstance(value.get("metadata"), (dict, type(None))):
        raise wrong("metadata", "an object")
    return value


def _mask(event: dict[str, JSON], rehearsal: Rehearsal) -> Trace:
    trace = Trace()
    rules = rehearsal.rules(event)
    for side, enabled in (
        ("request", rules.capture_request_body),
        ("response", rules.capture_response_body),
    ):
        message = event.get(side)
        if not isinstance(message, dict):
            continue
        body = message.get("body")
        if isinstance(body, str) and enabled:
            _carry(event, message, side, rehearsal, trace)
            continue
        message.pop("transfer_encoding", None)  # of JSON it says nothing new
        if body is not None and not enabled:
            del message["body"]
            _leave_out(event, side, "disabled", trace)
    others: dict[str, JSON] = {}
    names: dict[str, list[str]] = {}
    for place in ("", "request", "response"):
        node = event if not place else event.get(place)
        if isinstance(node, dict):
            known = _MASKED[place] if place else _MASKED[""] | _spoken(event)
            order = list(node)
            free = {
                name: node.pop(name)
                for name in list(node)
                if name not in known and name not in _STRUCTURE[place]
            }
            fixed = {name: node[name] for name in node if name in _STRUCTURE[place] - known}
            node |= cast("dict[str, JSON]", rehearsal.structure(fixed, _at(place), trace) or {})
            if free:
                names[place] = order
                others[place] = rehearsal.rest(free, _at(place), rules, trace)
    own = _own(event)
    said = list(own)
    strange = {name: own.pop(name) for name in list(own) if name not in _OWN}
    kept = rehearsal.rest(strange, "/metadata/apilog", rules, trace) if strange else {}
    if rehearsal.mask(event, rules, trace):
        for place, free_masked in others.items():
            node = cast("dict[str, JSON]", event if not place else event[place])
            node |= cast("dict[str, JSON]", free_masked or {})
            _order(node, names[place])
        if kept:
            own = _own(event, create=True)
            own |= cast("dict[str, JSON]", kept)
            _order(own, said)
    swept = rehearsal.gate(event, [trace])
    trace.notes += swept.notes
    _tell(event, trace)
    return trace


def _order(node: dict[str, JSON], names: Iterable[str]) -> None:
    """Put the fields of *node* into the order of *names*, others behind them."""
    fields = dict(node)
    node.clear()
    node.update({name: fields[name] for name in names if name in fields} | fields)


def _spoken(event: dict[str, JSON]) -> frozenset[str]:
    """Return which names of users and the like masking itself takes: those that are text."""
    return frozenset(name for name in _IDENTITY if isinstance(event.get(name), str))


def _at(place: str) -> str:
    return f"/{place}" if place else ""


def _carry(
    event: dict[str, JSON],
    message: dict[str, JSON],
    side: str,
    rehearsal: Rehearsal,
    trace: Trace,
) -> None:
    """Read a body in base64 as the product reads bytes; other senders leave codings in place."""
    encoding = message.pop("transfer_encoding", None)
    body = cast("str", message["body"])
    if not isinstance(encoding, str) or encoding.lower() != "base64":
        return
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return  # text that somebody called base64
    headers = message.get("headers")
    lines = [(name, str(value)) for name, value in (headers or {}).items()]  # type: ignore[union-attr]
    content_type, coding = find(lines, "content-type"), find(lines, "content-encoding")
    carried = rehearsal.carried(content, content_type=content_type, coding=coding)
    if coding and carried.omitted == "bad_encoding":  # undone already
        carried = rehearsal.carried(content, content_type=content_type)
    del message["body"]
    if carried.body is not None:
        message["body"] = carried.body
    if carried.transfer_encoding is not None:
        message["transfer_encoding"] = carried.transfer_encoding
    if carried.omitted is not None:
        _leave_out(event, side, carried.omitted, trace)


def _leave_out(event: dict[str, JSON], side: str, reason: str, trace: Trace) -> None:
    _own(event, create=True)[f"{side}_body_omitted"] = reason
    trace.note(f"/{side}/body", f"left-out:{reason}")


def _own(event: dict[str, JSON], *, create: bool = False) -> dict[str, JSON]:
    """Return what apilog itself says of the call."""
    metadata = event.get("metadata")
    if not isinstance(metadata, dict):
        metadata = {}
        if create:
            event["metadata"] = metadata
    own = metadata.get("apilog")
    if not isinstance(own, dict):
        own = {}
        if create:
            metadata["apilog"] = own
    return own


def _tell(event: dict[str, JSON], trace: Trace) -> None:
    """Add to *event* what was masked, as the product does."""
    notes: list[JSON] = [{"path": path, "rule": rule} for path, rule in trace.notes]
    if notes:
        own = _own(event, create=True)
        known = own.get("masked")
        told = known if isinstance(known, list) else []
        own["masked"] = [*told, *(note for note in notes if note not in told)][:MAX_NOTES]

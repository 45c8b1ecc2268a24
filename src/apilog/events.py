"""The event: one API call in the words of Moesif's event API.

Field names and meanings follow https://www.moesif.com/docs/api#log-an-event; what has no field of
its own there rides in ``metadata["apilog"]``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast

from apilog import codec
from apilog.codec import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRequest:
    """The request of a call. Times are UTC, ISO 8601 with milliseconds and ``Z``."""

    time: str
    uri: str
    verb: str
    headers: Mapping[str, str] = field(default_factory=dict)
    api_version: str | None = None
    ip_address: str | None = None
    body: JSON = None
    transfer_encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventResponse:
    """The response of a call; *body* is base64 text where *transfer_encoding* says so."""

    time: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: JSON = None
    ip_address: str | None = None
    transfer_encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One API call, finished and masked. Change it with `dataclasses.replace`."""

    request: EventRequest
    response: EventResponse | None = None
    user_id: str | None = None
    company_id: str | None = None
    subscription_id: str | None = None
    session_token: str | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    tags: str | None = None
    direction: str | None = "Incoming"
    weight: int = 1
    transaction_id: str | None = None
    blocked_by: str | None = None
    trace_id: str | None = None
    span: Mapping[str, JSON] | None = None

    def document(self) -> dict[str, JSON]:
        """Return the event as it travels: a JSON object without the fields that are not set."""
        document = _document(self)
        document["request"] = _document(self.request)
        if self.response is not None:
            document["response"] = _document(self.response)
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Event:
        """Return the event that *document*, a decoded JSON object, describes.

        Unknown fields are passed over, so that a newer sender's events can be read.

        Raises:
            TypeError: a required field is missing.
        """
        known = _known(cls, document)
        known["request"] = EventRequest(**_known(EventRequest, document.get("request") or {}))
        if known.get("response") is not None:
            known["response"] = EventResponse(**_known(EventResponse, document["response"]))
        return cls(**known)

    @classmethod
    def from_json(cls, text: bytes) -> Event:
        """Return the event in *text*, one JSON object as destinations receive it."""
        return cls.from_document(cast("dict[str, Any]", codec.loads(text)))


_Part = TypeVar("_Part", Event, EventRequest, EventResponse)

_NAMES: Mapping[type, Sequence[str]] = {
    part: tuple(each.name for each in fields(part)) for part in (Event, EventRequest, EventResponse)
}


def _document(part: Event | EventRequest | EventResponse) -> dict[str, JSON]:
    values = ((name, getattr(part, name)) for name in _NAMES[type(part)])
    return {name: value for name, value in values if value is not None}


def _known(part: type[_Part], document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in _NAMES[part] if document.get(name) is not None}

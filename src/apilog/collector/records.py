"""Turning one JSON value that claims to be an event into a record that can be stored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import orjson

from apilog.exceptions import ApiLogError

if TYPE_CHECKING:
    from collections.abc import Mapping

_T = TypeVar("_T", str, int, dict[str, object])

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_STATUSES: Final = range(1000)
_KINDS: Final = {str: "a string", int: "an integer", dict: "an object"}


class InvalidEvent(ApiLogError):
    """Report what in an event is not as the event format wants it, naming the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event as it is stored: the columns that lists need, and the whole event as JSON text."""

    time: str
    verb: str
    uri: str
    status: int | None
    duration_ms: float | None
    user_id: str | None
    transaction_id: str | None
    payload: str


def record_of(event: object) -> Record:
    """Check *event*, a parsed JSON value, and return its record.

    Fields we do not know are kept, and ``null`` stands for absent, because the SDKs send both.
    Raises InvalidEvent.
    """
    if not isinstance(event, dict):
        raise InvalidEvent("an event must be an object")
    request = _required(event, "request", dict)
    response = _optional(event, "response", dict)
    metadata = _optional(event, "metadata", dict)
    _optional(request, "request.headers", dict)
    return Record(
        time=_required(request, "request.time", str),
        verb=_required(request, "request.verb", str),
        uri=_required(request, "request.uri", str),
        status=None if response is None else _status(response),
        duration_ms=_duration_ms(request, response or {}, metadata or {}),
        user_id=_optional(event, "user_id", str),
        # An empty id identifies nothing: two events without an id are two events.
        transaction_id=_optional(event, "transaction_id", str) or None,
        payload=_encoded(event),
    )


def _optional(parent: Mapping[str, object], field: str, kind: type[_T]) -> _T | None:
    """Return the value of the dotted *field* (its last part is the key) if it is a *kind*."""
    value = parent.get(field.rpartition(".")[2])
    if value is None:
        return None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidEvent(f"{field} must be {_KINDS[kind]}")
    return value


def _required(parent: Mapping[str, object], field: str, kind: type[_T]) -> _T:
    value = _optional(parent, field, kind)
    if value is None:
        raise InvalidEvent(f"{field} is required")
    return value


def _status(response: Mapping[str, object]) -> int:
    _optional(response, "response.time", str)
    _optional(response, "response.headers", dict)
    status = _required(response, "response.status", int)
    if status not in _STATUSES:
        raise InvalidEvent(f"response.status must be from 0 to {_STATUSES[-1]}")
    return status


def _encoded(event: Mapping[str, object]) -> str:
    try:
        return orjson.dumps(event).decode()
    except orjson.JSONEncodeError as error:
        # The decoder takes deeper nesting (1,024) than the encoder (254) gives back.
        raise InvalidEvent(f"the event cannot be stored: {error}") from error


def _duration_ms(
    request: Mapping[str, object], response: Mapping[str, object], metadata: Mapping[str, object]
) -> float | None:
    """Return what apilog's sender measured, else the difference of the two wall clock times."""
    own = metadata.get("apilog")
    measured = own.get("duration_ms") if isinstance(own, dict) else None
    if isinstance(measured, (int, float)) and not isinstance(measured, bool):
        return float(measured)
    begin, end = _instant(request.get("time")), _instant(response.get("time"))
    return None if begin is None or end is None else (end - begin) / timedelta(milliseconds=1)


def _instant(text: object) -> datetime | None:
    """Read an ISO 8601 time; one without a zone is UTC, as in the Python SDK."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day, clock, fraction, zone = match.groups(default="")
    offset = zone if zone not in ("", "Z") else "+00:00"
    try:
        # Spelled out, because Python 3.10 reads neither "Z" nor one digit of a fraction.
        return datetime.fromisoformat(f"{day}T{clock}.{fraction[:6]:0<6}{offset}")
    except ValueError:
        return None

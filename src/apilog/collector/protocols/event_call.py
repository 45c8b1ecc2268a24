"""Events in Moesif's words, checked, as calls: https://www.moesif.com/docs/api#log-an-event."""

from __future__ import annotations

import base64
from typing import Any, Final

import orjson

from apilog.collector.call import Call
from apilog.collector.protocols import moments, texts
from apilog.collector.protocols.json_text import check_depth
from apilog.collector.protocols.refusing import Refused

MAX_EVENT_BYTES: Final = 1024 * 1024
"""Largest event that is kept whole. Of a larger one, as with Moesif, long bodies are cut."""

CUT_BODY: Final = 450_000
"""Characters of base64 that are kept of a body that is cut."""

MAX_SEARCHED: Final = 256 * 1024
"""Characters of the bodies that a search finds."""

_STATUSES: Final = range(1_000)
_REQUIRED: Final = ("time", "verb", "uri")
_IDS: Final = ("transaction_id", "user_id", "company_id", "session_token")
_TEXT: Final = frozenset({str, type(None)})
_OBJECT: Final = frozenset({dict, type(None)})
_MESSAGES: Final = ("request", "response")
_LENGTH: Final = "content-length"


def call_of(event: Any, arrived: int, *, source: str = "moesif") -> Call:
    """Return *event*, a parsed JSON value, as a call.

    Fields nobody knows are kept, and ``null`` stands for absent, because the SDKs send both.

    Args:
        event: what was sent.
        arrived: when, in microseconds since 1970.
        source: the protocol.

    Raises:
        Refused: 400, it is no event; 413, it is too large even with its bodies cut.
    """
    if not _is_plain(event):
        _check(event)
    request, response = event["request"], event.get("response")
    began = moments.microseconds(request["time"])
    if began is None:
        raise Refused(400, "request.time must be an ISO 8601 time")
    encoded = _encoded(event)
    clean = texts.cleaner(encoded)
    if len(encoded) > MAX_EVENT_BYTES:
        encoded = _cut(event)
    check_depth(event, encoded)
    own = texts.mapping((event.get("metadata") or {}).get("apilog"))
    time = moments.plausible(began, arrived)
    host, path, query = texts.address(request["uri"], clean)
    return Call(
        id=texts.identifier(event.get("transaction_id"), clean) or moments.unique_id(time),
        time=time,
        source=source,
        method=clean(request["verb"], texts.LONGEST_WORD).upper(),
        host=host,
        route=clean(own.get("route")) or path,
        path=path,
        query=query,
        status=None if response is None else int(response["status"]),
        duration=_duration(own, began, response),
        user=texts.identifier(event.get("user_id"), clean),
        company=texts.identifier(event.get("company_id"), clean),
        session=texts.identifier(event.get("session_token"), clean),
        ip=clean(request.get("ip_address"), 64),
        trace=texts.identifier(event.get("trace_id"), clean),
        request_size=_size(own.get("request_size"), request),
        response_size=_size(own.get("response_size"), response),
        error=_error(own, clean),
        event=encoded,
        text=_searched(request, response, own, clean),
    )


def required_text(parent: dict[str, Any], field: str) -> str:
    """Return the text of the dotted *field*; its last part is the key.

    Raises:
        Refused: 400, it is missing or no text.
    """
    value = parent.get(field.rpartition(".")[2])
    if not isinstance(value, str) or not value:
        kind = "is required" if value in (None, "") else "must be a string"
        raise Refused(400, f"{field} {kind}")
    return value


def optional(parent: dict[str, Any], field: str, kind: type, name: str) -> Any:
    """Return the value of the dotted *field* if it is a *kind*, or None.

    Raises:
        Refused: 400, it is something else: it must be *name*.
    """
    value = parent.get(field.rpartition(".")[2])
    if value is not None and not isinstance(value, kind):
        raise Refused(400, f"{field} must be {name}")
    return value


def check_id(parent: dict[str, Any], field: str) -> None:
    """Refuse an id that is neither a text nor a number.

    Raises:
        Refused: 400.
    """
    value = parent.get(field)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int, float))):
        raise Refused(400, f"{field} must be a string")


def encoded_within(document: dict[str, Any], what: str = "") -> bytes:
    """Return *document* as JSON of at most `MAX_EVENT_BYTES`.

    Raises:
        Refused: 413, it is larger, and *what* says what it is; 400, it is nested too deep.
    """
    encoded = _encoded(document)
    if len(encoded) > MAX_EVENT_BYTES:
        raise _too_large(encoded, what)
    check_depth(document, encoded)
    return encoded


def _is_plain(event: Any) -> bool:
    """Say whether *event* is as almost all are: then nothing of it needs a closer look."""
    if type(event) is not dict or type(event.get("request")) is not dict:
        return False
    request, response = event["request"], event.get("response")
    if response is not None:
        if type(response) is not dict or type(response.get("status")) is not int:
            return False
        if type(response.get("time")) not in _TEXT or type(response.get("headers")) not in _OBJECT:
            return False
        if response["status"] not in _STATUSES:
            return False
    for name in _REQUIRED:
        if type(request.get(name)) is not str or not request[name]:
            return False
    for name in _IDS:
        if type(event.get(name)) not in _TEXT:
            return False
    return type(request.get("headers")) in _OBJECT and type(event.get("metadata")) in _OBJECT


def _check(event: Any) -> None:
    """Refuse *event* if anything that a call is made of is not as it must be."""
    if not isinstance(event, dict):
        raise Refused(400, "an event must be an object")
    request = optional(event, "request", dict, "an object")
    if request is None:
        raise Refused(400, "request is required")
    for field in _REQUIRED:
        required_text(request, f"request.{field}")
    optional(request, "request.headers", dict, "an object")
    response = optional(event, "response", dict, "an object")
    if response is not None:
        optional(response, "response.time", str, "a string")
        optional(response, "response.headers", dict, "an object")
        _check_status(response.get("status"))
    optional(event, "metadata", dict, "an object")
    for field in _IDS:
        check_id(event, field)


def _check_status(status: Any) -> None:
    if status is None:
        raise Refused(400, "response.status is required")
    if isinstance(status, bool) or not isinstance(status, (int, float)) or status != int(status):
        raise Refused(400, "response.status must be an integer")
    if int(status) not in _STATUSES:
        raise Refused(400, f"response.status must be from 0 to {_STATUSES[-1]}")


def _encoded(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError as error:
        # The parser takes deeper nesting (1,024) than this gives back (254).
        raise Refused(400, "it is nested too deep to be stored") from error


def _cut(event: dict[str, Any]) -> bytes:
    """Return *event* with its long bodies cut, as Moesif does: their beginnings, in base64."""
    own = texts.mapping(texts.mapping(event.get("metadata")).get("apilog"))
    cut = dict(event)
    for name in _MESSAGES:
        message = texts.mapping(event.get(name))
        body = message.get("body")
        whole = b"" if body is None else _bytes(body, message.get("transfer_encoding"))
        if len(whole) * 4 // 3 > CUT_BODY:
            kept = base64.b64encode(whole[: CUT_BODY * 3 // 4]).decode()
            cut[name] = {**message, "body": kept, "transfer_encoding": "base64"}
            own = {**own, f"{name}_body_cut": len(whole)}
    cut["metadata"] = {**texts.mapping(event.get("metadata")), "apilog": own}
    encoded = _encoded(cut)
    if len(encoded) > MAX_EVENT_BYTES:
        raise _too_large(encoded, "an event of ")
    return encoded


def _too_large(encoded: bytes, what: str) -> Refused:
    return Refused(413, f"{what}{len(encoded)} bytes; the limit is {MAX_EVENT_BYTES}")


def _bytes(body: Any, transfer_encoding: Any) -> bytes:
    if not isinstance(body, str):
        return orjson.dumps(body)
    if transfer_encoding == "base64":
        try:
            return base64.b64decode(body)
        except ValueError:
            pass  # it says so, and is not: then it is text
    return body.encode()


def _duration(
    own: dict[str, Any], began: int | None, response: dict[str, Any] | None
) -> int | None:
    """Return what apilog measured, else the difference of the two times, in microseconds."""
    measured = texts.measure(own.get("duration_ms"))
    if measured is not None:
        return round(measured * 1_000)
    time = None if response is None else response.get("time")
    ended = moments.microseconds(time) if time else None
    if began is None or ended is None or ended < began:
        return None
    return ended - began


def _size(measured: Any, message: dict[str, Any] | None) -> int | None:
    """Return the bytes of a body: as measured, as announced, or as it is here."""
    size = texts.natural(measured)
    if size is not None or message is None:
        return size
    headers = texts.mapping(message.get("headers"))
    for name in headers:
        if len(name) == len(_LENGTH) and name.lower() == _LENGTH:
            value = headers[name]
            if isinstance(value, str) and value.isdecimal():
                return texts.natural(int(value[:18]))
    body = message.get("body")
    if body is None:
        return None
    if isinstance(body, str) and message.get("transfer_encoding") == "base64":
        return len(body) * 3 // 4 - body[-2:].count("=")
    return len(body.encode()) if isinstance(body, str) else len(orjson.dumps(body))


def _error(own: dict[str, Any], clean: texts.Clean) -> str:
    exception = clean(own.get("exception"), 200)
    return exception or ("aborted" if own.get("aborted") is True else "")


def _searched(
    request: dict[str, Any],
    response: dict[str, Any] | None,
    own: dict[str, Any],
    clean: texts.Clean,
) -> str:
    found = [_body_text(request, clean), _body_text(response, clean)]
    found += [clean(own.get("exception_message")), clean(own.get("exception"), 200)]
    return "\n".join(filter(None, found))


def _body_text(message: dict[str, Any] | None, clean: texts.Clean) -> str:
    body = None if message is None else message.get("body")
    if message is None or body is None or message.get("transfer_encoding") == "base64":
        return ""
    text = body if isinstance(body, str) else orjson.dumps(body).decode()
    return clean(text, MAX_SEARCHED)

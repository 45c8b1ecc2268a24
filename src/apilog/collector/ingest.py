"""Decoding the bytes of an ingest request, within bounds, into records."""

from __future__ import annotations

import zlib
from typing import Final

import orjson

from apilog.collector.records import InvalidEvent, Record, record_of
from apilog.exceptions import ApiLogError

MAX_WIRE_BYTES: Final = 16 * 1024 * 1024
"""Largest request body as it travels. A sender's batch is far below; more is a mistake."""

MAX_INFLATED_BYTES: Final = 50 * 1024 * 1024
"""Largest request body after decompression: Moesif's own limit, and the cost of a bomb."""

MAX_BATCH_EVENTS: Final = 10_000
"""Most events in one batch: one batch is one transaction, and other writers wait for it."""

_GZIP: Final = zlib.MAX_WBITS | 16
_ZLIB: Final = zlib.MAX_WBITS
_RAW_DEFLATE: Final = -zlib.MAX_WBITS


class Refused(ApiLogError):
    """Report a body that will never be accepted; *status* is the HTTP answer it earns."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def one_event(body: bytes, content_encoding: str = "") -> list[Record]:
    """Decode the body of ``POST /v1/events``: one event. Raises Refused."""
    return [_record(parsed(body, content_encoding), "event")]


def batch_of_events(body: bytes, content_encoding: str = "") -> list[Record]:
    """Decode the body of ``POST /v1/events/batch``: an array, all of it valid. Raises Refused.

    One invalid event refuses the batch: a sender that is told 201 would never learn of it.
    """
    events = parsed(body, content_encoding)
    if not isinstance(events, list):
        raise Refused(400, "a batch must be an array of events")
    if len(events) > MAX_BATCH_EVENTS:
        raise Refused(413, f"a batch of {len(events)} events; the limit is {MAX_BATCH_EVENTS}")
    return [_record(event, f"event {index}") for index, event in enumerate(events)]


def too_large() -> Refused:
    """Return the refusal of a body over MAX_WIRE_BYTES, for whoever reads from the socket."""
    return Refused(413, f"the body is over the limit of {MAX_WIRE_BYTES} bytes")


def _record(event: object, name: str) -> Record:
    try:
        return record_of(event)
    except InvalidEvent as error:
        raise Refused(400, f"{name}: {error}") from error


def parsed(body: bytes, content_encoding: str) -> object:
    """Return the JSON value in *body*. Raises Refused."""
    text = _decoded(body, content_encoding)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"the body is not JSON in UTF-8: {error}") from error


def _decoded(body: bytes, content_encoding: str) -> bytes:
    """Undo the one layer of *content_encoding*; RFC 9110 makes x-gzip another name of gzip."""
    coding = content_encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding in ("gzip", "x-gzip"):
        return _inflated(body, window=_GZIP)
    if coding == "deflate":
        return _inflated(body, window=_ZLIB if _has_zlib_header(body) else _RAW_DEFLATE)
    raise Refused(415, "the content encoding must be one of: gzip, deflate, identity")


def _has_zlib_header(body: bytes) -> bool:
    """Tell RFC 1950, which "deflate" means, from the bare RFC 1951 that some clients send."""
    return body[:1] != b"" and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _inflated(body: bytes, *, window: int) -> bytes:
    """Decompress one complete stream, stopping one byte beyond the limit.

    Several gzip members in a row are refused: no sender makes them, and a body of a million
    empty ones would cost more than its size.
    """
    stream = zlib.decompressobj(window)
    try:
        output = stream.decompress(body, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        raise Refused(400, f"the compressed body is damaged: {error}") from error
    if len(output) > MAX_INFLATED_BYTES:
        raise Refused(413, f"the body inflates beyond the limit of {MAX_INFLATED_BYTES} bytes")
    if not stream.eof or stream.unused_data:
        raise Refused(400, "the compressed body is cut short, or something follows it")
    return output

"""What arrived, told from the wire formats of all sides: events, and bytes of bodies in them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import zstandard

SERVER_SPAN = 2


class Count(NamedTuple):
    """Events, the bytes of the bodies in them, and the bytes on the wire."""

    events: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    wire_bytes: int = 0

    def plus(self, other: Count) -> Count:
        """Return the sum."""
        return Count(*map(sum, zip(self, other, strict=True)))


def counted(path: str, coding: str, body: bytes) -> Count:
    """Return what the *body* of a POST to *path* holds."""
    count = next((each for start, each in COUNTERS.items() if path.startswith(start)), None)
    found = count(_decoded(coding, body)) if count else Count()
    return found._replace(wire_bytes=len(body))


def _decoded(coding: str, body: bytes) -> bytes:
    if coding == "gzip":
        return zlib.decompress(body, zlib.MAX_WBITS | 16)
    if coding == "zstd":
        text: bytes = zstandard.ZstdDecompressor().decompress(body)
        return text
    return body


def _moesif(body: bytes) -> Count:
    """Moesif's batches, which apilog and the floor send too."""
    events = json.loads(body)
    sizes = [
        sum(_size(event.get(side) or {}) for event in events) for side in ("request", "response")
    ]
    return Count(len(events), *sizes)


def _size(message: dict[str, Any]) -> int:
    body = message.get("body")
    if body is None:
        return 0
    if message.get("transfer_encoding") == "base64":
        return len(base64.b64decode(body))
    if isinstance(body, str):
        return len(body.encode())
    return len(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())


def _sentry(envelope: bytes) -> Count:
    """Sentry's envelopes: a header, and items of a header line and a payload."""
    header, _, rest = envelope.partition(b"\n")
    count = Count()
    while rest:
        header, _, rest = rest.partition(b"\n")
        about = json.loads(header)
        payload, rest = rest[: about["length"]], rest[about["length"] + 1 :]
        if about["type"] == "transaction":
            data = (json.loads(payload).get("request") or {}).get("data")
            count = count.plus(Count(1, _size({"body": data})))
    return count


def _otlp(body: bytes) -> Count:
    """OTLP's traces: each server span is a call; Apitally puts bodies into its attributes."""
    count = Count()
    for resource_spans in _messages(body, 1):
        for scope_spans in _messages(resource_spans, 2):
            for span in _messages(scope_spans, 2):
                if SERVER_SPAN in (value for number, value in _fields(span) if number == 6):
                    sizes = {key: len(value) for key, value in _attributes(span)}
                    count = count.plus(Count(1, *(sizes.get(key, 0) for key in BODIES)))
    return count


BODIES = (b"apitally.request.body", b"apitally.response.body")


def _attributes(span: bytes) -> Iterator[tuple[bytes, bytes]]:
    for attribute in _messages(span, 9):
        key = b"".join(_messages(attribute, 1))
        for value in _messages(attribute, 2):
            yield key, b"".join(text for _, text in _fields(value) if isinstance(text, bytes))


def _messages(message: bytes, number: int) -> Iterator[bytes]:
    for found, value in _fields(message):
        if found == number and isinstance(value, bytes):
            yield value


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Walk one level of a protobuf message (protobuf.dev, Encoding)."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        if tag & 7 == 0:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        size = {1: 8, 5: 4}.get(tag & 7)
        if size is None:
            size, place = _varint(message, place)
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


COUNTERS: dict[str, Callable[[bytes], Count]] = {
    "/v1/events/batch": _moesif,
    "/v1/traces": _otlp,
    "/api/1/envelope": _sentry,
}
"""What counts a POST, by the start of its path; others (settings, metrics) are no events."""

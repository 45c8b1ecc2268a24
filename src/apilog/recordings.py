"""Recordings: files with calls in them, known by what is in them, written back as they came."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, cast

from apilog import codec
from apilog.codec import JSON
from apilog.event_recording import EventRecording, is_event
from apilog.har import HarRecording, is_entry, is_har
from apilog.http_message import begins_message
from apilog.http_recording import HttpRecording
from apilog.recording_error import RecordingError
from apilog.rehearsal import Rehearsal, Trace

LARGEST = 64 * 1024 * 1024
"""Bytes of a recording at most: it is read as a whole, and its tree takes several times that."""

_EXPECTED = (
    "expected events of apilog or Moesif (one, a list, or one a line), a HAR file or one of its"
    " entries, or a raw HTTP/1.1 message; --format says which"
)


class Recording(Protocol):
    """Calls that were recorded."""

    kind: str
    """What the calls came in, in words."""

    documents: list[dict[str, JSON]]
    """Every call as an event; masked once `mask` is done."""

    def mask(self, rehearsal: Rehearsal) -> list[Trace]:
        """Mask every call in place; return what that did, call by call."""

    def written(self) -> bytes:
        """Return the calls in the format that they came in."""


def read(content: bytes, format_name: str | None = None) -> Recording:
    """Return the calls in *content*, a file in *format_name* or in one that its content tells.

    Raises:
        RecordingError: there are none in it; the message gives nothing of the content away.
    """
    if len(content) > LARGEST:
        raise RecordingError(f"it is larger than {LARGEST // 1024 // 1024} MiB; split it")
    if not content.strip():
        raise RecordingError("it is empty")
    if content.startswith(b"SQLite format 3\0"):
        raise RecordingError("it is a database; apilog lint reads those of apilog serve")
    if format_name is not None:
        return FORMATS[format_name](content)
    if begins_message(content):
        return HttpRecording(content)
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start not in (b"{", b"["):
        kind = "binary" if b"\0" in content[:8192] else "neither JSON nor an HTTP message"
        raise RecordingError(f"it is {kind}; {_EXPECTED}")
    try:
        value = _parsed(content)
    except RecordingError:
        lines = _lines(content)
        if len(lines) < 2 or not _is_json(lines[0]):
            raise
        return _ndjson(content)
    return _recording(value, content)


def _recording(value: JSON, content: bytes) -> Recording:
    if is_har(value) or is_entry(value):
        return HarRecording(cast("dict[str, JSON]", value), _writer(content))
    if is_event(value):
        return _one(value, content)
    if isinstance(value, list) and all(map(is_event, value)):
        return _list(value, content)
    what = "an object" if isinstance(value, dict) else "a list"
    raise RecordingError(f"it is JSON, {what}, but no event and no HAR; {_EXPECTED}")


def _one(value: JSON, content: bytes) -> Recording:
    write = _writer(content)
    return EventRecording([value], "an event", lambda events: write(events[0]))


def _list(value: JSON, content: bytes) -> Recording:
    if not isinstance(value, list):
        raise RecordingError("it is no list of events")
    return EventRecording(value, "a list of events", cast("Write", _writer(content)))


def _ndjson(content: bytes) -> Recording:
    values: list[JSON] = []
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            try:
                values.append(codec.loads(line))
            except ValueError:
                raise RecordingError(f"line {number} is no JSON, but others are") from None
    return EventRecording(values, "events, one a line", _written_lines)


def _har(content: bytes) -> Recording:
    value = _parsed(content)
    if not is_har(value) and not is_entry(value):
        raise RecordingError("it is no HAR: neither log.entries nor request.url is there")
    return HarRecording(cast("dict[str, JSON]", value), _writer(content))


FORMATS: Mapping[str, Callable[[bytes], Recording]] = {
    "event": lambda content: _one(_parsed(content), content),
    "events": lambda content: _list(_parsed(content), content),
    "ndjson": _ndjson,
    "har": _har,
    "http": HttpRecording,
}
"""What reads a format, by the name that it has on the command line."""

Write: TypeAlias = "Callable[[Sequence[dict[str, JSON]]], bytes]"


def _parsed(content: bytes) -> JSON:
    try:
        return codec.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        raise RecordingError(
            f"it begins like JSON and is none that can be read; {_EXPECTED}"
        ) from None


def _lines(content: bytes) -> list[bytes]:
    return [line for line in content.splitlines() if line.strip()]


def _is_json(line: bytes) -> bool:
    try:
        codec.loads(line)
    except ValueError:
        return False
    return True


def _written_lines(events: Sequence[dict[str, JSON]]) -> bytes:
    return b"".join(codec.dumps(event) + b"\n" for event in events)


def _writer(content: bytes) -> Callable[[JSON], bytes]:
    """Return what writes JSON with the indentation that *content* has."""
    found = re.search(rb"[{\[]\r?\n([ \t]*)", content[:1024])
    indent = found[1].decode() if found else None

    def written(value: JSON) -> bytes:
        if indent is None:
            return codec.dumps(value) + b"\n"
        clean = codec.loads(codec.dumps(value))
        return json.dumps(clean, ensure_ascii=False, indent=indent).encode() + b"\n"

    return written

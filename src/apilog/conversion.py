"""Events made of what was recorded: of those of any sender, and of entries of HAR files."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from hashlib import blake2b
from typing import cast

from apilog import codec, moments, updates
from apilog.codec import JSON
from apilog.document import SDK
from apilog.event_recording import EventRecording, is_event
from apilog.exceptions import ApiLogError
from apilog.har import HarRecording, is_entry, is_har
from apilog.mask_record import MAX_NOTES
from apilog.recording_error import NotHttp, RecordingError
from apilog.rehearsal import Rehearsal, Trace

LATE = 30 * 86_400.0
"""Seconds after which Moesif takes no event any more (https://www.moesif.com/docs/api)."""

_FIRST = "event 1: "
_PLACE = re.compile("/(request|response)/([^/?]+)")
_FRACTION = re.compile(r"\.(\d+)")


class Conversion:
    """Make an event of each thing that was recorded, masked by the rules of *rehearsal*.

    Without one, events pass as they stand, for they were masked before; entries cannot.
    """

    def __init__(self, rehearsal: Rehearsal, *, mask: bool = True) -> None:
        self._rehearsal = rehearsal
        self._mask = mask
        self.masked = 0
        """Places that were masked."""
        self.late = 0
        """Events of calls that are longer than `LATE` ago."""
        self._latest = moments.timestamp(time.time() - LATE)[:19]

    def event(self, content: bytes, number: int) -> bytes:
        """Return the event in *content*, the so manyth; it keeps its ``transaction_id``.

        One that has none gets one that is always the same for the same call at the same place.

        Raises:
            NotHttp: it holds a ``data:`` URL, a WebSocket or the like.
            RecordingError: it holds none, or one that cannot be masked; says why, quoting nothing.
        """
        try:
            value = codec.loads(content)
        except ValueError:
            raise RecordingError("it is no JSON") from None
        if isinstance(value, dict) and "event" in value and "request" not in value:
            value = value["event"]  # a line of a quarantine
        if not isinstance(value, dict):
            raise RecordingError("it is no object")
        if is_har(value):
            raise RecordingError("it is a whole HAR file: apilog replay --format har reads it")
        if len(value) == 1 and updates.is_update(codec.dumps(value)):
            return self._update(value)
        if is_entry(value):
            document = self._entry(value)
        elif not is_event(value):
            raise RecordingError("it is no event: request.uri is missing")
        else:
            document = self._event(value)
        if not document.get("transaction_id"):
            document["transaction_id"] = _id_of(document, number)
        self.late += _time_of(document)[:19] < self._latest
        return codec.dumps(document)

    def _event(self, value: dict[str, JSON]) -> dict[str, JSON]:
        try:
            recording = EventRecording([value], "an event", lambda _: b"")
            if self._mask:
                self._count(recording.mask(self._rehearsal))
        except ApiLogError as error:
            raise RecordingError(str(error).removeprefix(_FIRST)) from None
        return value

    def _entry(self, entry: dict[str, JSON]) -> dict[str, JSON]:
        if not _is_http(entry):
            raise NotHttp("it is no call over HTTP")
        if not self._mask:
            raise RecordingError("it is an entry of a HAR file, which cannot go unmasked")
        try:
            began = _moment(entry.get("startedDateTime"))
            took = entry.get("time")
            recording = HarRecording(entry, codec.dumps)
            traces = recording.mask(self._rehearsal)
            (document,) = recording.documents
            _drop_pseudo_headers(document)
            self._rehearsal.gate(document, traces)
        except ApiLogError as error:
            raise RecordingError(str(error).removeprefix("entry 1: ")) from None
        self._count(traces)
        _complete(document, began, took if isinstance(took, (int, float)) else 0.0)
        _tell(document, traces[0])
        return document

    def _update(self, value: dict[str, JSON]) -> bytes:
        """Return what is told of a user, a company, ...: a spool may hold that, too."""
        if self._mask:
            (inner,) = value.values()
            trace = Trace()
            rules = self._rehearsal.rules({})
            if not isinstance(inner, dict) or not self._rehearsal.mask(inner, rules, trace):
                raise RecordingError("it cannot be masked")
            self._rehearsal.gate(inner, [trace])
            self._count([trace])
        return codec.dumps(value)

    def _count(self, traces: list[Trace]) -> None:
        self.masked += sum(len(trace.notes) for trace in traces)


def _is_http(entry: Mapping[str, JSON]) -> bool:
    request = entry.get("request")
    url = request.get("url") if isinstance(request, dict) else None
    return not isinstance(url, str) or url[:8].lower().startswith(("http://", "https://"))


def _time_of(document: Mapping[str, JSON]) -> str:
    request = document.get("request")
    return str(request.get("time") or "9") if isinstance(request, dict) else "9"


def _drop_pseudo_headers(document: Mapping[str, JSON]) -> None:
    """Take HTTP/2's ``:path`` and the like out: the address says the same, masked as such."""
    for side in ("request", "response"):
        message = document.get(side)
        headers = message.get("headers") if isinstance(message, dict) else None
        if isinstance(headers, dict):
            for name in [name for name in headers if name.startswith(":")]:
                del headers[name]


def _complete(document: dict[str, JSON], began: float, took: float) -> None:
    """Add what only the entry says: when the call was, and how long it took."""
    request = cast("dict[str, JSON]", document["request"])
    request["time"] = moments.timestamp(began)
    request.setdefault("headers", {})
    response = document.get("response")
    if isinstance(response, dict):
        status = response.get("status")
        if isinstance(status, int) and 100 <= status <= 599:
            response["time"] = moments.timestamp(began + max(took, 0.0) / 1000)
            response.setdefault("headers", {})
        else:  # browsers write 0 where no answer came
            del document["response"]
    metadata = document.get("metadata")
    if not isinstance(metadata, dict):
        metadata = document["metadata"] = {}
    own = metadata.get("apilog")
    if not isinstance(own, dict):
        own = metadata["apilog"] = {}
    if took > 0:
        own["duration_ms"] = round(took, 3)
    own["sdk"] = SDK
    document.setdefault("direction", "Incoming")
    document.setdefault("weight", 1)


def _tell(document: dict[str, JSON], trace: Trace) -> None:
    """Add what was masked, as the product does."""
    notes: list[JSON] = [
        {"path": path, "rule": rule} for path, rule in trace.notes if _is_in(document, path)
    ]
    if notes:
        metadata = cast("dict[str, JSON]", document["metadata"])
        cast("dict[str, JSON]", metadata["apilog"])["masked"] = notes[:MAX_NOTES]


def _is_in(document: Mapping[str, JSON], path: str) -> bool:
    """Say whether the event has what is at *path*: an entry tells of a query or cookie twice."""
    place = _PLACE.match(path)
    if place is None or "/headers/:" in path:
        return False
    message = document.get(place[1])
    return isinstance(message, dict) and place[2] in message


def _moment(text: JSON) -> float:
    """Return a time of a HAR file in seconds since 1970; now, if it says none."""
    try:
        said = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", str(text))
        moment = datetime.fromisoformat(said.replace("Z", "+00:00"))
        seconds = moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()
    except (ValueError, OverflowError):
        return time.time()
    return seconds if seconds > 0 else time.time()


def _id_of(document: Mapping[str, JSON], number: int) -> str:
    """Return a UUID (version 8, RFC 9562) that is always the same for this call."""
    digest = blake2b(codec.dumps(document), digest_size=16, salt=number.to_bytes(8, "big"))
    text = digest.hexdigest()
    variant = "89ab"[int(text[16], 16) % 4]
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

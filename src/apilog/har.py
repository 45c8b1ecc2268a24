"""HAR 1.2 files, http://www.softwareishard.com/blog/har-12-spec/: what browsers and proxies export.

One call stands there several times over: a query in the address and as a list, a form as text and
as parameters, cookies in headers and on their own. Each place is masked; what HAR does not define
is masked like any other JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import cast

from apilog.carried_body import carried_bytes, carried_type
from apilog.codec import JSON
from apilog.har_parts import Parts, header_lines, objects
from apilog.headers import by_name, joined
from apilog.media_type import media_type
from apilog.recording_error import RecordingError
from apilog.rehearsal import Rehearsal, Trace

LEFT_OUT = "_apilogLeftOut"
"""Where a body was, and stayed home: the reason."""

_CHARSET = re.compile(r";\s*charset=[^;]*", re.IGNORECASE)

_ENTRY = "_apilogLeftOut cache connection pageref serverIPAddress startedDateTime time timings"
_REQUEST = "method httpVersion headersSize bodySize"
_RESPONSE = "status statusText httpVersion headersSize bodySize"
_BODY = "_apilogLeftOut compression encoding mimeType size"


def is_har(value: JSON) -> bool:
    """Say whether *value* looks like a HAR file."""
    log = value.get("log") if isinstance(value, dict) else None
    return isinstance(log, dict) and "entries" in log


def is_entry(value: JSON) -> bool:
    """Say whether *value* looks like one entry of a HAR file."""
    request = value.get("request") if isinstance(value, dict) else None
    return isinstance(request, dict) and "url" in request and "uri" not in request


class HarRecording:
    """A HAR file, or one of its entries; *write* gives it back as text.

    Raises:
        RecordingError: *root* is not as the specification has it.
    """

    def __init__(self, root: dict[str, JSON], write: Callable[[JSON], bytes]) -> None:
        self._root = root
        self._write = write
        self.kind = "a HAR file" if is_har(root) else "a HAR entry"
        log = root["log"] if is_har(root) else {"entries": [root]}
        self._entries = objects(cast("dict[str, JSON]", log), "entries", "log")
        for number, entry in enumerate(self._entries, start=1):
            _check(entry, f"entry {number}")
        self.documents: list[dict[str, JSON]] = []

    def mask(self, rehearsal: Rehearsal) -> list[Trace]:
        """Mask every entry in place, and what the file says besides; return what that did."""
        traces = [Trace() for _ in self._entries]
        for entry, trace in zip(self._entries, traces, strict=True):
            self.documents.append(_mask(entry, rehearsal, trace))
        if is_har(self._root):
            around = Trace()
            parts = Parts(rehearsal, rehearsal.rules({}), around)
            log = cast("dict[str, JSON]", self._root["log"])
            pages = objects(log, "pages", "log")
            for number, page in enumerate(pages):
                parts.rest(page, "", "id pageTimings startedDateTime", f"/log/pages/{number}")
            parts.rest(log, "entries pages", "browser creator version", "/log")
            parts.rest(self._root, "log", "", "")
            traces.append(around)
        found = rehearsal.gate(self._root, traces)
        return [*traces, found] if found.notes else traces

    def written(self) -> bytes:
        """Return the file as it came, but masked."""
        return self._write(self._root)


def _check(entry: dict[str, JSON], place: str) -> None:
    """Raise RecordingError unless everything in *entry* stands where masking looks for it."""
    request, response = entry.get("request"), entry.get("response")
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        raise RecordingError(f"{place}: request.url is no string")
    if not isinstance(response, (dict, type(None))):
        raise RecordingError(f"{place}: response is no object")
    for side, message in (("request", request), ("response", response or {})):
        header_lines(message, f"{place}: {side}")
        objects(message, "cookies", f"{place}: {side}")
        objects(message, "queryString", f"{place}: {side}")
        for name in ("postData", "content"):
            body = message.get(name)
            if not isinstance(body, (dict, type(None))):
                raise RecordingError(f"{place}: {side}.{name} is no object")
            if body is not None and not isinstance(body.get("text"), (str, type(None))):
                raise RecordingError(f"{place}: {side}.{name}.text is no string")
            objects(body or {}, "params", f"{place}: {side}.{name}")


def _mask(entry: dict[str, JSON], rehearsal: Rehearsal, trace: Trace) -> dict[str, JSON]:
    """Mask *entry* in place; return its call as an event."""
    request = cast("dict[str, JSON]", entry["request"])
    response = cast("dict[str, JSON]", entry.get("response") or {})
    verb, uri = str(request.get("method", "")), str(request["url"])
    document: dict[str, JSON] = {"request": {"verb": verb, "uri": uri}}
    rules = rehearsal.rules(document)
    own: dict[str, JSON] = {}
    bodies = [
        _Body(entry, side, place, rehearsal, enabled=enabled)
        for side, place, enabled in (
            ("request", "postData", rules.capture_request_body),
            ("response", "content", rules.capture_response_body),
        )
        if entry.get(side)
    ]
    for body in bodies:
        body.describe(document, own)
        if body.omitted is not None:
            trace.note(f"/{body.side}/body", f"left-out:{body.omitted}")
    if response:
        cast("dict[str, JSON]", document["response"])["status"] = response.get("status")
    document["metadata"] = {"apilog": own}
    rehearsal.mask(document, rules, trace)
    trace.notes += rehearsal.gate(document, [trace]).notes
    parts = Parts(rehearsal, rules, trace)
    for body in bodies:
        body.take(document, parts)
    request["url"] = cast("dict[str, JSON]", document["request"])["uri"]
    parts.query(request)
    parts.redirect(response)
    for side, message, masked, standard in (
        ("request", request, "url headers cookies queryString postData", _REQUEST),
        ("response", response, "headers cookies content redirectURL", _RESPONSE),
    ):
        parts.headers(message, side)
        parts.cookies(message, f"/{side}/cookies")
        parts.rest(message, masked, standard, f"/{side}")
    parts.rest(entry, "request response", _ENTRY, "")
    return document


class _Body:
    """The body of one side of an entry, on its way into an event and back."""

    def __init__(
        self, entry: dict[str, JSON], side: str, place: str, rehearsal: Rehearsal, *, enabled: bool
    ) -> None:
        self.side = side
        self._place = f"/{side}/{place}"
        self._message = cast("dict[str, JSON]", entry[side])
        self._node = cast("dict[str, JSON]", self._message.get(place) or {})
        self._lines = header_lines(self._message, side)
        values = by_name(self._lines)
        said = self._node.get("mimeType") or values.get("content-type", "")
        self._type = content_type = str(said)
        content = self._content()
        coding = values.get("content-encoding", "") if self._is_base64 else ""
        if not self._is_base64:  # characters, whatever their bytes once were
            self._type = content_type = _CHARSET.sub("", content_type)
        self._carried = rehearsal.carried(
            content, content_type=content_type, coding=coding, enabled=enabled
        )
        if coding and self._carried.omitted == "bad_encoding":  # most exporters have undone it
            self._carried = rehearsal.carried(content, content_type=content_type, enabled=enabled)
        self.omitted = self._carried.omitted

    def _content(self) -> bytes:
        text = str(self._node.get("text") or "")
        self._is_base64 = str(self._node.get("encoding", "")).lower() == "base64"
        if self._is_base64:
            try:
                return base64.b64decode("".join(text.split()), validate=True)
            except (binascii.Error, ValueError):
                self._is_base64 = False
        return text.encode("utf-8", "replace")

    def describe(self, document: dict[str, JSON], own: dict[str, JSON]) -> None:
        """Put the headers and the body into *document* as the product would."""
        lines = [line for line in self._lines if line[0].lower() != "content-type"]
        if self._type:
            lines.append(("Content-Type", self._type))
        message = cast("dict[str, JSON]", document.setdefault(self.side, {}))
        message["headers"] = cast("dict[str, JSON]", joined(lines, by_name(lines)))
        if self._carried.body is not None:
            message["body"] = self._carried.body
        if self._carried.transfer_encoding is not None:
            message["transfer_encoding"] = self._carried.transfer_encoding
        if self._carried.omitted is not None:
            own[f"{self.side}_body_omitted"] = self._carried.omitted

    def take(self, document: dict[str, JSON], parts: Parts) -> None:
        """Put what *document* has of the body, masked, back."""
        node = self._node
        if not node:
            return
        message = cast("dict[str, JSON]", document[self.side])
        body, encoding = message.get("body"), message.get("transfer_encoding")
        media = media_type(self._type)
        if node.get("text"):
            is_base64 = self._is_base64 and encoding is not None
            if body is not None:
                _put_text(node, carried_bytes(body, encoding, media), is_base64=is_base64)
                changed = carried_type(body, encoding, media)
                if changed is not None:
                    node["mimeType"] = changed
            elif self._carried.body is None and self._carried.omitted is None:
                _put_text(node, b"null", is_base64=False)
            else:
                del node["text"]
                node.pop("encoding", None)
                node[LEFT_OUT] = _reason(document, self.side)
        parts.params(node, self._place)
        parts.rest(node, "text params", _BODY, self._place)


def _put_text(node: dict[str, JSON], content: bytes, *, is_base64: bool) -> None:
    try:
        text = None if is_base64 else content.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None:
        node["text"] = text
        node.pop("encoding", None)
    else:
        node["text"] = base64.b64encode(content).decode("ascii")
        node["encoding"] = "base64"


def _reason(document: dict[str, JSON], side: str) -> str:
    metadata = cast("dict[str, JSON]", document["metadata"])
    own = cast("dict[str, JSON]", metadata.get("apilog", {}))
    return str(own.get(f"{side}_body_omitted") or own.get("reduced") or "mask_failed")

"""Recordings of raw HTTP messages: calls, masked as the product would record them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from apilog.carried_body import carried_bytes, carried_type
from apilog.codec import JSON
from apilog.headers import by_name, find, joined
from apilog.http_message import HttpMessage, messages
from apilog.media_type import media_type
from apilog.policy import Rules
from apilog.rehearsal import Rehearsal, Trace

_HOST = re.compile(r"[^\s/?#]+")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class HttpRecording:
    """Messages in a row: requests, responses, or requests with their responses.

    Raises:
        RecordingError: *content* is something else.
    """

    kind = "HTTP messages"

    def __init__(self, content: bytes) -> None:
        self._messages = list(messages(content))
        self._calls = list(_calls(self._messages))
        self.documents: list[dict[str, JSON]] = []

    def mask(self, rehearsal: Rehearsal) -> list[Trace]:
        """Mask every message in place; return what that did, call by call."""
        traces: list[Trace] = []
        for call in self._calls:
            trace = Trace()
            self.documents.append(_mask(call, rehearsal, trace))
            traces.append(trace)
        written: list[JSON] = [
            {
                "start": message.start,
                "headers": [[name, value] for name, value in message.headers],
                "body": message.body.decode("utf-8", "surrogateescape"),
            }
            for message in self._messages
        ]
        found = rehearsal.gate(written, traces)
        if found.notes:
            for message, swept in zip(self._messages, written, strict=True):
                known = cast("dict[str, JSON]", swept)
                message.start = str(known["start"])
                pairs = cast("list[list[str]]", known["headers"])
                message.headers = [(name, value) for name, value in pairs]
                message.body = str(known["body"]).encode("utf-8", "surrogateescape")
                _set_length(message)
            traces.append(found)
        return traces

    def written(self) -> bytes:
        """Return the messages as they would travel, without transfer and content codings."""
        return b"".join(map(_written, self._messages))


def _calls(messages: list[HttpMessage]) -> Iterator[list[HttpMessage]]:
    """Yield requests with their responses; what says ``100 Continue`` belongs to both."""
    call: list[HttpMessage] = []
    for message in messages:
        if call and (message.is_request or call[-1].status >= 200):
            yield call
            call = []
        call.append(message)
    if call:
        yield call


def _mask(call: list[HttpMessage], rehearsal: Rehearsal, trace: Trace) -> dict[str, JSON]:
    """Mask the messages of *call* in place; return the call as an event."""
    document: dict[str, JSON] = {}
    own: dict[str, JSON] = {}
    for message in call:
        if message.is_request:
            document["request"] = {"verb": message.verb, "uri": _uri(message)}
    rules = rehearsal.rules(document)
    for message in call:
        _describe(message, document, own, rehearsal, rules, trace)
    document["metadata"] = {"apilog": own}
    for message in call[:-1]:
        if not message.is_request:  # 1xx
            message.headers = rehearsal.header_lines(message.headers, "response", rules, trace)
    rehearsal.mask(document, rules, trace)
    trace.notes += rehearsal.gate(document, [trace]).notes
    for message in {id(each): each for each in (call[0], call[-1])}.values():
        _take(message, document, rehearsal, rules, trace)
    return document


def _describe(
    message: HttpMessage,
    document: dict[str, JSON],
    own: dict[str, JSON],
    rehearsal: Rehearsal,
    rules: Rules,
    trace: Trace,
) -> None:
    """Put *message* into *document* as the product would."""
    side = "request" if message.is_request else "response"
    known = document.setdefault(side, {})
    values = by_name(message.headers)
    carried = rehearsal.carried(
        message.body,
        content_type=values.get("content-type", ""),
        coding=values.get("content-encoding", ""),
        enabled=rules.capture_request_body if message.is_request else rules.capture_response_body,
        complete=message.complete,
    )
    described = cast("dict[str, JSON]", known)
    described["headers"] = cast("dict[str, JSON]", joined(message.headers, values))
    if not message.is_request:
        described["status"] = message.status
    if carried.body is not None:
        described["body"] = carried.body
    if carried.transfer_encoding is not None:
        described["transfer_encoding"] = carried.transfer_encoding
    if carried.omitted is not None:
        own[f"{side}_body_omitted"] = carried.omitted
        trace.note(f"/{side}/body", f"left-out:{carried.omitted}")


def _take(
    message: HttpMessage,
    document: dict[str, JSON],
    rehearsal: Rehearsal,
    rules: Rules,
    trace: Trace,
) -> None:
    """Put what *document* has of it, masked, back into *message*."""
    side = "request" if message.is_request else "response"
    described = cast("dict[str, JSON]", document[side])
    if message.is_request:
        target = str(described["uri"])
        if not _ORIGIN.match(message.target):
            target = _ORIGIN.sub("", target, count=1)
            target = target if message.target.startswith("/") else target.removeprefix("/")
        message.start = message.start.replace(f" {message.target} ", f" {target} ", 1)
    else:
        version, _, rest = message.start.partition(" ")
        status, space, reason = rest.partition(" ")
        said = rehearsal.rest(reason, "/response/reason", rules, trace) if reason else ""
        message.start = f"{version} {status}{space}{said}"
    media = find(message.headers, "content-type")
    lines = rehearsal.header_lines(message.headers, side, rules, trace)
    dropped = ("transfer-encoding", "content-encoding")
    message.headers = [each for each in lines if each[0].lower() not in dropped]
    was_coded = len(lines) != len(message.headers)
    if message.body or not message.complete:
        kept = described.get("body")
        encoding = described.get("transfer_encoding")
        own = cast("dict[str, JSON]", cast("dict[str, JSON]", document["metadata"])["apilog"])
        stays = f"{side}_body_omitted" not in own and "reduced" not in own
        is_null = kept is None and stays and message.body.strip() == b"null"
        message.body = b"null" if is_null else carried_bytes(kept, encoding, media_type(media))
        changed = carried_type(kept, encoding, media_type(media))
        if changed is not None:
            others = [each for each in message.headers if each[0].lower() != "content-type"]
            message.headers = [*others, ("Content-Type", changed)]
        _set_length(message, always=was_coded)


def _set_length(message: HttpMessage, *, always: bool = False) -> None:
    """Say how long the body is now, where that was said, or has to be."""
    length = str(len(message.body))
    others = [each for each in message.headers if each[0].lower() != "content-length"]
    if always or len(others) != len(message.headers):
        message.headers = [*others, ("Content-Length", length)]


def _uri(message: HttpMessage) -> str:
    if _ORIGIN.match(message.target):
        return message.target
    slash = "" if message.target.startswith("/") else "/"  # CONNECT, and OPTIONS of a server
    host = find(message.headers, "host")
    return f"http://{host if _HOST.fullmatch(host) else 'localhost'}{slash}{message.target}"


def _written(message: HttpMessage) -> bytes:
    lines = [message.start, *(f"{name}: {value}" for name, value in message.headers)]
    head = [line.encode("latin-1", "replace") for line in lines]
    return message.line_end.join([*head, b"", b""]) + message.body

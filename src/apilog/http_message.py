"""Raw HTTP/1.1 messages (RFC 9112): requests and responses as they were on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from apilog.headers import HeaderLines, by_name, content_length
from apilog.recording_error import RecordingError

_START = re.compile(
    rb"(?:(?P<verb>[A-Za-z!#$%&'*+.^_`|~-]{1,32}) (?P<target>[^\s]+) HTTP/[0-9](?:\.[0-9])?"
    rb"|HTTP/[0-9](?:\.[0-9])? (?P<status>[0-9]{3})(?: [^\r\n]*)?)\r?\n"
)
_NEXT_RESPONSE = re.compile(rb"(?<=\n)HTTP/[0-9](?:\.[0-9])? [0-9]{3}[ \r\n]")
_HEADER = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([^\r\n]*?)[ \t]*")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
_BREAKS = b"\r\n"
_MOST_LINES = 1_000
_NO_BODY = frozenset({204, 304})


@dataclass(slots=True)
class HttpMessage:
    """One message; *target* and *verb* are a request's, *status* a response's."""

    start: str
    verb: str
    target: str
    status: int
    headers: HeaderLines
    body: bytes
    complete: bool
    line_end: bytes

    @property
    def is_request(self) -> bool:
        """Whether it asks."""
        return bool(self.target)


def begins_message(content: bytes) -> bool:
    """Say whether *content* begins like an HTTP/1 message."""
    return _START.match(content, _after_breaks(content, 0)) is not None


def messages(content: bytes) -> Iterator[HttpMessage]:
    """Yield the messages that stand in *content*, one after the other.

    Raises:
        RecordingError: something in it is none.
    """
    position = _after_breaks(content, 0)
    verb = ""
    while position < len(content):
        start = _START.match(content, position)
        if start is None:
            raise RecordingError(
                "what follows a message is none: either Content-Length is too small there, or it is"
                " something else"
                if position
                else "it does not begin with the start line of an HTTP message"
            )
        message, position = _message(content, start, verb)
        verb = message.verb or verb
        yield message
        position = _after_breaks(content, position)


def _message(content: bytes, start: re.Match[bytes], asked_with: str) -> tuple[HttpMessage, int]:
    """Return the message that *start* begins, and where it ends."""
    line_end = b"\r\n" if start[0].endswith(b"\r\n") else b"\n"
    headers, position = _headers(content, start.end())
    message = HttpMessage(
        start=_text(start[0].rstrip(_BREAKS)),
        verb=_text(start["verb"] or b""),
        target=_text(start["target"] or b""),
        status=int(start["status"] or 0),
        headers=headers,
        body=b"",
        complete=True,
        line_end=line_end,
    )
    status = message.status
    if status in _NO_BODY or 100 <= status < 200 or (status and asked_with == "HEAD"):
        return message, position
    values = by_name(headers)
    if "chunked" in values.get("transfer-encoding", "").lower():
        message.body, position, message.complete = _dechunked(content, position)
        return message, position
    length = content_length(values)
    if length is None:
        return message, _unframed(message, content, position)
    message.body = content[position : position + length]
    message.complete = len(message.body) == length
    return message, position + len(message.body)


def _unframed(message: HttpMessage, content: bytes, position: int) -> int:
    """Give *message* its body, of which nothing says how long it is; return where that ends.

    A response has all that is left. So has a request in a file that somebody wrote, up to what
    answers it; its length is said then, so that it can be read again.
    """
    end = len(content)
    if message.is_request:
        if _START.match(content, _after_breaks(content, position)):
            return position
        following = _NEXT_RESPONSE.search(content, position)
        if following is not None:
            end = following.start()
            message.body = content[position:end].rstrip(_BREAKS)
            message.headers.append(("Content-Length", str(len(message.body))))
            return end
    message.body = content[position:end]
    return end


def _headers(content: bytes, position: int) -> tuple[HeaderLines, int]:
    lines: list[tuple[str, list[str]]] = []
    while position < len(content):
        end = content.find(b"\n", position)
        end = len(content) if end < 0 else end
        line = content[position:end].removesuffix(b"\r")
        position = end + 1
        if not line:
            break
        if line[:1] in (b" ", b"\t") and lines:  # RFC 9112 section 5.2
            lines[-1][1].append(_text(line.strip()))
            continue
        found = _HEADER.fullmatch(line)
        if found is None or len(lines) >= _MOST_LINES:
            raise RecordingError(f"header line {len(lines) + 1} of a message is no header")
        lines.append((_text(found[1]), [_text(found[2])]))
    return [(name, " ".join(parts)) for name, parts in lines], min(position, len(content))


def _dechunked(content: bytes, position: int) -> tuple[bytes, int, bool]:
    """Return the body in chunks at *position*, where it ends, and whether it does."""
    chunks: list[bytes] = []
    while found := _CHUNK_SIZE.match(content, position):
        size = int(found[1], 16)
        position = found.end()
        if size == 0:
            _trailers, position = _headers(content, position)
            return b"".join(chunks), position, True
        chunk = content[position : position + size]
        chunks.append(chunk)
        position += len(chunk)
        if len(chunk) < size:
            break
        position += len(content[position : position + 2]) - len(
            content[position : position + 2].lstrip(_BREAKS)
        )
    else:
        if position < len(content):
            raise RecordingError("a chunk of a body does not begin with its size")
    return b"".join(chunks), position, False


def _after_breaks(content: bytes, position: int) -> int:
    while content[position : position + 1] in (b"\r", b"\n"):
        position += 1
    return position


def _text(line: bytes) -> str:
    return line.decode("latin-1")

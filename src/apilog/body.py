"""Bodies: bounded references while they flow, and what of them travels in an event.

On the request path a body costs an append; everything else here runs on the worker thread.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from apilog import codec, content_encoding, multipart, wide_text
from apilog.codec import JSON
from apilog.media_type import MediaType, media_type

_FOLD = 256
"""Chunks held before they are joined: a body sent byte by byte must not cost 40 bytes a byte."""


class BodyCopy:
    """Hold a body as it passes, up to *limit* bytes; of a longer one its two ends, half each.

    ``size`` and ``chunks`` count what passed, whatever is held.
    """

    __slots__ = ("_head", "_limit", "_tail", "_tail_size", "chunks", "cut", "held", "shed", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head: list[bytes | memoryview] = []
        self._tail: deque[bytes | memoryview] | None = None
        self._tail_size = 0
        self.chunks = 0
        self.size = 0
        self.held = 0
        """Bytes held now."""
        self.cut = False
        """Whether more passed than is held."""
        self.shed = False
        """Whether it had to make room for other calls."""

    def add(self, chunk: bytes) -> None:
        """Take the next chunk; one that could change after this call is copied."""
        if not chunk:
            return
        self.chunks += 1
        self.size = size = self.size + len(chunk)
        if size > self._limit:
            self.cut = True
            if self._limit:
                self._keep_end(bytes(chunk))
            return
        self.held = size
        self._head.append(chunk if type(chunk) is bytes else bytes(chunk))
        if len(self._head) == _FOLD:
            self._head = [b"".join(self._head)]

    def drop(self) -> None:
        """Let go of what is held and hold nothing more; the counts stay."""
        self._limit = self.held = 0
        self._head = []
        self._tail = None
        self.cut = self.size > 0

    def whole(self) -> bytes:
        """Return the body; only meaningful while it is not `cut`."""
        return b"".join(self._head)

    def ends(self) -> tuple[bytes, bytes]:
        """Return the first and the last bytes of a body that was `cut`."""
        tail = b"".join(self._tail or ())
        return b"".join(self._head), tail[max(0, len(tail) - self._limit // 2) :]

    def compact(self) -> None:
        """Let go of long chunks of which only an end is kept; until then they are not copied."""
        self._head = [b"".join(self._head)]
        if self._tail is not None:
            self._tail = deque([b"".join(self._tail)])

    def _keep_end(self, chunk: bytes) -> None:
        half = self._limit // 2
        if self._tail is None:
            held = b"".join(self._head)
            self._head = [held[:half], memoryview(chunk)[: max(0, half - len(held))]]
            self._tail, self._tail_size = deque([held[-half:]]), min(half, len(held))
        tail = self._tail
        tail.append(memoryview(chunk)[-half:] if len(chunk) > half else chunk)
        self._tail_size += len(tail[-1])
        while len(tail) > 1 and self._tail_size - len(tail[0]) >= half:
            self._tail_size -= len(tail.popleft())
        if len(tail) == _FOLD:
            self._tail = deque([b"".join(tail)[-half:]])
            self._tail_size = len(self._tail[0])
        self.held = sum(map(len, self._head)) + self._tail_size


Change: TypeAlias = "Callable[[str, bytes], bytes]"
Digest: TypeAlias = "Callable[[bytes], str]"


class WireBody(NamedTuple):
    """A body as an event carries it; *omitted* says why it, or a part of it, stayed home."""

    body: JSON = None
    transfer_encoding: str | None = None
    omitted: str | None = None


EMPTY = WireBody()


class OmittedError(Exception):
    """Report a body that must not be used, for this reason."""


_CONTINUATION = re.compile(r"\A(?:(?:[ \t][^\n]*|[\w+/=-]{16,}\r?|-----END [^\n]*|\r?)\n)*")
"""Lines that only those before them explain: of an indented block, or of a key in base64."""

_JSON_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?\s*[\[{]")


def wire_body(
    copy: BodyCopy,
    *,
    content_type: str,
    coding: str,
    limit: int,
    complete: bool,
    change: Change | None = None,
    digest: Digest | None = None,
) -> WireBody:
    """Return what an event carries of the body in *copy*; never fail, whatever the bytes are.

    JSON media types become JSON; multipart forms a JSON object of their fields (of files only name,
    type, size and *digest*); other text becomes text; the rest base64, unless it is JSON by another
    name. *coding*, a ``Content-Encoding``, is undone up to *limit* bytes; then *change* may change
    the body, or raise `OmittedError`. Of line formats that are cut or incomplete whole lines are
    kept. Any other body that is cut, incomplete or not what its headers say stays home: what cannot
    be parsed cannot be masked.
    """
    if copy.size == 0:
        return EMPTY if complete else WireBody(omitted="not_read")
    media = media_type(content_type)
    try:
        if copy.cut or not complete:
            omitted = "over_limit" if copy.cut else "incomplete"
            omitted = "queue_full" if copy.shed else omitted
            readable = media.is_lines and media.is_ascii_based and not coding
            lines = _lines(copy, complete) if readable else ""
            if lines and change is not None:
                lines = change(content_type, lines.encode()).decode("utf-8", "replace")
            return WireBody(body=lines or None, omitted=omitted)
        body = _decoded(copy.whole(), coding, limit) if coding else copy.whole()
        if change is not None:
            body = change(content_type, body)
        return _parsed(body, media, digest)
    except OmittedError as error:
        return WireBody(omitted=str(error))


def _decoded(body: bytes, coding: str, limit: int) -> bytes:
    try:
        return content_encoding.decoded(body, coding, limit)
    except content_encoding.UnsupportedEncodingError:
        raise OmittedError("unsupported_encoding") from None
    except OverflowError:
        raise OmittedError("over_limit") from None
    except ValueError:
        raise OmittedError("bad_encoding") from None


def _parsed(body: bytes, media: MediaType, digest: Digest | None) -> WireBody:
    if media.is_opaque:
        return WireBody(omitted="opaque_type")
    try:
        if media.is_json:
            return WireBody(_json(body, media))
        if media.is_multipart:
            boundary = media.parameters.get("boundary", "")
            return WireBody(dict(multipart.fields(body, boundary, digest)))
    except ValueError:
        raise OmittedError("unparsable") from None
    if (media.is_form or not media.is_text) and _JSON_BEGINS.match(body):
        # What clients send when nobody set a type; only as JSON can its secrets be found.
        try:
            return WireBody(codec.loads(body))
        except ValueError:
            pass
    if media.is_text:
        try:
            return WireBody(_readable(body, media))
        except UnicodeError:
            pass  # base64 keeps every byte; masking looks into it
    return WireBody(base64.b64encode(body).decode("ascii"), "base64")


def _json(body: bytes, media: MediaType) -> JSON:
    if media.charset in ("utf-8", "utf8"):
        return codec.loads(body)
    try:
        return codec.loads(body.decode(media.charset).removeprefix("\ufeff"))
    except LookupError as error:
        raise ValueError("unknown charset") from error


def _readable(body: bytes, media: MediaType) -> str:
    """Return *body* as text in which secrets can be found, even where its charset is a lie.

    Raises:
        UnicodeError: it is no text in its charset, nor in UTF-8.
    """
    guessed = wide_text.charset(body)
    if b"\0" in body if not media.is_ascii_based else guessed == "utf-8":
        try:
            return body.decode(media.charset).removeprefix("\ufeff")
        except (LookupError, UnicodeError):
            pass
    return body.decode(guessed).removeprefix("\ufeff")


def _lines(copy: BodyCopy, complete: bool) -> str:
    return _both_ends(copy, complete) if copy.cut else _whole_lines(copy.whole())


def _both_ends(copy: BodyCopy, complete: bool) -> str:
    """Return the whole lines at both ends of a body that was cut, or nothing."""
    first, last = copy.ends()
    last = last[last.find(b"\n") + 1 :] if b"\n" in last else b""
    head, tail = _whole_lines(first), _text(last) if complete else _whole_lines(last)
    tail = _CONTINUATION.sub("", tail, count=1)
    if not head and not tail:
        return ""
    left_out = copy.size - len(head.encode()) - len(tail.encode())
    return f"{head}[... {left_out} bytes left out ...]\n{tail}"


def _whole_lines(body: bytes) -> str:
    return _text(body[: body.rfind(b"\n") + 1])


def _text(lines: bytes) -> str:
    try:
        return lines.decode()
    except UnicodeDecodeError:
        return ""

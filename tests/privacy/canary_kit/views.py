"""What can be read out of bytes that left: unpacked, decoded, unescaped, one in the other."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

DEPTH = 3
"""How many layers of packing are taken off."""

MOST = 64 * 1024 * 1024
"""Bytes that a compressed piece may become."""

_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_EVENT = re.compile(rb"^data:.*(?:\ndata:.*)+", re.MULTILINE)
_NEXT_LINE = re.compile(rb"\r?\n(?:data: ?)?")
_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|\\([\"'/\\])")


def _inflated(data: bytes) -> bytes:
    """Unpack gzip and zlib wherever a piece of it begins."""
    pieces: list[bytes] = []
    end = 0
    for found in _PACKED.finditer(data):
        if found.start() < end:
            continue
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either of the two
        try:
            pieces.append(unpacker.decompress(data[found.start() :], MOST))
            end = len(data) - len(unpacker.unused_data)
        except zlib.error:
            continue
    return b"\n".join(pieces)


def _unbased(data: bytes) -> bytes:
    pieces = []
    for run in _BASE64.findall(data):
        text = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        text = text[: len(text) - (len(text) % 4 == 1)]
        try:
            pieces.append(base64.b64decode(text + b"=" * (-len(text) % 4)))
        except binascii.Error:
            continue
    return b"\n".join(pieces)


def _lines_with(mark: bytes, data: bytes) -> bytes:
    """Return the lines that have something to decode in them; the others say nothing new."""
    return b"\n".join(line for line in data.split(b"\n") if mark in line) if mark in data else b""


def _unquoted(data: bytes) -> bytes:
    return unquote_to_bytes(_lines_with(b"%", data).replace(b"+", b" "))


def _unescaped(data: bytes) -> bytes:
    def plain(escape: re.Match[bytes]) -> bytes:
        code = escape[1] or escape[2]
        return chr(int(code, 16)).encode("utf-8", "replace") if code else escape[3]

    return _ESCAPE.sub(plain, _lines_with(b"\\", data))


def _unreferenced(data: bytes) -> bytes:
    text = _lines_with(b"&", data).decode("utf-8", "surrogateescape")
    return html.unescape(text).encode("utf-8", "replace")


def _from_json(data: bytes) -> bytes:
    """Give every text and number of every line that is JSON."""
    pieces: list[str] = []
    for line in data.splitlines():
        if line.lstrip()[:1] in (b"{", b"["):
            try:
                pieces += _leaves(json.loads(line))
            except (ValueError, RecursionError):
                continue
    return "\n".join(pieces).encode("utf-8", "replace")


def _leaves(root: Any) -> Iterator[str]:
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending += [*node, *node.values()]
        elif isinstance(node, list):
            pending += node
        else:
            yield str(node)


def _narrowed(data: bytes) -> bytes:
    return _lines_with(b"\0", data).replace(b"\0", b"")


def _unfolded(data: bytes) -> bytes:
    """Put together what goes on in the next line of an event stream."""
    return b"\n".join(_NEXT_LINE.sub(b"", event) for event in _EVENT.findall(data))


VIEWS: Mapping[str, Callable[[bytes], bytes]] = {
    "unpacked": _inflated,
    "base64 decoded": _unbased,
    "percent signs decoded": _unquoted,
    "escapes decoded": _unescaped,
    "character references decoded": _unreferenced,
    "JSON decoded": _from_json,
    "without NUL": _narrowed,
    "lines joined": _unfolded,
}


def views(data: bytes, depth: int = DEPTH) -> Iterator[tuple[str, bytes]]:
    """Give *data* as it is and everything that can be read out of it, each only once."""
    seen = {hash(data)}
    pending = [("as it is", data, 0)]
    while pending:
        name, text, layer = pending.pop()
        yield name, text
        if layer == depth:
            continue
        for step, read in VIEWS.items():
            seen_through = read(text)
            if len(seen_through) >= 12 and hash(seen_through) not in seen:
                seen.add(hash(seen_through))
                path = step if layer == 0 else f"{name}, {step}"
                pending.append((path, seen_through, layer + 1))

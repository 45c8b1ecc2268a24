"""The bodies that Swetrix reads: JSON or a form, of 100 KB."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from apilog.collector.protocols.inflating import TooLong
from apilog.collector.protocols.json_text import parsed_like_javascript
from apilog.collector.protocols.reading import text_of
from apilog.collector.protocols.refusing import Refused

MAX_BYTES: Final = 100 * 1024
MAX_FIELDS: Final = 1_000

_OPEN: Final = (bytearray(b"{"), bytearray(b"["))
_INNER: Final = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")


def too_large(content: bytes = b"") -> Refused:
    """Return the refusal of a body of more than `MAX_BYTES`."""
    return Refused(
        413, f"the body is over Swetrix's limit of {MAX_BYTES} bytes", content=content,
        says={"statusCode": 413, "message": "request entity too large"},
    )  # fmt: skip


def fields(body: bytearray, request: Request) -> dict[str, Any]:
    """Return the fields in *body*; of another content type, or of an array, there are none.

    Raises:
        Refused: 400 no JSON; 413 too large; 415 unknown coding.
    """
    try:
        text = text_of(body, request, most=MAX_BYTES)
    except TooLong as refused:
        raise too_large(refused.content) from refused
    if len(text) > MAX_BYTES:
        raise too_large(bytes(text[:4_096]))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _form(text)
    if kind != "application/json" or not text.strip():
        return {}
    if text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in _OPEN:
        raise _no_json(bytes(text[:4_096]))
    try:
        found = parsed_like_javascript(text)
    except Refused as refused:
        if refused.status == 400:
            raise _no_json(bytes(text[:4_096])) from refused
        raise
    return found if isinstance(found, dict) else {}


def _no_json(content: bytes) -> Refused:
    return Refused(400, "the body is not JSON", content=content, says="Unexpected token in JSON")


def _form(text: bytearray) -> dict[str, Any]:
    """Return a form's fields, with ``meta[plan]=pro`` as an object in ``meta``."""
    try:
        pairs = parse_qsl(text.decode(errors="replace"), True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Refused(
            413, "too many fields", content=bytes(text[:4_096]), says="too many parameters"
        ) from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        inner = _INNER.fullmatch(name)
        if inner is None:
            found[name] = value
        else:
            within = found.setdefault(inner[1], {})
            if isinstance(within, dict):
                within[inner[2]] = value
    return found

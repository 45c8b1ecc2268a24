"""Bodies of events as HAR has them: text, or base64 where they are bytes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Body:
    """A body: its text, in base64 if *is_base64*, and how many bytes it has."""

    text: str
    is_base64: bool
    size: int


def body_of(message: dict[str, Any], media_type: str) -> Body | None:
    """Return the body of a request or a response, None if it has none, or it was left out.

    What came in base64 only because it is no JSON is text again if its bytes are UTF-8.
    """
    body, encoding = message.get("body"), message.get("transfer_encoding")
    if body is None:
        return None
    if isinstance(body, str) and encoding == "base64":
        return _decoded(body)
    if isinstance(body, str) and "json" not in media_type.lower():
        return Body(body, is_base64=False, size=len(body.encode()))
    encoded = orjson.dumps(body)
    return Body(encoded.decode(), is_base64=False, size=len(encoded))


def _decoded(body: str) -> Body:
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return Body(body, is_base64=False, size=len(body.encode()))
    try:
        return Body(content.decode(), is_base64=False, size=len(content))
    except UnicodeDecodeError:
        return Body(body, is_base64=True, size=len(content))

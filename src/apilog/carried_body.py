"""Bodies as events carry them, turned back into bytes."""

from __future__ import annotations

import base64

from apilog import codec
from apilog.codec import JSON
from apilog.media_type import MediaType


def carried_bytes(body: JSON, transfer_encoding: JSON, media: MediaType) -> bytes:
    """Return the bytes of a *body* that came as *media*, empty if it stayed home."""
    if body is None:
        return b""
    if isinstance(body, str):
        if transfer_encoding is not None:
            return base64.b64decode(body)
        text = codec.dumps(body).decode() if media.is_json else body
    else:
        text = codec.dumps(body).decode()
        if media.is_multipart:
            return text.encode()
    try:
        return text.encode(media.charset or "utf-8")
    except (LookupError, UnicodeError):
        return text.encode("utf-8", "replace")


def carried_type(body: JSON, transfer_encoding: JSON, media: MediaType) -> str | None:
    """Return the media type that *body* has now, None if that is still *media*."""
    if media.is_multipart and body is not None:
        return "application/json"
    if isinstance(body, str) and transfer_encoding is None:
        return None if media.is_text or media.is_json else "text/plain; charset=utf-8"
    return None

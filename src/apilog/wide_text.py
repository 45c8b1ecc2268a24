"""Text in two bytes a character that nobody announces as such: read as one, it hides its words."""

from __future__ import annotations

_LOOKED_AT = 256


def charset(body: bytes) -> str:
    """Return the charset that the zeros in *body* tell, UTF-16 or UTF-8 where there are none."""
    begin = body[:_LOOKED_AT]
    if begin.count(0) * 4 <= len(begin):
        return "utf-8"
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-16-be" if begin[:1] == b"\0" else "utf-16-le"

"""Text in two bytes a character that nobody announces as such: read as one, it hides its words."""

from __future__ import annotations

_LOOKED_AT = 256
_PLAIN = bytes([9, 10, 13, *range(32, 127)])
_LONGEST_CHARACTER = 4


def charset(body: bytes) -> str:
    """Return the charset that the zeros in *body* tell, UTF-16 or UTF-8 where there are none."""
    begin = body[:_LOOKED_AT]
    if begin.count(0) * 4 <= len(begin):
        return "utf-8"
    if begin[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-16-be" if begin[:1] == b"\0" else "utf-16-le"


def is_text(beginning: bytes) -> bool:
    """Say whether *beginning*, cut anywhere, is that of text: UTF-8, UTF-16 or mostly ASCII."""
    if charset(beginning) != "utf-8":
        return True
    if len(beginning.translate(None, _PLAIN)) * 4 <= len(beginning):
        return True
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        return error.start > len(beginning) - _LONGEST_CHARACTER
    return True

"""How a secret may be spelled when it gets out: what is searched for."""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections.abc import Callable, Iterator, Mapping

SHORTEST = 12
"""Characters of a secret that are a leak: what a cut leaves of it at either end."""

DIGEST = "half of SHA-256"
"""The one spelling that may leave, of session tokens alone: nobody can guess what it is of."""


def _each(text: str, spelled: str) -> bytes:
    return "".join(spelled.format(ord(letter)) for letter in text).encode()


def _aligned(text: str, encode: Callable[[bytes], bytes], shift: int) -> bytes:
    """Return what base64 makes of *text* behind *shift* bytes, whatever is before and after it."""
    encoded = encode(b"\0" * shift + text.encode())
    return encoded[-(-8 * shift // 6) : 8 * (shift + len(text.encode())) // 6]


def _grouped(text: str, divider: str) -> bytes:
    groups = [text[begin : begin + 4] for begin in range(0, len(text), 4)]
    return divider.join(groups).encode()


ENCODINGS: Mapping[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "in capitals": lambda text: text.upper().encode(),
    "in lower case": lambda text: text.lower().encode(),
    "with its case swapped": lambda text: text.swapcase().encode(),
    "backwards": lambda text: text[::-1].encode(),
    "its beginning": lambda text: text[:SHORTEST].encode(),
    "its end": lambda text: text[-SHORTEST:].encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper().encode(),
    "percent signs": lambda text: _each(text, "%{:02x}"),
    "percent signs in capitals": lambda text: _each(text, "%{:02X}"),
    "JSON escapes": lambda text: _each(text, "\\u{:04x}"),
    "JSON escapes in capitals": lambda text: _each(text, "\\u{:04X}"),
    "byte escapes": lambda text: _each(text, "\\x{:02x}"),
    "octal escapes": lambda text: _each(text, "\\{:03o}"),
    "character references": lambda text: _each(text, "&#{};"),
    "hexadecimal character references": lambda text: _each(text, "&#x{:x};"),
    "capital character references": lambda text: _each(text, "&#X{:X};"),
    "a list of numbers": lambda text: ",".join(str(ord(letter)) for letter in text).encode(),
    "UTF-16, little end first": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32-le"),
    "base32": lambda text: base64.b32encode(text.encode()).rstrip(b"="),
    "base64": lambda text: _aligned(text, base64.b64encode, 0),
    "base64 behind one byte": lambda text: _aligned(text, base64.b64encode, 1),
    "base64 behind two bytes": lambda text: _aligned(text, base64.b64encode, 2),
    "base64url": lambda text: _aligned(text, base64.urlsafe_b64encode, 0),
    "base64url behind one byte": lambda text: _aligned(text, base64.urlsafe_b64encode, 1),
    "base64url behind two bytes": lambda text: _aligned(text, base64.urlsafe_b64encode, 2),
    "base85": lambda text: base64.b85encode(text.encode())[: len(text) // 4 * 5],
    "rot13": lambda text: codecs.encode(text, "rot13").encode(),
    "groups of four with spaces": lambda text: _grouped(text, " "),
    "groups of four with dashes": lambda text: _grouped(text, "-"),
    "groups of four with plus signs": lambda text: _grouped(text, "+"),
    "groups of four with dots": lambda text: _grouped(text, "."),
    "letter by letter": lambda text: " ".join(text).encode(),
    "MD5, which a table turns back": lambda text: hashlib.md5(text.encode()).hexdigest().encode(),
    "SHA-1": lambda text: hashlib.sha1(text.encode()).hexdigest().encode(),
    "SHA-256": lambda text: hashlib.sha256(text.encode()).hexdigest().encode(),
    DIGEST: lambda text: hashlib.sha256(text.encode()).hexdigest()[:32].encode(),
}


def spellings(secret: str) -> Iterator[tuple[str, bytes]]:
    """Give every encoding's name and what it makes of *secret*; each spelling once."""
    seen: set[bytes] = set()
    for name, encode in ENCODINGS.items():
        spelled = encode(secret)
        if spelled not in seen:
            seen.add(spelled)
            yield name, spelled

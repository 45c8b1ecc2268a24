"""Secrets that the words before them announce: ``Bearer``, ``Basic``, ``BEGIN PRIVATE KEY``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import TypeAlias
from urllib.parse import unquote

Spans: TypeAlias = Iterator[tuple[int, int]]

_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_GAP = r"(?:[ \t]+|%20|\++|\\t)"
_SCHEME = re.compile(rb"b(?:earer|asic)")

_MASKED = "(?!(?:hmac|sha256):)"
"""No pseudonym, which stands where a secret was."""

_BEARER = re.compile(
    rf"{_BEGINS}bearer{_GAP}{_MASKED}([A-Za-z0-9._~+/-]*[A-Za-z0-9_~+/-]=*)", re.IGNORECASE
)
_BASIC = re.compile(rf"{_BEGINS}basic{_GAP}([A-Za-z0-9+/_-]{{4,}}={{0,2}})", re.IGNORECASE)

_SHORT, _SHORTEST = 20, 6
_STANDARD = re.compile(
    r"(?:rfc|oauth|http|iso|level|part|section|step|v|version)?[-_/.]?[0-9.]*", re.IGNORECASE
)
"""What prose has after the word: ``bearer RFC6750``."""
_MIXED = re.compile(r"[a-z0-9][A-Z]")
_DIGIT = re.compile("[0-9]")

_KIND = r"(?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
_ARMOR = re.compile(f"-{{4,5}} ?BEGIN {_KIND}")
_ARMOR_END = re.compile(f"-{{4,5}} ?END {_KIND}")
_PROSE = re.compile(r"""\s*(?:\Z|[^\sA-Za-z0-9+/=\\-]|(?<= )[^\s]{1,15}(?:\s|\Z))""")
"""What no key begins with: nothing, a quote that closes, or a short word after a blank."""

_SIGNATURE = re.compile(rf"{_BEGINS}sig=([A-Za-z0-9%+/_-]{{42,130}}=?)")
_SIGNATURE_BYTES = 32


def bearers(text: str, latin: bytes) -> Spans:
    """Yield the tokens of RFC 6750 in *text*: what can be one, after the word."""
    return (span for span in _after_scheme(_BEARER, text, latin) if _is_token(text[slice(*span)]))


def basics(text: str, latin: bytes) -> Spans:
    """Yield the credentials of RFC 7617 in *text*: what is a name and a password, encoded."""
    return (span for span in _after_scheme(_BASIC, text, latin) if _is_pair(text[slice(*span)]))


def _after_scheme(pattern: re.Pattern[str], text: str, latin: bytes) -> Spans:
    past = 0
    for scheme in _SCHEME.finditer(latin.lower()):
        if scheme.start() >= past and (found := pattern.match(text, scheme.start())):
            past = found.end()
            yield found.span(1)


def _is_token(token: str) -> bool:
    if len(token) < _SHORTEST or _STANDARD.fullmatch(token):
        return False
    if _DIGIT.search(token):
        return True
    return len(token) >= _SHORT and (_MIXED.search(token) is not None or token.isupper())


def _is_pair(encoded: str) -> bool:
    plain = _decoded(encoded)
    if plain is None or b":" not in plain:
        return False
    try:
        return plain.decode().isprintable()
    except UnicodeDecodeError:
        return plain.decode("latin-1").isprintable()


def _decoded(encoded: str) -> bytes | None:
    standard = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error:
        return None


def private_keys(text: str, latin: bytes) -> Spans:
    """Yield the private keys in PEM armor (RFC 7468) in *text*; one that is cut goes to the end."""
    begin = _ARMOR.search(text)
    while begin is not None:
        past = begin.end()
        if not _PROSE.match(text, past):
            end = _ARMOR_END.search(text, past)
            past = end.end() if end else len(text)
            yield begin.start(), past
        begin = _ARMOR.search(text, past)


def signatures(text: str, latin: bytes) -> Spans:
    """Yield the signatures of Azure's shared access: HMAC-SHA-256 in base64, as a parameter."""
    for found in _SIGNATURE.finditer(text):
        plain = _decoded(unquote(found[1]))
        if plain is not None and len(plain) == _SIGNATURE_BYTES:
            yield found.span(1)

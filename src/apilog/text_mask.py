"""Masking of text that need not be anything: all that can find something in it, in turn."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote_plus, unquote_plus

from apilog import codec, loose_text, markup_mask, plain_text_mask, secret_values, wide_text
from apilog.codec import JSON
from apilog.key_rule import PHRASES, KeyRule
from apilog.mask_record import BodyNotMaskedError, Record, is_replacement
from apilog.pattern_mask import Patterns
from apilog.url_mask import Others, UrlMask

MAX_NESTED = 3
"""Layers of JSON and addresses in each other that are read as such; deeper ones are mere text."""

_PAIR = re.compile(
    r"(?:[^\W\d]|[*`\"'\])]|\d(?=[ \t]*=|:[ \t])|[a-z_]\d{1,2}(?=:))[ \t]*"
    r"(?:[+?]|\|\|)?[:=\uff1a]"
    r"|[\"'`\\]|%3[ADad]|(?<![\w-])--?[A-Za-z]"
)
"""What text has that holds a name and its value."""

_INVALID = re.compile(
    r"(?P<before>[\"'`]\$?(?P<name>[\w.-]{1,60})[\"'`][^\"'`\n]{0,60}?\bvalues?:?[ ]+)"
    r"(?P<value>(?P<quote>[\"'])[^\"'\n]{1,500}(?P=quote)?|[^\s\"'.,;]{1,500})"
)
"""How validators tell what they did not like."""

_NEIGHBOURS = re.compile(
    r"(?P<before>^[ \t-]{0,50}(?:name|key):[ \t]{0,9}[\"']?(?P<name>[\w.-]{1,99})[\"']?\r?\n"
    r"[ \t]{0,50}value:[ \t]{0,9})(?P<value>[^\r\n]+)",
    re.MULTILINE,
)

_ROUNDS = 3
"""What is glued to a secret may be one itself, and is seen when the first one is gone."""

_USERINFO = re.compile(rb"//[^/\s\"]*@")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_PATH = re.compile(rb"/(?=[^/?#\s\"]{0,100}(?:[0-9]|[a-z][A-Z]))[^/?#\s\"]{8,}")
"""What may be random: parts of paths with digits in them, or with capitals inside."""

_LETTERS = bytes(97 if chr(code).isalpha() and code < 128 else 32 for code in range(256))
_LONG_WORD = b"a" * 20
"""What words become when all their characters are made one."""

_ENCODING = bytes(
    code if code in b'"-' else 97 if chr(code) in _ALPHABET else 32 for code in range(256)
)
_UUID = b'"aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"'
_LONG_STRING = b'"aaaaaaaaaaaaaaaa'
"""What UUIDs and base64 become in JSON when all letters are made one."""

_COLON = re.compile(
    rb":(?!//)(?<!\":)(?:(?![0-9])|(?<![0-9]:)|(?<=[a-z_][0-9]:)|(?<=[a-z_][0-9][0-9]:))"
)
"""A colon that is not JSON's own, no address's, and no clock's; but ``key1:2`` has one."""

_NO_NAME = re.compile(r"[^\w.$@\[\]-]+")
_LONGEST_NAME = 100
_SECOND_WORDS = frozenset(second for phrase in PHRASES for second in (phrase[1], phrase[1] + "s"))
"""Words that may end a name of several, whose rule none of them tells alone."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_BEGINNING = 64
"""Characters of base64 that tell whether text is in it; a multiple of four."""

_ASCII_IN_BASE64 = "(?:[A-Za-f][A-Za-z0-9+/_-]{3}){4}[A-Za-z0-9+/_-]*"
_ENCODED = re.compile(_ASCII_IN_BASE64)
_ENCODED_IN_JSON = re.compile(f'"{_ASCII_IN_BASE64}"(?!:)'.encode())

Tree: TypeAlias = "dict[str, JSON] | list[JSON]"


class TextMask:
    """Mask free text; *tree* masks the JSON in it, in place, *layers* deep."""

    def __init__(
        self,
        fields: KeyRule,
        query: KeyRule,
        patterns: Patterns,
        tree: Callable[[Tree, str, Record, int], bool],
        others: Others | None = None,
    ) -> None:
        self._fields = fields
        self.patterns = patterns
        self._tree = tree
        self.urls = UrlMask(query, fields, self.masked, others)

    def masked(self, text: str, where: str, record: Record, layer: int = 0) -> str:
        """Return *text* with what is secret in it replaced."""
        if is_replacement(text):
            return text
        if loose_text.may_hold_names(text):
            text = self.json(text, where, record, layer) or text
            text = self.quoted_names(text, where, record)
        if "value" in text and _INVALID.search(text):
            text = self._invalid_values(text, where, record)
        if ">" in text and layer < MAX_NESTED and text.lstrip("\ufeff \t\r\n")[:1] == "<":
            text = self._markup(text, where, record, layer)
        if "/" in text and "://" in text and layer < MAX_NESTED:
            text = self.urls.masked_in(text, where, record, layer + 1)
        if ":" in text and "value:" in text:
            text = self._neighbours(text, where, record)
        if may_hold_pair(text):
            text = plain_text_mask.masked(text, where, rules=self._fields, replaced=record.replaced)
        text = self.values(text, where, record)
        if text[:3].upper() in ("%7B", "%5B") and layer < MAX_NESTED:
            plain = unquote_plus(text)
            masked = self.masked(plain, where, record, layer + 1)
            return text if masked == plain else quote_plus(masked, safe="*")
        is_encoded = _BASE64.fullmatch(text, 0, _BEGINNING) is not None
        return self._base64(text, where, record, layer) if is_encoded else text

    def _invalid_values(self, text: str, where: str, record: Record) -> str:
        """Mask what an error message quotes: ``"password" got invalid value "..."``."""

        def masked(found: re.Match[str]) -> str:
            rule = self._fields[found["name"]]
            if rule is None:
                return found[0]
            quote = found["quote"] or ""
            value = record.replaced(found["value"].strip("\"'"), where, f"field:{rule}")
            return f"{found['before']}{quote}{value}{quote}"

        return _INVALID.sub(masked, text)

    def _neighbours(self, text: str, where: str, record: Record) -> str:
        """Mask values in YAML whose names stand on the line before, as in Kubernetes manifests."""

        def masked(found: re.Match[str]) -> str:
            rule = self._fields[found["name"]]
            if rule is None:
                return found[0]
            value = found["value"].strip("\"'")
            return found["before"] + record.replaced(value, where, f"field:{rule}")

        return _NEIGHBOURS.sub(masked, text)

    def _markup(self, text: str, where: str, record: Record, layer: int) -> str:
        """Mask *text* as what it looks like, XML or else HTML, whatever it is called."""

        def inner(part: str, place: str) -> str:
            return self.masked(part, place, record, layer + 1)

        rules, replaced = self._fields, record.replaced
        try:
            return markup_mask.masked_xml(text, where, rules=rules, replaced=replaced, inner=inner)
        except BodyNotMaskedError:
            raise
        except ValueError:
            return markup_mask.masked_html(text, where, rules=rules, replaced=replaced, inner=inner)

    def _base64(self, text: str, where: str, record: Record, layer: int) -> str:
        """Mask the text that *text* is in base64, if it is."""
        if layer == MAX_NESTED:
            return text
        alphabet = _alphabet(text)
        try:
            is_text = wide_text.is_text(_decoded(text[:_BEGINNING], alphabet))
            if not is_text or not _BASE64.fullmatch(text):
                return text
            body = _decoded(text, alphabet)
            charset = wide_text.charset(body)
            plain = body.decode(charset, "surrogateescape")
        except ValueError:
            return text
        masked = self.masked(plain, where, record, layer + 1)
        if masked == plain:
            return text
        masked_body = masked.encode(charset, "surrogateescape" if charset == "utf-8" else "replace")
        return base64.b64encode(masked_body, altchars=alphabet).decode("ascii")

    def quoted_names(self, text: str, where: str, record: Record) -> str:
        """Return *text* with the values after sensitive names in quotes masked."""
        return loose_text.masked(text, where, rules=self._fields, replaced=record.replaced)

    def values(self, text: str, where: str, record: Record) -> str:
        """Return *text* without what looks like a secret, or meets a pattern of the user's."""
        for _ in range(_ROUNDS):
            found = secret_values.find(text)
            if not found:
                break
            kept: list[str] = []
            begin = 0
            for start, end, rule in found:
                kept += (text[begin:start], record.replaced(text[start:end], where, rule))
                begin = end
            text = "".join(kept) + text[begin:]
        return self.patterns.masked(text, where, record) if self.patterns else text

    def rule_of(self, text: str) -> str | None:
        """Return the first rule by which something in *text* is a secret, whatever its name."""
        found = secret_values.find(text)
        return found[0].rule if found else self.patterns.rule_of(text)

    def json(self, text: str, where: str, record: Record, layer: int = 0) -> str | None:
        """Return *text* masked if it is JSON, an object or a list; else None."""
        if layer == MAX_NESTED or text.lstrip()[:1] not in ("{", "["):
            return None
        try:
            tree = codec.loads(text)
        except ValueError:
            return None
        if isinstance(tree, (dict, list)) and self._tree(tree, where, record, layer + 1):
            return codec.dumps(tree).decode() + ("\r" if text.endswith("\r") else "")
        return text


def _alphabet(text: str) -> bytes:
    """Return the last two characters of the base64 alphabet that *text* is written in."""
    return b"-_" if "-" in text or "_" in text else b"+/"


def _decoded(text: str, alphabet: bytes) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=alphabet)


def may_be_encoded(text: str) -> bool:
    """Say whether *text* can be other text in base64, without the padding that betrays it."""
    return _ENCODED.fullmatch(text) is not None


def may_hold_encoded(encoded: bytes) -> bool:
    """Say whether a string in *encoded*, JSON, can be other text in base64."""
    classes = encoded.translate(_ENCODING)
    if _LONG_STRING not in classes.replace(_UUID, b'""').replace(b"-", b"a"):
        return False
    for found in _ENCODED_IN_JSON.finditer(encoded):
        beginning = found[0][1:-1][:_BEGINNING].decode()
        try:
            if wide_text.is_text(_decoded(beginning, _alphabet(beginning))):
                return True
        except ValueError:  # of a length that no base64 has; reading it all will tell
            return True
    return False


def may_hold_pair(text: str) -> bool:
    """Say whether *text* can have a name in it, and the value of that name."""
    if "<" in text or text[:1] == "%" or ("/" in text and "://" in text):
        return True
    marked = ":" in text or "=" in text or "'" in text or '"' in text or "%" in text or "`" in text
    if not marked and "-" in text:
        marked = text[0] == "-" or " -" in text or "--" in text
    return (marked or not text.isascii()) and _PAIR.search(text) is not None


def may_announce(encoded: bytes, rules: Mapping[str, str | None]) -> bool:
    """Say whether a colon in a string of *encoded*, ASCII JSON, can follow a name.

    The colons after JSON's own names, in times and in plain addresses do not.
    """
    if b"?" in encoded or b"#" in encoded or (b"@" in encoded and _USERINFO.search(encoded)):
        return True
    if b"//" in encoded and (_PATH.search(encoded) or _LONG_WORD in encoded.translate(_LETTERS)):
        return True
    for colon in _COLON.finditer(encoded):
        piece = encoded[max(0, colon.start() - _LONGEST_NAME) : colon.start()]
        before, _, last = piece.rstrip().rpartition(b" ")
        word = last.decode().rstrip("\"'([{*`")
        name = _NO_NAME.split(word)[-1]
        if not word or name.lower() in _SECOND_WORDS or rules[name] is not None:
            return True
        if word in ("is", "was") or word[-1] == ")" or before[-4:] == b" for":
            return True  # "password for bob: ..."
    return False

"""The words of a GraphQL document, by https://spec.graphql.org/October2021 section 2.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

IGNORED = " \t\r\n,\ufeff"
_TOKEN = re.compile(
    r"""[ \t\r\n,\ufeff]*(?:
        (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>\.\.\.|[!@:=(){}\[\]])
      | (?P<variable>\$[ \t\r\n,\ufeff]*[A-Za-z_][A-Za-z0-9_]*)
      | (?P<block>\"{3})
      | (?P<string>"(?:[^"\\\r\n]*")?)
      | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.])
      | (?P<comment>\#[^\r\n]*)
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_BLOCK_END = re.compile(r'\\?"""')
_STRING_END = re.compile(r'\\.|["\r\n]')
_LEADING = re.compile(r"[\s,\ufeff]*")
_FIRST = re.compile(r"query|mutation|subscription|fragment|\{\s*[A-Za-z]")
OPERATIONS = ("query", "mutation", "subscription")


class Token(NamedTuple):
    """A word, and where it begins and ends in the document."""

    kind: str
    text: str
    begin: int
    end: int


def looks_like(text: str) -> bool:
    """Say whether *text* may be a GraphQL document, by its first words."""
    if "{" not in text:
        return False
    try:
        words = [t.text for t in islice((t for t in tokens(text) if t.kind != "comment"), 3)]
    except ValueError:
        return _begins(text)
    first, second, third = [*words, "", "", ""][:3]
    if first == "{":
        return second.isidentifier() or second == "..."
    if first == "fragment":
        return second.isidentifier() and third == "on"
    opened = third if second.isidentifier() else second
    return first in OPERATIONS and opened in ("{", "(", "@")


def _begins(text: str) -> bool:
    """Say whether what cannot be read begins like a document."""
    begin = _LEADING.match(text).end()  # type: ignore[union-attr]
    while text.startswith("#", begin) and (end := text.find("\n", begin)) >= 0:
        begin = _LEADING.match(text, end).end()  # type: ignore[union-attr]
    return _FIRST.match(text, begin) is not None


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of *text*, with the comments among them."""
    at = 0
    while found := _TOKEN.match(text, at):
        kind = str(found.lastgroup)
        if kind == "end":
            return
        begin, at = found.span(kind)
        if kind == "string" and at == begin + 1:  # one with escapes
            at = _end(_STRING_END, text, at, '"')
        elif kind == "block":
            at = _end(_BLOCK_END, text, at, '"""')
        yield Token(kind, text[begin:at], begin, at)
    raise ValueError(f"no GraphQL after character {at}")


def _end(borders: re.Pattern[str], text: str, begin: int, closer: str) -> int:
    for border in borders.finditer(text, begin):
        if border[0] == closer:
            return border.end()
        if border[0][0] != "\\":
            break
    raise ValueError(f"a string has no end after character {begin}")

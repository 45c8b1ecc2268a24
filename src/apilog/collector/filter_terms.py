"""The terms of a filter: where each begins, what it names, and what of it stood in quotes.

Terms stand apart by spaces. A term is a word, or ``field:value,value``; a minus before it turns it
round. Quotes work as in a shell: what stands between them is meant letter by letter, they may begin
and end within a value (``*"a b"*``), and a backslash takes the next character as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from apilog.exceptions import ApiLogError

MOST_CHARACTERS = 2_000
"""The longest filter. What a person writes has a few dozen characters."""

FIELD = re.compile(r"([A-Za-z_]{1,32}):")
"""What stands before a colon and may be a field: ``10:30`` and ``/items/:id`` name none."""


class FilterError(ApiLogError, ValueError):
    """Report a filter that cannot be read: why, where, and what to write instead.

    *at* counts characters (code points) from 0; *reason* is a sentence that does not name it.
    """

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(f"{reason} (at character {at + 1})")
        self.reason = reason
        self.at = at


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a value: letters that are meant as they are, or (None) a star for anything."""

    text: str | None


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given: *text* without quotes, *pieces* with its stars told apart."""

    at: int
    text: str
    pieces: tuple[Piece, ...]
    quoted: bool

    @property
    def wild(self) -> bool:
        """Return whether a star outside quotes stands for anything."""
        return any(piece.text is None for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Term:
    """A term: *name* is its field in small letters, or "" for a word alone."""

    at: int
    name: str
    values: tuple[Given, ...]
    negated: bool


def terms(text: str) -> Iterator[Term]:
    """Yield the terms of *text*.

    Raises:
        FilterError: it is too long, holds what no text here can hold, or ends within a term.
    """
    _check(text)
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        term, at = _term(text, at)
        yield term


def _check(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise FilterError(
            f"A filter has at most {MOST_CHARACTERS:,} characters, this has {len(text):,}: "
            "leave something out",
            MOST_CHARACTERS,
        )
    for at, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise FilterError(f"U+{ord(character):04X} is in no call: leave it out", at)


def _term(text: str, begin: int) -> tuple[Term, int]:
    at = begin
    negated = text[at] == "-"
    if negated:
        at += 1
        if at == len(text) or text[at].isspace():
            raise FilterError(
                'Nothing follows the minus: write "-" in quotes to look for it', begin
            )
    named = FIELD.match(text, at)
    if named is None:
        value, at = _value(text, at, ends="")
        return Term(begin, "", (value,), negated), at
    values: list[Given] = []
    at = named.end()
    while True:
        value, at = _value(text, at, ends=",")
        if not value.text and not value.quoted:
            raise FilterError(
                f"A value is missing: write it directly after {named[0]!r} or the comma", value.at
            )
        values.append(value)
        if at == len(text) or text[at] != ",":
            return Term(begin, named[1].lower(), tuple(values), negated), at
        at += 1


def _value(text: str, begin: int, *, ends: str) -> tuple[Given, int]:
    """Return the value that begins there, and where it ends: at a space or one of *ends*."""
    pieces: list[Piece] = []
    letters: list[str] = []
    quoted = False
    opened: int | None = None
    at = begin
    while at < len(text):
        character = text[at]
        if character == "\\":
            quoted, at = True, at + 1
            if at == len(text):
                raise FilterError("Nothing follows the backslash: write two for one", at - 1)
            letters.append(text[at])
        elif character == '"':
            quoted = True
            opened = at if opened is None else None
        elif opened is None and (character.isspace() or character in ends):
            break
        elif opened is None and character == "*":
            pieces += [Piece("".join(letters)), Piece(None)]
            letters = []
        else:
            letters.append(character)
        at += 1
    if opened is not None:
        raise FilterError('This quote is still open: end it with "', opened)
    pieces.append(Piece("".join(letters)))
    whole = "".join("*" if piece.text is None else piece.text for piece in pieces)
    return Given(begin, whole, tuple(piece for piece in pieces if piece.text != ""), quoted), at

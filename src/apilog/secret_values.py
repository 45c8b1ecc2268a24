"""Secrets that are known by their shape, wherever they stand and whatever they are called.

A text without any costs a few passes at memory speed over one byte a character: every shape here
leaves a clue, and only around clues does anybody look closely. All of it takes time in proportion
to the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from apilog import announced, card_numbers, vendor_keys
from apilog.outline import has_long_run


class Found(NamedTuple):
    """A secret: where it begins and ends, and the rule that knows it, such as ``value:jwt``."""

    start: int
    end: int
    rule: str


Search: TypeAlias = "Callable[[str, bytes], Iterator[tuple[int, int]]]"
Detector: TypeAlias = "str | Search"
"""What a key looks like, as a regular expression; or a search in a text, which comes twice: as it
is, and with a Latin-1 byte for each of its characters."""

_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_CAPITALS = _LETTERS.upper()
_DIGITS = b"0123456789"
_BREAK = b" "


def _classes(classes: dict[bytes, bytes]) -> bytes:
    """Return the table that turns the bytes of each class into one, and any other into a space."""
    table = bytearray(_BREAK * 256)
    for members, name in classes.items():
        for member in members:
            table[member] = name[0]
    return bytes(table)


_RUN = _classes({_LETTERS + _CAPITALS + _DIGITS + b"_-+~": b"a"})
_WORDS_OF_RUN = _classes({_LETTERS + _CAPITALS + _DIGITS + b"_+~": b"a", b"-": b"-"})
_WORD = _classes({_LETTERS + _CAPITALS + _DIGITS + b"_-+~./:=%$": b"a"})
_HOT = _classes({_CAPITALS + _DIGITS: b"A"})
_COLD = _LETTERS + b"-_. \t?\xa0\xad"
_NUMBER = _classes({_DIGITS: b"0"})
_LOOSE = b" \t-._?\xa0\xad"
_SMALL_AND_LOOSE = bytes(
    48 if code in _DIGITS + _LOOSE else code + 32 if code in _CAPITALS else code
    for code in range(256)
)
_LONG_RUN = b"a" * 16
_VARIED = b"A" * 4
_LONG_NUMBER = b"0" * card_numbers.SHORTEST
_SCHEME = re.compile(rb"b(?:earer|asic)[ \t+%\\]")
_LOOSE_SCHEME = re.compile(rb"b(?:earer|asic)[0+%\\]")
_ARMOR = b"PRIVATE KEY"
_SIGNATURE = re.compile(rb"=(?<=sig=)")
_ESCAPE = re.compile(rb"\\(?=u)")
_BACKSLASHES = re.compile(rb"\\{2,}")
_TAB = re.compile(rb"(?<!\\)\\+t")

_KEY, _NUMBERS, _WORDS = 1, 2, 4
"""Clues to keys of vendors, to card numbers, and to what words announce."""


def suspicious(encoded: bytes) -> bool:
    """Say whether any text in *encoded*, JSON or plain UTF-8, may hold what `find` finds.

    No is certain: `find` would find nothing in any of them.
    """
    if encoded.isascii():
        latin = encoded
    else:
        latin = encoded.decode("utf-8", "replace").encode("latin-1", "replace")
    if _wanted(_clues(latin)):
        return True
    if b"\\" not in latin:
        return False
    if b"\\t" in latin and _wanted(_clues(_TAB.sub(b"\t", latin))):
        return True  # between the groups of a card's number
    if not _ESCAPE.search(latin):
        return False
    if _wanted(_clues(_unescaped(latin))):
        return True
    # JSON in JSON, however deep.
    return b"\\\\" in latin and _wanted(_clues(_unescaped(_BACKSLASHES.sub(rb"\\", latin))))


def find(text: str) -> list[Found]:
    """Return the secrets in *text* in their order; none overlaps another.

    A scheme (``Bearer``) and a name (``AccountKey=``) are no part of the secret they announce.
    """
    latin = text.encode("latin-1", "replace")
    return _found(text, latin, _clues(latin))


def are_in(encoded: bytes, *, has_runs: bool = True) -> bool:
    """Say whether there are secrets in a text of *encoded*, JSON, or a number that may be one.

    *has_runs* is what `outline` says of it.
    """
    if b"\\" in encoded or not encoded.isascii():  # written otherwise than it is
        return suspicious(encoded)
    clues = _clues(encoded, has_runs=has_runs)
    if not _wanted(clues):
        return False
    return b".0" in encoded or bool(_found(encoded.decode(), encoded, clues))


def _found(text: str, latin: bytes, clues: int) -> list[Found]:
    if not clues:
        return []
    found: list[Found] = []
    force = _in_force(tuple(DETECTORS))
    if clues & force.clues & _KEY:
        found += _keys(text, latin, force)
    for rule, search, clue in force.searches:
        if clues & clue:
            found += [Found(start, end, rule) for start, end in search(text, latin)]
    return _disjoint(found)


def _clues(latin: bytes, *, has_runs: bool = True) -> int:
    """Return which clues are in *latin*, a text of one byte for each character."""
    clues = 0
    if has_runs and has_long_run(latin.translate(_WORDS_OF_RUN)):
        clues = _KEY if _VARIED in latin.translate(_HOT, _COLD) else 0
    loose = latin.translate(_SMALL_AND_LOOSE)  # rules out most texts, for two clues at once
    if _LONG_NUMBER in loose and _LONG_NUMBER in latin.translate(_NUMBER, _LOOSE):
        clues |= _NUMBERS
    if (
        (_LOOSE_SCHEME.search(loose) and _SCHEME.search(latin.lower()))
        or (b"=" in latin and _SIGNATURE.search(latin))
        or (b"-" in latin and _ARMOR in latin)
    ):
        clues |= _WORDS
    return clues


def _wanted(clues: int) -> bool:
    """Say whether any detector in force goes by one of these *clues*."""
    return clues != 0 and clues & _in_force(tuple(DETECTORS)).clues != 0


def _unescaped(latin: bytes) -> bytes:
    r"""Return *latin* with its ``\u`` undone as JSON does it, a backslash's own escape heeded."""
    text = latin.replace(b"\\U", b"\\x").decode("raw_unicode_escape", "replace")
    return text.encode("latin-1", "replace")


class _Force(NamedTuple):
    """The detectors in force: what keys look like, at once and one by one, and the searches."""

    clues: int
    key: re.Pattern[str]
    keys: tuple[tuple[str, re.Pattern[str]], ...]
    searches: tuple[tuple[str, Search, int], ...]


@lru_cache(8)
def _in_force(rules: tuple[str, ...]) -> _Force:
    shapes: dict[str, str] = {}
    searches: list[tuple[str, Search, int]] = []
    for rule in rules:
        detector = DETECTORS[rule]
        if isinstance(detector, str):
            shapes[rule] = detector
        else:
            clue = _NUMBERS if detector is card_numbers.find else _WORDS
            searches.append((rule, detector, clue))
    clues = _KEY if shapes else 0
    for _, _, clue in searches:
        clues |= clue
    keys = tuple((rule, vendor_keys.one_of([shape])) for rule, shape in shapes.items())
    return _Force(clues, vendor_keys.one_of(shapes.values()), keys, tuple(searches))


_UUID = 36
_HYPHEN = ord("-")
_NAME = _LETTERS + b"-_"


def _keys(text: str, latin: bytes, force: _Force) -> Iterator[Found]:
    """Find keys in the words around long runs; most of the runs are UUIDs and long names."""
    runs = latin.translate(_RUN)
    words = b""
    past = 0
    begin = runs.find(_LONG_RUN)
    while begin >= 0:
        end = runs.find(_BREAK, begin)
        end = len(runs) if end < 0 else end
        if not _innocent(latin[begin:end]):
            words = words or latin.translate(_WORD)
            word = max(past, words.rfind(_BREAK, past, begin) + 1)
            past = words.find(_BREAK, end)
            past = end = len(words) if past < 0 else past
            for found in force.key.finditer(text, word, end):
                if vendor_keys.varied(found[0]):
                    yield Found(*found.span(found.lastindex or 0), _rule(found, force))
        begin = runs.find(_LONG_RUN, end)


def _innocent(run: bytes) -> bool:
    """Say whether *run* is a UUID, or letters that mean something."""
    if len(run) == _UUID and run[8] == run[13] == run[18] == run[23] == _HYPHEN:
        return True
    return not run.strip(_NAME)


def _rule(found: re.Match[str], force: _Force) -> str:
    spans = (
        (rule, shape.match(found.string, found.start(), found.endpos)) for rule, shape in force.keys
    )
    return next(rule for rule, match in spans if match and match.span() == found.span())


def _disjoint(found: list[Found]) -> list[Found]:
    """Return *found* in order, with what overlaps made one."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda one: one.start):
        if kept and each.start < kept[-1].end:
            kept[-1] = kept[-1]._replace(end=max(each.end, kept[-1].end))
        else:
            kept.append(each)
    return kept


DETECTORS: dict[str, Detector] = {
    **{f"value:{vendor}": shape for vendor, shape in vendor_keys.SHAPES.items()},
    "value:card": card_numbers.find,
    "value:pem": announced.private_keys,
    "value:bearer": announced.bearers,
    "value:basic": announced.basics,
    "value:azure_sas": announced.signatures,
}
"""By rule what knows a secret; taking one out takes out that rule and no other."""

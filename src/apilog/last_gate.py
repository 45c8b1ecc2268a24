"""The last gate: what was masked in an event must not be in it anywhere else.

A password that a form holds under its name may come back in a message of the response; the names
say nothing there, but the value is known by now.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from apilog import codec
from apilog.codec import JSON
from apilog.mask_record import Record

_SHORTEST = 8
_SHORTEST_OF_WORDS = 16
"""Characters that a value has at least to be looked for: ``4711`` and ``accepted`` are everywhere,
one of letters alone needs more than one with digits in it."""

_WORDS = re.compile(r"(?:[^\W\d]|[ ,.'/-])*")
_NUMBERS = re.compile(r"[\d.:/TZ+-]*")
_ONE_BY_ONE = 50
"""Values that are searched for one by one; more are looked up at every place, so that time stays
linear."""


def leaked(encoded: bytes, values: Iterable[str]) -> set[str]:
    """Return those of *values* that stand in *encoded*, an event as JSON."""
    sought = {_written(value): value for value in values if is_telling(value)}
    if len(sought) <= _ONE_BY_ONE:
        return {value for written, value in sought.items() if written in encoded}
    text = encoded.decode("latin-1")
    found = _found(text, _by_beginning(written.decode("latin-1") for written in sought))
    return {sought[text[start:end].encode("latin-1")] for start, end in found}


def is_telling(value: str) -> bool:
    """Say whether *value* is so long and unusual that it stands elsewhere for one reason only."""
    if len(value) < _SHORTEST:
        return False
    if _NUMBERS.fullmatch(value):
        return value.isdecimal() and len(value) > _SHORTEST
    return len(value) >= _SHORTEST_OF_WORDS or not _WORDS.fullmatch(value)


def sweep(document: dict[str, JSON], values: Iterable[str], record: Record) -> None:
    """Mask *values* in every string and name of *document*, in place."""
    sought = set(values)
    longest_first = sorted(sought, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first[:_ONE_BY_ONE])))
    many = _by_beginning(sought) if len(sought) > _ONE_BY_ONE else {}

    def swept(text: str, where: str) -> str:
        if not many:
            return pattern.sub(lambda found: record.replaced(found[0], where, "repeated"), text)
        kept: list[str] = []
        begin = 0
        for start, end in _found(text, many):
            if start >= begin:
                kept += (text[begin:start], record.replaced(text[start:end], where, "repeated"))
                begin = end
        return "".join(kept) + text[begin:]

    pending: list[tuple[Any, str]] = [(document, "")]
    while pending:
        node, where = pending.pop()
        if isinstance(node, dict):
            for name in list(node):
                if (plain := swept(name, where)) != name:
                    node[plain] = node.pop(name)
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            place = f"{where}/{key}"
            if isinstance(value, str):
                node[key] = swept(value, place)
            elif isinstance(value, (dict, list)):
                pending.append((value, place))
            elif str(value) in sought:
                node[key] = record.replaced(value, place, "repeated")


_Beginnings: TypeAlias = "dict[str, tuple[set[str], list[int]]]"


def _by_beginning(values: Iterable[str]) -> _Beginnings:
    """Return *values*, and their lengths, the longest first, by their first characters."""
    known: dict[str, set[str]] = {}
    for value in values:
        known.setdefault(value[:_SHORTEST], set()).add(value)
    return {
        beginning: (each, sorted(set(map(len, each)), reverse=True))
        for beginning, each in known.items()
    }


def _found(text: str, beginnings: _Beginnings) -> Iterator[tuple[int, int]]:
    """Yield where values begin and end in *text*, the longest first where several begin."""
    for start in range(len(text) - _SHORTEST + 1):
        known = beginnings.get(text[start : start + _SHORTEST])
        if known is not None:
            values, lengths = known
            for length in lengths:
                if text[start : start + length] in values:
                    yield start, start + length


def _written(value: str) -> bytes:
    return codec.dumps(value)[1:-1]

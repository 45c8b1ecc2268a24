"""Texts that are hard on a regular expression, made from what the expression itself looks for.

A backtracking engine is slow where a repeat can take the same text in several ways and then fails.
So the texts here lead up to a repeat, give it many times what it takes, and end in what it does
not. They are read off the parse tree of the standard library; where that cannot be read, they are
made from the letters of the pattern.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice, permutations
from typing import Any, NamedTuple, TypeAlias

_USUAL = "a0 _-.!A\n\x00\u00e9"
"""Characters that tell the usual classes apart."""

_CATEGORIES = {
    f"CATEGORY_{'NOT_' * letter.isupper()}{word}": re.compile(rf"\{letter}")
    for word, letters in (("DIGIT", "dD"), ("SPACE", "sS"), ("WORD", "wW"))
    for letter in letters
}

_MOST_ATOMS = 48
_MOST_LETTERS = 7
_MOST_LOOPS = 10
_LONGEST_PUMP = 60
_LONGEST_PREFIX = 300


_Atom: TypeAlias = "tuple[bool, Any, Any]"
"""A part of the parse tree that takes one character, and whether it stands in a repeat."""


class Attack(NamedTuple):
    """A text that can be made as long as needed: *pump* stands in it any number of times."""

    prefix: str
    pump: str
    suffix: str

    def text(self, pumps: int) -> str:
        """Return the text with *pumps* times the pump."""
        return self.prefix + self.pump * pumps + self.suffix


def attacks(pattern: re.Pattern[str]) -> list[Attack]:
    """Return texts that *pattern* may find hard, the most promising ones first."""
    try:
        tree = _Tree(pattern)
        loops = list(islice(tree.loops(), _MOST_LOOPS))
        letters, ends = tree.letters, tree.ends
    except Exception:  # noqa: BLE001 - the parser is private to the standard library: it may change
        loops = []
        letters = "".join(dict.fromkeys(pattern.pattern[:_MOST_LETTERS] + "a0 "))
        ends = "\x00\n!"
    prefixes = dict.fromkeys(["", *(prefix for prefix, _ in loops)])
    pumps = [*letters, *map("".join, permutations(letters, 2))]
    made = [(prefix, pump) for prefix, bodies in loops for pump in bodies]
    made += [("", prefix + pump) for prefix, pump in made if prefix]
    made += [(prefix, pump) for pump in pumps for prefix in prefixes]
    ways = [way for way in dict.fromkeys(made) if way[1]]
    end = ends[:2] if ends[0] == "\n" else ends[0]  # "$" takes one line break for the end
    most = [Attack(*way, suffix) for way in ways for suffix in ("", end)]
    return [*most, *(Attack(*way, ends) for way in ways if ends != end)]


class _Tree:
    """What a pattern's parse tree says of the texts that it takes."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        try:
            parser = importlib.import_module("re._parser")
        except ImportError:  # Python 3.10
            parser = importlib.import_module("sre_parse")
        self._root: Any = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self._flags = pattern.flags
        self._groups: dict[int, Any] = {}
        unique = {
            f"{looped}{op}{to}": (looped, op, to) for looped, op, to in self._atoms(self._root)
        }
        atoms = list(unique.values())[:_MOST_ATOMS]
        kinds: dict[tuple[bool, ...], str] = {}
        for letter in dict.fromkeys([*self._named(atoms), *_USUAL]):
            kinds.setdefault(tuple(self._takes(op, to, letter) for _, op, to in atoms), letter)
        ranked = sorted(kinds, key=lambda kind: (-self._looped(atoms, kind), -sum(kind)))
        self.letters = "".join(kinds[kind] for kind in ranked[:_MOST_LETTERS])
        """One of each kind of character, first those that most repeats take."""
        self.ends = "".join(kinds[kind] for kind in sorted(kinds, key=sum)[:3])
        """Characters that little in the pattern takes."""

    def loops(self) -> Iterator[tuple[str, list[str]]]:
        """Give for each repeat a text that leads up to it, and texts that it takes."""
        yield from self._loops(self._root, "")

    def _loops(self, sequence: Any, prefix: str) -> Iterator[tuple[str, list[str]]]:
        for op, value in sequence:
            for body in _bodies(str(op), value):
                if str(op).endswith("_REPEAT") and value[1] > 1:
                    pumps = (self._example(body, nth)[:_LONGEST_PUMP] for nth in range(5))
                    yield prefix, list(dict.fromkeys(pumps))
                yield from self._loops(body, prefix)
            prefix = (prefix + self._options(op, value, 0))[:_LONGEST_PREFIX]

    def _example(self, sequence: Any, nth: int) -> str:
        text = ""
        for op, value in sequence:
            if len(text) > _LONGEST_PREFIX:
                break
            text += self._options(op, value, nth)
        return text

    def _options(self, op: Any, value: Any, nth: int) -> str:
        """Return the *nth* of the texts that one part of the pattern takes, round and round."""
        name = str(op)
        if name.endswith("_REPEAT"):
            least, most, body = value
            times = min(most, max(least, 1 - nth % 2))
            body_text = self._example(body, nth)
            return (body_text * min(int(times), _LONGEST_PREFIX))[:_LONGEST_PREFIX]
        if name == "BRANCH":
            return self._example(value[1][nth % len(value[1])], nth)
        if name == "ASSERT":
            return self._example(value[1], nth) if value[0] < 0 else ""
        if name == "GROUPREF":
            return self._example(self._groups.get(value, ()), nth)
        if name == "SUBPATTERN" and value[0] is not None:
            self._groups[value[0]] = value[-1]
        if name in ("SUBPATTERN", "ATOMIC_GROUP", "GROUPREF_EXISTS"):
            return self._example(next(iter(_bodies(name, value))), nth)
        taken = [letter for letter in self.letters if self._takes(op, value, letter)]
        return taken[nth % len(taken)] if taken else chr(value) if name == "LITERAL" else ""

    @staticmethod
    def _looped(atoms: list[_Atom], kind: tuple[bool, ...]) -> int:
        return sum(takes for takes, (looped, _, _) in zip(kind, atoms, strict=True) if looped)

    def _atoms(self, sequence: Any, *, looped: bool = False) -> Iterator[_Atom]:
        for op, value in sequence:
            if str(op) in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
                yield looped, op, value
            repeats = str(op).endswith("_REPEAT") and value[1] > 1
            for body in _bodies(str(op), value):
                yield from self._atoms(body, looped=looped or repeats)

    def _named(self, atoms: Iterable[_Atom]) -> Iterator[str]:
        """Give the characters that *atoms* name, those in repeats first."""
        for _, op, value in sorted(atoms, key=lambda atom: not atom[0]):
            for kind, to in value if str(op) == "IN" else [(op, value)]:
                if str(kind) in ("LITERAL", "NOT_LITERAL"):
                    yield chr(to)
                elif str(kind) == "RANGE":
                    yield from map(chr, to)

    def _takes(self, op: Any, value: Any, letter: str) -> bool:
        name = str(op)
        if name == "IN":
            negated = bool(value) and str(value[0][0]) == "NEGATE"
            return negated != any(self._takes(kind, to, letter) for kind, to in value[negated:])
        if name == "ANY":
            return letter != "\n" or bool(self._flags & re.DOTALL)
        if name == "CATEGORY":
            return _CATEGORIES[str(value)].match(letter) is not None
        codes = {ord(letter), ord(letter.swapcase()[0])}
        if not self._flags & re.IGNORECASE:
            codes = {ord(letter)}
        if name == "RANGE":
            return any(value[0] <= code <= value[1] for code in codes)
        return (value in codes) != (name == "NOT_LITERAL")


def _bodies(name: str, value: Any) -> list[Any]:
    """Return the sequences inside of one part of a parse tree."""
    if name == "BRANCH":
        return list(value[1])
    if name == "GROUPREF_EXISTS":
        return [part for part in value[1:] if part is not None]
    if name == "ATOMIC_GROUP":
        return [value]
    if name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT") or name.endswith("_REPEAT"):
        return [value[-1]]
    return []

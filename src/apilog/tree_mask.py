"""Masking of JSON: names at any depth with values of any type, and what strings hold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, islice
from typing import Any, TypeAlias

from apilog import codec, random_tokens, secret_values
from apilog.codec import JSON, MAX_DEPTH
from apilog.key_rule import NAME, PAIR, RANDOM, KeyRule, Shapes
from apilog.mask_record import BodyNotMaskedError, Place, Record, pointer
from apilog.text_mask import may_announce, may_be_encoded, may_hold_encoded, may_hold_pair

Tree: TypeAlias = "dict[str, JSON] | list[JSON]"
Text: TypeAlias = "Callable[[str, str, Record, int], str]"

MAX_VALUES = 100_000
"""Values of a body at most, roughly: nobody reads more, and each costs a look."""

_CONTAINERS = frozenset({dict, list})
_FOREIGN = (b"\\", b"'", b"`")
"""Marks for which JSON itself has no use, or not where nothing needs to be escaped."""


class TreeMask:
    """Mask what stands under sensitive names, and by *text* what the strings hold.

    *rule_of* tells by which rule a number is a secret whatever its name; *is_secret* says whether
    a name holds one.

    Most bodies hold no secret: a first look, level by level and mostly in C, finds that out; only
    where it finds something, every value is visited, with its place.
    """

    def __init__(
        self,
        fields: KeyRule,
        text: Text,
        rule_of: Callable[[str], str | None],
        is_secret: Callable[[str], bool],
        *,
        every_text: bool,
    ) -> None:
        self._shapes = Shapes(fields, is_secret)
        self._fields = fields
        self._text = text
        self._rule_of = rule_of
        self._every_text = every_text

    def mask(self, root: Tree, where: str, record: Record, layer: int = 0) -> bool:
        """Mask *root* in place; say if anything was.

        Raises:
            BodyNotMaskedError: it is nested too deeply, or has more than `MAX_VALUES` values.
        """
        encoded = codec.dumps(root)
        if len(encoded) > MAX_VALUES and encoded.count(b",") > MAX_VALUES:
            raise BodyNotMaskedError("too_large")
        names, called = self._names(root, encoded.count(b"{"), encoded.count(b"["))
        suspect = self._every_text or _is_suspect(encoded)
        if called or suspect or self._may_hold_pairs(encoded, names):
            return self._visit(root, where, record, layer, suspect=suspect)
        return False

    def number(self, number: float, where: str, record: Record) -> JSON:
        """Return *number*, or what stands in its place if it is a secret."""
        rule = self._rule_of(_digits(number))
        return number if rule is None else record.replaced(number, where, rule)

    def _names(self, root: Tree, objects: int, lists: int) -> tuple[int, bool]:
        """Return how many names there are in *root*, and whether one calls for a visit.

        There are at most so many *objects* and *lists*: with the last of them the search ends.
        """
        count = 0
        called = False
        level: list[Any] = [root]
        for _ in range(MAX_DEPTH):
            nodes = [node for node in level if type(node) is dict]
            arrays = [] if len(nodes) == len(level) else [n for n in level if type(n) is list]
            shapes = set(map(tuple, nodes))
            for shape in filter(None, map(self._shapes.__getitem__, shapes)):
                called = called or self._calls(shape, nodes)
            count += sum(map(len, nodes))
            objects -= len(nodes)
            lists -= len(arrays)
            if objects <= 0 and lists <= 0:
                return count, called
            if len(shapes) == 1 and not arrays:  # rows, most often with the same names all below
                level = _below_first(nodes)
                if len(level) == objects + lists:
                    continue
            values = chain(*map(dict.values, nodes), *arrays)
            level = [value for value in values if type(value) in _CONTAINERS]
            if not level:
                return count, called
        raise BodyNotMaskedError("too_deep")

    def _calls(self, shape: tuple[tuple[str, str], ...], nodes: list[dict[str, JSON]]) -> bool:
        """Say whether the names of *shape* call for a visit, or their neighbours do."""
        return any(
            reason == NAME or any(self._rule_by(node, name, reason) is not None for node in nodes)
            for name, reason in shape
        )

    def _may_hold_pairs(self, encoded: bytes, names: int) -> bool:
        """Say whether a string in *encoded*, with so many *names*, can hold another one."""
        if not encoded.isascii():
            return True
        if b"-" in encoded and (b" -" in encoded or b'"-' in encoded or b"--" in encoded):
            return True
        if b"=" in encoded or b"%" in encoded or b"<" in encoded:
            return True
        if any(mark in encoded for mark in _FOREIGN):
            return True
        if encoded.count(b":") > names and may_announce(encoded, self._fields):
            return True
        return may_hold_encoded(encoded)

    def _visit(self, root: Tree, where: str, record: Record, layer: int, *, suspect: bool) -> bool:
        """Mask *root*, value by value; where it is *suspect*, look at every one."""
        hit = False
        trial = Record()  # most texts are innocent, and need no place to be told
        pending: list[tuple[Any, Place]] = [(root, (None, where))]
        while pending:
            node, place = pending.pop()
            if type(node) is dict:
                hit = self._mask_names(node, place, record) or hit
            for key, value in list(node.items()) if type(node) is dict else enumerate(node):
                kind = type(value)
                if kind in _CONTAINERS:
                    pending.append((value, (place, key)))
                elif kind is str:
                    is_worth_it = suspect or may_hold_pair(value) or may_be_encoded(value)
                    if is_worth_it and self._text(value, "", trial, layer) != value:
                        node[key] = self._text(value, pointer((place, key)), record, layer)
                        hit = True
                elif suspect and kind is not bool and value is not None:
                    node[key] = self.number(value, pointer((place, key)), record)
                    hit = hit or node[key] is not value
        return hit

    def _mask_names(self, node: dict[str, JSON], place: Place, record: Record) -> bool:
        if any(reason == NAME for _, reason in self._shapes[tuple(node)]):
            self._rename(node, pointer(place), record)  # first: places are told by names
        hit = False
        for name, reason in self._shapes[tuple(node)]:
            rule = self._rule_by(node, name, reason)
            if rule is None:
                continue
            value = node[name]
            node[name] = record.replaced(value, pointer((place, name)), f"field:{rule}")
            hit = hit or node[name] != value
        return hit

    def _rule_by(self, node: dict[str, JSON], name: str, reason: str) -> str | None:
        """Return the rule for what *name* holds: the *reason*, or that of its neighbour's text."""
        if reason == RANDOM:
            return "token" if name in node and _is_random(node[name]) else None
        if reason.startswith(PAIR):
            label = node.get(reason.removeprefix(PAIR))
            label = label[-1] if isinstance(label, list) and label else label
            if not isinstance(label, str) or name not in node:
                return None
            if '"' in label and label.lstrip()[:1] in ("{", "["):
                return None  # JSON, whose names are not this one's
            return self._fields[_last_name(label)]
        return None if reason == NAME or name not in node else reason

    def _rename(self, node: dict[str, JSON], where: str, record: Record) -> None:
        """Mask what is a secret in names, and leave them in their order."""
        items = list(node.items())
        node.clear()
        for name, value in items:
            node[self._text(name, where, record, 0)] = value


def _below_first(nodes: list[dict[str, JSON]]) -> list[Any]:
    """Return the objects and lists in *nodes* under the names under which the first has some."""
    names = [name for name, value in nodes[0].items() if type(value) in _CONTAINERS]
    values = [node[name] for node in nodes for name in names]
    return [value for value in values if type(value) in _CONTAINERS]


def _is_random(value: JSON, depth: int = 5) -> bool:
    """Say whether *value* is, or holds not far down, what looks like a token; no count or word."""
    if isinstance(value, str):
        return random_tokens.token_like(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not depth:
        return False
    each = (one for one in islice(inner, 20) if not isinstance(one, list))
    return any(_is_random(one, depth - 1) for one in each)


def _last_name(label: str) -> str:
    """Return the last name of a path or a pointer: that of what it leads to."""
    return label.rstrip("/").rpartition("/")[2]


def _digits(number: float) -> str:
    return str(int(number)) if number == number // 1 else str(number)


def _is_suspect(encoded: bytes) -> bool:
    """Say whether a text in *encoded*, JSON, can be a secret by its shape."""
    if not secret_values.suspicious(encoded):
        return False
    is_written_otherwise = b"\\" in encoded or b".0" in encoded  # than the text, or the number
    return is_written_otherwise or bool(secret_values.find(encoded.decode()))

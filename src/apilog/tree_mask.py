"""Masking of JSON: names at any depth with values of any type, and what strings hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeAlias

from apilog import codec, random_tokens, secret_values
from apilog.codec import JSON
from apilog.key_rule import NAME, PAIR, RANDOM, KeyRule, Shapes
from apilog.mask_record import BodyNotMaskedError, Place, Record, pointer
from apilog.outline import outline
from apilog.text_mask import may_announce, may_be_encoded, may_hold_encoded, may_hold_pair
from apilog.tree_levels import CONTAINERS, levels

Tree: TypeAlias = "dict[str, JSON] | list[JSON]"
Text: TypeAlias = "Callable[[str, str, Record, int], str]"

MAX_VALUES = 100_000
"""Values of a body at most, roughly: nobody reads more, and each costs a look."""

_OPTION = re.compile(rb"-(?:-|(?<=[ \"]-))")
"""What ``--password`` and ``-p`` begin with."""


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
        return self.clean(root, where, record, layer) is None

    def clean(self, root: Tree, where: str, record: Record, layer: int = 0) -> bytes | None:
        """Mask *root* in place; where nothing was to be masked, return it as JSON.

        Raises:
            BodyNotMaskedError: as `mask` does.
        """
        encoded = codec.dumps(root)
        if len(encoded) > MAX_VALUES and encoded.count(b",") > MAX_VALUES:
            raise BodyNotMaskedError("too_large")
        seen = outline(encoded)
        others, called = self._names(root, encoded, seen.marks)
        suspect = self._every_text or secret_values.are_in(encoded, has_runs=seen.has_runs)
        if (
            called
            or suspect
            or seen.has_signs
            or (seen.has_runs and may_hold_encoded(encoded))
            or (b"-" in encoded and _OPTION.search(encoded))
            or (others and may_announce(encoded, self._fields))
        ):
            hit = self._visit(root, where, record, layer, suspect=suspect)
            return None if hit else encoded
        return encoded

    def number(self, number: float, where: str, record: Record) -> JSON:
        """Return *number*, or what stands in its place if it is a secret."""
        rule = self._rule_of(_digits(number))
        return number if rule is None else record.replaced(number, where, rule)

    def _names(self, root: Tree, encoded: bytes, marks: int) -> tuple[int, bool]:
        """Return how many of the *marks* are none of JSON's own, and whether a name calls.

        The marks are the colons and the opening brackets in *encoded*, *root* as JSON.
        """
        names, containers, called = self._walk(root, marks, as_rows=True)
        if names + containers < marks and containers < encoded.count(b"{") + encoded.count(b"["):
            names, containers, called = self._walk(root, marks, as_rows=False)
        return marks - names - containers, called

    def _walk(self, root: Tree, marks: int, *, as_rows: bool) -> tuple[int, int, bool]:
        """Return how many names and how many objects and lists were met, and if a name calls.

        With the last of the *marks* the search ends.
        """
        names = containers = 0
        called = False
        for level in levels(root, as_rows=as_rows):
            for shape in filter(None, map(self._shapes.__getitem__, level.shapes())):
                called = called or self._calls(shape, level.objects)
            names += level.names
            containers += len(level.objects) + len(level.lists)
            if names + containers == marks:
                break
        return names, containers, called

    def _calls(self, shape: tuple[tuple[str, str], ...], nodes: list[dict[str, JSON]]) -> bool:
        """Say whether the names of *shape* call for a visit, or their neighbours do."""
        return any(
            reason == NAME or any(self._rule_by(node, name, reason) is not None for node in nodes)
            for name, reason in shape
        )

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
                if kind in CONTAINERS:
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
        hit = any(reason == NAME for _, reason in self._shapes[tuple(node)])
        if hit:
            self._rename(node, pointer(place), record)  # first: places are told by names
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

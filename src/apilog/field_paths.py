"""Places in bodies that the user named: dotted paths, JSON pointers, and the list of what is kept.

All paths of a list walk a body at once, as one row of bits with a bit for every part of every path
(Shift-And; Baeza-Yates and Gonnet, 1992): a body costs one look-up for each of its names, however
many paths there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from apilog.codec import JSON, MAX_DEPTH
from apilog.key_rule import compact

ANY = "*"
"""Stands for any one name or index in a path."""

_REMEMBERED = 10_000
_LONGEST_REMEMBERED = 200
"""Names whose meaning is kept, and the characters in one at most."""

_LONGEST_PLACE = 200
"""Characters of a place, about: every value in a deep tree with long names is told its place."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_BAD_ESCAPE = re.compile(r"~(?![01])")
_JOINTS = re.compile(r"[.\[\]]+")
"""What divides a name that is a way itself: ``user.card`` in a flat body, ``user[card]`` in a form.
"""

_Tree: TypeAlias = "dict[str, JSON] | list[JSON]"
_Parts: TypeAlias = "tuple[str, ...]"


def is_path(text: str) -> bool:
    """Say whether *text* is a path (``a.b``, ``*.b``, ``/a/b``) and not a plain name."""
    return text.startswith("/") or "." in text


class FieldPaths:
    """Places in JSON bodies that the user named; false where there are none.

    A dotted path (``user.address.zip``) takes names in any spelling, begins at any depth and looks
    through lists. A JSON pointer (RFC 6901, ``/user/0/zip``) begins at the root and takes names and
    indexes as they are written. ``*`` stands for any one name or index in both.

    Raises:
        ValueError: one of *paths* cannot be a path.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._ways = _Ways(_parsed(path) for path in paths)

    def __bool__(self) -> bool:
        return bool(self._ways)

    def visit(self, root: _Tree, where: str, hit: Callable[[_Tree, str | int, str], None]) -> None:
        """Call *hit* with container, key and place, once for every place that a path meets.

        What stands further down comes later, and not at all if *hit* replaced what it stands in.

        Raises:
            ValueError: *root* is nested more than 100 deep.
        """
        ways = self._ways
        level: list[tuple[_Tree, int, str]] = [(root, ways.at_root, where)]
        for _ in range(MAX_DEPTH):
            below: list[tuple[_Tree, int, str]] = []
            for node, ready, place in level:
                for key in _keys(node):
                    reached, after = ways.step(ready, key)
                    value: Any = node[key]
                    if reached:
                        hit(node, key, _under(place, key))
                        value = node[key]
                    if after and value and type(value) in (dict, list):
                        below.append((value, after, _under(place, key)))
            if not below:
                return
            level = below
        raise ValueError("nested too deeply")

    def covers(self, name: str) -> bool:
        """Say whether the *name* of a form's field (``user[card]``) is a way to such a place."""
        return self._ways.step(self._ways.anywhere, name)[0]


class KeptFields:
    """The fields that stay where everything else goes: plain names, dotted paths, JSON pointers.

    A name or path keeps whatever stands under it.

    Raises:
        ValueError: one of *names* can be neither a name nor a path.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._ways = _Ways(map(_kept, names))

    def __bool__(self) -> bool:
        return bool(self._ways)

    def keeps(self, name: str) -> bool:
        """Say whether what the *name* of a query, form, header or cookie stands for is kept.

        A pointer keeps a place in a JSON body and nothing else.
        """
        return self._ways.step(self._ways.anywhere, name)[0]

    def mask_others(self, root: JSON, where: str, replace: Callable[[JSON, str], JSON]) -> JSON:
        """Return *root* with ``replace(value, place)`` for every leaf that is not kept.

        Leaves are strings, numbers, booleans, null and empty containers. Containers are changed in
        place.

        Raises:
            ValueError: *root* is nested more than 100 deep.
        """
        if not root or not isinstance(root, (dict, list)):
            return replace(root, where)
        ways = self._ways
        pending: list[tuple[_Tree, int, str, int]] = [(root, ways.at_root, where, MAX_DEPTH)]
        while pending:
            node, ready, place, depth = pending.pop()
            if depth == 0:
                raise ValueError("nested too deeply")
            for key in _keys(node):
                kept, after = ways.step(ready, key)
                if kept:
                    continue
                value: Any = node[key]
                if value and type(value) in (dict, list):
                    pending.append((value, after, _under(place, key), depth - 1))
                else:
                    node[key] = replace(value, _under(place, key))
        return root


class _Ways:
    """Many paths as one row of bits: a set bit says that the part it stands for may come next."""

    def __init__(self, paths: Iterable[tuple[bool, _Parts]]) -> None:
        self.anywhere = self.at_root = 0
        self._last = self._loose = self._any = 0
        self._exact: dict[str, int] = {}
        self._spelled: dict[str, int] = {}
        self._numbers: dict[int, int] = {}
        self._met: dict[str, int] = {}
        bit = 1
        for anchored, parts in paths:
            self.at_root |= bit
            self.anywhere |= 0 if anchored else bit
            table = self._exact if anchored else self._spelled
            for part in parts:
                if part == ANY:
                    self._any |= bit
                else:
                    table[part] = table.get(part, 0) | bit
                    if _INDEX.fullmatch(part):
                        self._numbers[int(part)] = self._numbers.get(int(part), 0) | bit
                self._loose |= 0 if anchored else bit
                bit <<= 1
            self._last |= bit >> 1

    def __bool__(self) -> bool:
        return bool(self._last)

    def step(self, ready: int, key: str | int) -> tuple[bool, int]:
        """Go on from *ready* to what stands under *key*: is it a path's end, and what is next."""
        if isinstance(key, int):  # dotted paths look through lists
            taken = ready & (self._any | self._numbers.get(key, 0))
            return bool(taken & self._last), self._next(taken) | ready & self._loose
        taken = ready & self._meets(key)
        ends, after = taken & self._last, self._next(taken)
        if self._loose and _JOINTS.search(key) and (parts := _parts_of(key)):
            along = ready & self._loose
            for part in parts:
                taken = along & self._meets(part)
                ends |= taken & self._last
                along = self._next(taken)
            after |= along
        return bool(ends), after

    def _next(self, taken: int) -> int:
        return (taken & ~self._last) << 1 | self.anywhere

    def _meets(self, name: str) -> int:
        met = self._met.get(name)
        if met is None:
            met = self._any | self._exact.get(name, 0) | self._spelled.get(compact(name), 0)
            if len(self._met) < _REMEMBERED and len(name) <= _LONGEST_REMEMBERED:
                self._met[name] = met
        return met


def _parsed(path: str) -> tuple[bool, _Parts]:
    """Return whether *path* begins at the root, and its parts as they are compared."""
    if not isinstance(path, str) or not is_path(path):
        raise ValueError(f"{path!r} is no path; write one as 'user.card', '*.card' or '/user/card'")
    if path.startswith("/"):
        if _BAD_ESCAPE.search(path):
            raise ValueError(f"{path!r}: '~' is written '~0' in a JSON pointer, '/' in a name '~1'")
        raw = path[1:].split("/")
        if "-" in raw:
            raise ValueError(f"{path!r}: '-' names no value that is there; '*' names each of them")
        parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in raw)
    else:
        if "[" in path:
            raise ValueError(f"{path!r}: write 'items.*.card' or 'items.card', without brackets")
        parts = tuple(_spelled(part) for part in path.split("."))
        if not all(parts):
            raise ValueError(f"{path!r} has a part with no letter or digit in it, and no '*'")
        if set(parts) == {ANY}:
            raise ValueError(f"{path!r} names nothing: it would meet whatever there is")
    if len(parts) > MAX_DEPTH:
        raise ValueError(f"{path[:40]!r}... goes down more than {MAX_DEPTH} names")
    return path.startswith("/"), parts


def _kept(name: str) -> tuple[bool, _Parts]:
    """Return what *name*, a plain name or a path, keeps."""
    if isinstance(name, str) and is_path(name):
        return _parsed(name)
    if not isinstance(name, str) or not (plain := compact(name)):
        raise ValueError(f"{name!r} is no name: it has no letter or digit")
    return False, (plain,)


def _spelled(part: str) -> str:
    return ANY if part.strip() == ANY else compact(part)


def _parts_of(name: str) -> list[str]:
    return [part for part in _JOINTS.split(name) if part]


def _keys(node: _Tree) -> Iterable[Any]:
    return tuple(node) if isinstance(node, dict) else range(len(node))


def _under(place: str, key: str | int) -> str:
    if len(place) > _LONGEST_PLACE:
        return place
    return f"{place}/{str(key)[:_LONGEST_PLACE].replace('~', '~0').replace('/', '~1')}"

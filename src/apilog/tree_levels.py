"""A JSON tree level by level: all the objects and lists that stand equally deep, mostly in C."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any

from apilog.codec import JSON, MAX_DEPTH
from apilog.mask_record import BodyNotMaskedError

CONTAINERS = frozenset({dict, list})
_OBJECT = frozenset({dict})
_LIST = frozenset({list})


class Level:
    """The objects and the lists of one level; to begin with, those among the values of *columns*.

    ``names`` counts the names in all objects together. Where all objects have the same ones, as
    rows do, the level ``is_regular``.
    """

    __slots__ = ("is_regular", "lists", "names", "objects")

    def __init__(self, *columns: list[Any]) -> None:
        self.objects: list[dict[str, JSON]] = []
        self.lists: list[Any] = []
        for values in columns:
            kinds = set(map(type, values))
            if kinds == _OBJECT:
                self.objects.extend(values)
            elif kinds == _LIST:
                self.lists.extend(values)
            elif kinds & CONTAINERS:
                self.objects.extend(value for value in values if type(value) is dict)
                self.lists.extend(value for value in values if type(value) is list)
        self.names = 0
        self.is_regular = False
        if self.objects:
            self.names = sum(map(len, self.objects))
            self.is_regular = len(set().union(*self.objects)) * len(self.objects) == self.names

    def shapes(self) -> Collection[tuple[str, ...]]:
        """Return the names of every object, once for each combination that occurs."""
        return (tuple(self.objects[0]),) if self.is_regular else set(map(tuple, self.objects))

    def below(self, *, as_rows: bool) -> Level:
        """Return the level under this one; for *as_rows* see `levels`."""
        if not as_rows or self.lists or not self.is_regular:
            return Level(list(chain(*map(dict.values, self.objects), *self.lists)))
        first = self.objects[0].items()
        inner = [name for name, value in first if type(value) in CONTAINERS]
        return Level(*(list(map(itemgetter(name), self.objects)) for name in inner))


def levels(root: JSON, *, as_rows: bool) -> Iterator[Level]:
    """Yield the levels of *root*, an object or a list, from the top.

    *as_rows* takes for granted, where the objects of a level all have the same names, that under
    each of them stand only values of the kind that the first object has there; values of other
    kinds are not gone into.

    Raises:
        BodyNotMaskedError: there are more than `MAX_DEPTH` levels.
    """
    level = Level([root])
    for _ in range(MAX_DEPTH):
        yield level
        level = level.below(as_rows=as_rows)
        if not level.objects and not level.lists:
            return
    raise BodyNotMaskedError("too_deep")

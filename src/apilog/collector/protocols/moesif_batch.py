"""A batch as Moesif's API takes it: an array that is parsed at once, or, if large, item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from apilog.collector.call import Call, Profile
from apilog.collector.protocols.desk import LARGEST_SHOWN, showing
from apilog.collector.protocols.inflating import TooLong, inflated, pieces
from apilog.collector.protocols.json_array import elements
from apilog.collector.protocols.json_text import (
    FREE_BYTES,
    MAX_DOCUMENT_BYTES,
    MAX_VALUES,
    loaded,
    parsed,
    too_many,
    values_at_most,
)
from apilog.collector.protocols.refusing import Refused

MAX_ITEMS: Final = 10_000
"""Most items in one batch: others wait for what one request brings."""

PORTION: Final = 500
PORTION_BYTES: Final = 4 * 1024 * 1024
"""Items, and bytes of them, that are handed over at once of a large batch."""


class Make(Protocol):
    """Makes a call or a profile of a parsed item; raises Refused, naming the item's *index*."""

    def __call__(self, item: Any, index: int | None = None, /) -> Call | Profile:
        """Return what *item* says."""


class Batch:
    """What came as *body*, encoded as *coding* says."""

    def __init__(self, body: bytearray, coding: str, *, make: Make) -> None:
        self._body = body
        self._coding = coding
        self._make = make

    def items(self, store: Callable[[list[Call | Profile]], None]) -> list[Call | Profile]:
        """Return all items, all of them valid; of a large batch none, *store* has had them then.

        One invalid item refuses the batch: a sender that is told 201 would never learn of it.

        Raises:
            Refused: it is no valid batch; nothing of it was stored.
        """
        try:
            text = inflated(self._body, self._coding, most=MAX_DOCUMENT_BYTES)
        except TooLong:
            text = None
        if text is not None and (len(text) <= FREE_BYTES or values_at_most(text) <= MAX_VALUES):
            return showing(text, self._of)
        del text
        self._store_large(store)
        return []

    def _of(self, text: bytes | bytearray) -> list[Call | Profile]:
        batch = loaded(text)
        if not isinstance(batch, list):
            raise Refused(400, "a batch must be an array")
        if len(batch) > MAX_ITEMS:
            raise too_many(MAX_ITEMS)
        return [self._make(item, index) for index, item in enumerate(batch)]

    def _store_large(self, store: Callable[[list[Call | Profile]], None]) -> None:
        """Inflate twice, so that nothing is stored unless all of it is valid."""
        for _ in self._each():
            pass
        portion: list[Call | Profile] = []
        room = PORTION_BYTES
        for item, size in self._each():
            portion.append(item)
            room -= size
            if len(portion) == PORTION or room < 0:
                store(portion)
                portion, room = [], PORTION_BYTES
        if portion:
            store(portion)

    def _each(self) -> Iterator[tuple[Call | Profile, int]]:
        """Give the items, and how long each is."""
        try:
            found = elements(pieces(self._body, self._coding), most=MAX_ITEMS)
            for index, element in enumerate(found):
                yield self._make(parsed(element), index), len(element)
        except Refused as refused:
            if not refused.content:
                first = next(pieces(self._body, self._coding), b"")
                refused.content = first[:LARGEST_SHOWN]
            raise

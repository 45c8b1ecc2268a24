"""Marks: the commas and brackets of JSON, found without parsing it, in pieces as they come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_MARK: Final = re.compile(rb'["\[\]{},]')
_QUOTE, _BACKSLASH = b'"\\'


class Marks:
    """Give the places in `text` of the commas and brackets that stand in no string.

    Iterate, add to `text`, and iterate again: it goes on where it was. One expression for a whole
    string would be shorter, but the memory it takes grows with every escape in the string.
    """

    def __init__(self) -> None:
        self.text = bytearray()
        self._next = 0
        self._is_in_string = False

    def __iter__(self) -> Iterator[int]:
        """Give places as far as `text` goes now."""
        while not self._is_in_string or self._leave_string():
            mark = _MARK.search(self.text, self._next)
            if mark is None:
                self._next = len(self.text)
                return
            self._next = mark.end()
            if self.text[mark.start()] == _QUOTE:
                self._is_in_string = True
            else:
                yield mark.start()

    def forget(self, size: int) -> None:
        """Remove the first *size* bytes, which were looked at, and are in no string."""
        del self.text[:size]
        self._next -= size

    def _leave_string(self) -> bool:
        """Go behind the end of the string, if that is here already."""
        while True:
            end = self.text.find(b'"', self._next)
            if end < 0:
                self._next = len(self.text)
                return False
            self._next = end + 1
            before = end - 1
            while self.text[before] == _BACKSLASH:
                before -= 1
            if (end - before) % 2:
                self._is_in_string = False
                return True

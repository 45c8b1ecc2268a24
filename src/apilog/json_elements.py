"""The elements of a JSON array in a file, one at a time, however large the file is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

LARGEST = 64 * 1024 * 1024
"""Bytes of one element at most: a larger one is passed over."""

_CHUNK = 1024 * 1024
_TOKEN = re.compile(rb'["{}\[\]]')
_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_LONGEST_KEY = 64


class Element(NamedTuple):
    """One element, and where in its file it ends; too large, or cut off, it has no content."""

    end: int
    content: bytes | None


class Elements:
    """Read objects and lists in the array at *path*, names of objects from the root on.

    No path at all stands for values one behind the other. To go on behind an element, give its
    ``end`` as *offset*; the file has to be there already.
    """

    def __init__(
        self, file: BinaryIO, path: Sequence[bytes] | None, offset: int = 0, largest: int = LARGEST
    ) -> None:
        self._file = file
        self._path = None if path is None else list(path)
        self._target = 0 if path is None else len(path) + 1
        self._largest = largest
        self._is_inside = path is None or offset > 0
        self._depth = self._target if offset else 0
        self._at = offset  # where the chunk begins
        self._keys: list[bytes] = [b""] * (self._target + 1)
        self._is_in_string = False
        self._is_in_element = False
        self._pieces: list[bytes] = []
        self._size = 0

    def __iter__(self) -> Iterator[Element]:
        rest = b""
        while chunk := self._file.read(_CHUNK):
            chunk = rest + chunk
            used, found = self._scanned(chunk)
            yield from found
            self._at += used
            rest = chunk[used:]
        if self._is_in_element or (self._target and self._is_inside):
            yield Element(self._at + len(rest), None)

    def _scanned(self, chunk: bytes) -> tuple[int, list[Element]]:
        """Return how much of *chunk* was understood, and the elements that end in it."""
        found: list[Element] = []
        start = position = 0  # of the element, and of what is looked at
        while position < len(chunk):
            if self._is_in_string:
                end = self._string_end(chunk, position)
                if end == len(chunk) - 1 and chunk[end:] == b"\\":  # of what, the next chunk tells
                    position = end
                    break
                position = min(end + 1, len(chunk))
                self._is_in_string = end == len(chunk)
                continue
            token = _TOKEN.search(chunk, position)
            if token is None:
                position = len(chunk)
                break
            position = token.end()
            mark = token[0]
            if mark == b'"':
                self._is_in_string = True
                if self._depth <= self._target:
                    self._keys[self._depth] = b""
            elif mark in b"{[":
                if self._opens(mark):
                    start = token.start()
            elif self._closes():
                found.append(Element(self._at + position, self._whole(chunk[start:position])))
                start = position
        if self._is_in_element:
            self._keep(chunk[start:position])
        return position, found

    def _string_end(self, chunk: bytes, position: int) -> int:
        match = _STRING.match(chunk, position)
        end = position if match is None else match.end()
        if not self._is_in_element and self._depth <= self._target:
            key = self._keys[self._depth] + chunk[position : min(end, position + _LONGEST_KEY)]
            self._keys[self._depth] = key[:_LONGEST_KEY]
        return end

    def _opens(self, mark: bytes) -> bool:
        """Go one level down; say whether an element begins."""
        begins = self._is_inside and not self._is_in_element and self._depth == self._target
        if begins:
            self._is_in_element = True
        elif not self._is_inside and mark == b"[" and self._depth == self._target - 1:
            self._is_inside = self._keys[1 : self._target] == self._path
        self._depth += 1
        return begins

    def _closes(self) -> bool:
        """Go one level up; say whether an element ends."""
        self._depth = max(0, self._depth - 1)
        if self._is_in_element:
            self._is_in_element = self._depth > self._target
            return not self._is_in_element
        if self._target and self._depth < self._target:
            self._is_inside = False
        return False

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._largest:
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def _whole(self, piece: bytes) -> bytes | None:
        self._keep(piece)
        whole = b"".join(self._pieces) if self._size <= self._largest else None
        self._pieces.clear()
        self._size = 0
        return whole

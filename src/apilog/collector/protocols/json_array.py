"""A JSON array, taken apart element by element: never more than one of them is held or parsed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from apilog.collector.protocols.json_marks import Marks
from apilog.collector.protocols.json_text import MAX_DEPTH, MAX_DOCUMENT_BYTES, too_deep, too_many
from apilog.collector.protocols.refusing import Refused

MAX_MARKS: Final = 4_000_000
"""Commas and brackets of an array: to look at each takes about a microsecond."""

_BLANK: Final = re.compile(rb"[ \t\r\n]*")
_START, _END = b"[]"


def elements(pieces: Iterable[bytes], *, most: int) -> Iterator[bytes]:
    """Give the texts of the elements of the array in *pieces*, one by one, unparsed.

    Only quotes, commas and brackets are looked at: what stands between them may still be no JSON.

    Raises:
        Refused: 400, it is no array, or nested too deep; 413, an element is too large, or there are
            more than *most* of them, or more than `MAX_MARKS` values.
    """
    marks = Marks()
    text = marks.text
    depth = begin = count = seen = 0
    has_ended = False
    for piece in pieces:
        text += piece
        if depth == 0:
            _check_outside(text, begin, has_ended=has_ended)
        for place in marks:
            kind = text[place]
            seen += 1
            if kind in b"[{":
                depth += 1
                if depth == 1:
                    begin = place + 1
                elif depth > MAX_DEPTH + 1:
                    raise too_deep()
            elif kind in b"]}":
                depth -= 1
                if depth == 0:
                    if kind != _END:
                        raise _no_array()
                    if count or not _BLANK.fullmatch(text, begin, place):
                        yield _element(text, begin, place)
                    has_ended, begin = True, place + 1
                    _check_outside(text, begin, has_ended=True)
            elif depth == 1:
                count += 1
                if count >= most:
                    raise too_many(most)
                yield _element(text, begin, place)
                begin = place + 1
        if seen > MAX_MARKS:
            raise Refused(413, f"the batch has more values than the limit of {MAX_MARKS}")
        _check_size(len(text) - begin)
        marks.forget(begin)
        begin = 0
    if not has_ended:
        raise _no_array()


def _check_outside(text: bytearray, begin: int, *, has_ended: bool) -> None:
    """Refuse what stands before an array, or behind it."""
    blank = _BLANK.match(text, begin)
    rest = len(text) if blank is None else blank.end()
    if rest < len(text) and (has_ended or text[rest] != _START):
        raise _no_array() if has_ended else Refused(400, "a batch must be an array")


def _element(text: bytearray, begin: int, end: int) -> bytes:
    _check_size(end - begin)
    return bytes(text[begin:end])


def _check_size(size: int) -> None:
    if size > MAX_DOCUMENT_BYTES:
        raise Refused(413, f"an event is larger than the limit of {MAX_DOCUMENT_BYTES} bytes")


def _no_array() -> Refused:
    return Refused(400, "the body is not JSON: the array does not end, or something follows it")

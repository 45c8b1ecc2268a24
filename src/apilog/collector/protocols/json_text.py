"""JSON as it arrives: parsed within bounds, strictly, or as forgivingly as JavaScript does.

Moesif's clients write proper JSON. Umami and Swetrix run on Node, whose ``JSON.parse`` behind a
text decoder takes a byte order mark, bad UTF-8, half surrogates and numbers beyond all bounds.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from itertools import islice
from typing import Any, Final

import orjson

from apilog.collector.protocols.json_marks import Marks
from apilog.collector.protocols.refusing import Refused

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 200_000
"""Values of one document: each costs about 100 bytes once it is parsed."""

FREE_BYTES: Final = 1536 * 1024
"""Text that may be parsed whatever it is: at worst it becomes 30 times as large."""

MAX_DOCUMENT_BYTES: Final = 8 * 1024 * 1024
"""Largest text that is parsed at once; larger batches are parsed event by event."""

_NO_MARKS: Final = bytes(set(range(256)) - set(b",[{"))
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[{"))
_HALF: Final = re.compile("[\ud800-\udfff]")


def parsed(text: bytes | bytearray | memoryview) -> Any:
    """Return the JSON value in *text*, as RFC 8259 has it, but half a surrogate becomes U+FFFD.

    Raises:
        Refused: 400, it is no JSON in UTF-8; 413, it is too large.
    """
    check_bounds(text)
    return loaded(text)


def loaded(text: bytes | bytearray | memoryview) -> Any:
    """Return what `parsed` does of a *text* whose bounds were checked.

    Raises:
        Refused: 400, it is no JSON in UTF-8.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if b"\\u" in bytes(text):  # half a surrogate, which Python's own parser takes
            return _loose(bytes(text), "strict")
        raise Refused(400, f"the body is not JSON in UTF-8: {_told(error)}") from error


def parsed_like_javascript(text: bytes | bytearray | memoryview) -> Any:
    """Return the JSON value in *text* as ``JSON.parse`` would, numbers beyond all bounds as None.

    Raises:
        Refused: 400, it is no JSON; 413, it is too large.
    """
    check_bounds(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _loose(bytes(text).removeprefix(codecs.BOM_UTF8), "replace")


def check_bounds(text: bytes | bytearray | memoryview) -> None:
    """Refuse what would cost too much to parse.

    Raises:
        Refused: 413.
    """
    if len(text) > MAX_DOCUMENT_BYTES:
        raise Refused(413, f"a document of {len(text)} bytes; the limit is {MAX_DOCUMENT_BYTES}")
    if len(text) <= FREE_BYTES:
        return
    if values_at_most(text) > MAX_VALUES and _values(text) > MAX_VALUES:
        raise Refused(413, f"the document has more values than the limit of {MAX_VALUES}")


def values_at_most(text: bytes | bytearray | memoryview) -> int:
    """Return a number of values that *text* cannot exceed, at the cost of looking through it."""
    whole = bytes(text) if isinstance(text, memoryview) else text
    return len(whole.translate(None, _NO_MARKS)) + 1


def too_many(most: int) -> Refused:
    """Return the refusal of a batch with more than *most* events."""
    return Refused(413, f"the batch has more events than the limit of {most}")


def too_deep() -> Refused:
    """Return the refusal of JSON that is nested too deep."""
    return Refused(400, f"it is nested deeper than the limit of {MAX_DEPTH} levels")


def check_depth(value: object, encoded: bytes) -> None:
    """Refuse *value*, which is *encoded* so, if it is nested too deep.

    Raises:
        Refused: 400.
    """
    if len(encoded.translate(None, _NO_BRACKETS)) <= MAX_DEPTH:
        return
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise too_deep()


def _values(text: bytes | bytearray | memoryview) -> int:
    """Count values by their commas and brackets, those in strings left out; stop at too many."""
    marks = Marks()
    marks.text += text
    places = (place for place in marks if marks.text[place] in b",[{")
    return 1 + sum(1 for _ in islice(places, MAX_VALUES))


def _loose(text: bytes, errors: str) -> Any:
    """Parse what orjson does not take, and mend it; *errors* says what becomes of bad UTF-8."""
    is_strict = errors == "strict"
    try:
        found = json.loads(
            text.decode(errors=errors),
            parse_constant=_no_constant,
            parse_int=_strict_number if is_strict else _any_integer,
            parse_float=_strict_number if is_strict else _any_float,
        )
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:
        raise Refused(400, f"the body is not JSON: {_told(error)}") from error
    return _mended(found, MAX_DEPTH)


def _mended(value: Any, depth: int) -> Any:
    """Return *value* with whole characters only."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if not isinstance(value, (dict, list)):
        return value
    if depth == 0:
        raise too_deep()
    if isinstance(value, list):
        return [_mended(each, depth - 1) for each in value]
    return {_HALF.sub("\ufffd", key): _mended(each, depth - 1) for key, each in value.items()}


def _strict_number(digits: str) -> int | float:
    if len(digits) <= 18 and digits.lstrip("-").isdigit():
        return int(digits)
    found = float(digits)
    if math.isinf(found):
        raise ValueError("a number is infinite")
    return found


def _any_integer(digits: str) -> int | float | None:
    return int(digits) if len(digits) <= 18 else _any_float(digits)


def _any_float(digits: str) -> float | None:
    found = float(digits)
    return None if math.isinf(found) else found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _told(error: ValueError) -> str:
    """Return what is wrong, and where, without a word of the text."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error)[:100]

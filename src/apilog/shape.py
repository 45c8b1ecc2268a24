"""The shape-only mode: types and sizes stand where the values were.

A shape is JSON again, so that viewers work as ever, and the shape of a shape is that shape.
"""

from __future__ import annotations

import re

from apilog.codec import JSON, MAX_DEPTH
from apilog.mask_record import is_replacement

_MOST_SHAPES = 3
"""Different shapes that a list shows; of the others it gives the number."""

_MOST_NAMES = 50
"""Names in an object that is a record; one with more is a table, and its names are data."""

_LARGEST = 999_999_999_999
_COUNT = r"[0-9]{1,3}(?:,[0-9]{3}){0,3}"
_KINDS = r"(?:application|audio|font|image|message|model|multipart|text|video)"
_MEDIA = _KINDS + r"/[a-z0-9.+-]{1,40}"
_LEAF = re.compile(
    rf"(?:string|text|object)\({_COUNT}\)|integer|number|boolean|bytes\({_COUNT}(?:, {_MEDIA})?\)"
)
_TABLE = re.compile(rf"object\(({_COUNT})\)")
_MORE = re.compile(rf"\.\.\. ({_COUNT}) more")
_PLAIN_NAME = re.compile(r"[^\W\d][\w$:.-]{0,39}|[_$@][\w$:.-]{0,39}")
_DATA = re.compile(r"(?:[^0-9]*[0-9]){5}|[^:]*:[^:]*:|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-")

_ALL, _REST = "*", "..."
"""Names in a shape: of whatever stood under names that are data, and of the number of names."""


def shape(value: JSON) -> JSON:
    """Return *value* with types and sizes in the place of values.

    Names stay, unless they look like data (addresses, numbers, identifiers, people) or are more
    than 50: then one ``*`` stands for them all, with the shape of the first.

    Raises:
        ValueError: *value* is nested more than 100 deep.
    """
    return _shape(value, MAX_DEPTH)


def is_shape(value: JSON) -> bool:
    """Say whether *value* is what `shape` made of another one."""
    try:
        return shape(value) == value
    except ValueError:
        return False


def text_shape(text: str) -> str:
    """Return the shape of a body of *text*."""
    return text if _LEAF.fullmatch(text) or is_replacement(text) else f"text({_count(len(text))})"


def bytes_shape(size: int, content_type: str) -> str:
    """Return the shape of *size* bytes of *content_type*; a parameter of the type is not shown."""
    media = content_type.partition(";")[0].strip().lower()
    kind = f", {media}" if re.fullmatch(_MEDIA, media) else ""
    return f"bytes({_count(size)}{kind})"


def _shape(value: JSON, depth: int) -> JSON:
    if value is None:
        return None
    if isinstance(value, str):
        is_done = _LEAF.fullmatch(value) or is_replacement(value)  # a mask says more than its shape
        return value if is_done else f"string({_count(len(value))})"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if depth == 0:
        raise ValueError("nested too deeply")
    return _record(value, depth - 1) if isinstance(value, dict) else _list(value, depth - 1)


def _record(record: dict[str, JSON], depth: int) -> JSON:
    number = _number(_TABLE, record.get(_REST))
    names = [name for name in record if name != _REST or not number]
    plain = [name for name in names if _is_plain(name)]
    if len(plain) > _MOST_NAMES:
        plain = []
    shaped = {name: _shape(record[name], depth) for name in plain}
    if len(plain) < len(names):
        first = next(name for name in names if name not in shaped)
        shaped[_ALL] = _shape(record[first], depth)
        shaped[_REST] = f"object({_count(max(number, len(names)))})"
    elif number:
        shaped[_REST] = record[_REST]
    return shaped


def _list(items: list[JSON], depth: int) -> JSON:
    more = _number(_MORE, items[-1]) if items else 0
    values = items[:-1] if more else items
    shown: list[JSON] = []
    for value in values:
        one = _shape(value, depth)
        if len(shown) < _MOST_SHAPES and one not in shown:
            shown.append(one)
    more += len(values) - len(shown)
    return [*shown, f"... {_count(more)} more"] if more else shown


def _is_plain(name: str) -> bool:
    """Say whether *name* is one that a programmer gave, as far as it can be told."""
    return _PLAIN_NAME.fullmatch(name) is not None and _DATA.match(name) is None


def _number(pattern: re.Pattern[str], value: JSON) -> int:
    found = pattern.fullmatch(value) if isinstance(value, str) else None
    return int(found[1].replace(",", "")) if found else 0


def _count(number: int) -> str:
    return f"{min(number, _LARGEST):,}"

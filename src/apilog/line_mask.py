"""Masking of text in lines: NDJSON and event streams, whose secrets need not stay on one line."""

from __future__ import annotations

import re

from apilog import codec
from apilog.codec import JSON
from apilog.mask_record import Record
from apilog.text_mask import TextMask

_BROKEN = float("nan")
"""Stands for what is no JSON: no JSON value is this one."""

_LINE_END = re.compile(r"(\r\n|\n|\r)")
_LEFT_OUT = re.compile(r"\[\.\.\. \d+ bytes left out(?:: not JSON)? \.\.\.\]")


def masked_ndjson(text: str, where: str, record: Record, texts: TextMask) -> str:
    """Return *text*, one JSON value a line, masked; a line that is no JSON is left out.

    Where there is such a line, those with a string or a number alone may belong to it, and go, too.
    """
    lines = text.split("\n")
    values = [_value(line) for line in lines]
    broken = any(value is _BROKEN for value in values)
    if broken and (whole := texts.json(text, where, record)) is not None:
        return whole
    for number, value in enumerate(values):
        place = f"{where}/{number}"
        if isinstance(value, (dict, list)):
            lines[number] = texts.json(lines[number], place, record) or lines[number]
        elif value is _BROKEN or (value is not None and broken):
            record.note(place, "unparsable")
            size = len(lines[number].encode(errors="replace"))
            lines[number] = f"[... {size} bytes left out: not JSON ...]"
        elif isinstance(value, str) and (masked := texts.masked(value, place, record)) != value:
            lines[number] = codec.dumps(masked).decode()
    return "\n".join(lines)


def _value(line: str) -> JSON:
    """Return the value in *line*, None for an empty line or one of ours."""
    stripped = line.strip()
    if not stripped or _LEFT_OUT.fullmatch(stripped):
        return None
    try:
        return codec.loads(stripped)
    except ValueError:
        return _BROKEN


def masked_event_stream(text: str, where: str, record: Record, texts: TextMask) -> str:
    """Return *text*, server-sent events, masked; the data of an event is read as one text.

    Its lines are put together as browsers do (https://html.spec.whatwg.org, section 9.2.6).
    """
    pieces = _LINE_END.split(text)
    data: list[int] = []
    for number in range(0, len(pieces), 2):
        line = pieces[number]
        if line.startswith("data:"):
            data.append(number)
        elif line:
            pieces[number] = texts.masked(line, where, record)
        if data and (not line or number + 1 >= len(pieces)):
            _mask_data(pieces, data, where, record, texts)
            data = []
    return "".join(pieces)


def _mask_data(
    pieces: list[str], data: list[int], where: str, record: Record, texts: TextMask
) -> None:
    """Mask the lines of one event's data; where that takes fewer lines, the others vanish."""
    text = "\n".join(pieces[number][5:].removeprefix(" ") for number in data)
    masked = texts.masked(text, where, record)
    if masked == text:
        return
    lines = masked.split("\n")
    if len(lines) > len(data):
        lines = [masked.replace("\n", " ")]
    for number, line in zip(data, lines):  # noqa: B905 - there may be fewer lines now
        pieces[number] = f"data: {line}"
    for number in data[len(lines) :]:
        pieces[number : number + 2] = [""] * len(pieces[number : number + 2])

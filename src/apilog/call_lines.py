"""Calls as lines of a terminal: coloured where it is one and rich is there, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final, TextIO

from apilog.terminal import escaped, say

if TYPE_CHECKING:
    from apilog.collector.store.protocol import Row

Show = Callable[["Row"], None]

_LONGEST: Final = 200
"""Characters of a path or a name that are shown."""

_NARROW: Final = 60
"""Columns of a terminal below which only the time of day stands there, to leave room for paths."""

_METHODS: Final = {
    "GET": "blue",
    "HEAD": "blue",
    "OPTIONS": "blue",
    "POST": "green",
    "PUT": "yellow",
    "PATCH": "yellow",
    "DELETE": "red",
}
_CLASSES: Final = {1: "dim", 2: "green", 3: "cyan", 4: "yellow", 5: "bold red"}


def shown_by(stream: TextIO, *, as_json: bool) -> Show:
    """Return what writes a call to *stream*, one line each, flushed."""
    if as_json:
        return lambda row: _json(row, stream)
    if stream.isatty():
        try:
            return _coloured(stream)
        except ImportError:
            pass
    return lambda row: say("  ".join(_cells(row)).rstrip() + "\n", stream)


def _json(row: Row, stream: TextIO) -> None:
    from apilog.collector.documents import row_document

    stream.write(f"{json.dumps(row_document(row), ensure_ascii=True)}\n")
    stream.flush()


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    """Return time, verb, status, duration, place and person: nothing that a terminal obeys."""
    moment = datetime.fromtimestamp(row.time // 1_000_000, timezone.utc).astimezone()
    time = f"{moment:%m-%d %H:%M:%S}.{row.time // 1_000 % 1_000:03d}"
    status = "---" if row.status is None else f"{row.status:3d}"
    place = row.path + (f"?{row.query}" if row.query else "") or row.route
    user = " ".join(each for each in (row.user, row.error) if each)
    return (
        time,
        f"{escaped(row.method[:8]):7}",
        status,
        f"{_duration(row.duration):>8}",
        _cut(place),
        _cut(user),
    )


def _duration(microseconds: int | None) -> str:
    if microseconds is None:
        return ""
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.1f} ms"
    return f"{microseconds / 1_000_000:.2f} s"


def _cut(text: str) -> str:
    return escaped(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _coloured(stream: TextIO) -> Show:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, markup=False, emoji=False)

    def show(row: Row) -> None:
        time, method, status, duration, place, user = _cells(row)
        if console.width < _NARROW:
            time = time[len("01-31 ") : -len(".999")]
        verb = _METHODS.get(row.method, "magenta")
        kind = _CLASSES.get((row.status or 500) // 100, "magenta")
        line = Text("  ").join(
            (
                Text(time, "dim"),
                Text(method, verb),
                Text(status, kind),
                Text(duration, "bold" if (row.duration or 0) >= 1_000_000 else ""),
                Text(place),
                Text(user, "bold red" if row.error else "dim"),
            )
        )
        line.rstrip()
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
        stream.flush()

    return show


def standard_output(*, as_json: bool) -> Show:
    """Return what writes a call to standard output."""
    return shown_by(sys.stdout, as_json=as_json)

"""Text for whoever reads a terminal: nothing in it that the terminal would obey."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO


def say(text: str, stream: TextIO | None = None) -> None:
    """Write *text* to *stream*, standard output by default, whatever its encoding, and flush it."""
    stream = sys.stdout if stream is None else stream
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def escaped(text: str) -> str:
    """Return *text* with what a terminal would obey, or not show, written as Python escapes it."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return *rows*, all of the same length, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join("  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)


def counted(number: int, what: str) -> str:
    """Return a number with its noun: ``1 event``, ``2 events``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def sized(number: int) -> str:
    """Return a number of bytes in the unit that people read: ``512 B``, ``3.4 MiB``."""
    size = float(number)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{number} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"

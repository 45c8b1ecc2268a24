"""CSV (RFC 4180), in which a spreadsheet finds no formula."""

from __future__ import annotations

import csv as standard
from collections.abc import Iterable, Iterator
from typing import Final

from apilog.collector.export.table import COLUMNS, Cell
from apilog.collector.store.protocol import Row

_FORMULAS: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a cell begins with that a spreadsheet computes; the wide forms count in some of them.
https://owasp.org/www-community/attacks/CSV_Injection"""


class _Line:
    """The file that `csv` writes into: it holds the last line."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


def csv(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a heading, and a line for each call. A dangerous cell begins with an apostrophe."""
    line = _Line()
    writer = standard.writer(line, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    yield line.text.encode()
    for row in rows:
        writer.writerow(_safe(cell(row)) for cell in COLUMNS.values())
        yield line.text.encode()


def _safe(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell

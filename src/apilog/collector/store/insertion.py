"""Inserting many rows with few statements.

`sqlite3` gives up the interpreter's lock for each step of a statement, and may wait for it for
milliseconds where other threads are at work: for each row, if each is a step of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any, Final, TypeAlias

Row: TypeAlias = "tuple[Any, ...]"

MOST_ROWS: Final = 128
"""Of a statement, which is prepared for each number of rows; batches are mostly of one size, so
that it has been before."""

MOST_VARIABLES: Final = 32_766 if sqlite3.sqlite_version_info >= (3, 32) else 999
"""Of a statement, unless SQLite was built for others: https://sqlite.org/limits.html."""


class Insertion:
    """Inserts rows of so many *columns* into *table*; *conflict* is the clause about conflicts."""

    def __init__(self, table: str, columns: int, conflict: str = "") -> None:
        self._begin = f"INSERT INTO {table} VALUES "  # noqa: S608 - ours
        self._row = f"({', '.join('?' * columns)})"
        self._end = f" {conflict}"
        self._most = min(MOST_ROWS, MOST_VARIABLES // columns)
        self._statements: dict[int, str] = {}

    def into(self, db: sqlite3.Connection, rows: Iterable[Row]) -> int:
        """Insert *rows*; return how many were, or were changed."""
        changed, left = 0, iter(rows)
        while part := list(islice(left, self._most)):
            values = list(chain.from_iterable(part))
            changed += db.execute(self._statement(len(part)), values).rowcount
        return changed

    def _statement(self, rows: int) -> str:
        if rows not in self._statements:
            self._statements[rows] = self._begin + ", ".join([self._row] * rows) + self._end
        return self._statements[rows]

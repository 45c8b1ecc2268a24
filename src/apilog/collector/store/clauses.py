"""Parts of SQL that are true or not, each with its parameters; no value ever stands in the SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Clause:
    """An expression of SQL, whole in itself, with the parameters of its question marks."""

    sql: str
    parameters: tuple[int | str | bytes, ...] = ()


EVERYTHING: Final = Clause("1")
NOTHING: Final = Clause("0")


def all_of(clauses: Sequence[Clause]) -> Clause:
    """Return the clause that holds where each of these holds; without any, everywhere."""
    wanted = [clause for clause in clauses if clause != EVERYTHING]
    return _joined(wanted, "AND") if wanted else EVERYTHING


def any_of(clauses: Sequence[Clause]) -> Clause:
    """Return the clause that holds where one of these holds; without any, nowhere."""
    wanted = [clause for clause in clauses if clause != NOTHING]
    return _joined(wanted, "OR") if wanted else NOTHING


def none_of(clause: Clause) -> Clause:
    """Return the clause that holds where this does not, be it false or unknown."""
    return Clause(f"({clause.sql} IS NOT TRUE)", clause.parameters)


def asked(
    db: sqlite3.Connection,
    select: str,
    clause: Clause,
    then: str = "",
    *parameters: int | str | bytes,
) -> sqlite3.Cursor:
    """Ask ``select WHERE clause then``; *parameters* are those of *then*."""
    return db.execute(
        " ".join((select, "WHERE", clause.sql, then)), (*clause.parameters, *parameters)
    )


def _joined(clauses: Sequence[Clause], word: str) -> Clause:
    """Join by halves: SQLite refuses an expression that is 1,000 levels deep."""
    if len(clauses) == 1:
        return clauses[0]
    middle = len(clauses) // 2
    first, second = _joined(clauses[:middle], word), _joined(clauses[middle:], word)
    return Clause(f"({first.sql} {word} {second.sql})", (*first.parameters, *second.parameters))

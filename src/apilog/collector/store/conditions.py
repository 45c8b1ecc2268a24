"""The conditions of a query as SQL over a day's file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from apilog.collector.query import Between, Condition, Either, Exact, Missing, Query, Wild, Words
from apilog.collector.store.clauses import EVERYTHING, NOTHING, Clause, all_of, any_of, none_of
from apilog.collector.store.day import DIM_COLUMNS
from apilog.collector.store.schema import packed

DIMS: Final = "({column} IN (SELECT id FROM dim WHERE kind = ? AND {clause}))"

LARGEST: Final = 2**63 - 1

IDENTIFIER: Final = """(CASE WHEN length(id) = 16 THEN lower(
substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
substr(hex(id), 17, 4) || '-' || substr(hex(id), 21, 12))
ELSE CAST(substr(id, 2 + (substr(id, 2, 1) = x'FF')) AS TEXT) END)"""
"""What `unpacked` returns, said by SQLite."""

FIELDS: Final = (*DIM_COLUMNS, *"path user company session ip trace".split())

# A plus keeps SQLite from looking for an index: which one leads the way is chosen in `streams`.
CALL: Final[Mapping[str, str]] = {
    **{field: f"+{field}" for field in FIELDS},
    **{field: f"+{field}" for field in ("status", "duration", "request_size", "response_size")},
    "id": "id",
}
"""The fields of a query in the table ``call``."""

ROLLED: Final[Mapping[str, str]] = {
    "method": "+method",
    "route": "+route",
    "status": "(CASE WHEN status >= 0 THEN status END)",
}
"""The fields of a query that the roll-ups know too."""


def plain(query: Query) -> list[Condition | Either]:
    """Return the conditions that the columns of a call decide."""
    return [each for each in query.conditions if not isinstance(each, Words)]


def phrases(query: Query) -> list[Words]:
    """Return the conditions that the bodies decide."""
    return [each for each in query.conditions if isinstance(each, Words)]


def rollable(query: Query) -> bool:
    """Return whether the roll-ups know enough to decide all conditions."""
    return all(isinstance(c, Condition) and c.field in ROLLED for c in query.conditions)


def holding(conditions: Iterable[Condition | Either], columns: Mapping[str, str] = CALL) -> Clause:
    """Return the clause that holds where all *conditions* do."""
    return all_of([_holding(condition, columns) for condition in conditions])


def _holding(condition: Condition | Either, columns: Mapping[str, str]) -> Clause:
    if isinstance(condition, Either):
        clause = any_of([_holding(each, columns) for each in condition.conditions])
    elif condition.field in DIM_COLUMNS:
        clause = _dim(condition.field, columns[condition.field], condition.alternatives)
    else:
        clause = _column(condition.field, columns[condition.field], condition.alternatives)
    return none_of(clause) if condition.negated else clause


Alternatives = Sequence[Exact | Wild | Between | Missing]


def _exact(alternatives: Alternatives) -> list[str]:
    """Return the texts that are meant as they are."""
    texts = [each.text for each in alternatives if isinstance(each, Exact) and sound(each.text)]
    return [*texts, ""] if Wild("") in alternatives else texts


def _column(field: str, column: str, alternatives: Alternatives) -> Clause:
    exact = _exact(alternatives)
    listed: list[str | bytes] = [packed(t) if field == "id" else t for t in exact if t]
    clauses = [_listed(column, listed)]
    if "" in exact or any(isinstance(each, Missing) for each in alternatives):
        clauses.append(Clause(f"({column} IS NULL)"))
    searched = IDENTIFIER if field == "id" else column
    clauses += [like(searched, e.pattern) for e in alternatives if isinstance(e, Wild)]
    clauses += [_between(column, e) for e in alternatives if isinstance(e, Between)]
    return any_of(clauses)


def _dim(field: str, column: str, alternatives: Alternatives) -> Clause:
    exact = _exact(alternatives)
    clauses = [Clause(f"({column} = 0)")] if "" in exact else []
    wanted = [
        _listed("text", [text for text in exact if text]),
        *(like("text", each.pattern) for each in alternatives if isinstance(each, Wild)),
    ]
    for clause in wanted:
        if clause == EVERYTHING:
            return clause
        if clause != NOTHING:
            within = DIMS.format(column=column, clause=clause.sql)
            clauses.append(Clause(within, (field, *clause.parameters)))
    return any_of(clauses)


def _listed(column: str, values: Sequence[str | bytes]) -> Clause:
    if not values:
        return NOTHING
    if len(values) == 1:
        return Clause(f"({column} = ?)", tuple(values))
    return Clause(f"({column} IN ({', '.join('?' * len(values))}))", tuple(values))


def like(column: str, pattern: str) -> Clause:
    """Return the clause for a text in which ``*`` stands for anything."""
    if not pattern.strip("*") and pattern:
        return EVERYTHING
    if not sound(pattern):
        return NOTHING
    for special in "\\%_":
        pattern = pattern.replace(special, f"\\{special}")
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    return Clause(f"({column} LIKE ? ESCAPE '\\')", (pattern.replace("*", "%"),))


def _between(column: str, wanted: Between) -> Clause:
    low, high = wanted.low, wanted.high
    if low is None and high is None:
        return Clause(f"({column} IS NOT NULL)")
    if low is not None and low > LARGEST:
        return NOTHING
    if high is not None and high < -LARGEST:
        return NOTHING
    if low is not None and high is not None and low == high:
        return Clause(f"({column} = ?)", (low,))
    return all_of(
        [
            EVERYTHING if low is None else Clause(f"({column} >= ?)", (max(low, -LARGEST),)),
            # Said in any case, for without it a number that is not known would do.
            Clause(f"({column} <= ?)", (LARGEST if high is None else min(high, LARGEST),)),
        ]
    )


def sound(text: str) -> bool:
    """Return whether a call could hold this text at all, and SQLite be asked for it."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)

"""The search for phrases in the bodies of calls.

The text index of a day knows which calls hold a word, not where. So a phrase of one word is found
by the index alone; for longer ones the index names the candidates, and their texts are looked at.
Without an index every text is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from apilog.collector.query import Words
from apilog.collector.store.clauses import EVERYTHING, NOTHING, Clause, all_of, asked, none_of
from apilog.collector.store.day import DayReader
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.phrases import Phrase, Texts, quoted

RARE: Final = 5_000
"""Calls of a day with the words of a phrase, up to which the index leads the way to them."""

AT_ONCE: Final = 50
"""Texts looked at between two looks at the clock."""


class Search:
    """All the conditions of one query on the bodies. Used by one thread, for one answer."""

    def __init__(self, wanted: Iterable[Words], deadline: Deadline) -> None:
        self.phrases = [Phrase(each) for each in wanted]
        self.sought = [phrase for phrase in self.phrases if not phrase.negated]
        self._deadline = deadline

    def is_rare(self, day: DayReader) -> bool:
        """Return whether the index tells that few calls of the day can be wanted."""
        return any(not phrase.words for phrase in self.sought) or (
            day.searchable and bool(self.sought) and _is_rare(day, self.sought)
        )

    def candidates(self, *, leading: bool = False, within: range | None = None) -> Clause:
        """Return the clause for calls with all words sought, in a day that has an index.

        If it is *leading*, SQLite goes from them to the calls, not the other way round. Only calls
        with numbers *within* this range are looked for.
        """
        if not self.sought:
            return EVERYTHING
        return _indexed(self.sought, leading=leading, within=within)

    def decide(
        self, day: DayReader, within: range | None, *, leading: bool = False
    ) -> tuple[Clause, list[Phrase]]:
        """Return what the index of the day decides, and the phrases that it leaves open."""
        if not day.searchable:
            return EVERYTHING, self.phrases
        clauses = [self.candidates(leading=leading, within=within)]
        clauses += [
            none_of(_indexed([phrase], within=within))
            for phrase in self.phrases
            if phrase.negated and phrase.decided(day)
        ]
        return all_of(clauses), [each for each in self.phrases if not each.decided(day)]

    def clause(self, day: DayReader, others: Clause) -> Clause:
        """Return the clause for exactly the calls wanted, among those for which *others* holds.

        Raises:
            StoreBusy: too many texts had to be looked at.
        """
        clause, left = self.decide(day, None, leading=self.is_rare(day))
        if not left:
            return clause
        found = asked(day.db, "SELECT seq FROM call", all_of([others, clause]))
        numbers = [seq for (seq,) in found]
        good: list[int] = []
        for begin in range(0, len(numbers), AT_ONCE):
            self._deadline.check()
            good += kept(day, numbers[begin : begin + AT_ONCE], left)
        return Clause("(+seq IN (SELECT value FROM json_each(?)))", (json.dumps(good),))


def kept(day: DayReader, numbers: Sequence[int], phrases: Sequence[Phrase]) -> set[int]:
    """Return those calls of *numbers* for which all *phrases* hold, after a look at their texts."""
    left = set(numbers)
    with Texts(day, numbers) as texts:
        for phrase in phrases:
            held = texts.holding(phrase)
            left = left - held if phrase.negated else left & held
    return left


def _is_rare(day: DayReader, phrases: Sequence[Phrase]) -> bool:
    if not all(phrase.words for phrase in phrases):
        return True
    if not day.searchable:
        return False
    query = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    (count,) = day.db.execute(query, (_match(phrases), RARE + 1)).fetchone()
    return bool(count <= RARE)


def _indexed(
    phrases: Sequence[Phrase], *, leading: bool = False, within: range | None = None
) -> Clause:
    if not all(phrase.words for phrase in phrases):
        return NOTHING
    found, parameters = "SELECT rowid FROM words WHERE words MATCH ?", [_match(phrases)]
    column = "seq" if leading else "+seq"
    if within is None:
        return Clause(f"({column} IN ({found}))", tuple(parameters))
    return Clause(
        f"({column} IN ({found} AND rowid BETWEEN ? AND ?))",
        (*parameters, within.start, within.stop - 1),
    )


def _match(phrases: Sequence[Phrase]) -> str:
    return " AND ".join(sorted({quoted(word) for phrase in phrases for word in phrase.words}))

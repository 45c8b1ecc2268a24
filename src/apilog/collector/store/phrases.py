"""Phrases, and whether a text holds them.

What is a word, and which words are the same, SQLite decides, so that a look at a text agrees with
the index: letters and digits, whatever their case and their accents.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import closing

from apilog.collector.query import Words
from apilog.collector.store.day import DayReader, search_is_possible


class Phrase:
    """One condition on the bodies, and the words that it consists of."""

    def __init__(self, wanted: Words) -> None:
        self.negated = wanted.negated
        self.words = words(wanted.phrase)
        self.in_order = quoted(" ".join(self.words))
        # What the index would find in a text of ASCII alone, in small letters; a tenth of the time.
        apart = "[^0-9a-z]+".join(map(re.escape, self.words))
        self.pattern = re.compile(f"(?<![0-9a-z]){apart}(?![0-9a-z])")

    def decided(self, day: DayReader) -> bool:
        """Return whether the index of the day decides it, without a look at texts."""
        return not self.words or (day.searchable and len(self.words) == 1)


class Texts:
    """The texts of some calls of a day, each read once."""

    def __init__(self, day: DayReader, numbers: Iterable[int]) -> None:
        found = ((number, day.payload(number)) for number in numbers)
        texts = [(number, payload[1]) for number, payload in found if payload is not None]
        self._plain = [(number, text.lower()) for number, text in texts if text.isascii()]
        self._others = [each for each in texts if not each[1].isascii()]
        self._index: sqlite3.Connection | None = None

    def __enter__(self) -> Texts:
        return self

    def __exit__(self, *_: object) -> None:
        if self._index is not None:
            self._index.close()

    def holding(self, phrase: Phrase) -> set[int]:
        """Return the numbers of those that hold the words one after the other."""
        if not phrase.words:
            return set()
        found = {number for number, text in self._plain if phrase.pattern.search(text)}
        return found | self._others_holding(phrase) if self._others else found

    def _others_holding(self, phrase: Phrase) -> set[int]:
        if not search_is_possible():
            return {n for n, text in self._others if follow(phrase.words, plain_words(text))}
        if self._index is None:
            self._index = _index("content=''")
            self._index.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", self._others)
        query = "SELECT rowid FROM words WHERE words MATCH ?"
        return {number for (number,) in self._index.execute(query, (phrase.in_order,))}


def words(text: str) -> list[str]:
    """Return the words of *text*, as the index knows them."""
    text = text.replace("\0", " ").encode(errors="replace").decode()
    if not search_is_possible():
        return plain_words(text)
    with closing(_index("columnsize=0")) as db:
        db.execute("INSERT INTO words (text) VALUES (?)", (text,))
        db.execute("CREATE VIRTUAL TABLE found USING fts5vocab('words', 'instance')")
        return [word for (word,) in db.execute('SELECT term FROM found ORDER BY "offset"')]


def plain_words(text: str) -> list[str]:
    """Return the words of *text* where SQLite cannot tell them: nearly what it would say."""
    bare = (c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return "".join(c.lower() if c.isalnum() else " " for c in bare).split()


def follow(wanted: Sequence[str], found: Sequence[str]) -> bool:
    """Return whether the words *wanted* are among those *found*, one directly after the other."""
    starts = (at for at, word in enumerate(found) if word == wanted[0])
    return any(list(found[at : at + len(wanted)]) == list(wanted) for at in starts)


def quoted(text: str) -> str:
    """Return *text* as the index is asked for it, letter by letter."""
    return '"' + text.replace('"', '""') + '"'


def _index(options: str) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute(f"CREATE VIRTUAL TABLE words USING fts5(text, {options}, tokenize='unicode61')")
    return db

"""The rows of a list, as they stand in a day's file, and the places between them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from apilog.collector.store.clauses import Clause, asked
from apilog.collector.store.day import DIM_COLUMNS, DayReader
from apilog.collector.store.protocol import Row
from apilog.collector.store.schema import unpacked

FIELDS: Final = (
    "id time received source method host route path query status duration user company session "
    "ip trace request_size response_size error"
).split()
NUMBERS: Final = frozenset("id time received status duration request_size response_size".split())


DIM: Final = "(SELECT text FROM dim WHERE dim.id = call.{})"


def _selected(field: str) -> str:
    if field in DIM_COLUMNS:
        return DIM.format(field)
    return field if field in NUMBERS else f"coalesce({field}, '')"


SELECT: Final = " ".join(("SELECT", ", ".join(("seq", *map(_selected, FIELDS))), "FROM call"))

_PLACE: Final = re.compile(r"(-?[0-9]{1,18})-([0-9]{1,18})", re.ASCII)


class Place(NamedTuple):
    """A place in a list: before it stands what is newer, at it and after it what is older."""

    time: int
    seq: int

    @classmethod
    def read(cls, text: str) -> Place:
        """Return the place that `written` made a text of.

        Raises:
            ValueError: it is none.
        """
        found = _PLACE.fullmatch(text)
        if found is None:
            raise ValueError("This is no place in a list: begin at its top, without a place")
        return cls(int(found[1]), int(found[2]))

    def written(self) -> str:
        """Return it as a text, of digits and a minus."""
        return f"{self.time}-{self.seq}"


def rows(day: DayReader, numbers: Sequence[int]) -> Iterator[Row]:
    """Yield the calls of these numbers (``seq``), in this order."""
    wanted = Clause("seq IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),))
    found = {values[0]: values for values in asked(day.db, SELECT, wanted)}
    for number in numbers:
        yield row(found[number])


def row(values: Sequence[Any]) -> Row:
    """Return the row of what `SELECT` found."""
    seq, identifier, time, *rest = values
    fields: list[Any] = [unpacked(identifier), time, *rest, Place(time, seq).written()]
    return Row(*fields)

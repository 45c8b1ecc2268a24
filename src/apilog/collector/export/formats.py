"""The formats there are, by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from apilog.collector.export.csv import csv
from apilog.collector.export.har import har
from apilog.collector.export.ndjson import ndjson
from apilog.collector.export.reading import rows, wholes
from apilog.collector.query import Query
from apilog.collector.store.protocol import Store

Seen = Callable[[], None]
Export = Callable[[Store, Query, Seen], Iterator[bytes]]

FORMATS: Final[Mapping[str, Export]] = {
    "har": lambda store, query, seen: har(wholes(store, query, seen)),
    "ndjson": lambda store, query, seen: ndjson(wholes(store, query, seen)),
    "csv": lambda store, query, seen: csv(rows(store, query, seen)),
}
"""What yields a file of the calls that a query asks for, in pieces; the last is told of each."""

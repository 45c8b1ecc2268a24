"""Parquet, for DuckDB, pandas and the like: the table, and each event as JSON text."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, BinaryIO, Final

from apilog.collector.export.reading import wholes
from apilog.collector.export.table import COLUMNS
from apilog.collector.query import Query
from apilog.collector.store.protocol import Store, Whole
from apilog.exceptions import ConfigError

GROUP: Final = 2_000
"""Calls in a row group, and in memory."""

_TIMES: Final = {"time", "received"}
_WHOLE_NUMBERS: Final = {"status", "request_size", "response_size"}


def write_parquet(store: Store, query: Query, file: BinaryIO, seen: Callable[[], None]) -> None:
    """Write the calls that *query* asks for; times are UTC, with microseconds.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    try:
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise ConfigError("pyarrow is not installed; try: pip install pyarrow") from error
    schema = arrow.schema([(name, _type(arrow, name)) for name in (*COLUMNS, "event")])
    calls = wholes(store, query, seen)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in iter(lambda: list(islice(calls, GROUP)), []):
            rows = list(_rows(group))
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))


def _rows(group: list[Whole]) -> Iterator[dict[str, object]]:
    for call in group:
        row: dict[str, object] = {name: cell(call.row) for name, cell in COLUMNS.items()}
        row |= {name: getattr(call.row, name) for name in _TIMES}
        yield {**row, "event": call.event.decode()}


def _type(arrow: Any, name: str) -> Any:
    if name in _TIMES:
        return arrow.timestamp("us", tz="UTC")
    if name in _WHOLE_NUMBERS:
        return arrow.int64()
    return arrow.float64() if name == "duration_ms" else arrow.string()

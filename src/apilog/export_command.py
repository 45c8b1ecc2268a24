"""``apilog export``: the calls of a filter as a file."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from apilog.collected import add_data_option, add_question_options, question, reading
from apilog.exceptions import ApiLogError, ConfigError
from apilog.progress import progress
from apilog.terminal import counted, escaped, say

if TYPE_CHECKING:
    from apilog.collector.query import Query
    from apilog.collector.store.protocol import Store

_DAY: Final = 86_400_000_000

_FORMATS: Final = {
    "har": "HAR 1.2, what browsers and proxies read",
    "ndjson": "the events, one a line",
    "csv": "a table without headers and bodies, safe in spreadsheets",
    "parquet": "the same table, and the events, for DuckDB or pandas; needs pyarrow",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `export` understands."""
    add_question_options(parser)
    add_data_option(parser)
    formats = parser.add_mutually_exclusive_group(required=True)
    for name, what in _FORMATS.items():
        formats.add_argument(
            f"--{name}", dest="format", action="store_const", const=name, help=what
        )
    parser.add_argument("-o", "--output", metavar="FILE", help="standard output by default")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> int:
    """Write the file; return the exit code.

    Raises:
        ApiLogError: the filter or the folder cannot be read, or the file not be written.
    """
    query = question(arguments)
    if arguments.format == "parquet" and arguments.output is None:
        raise ConfigError("a Parquet file is not for a terminal or a pipe: name it with -o FILE")
    with reading(arguments.data) as store, _output(arguments.output) as file:
        total = _total(store, query)
        with progress(sys.stderr, total, wanted=not arguments.quiet) as shown:
            done = 0

            def seen() -> None:
                nonlocal done
                done += 1
                if done % 50 == 0 or done == total:
                    shown.show(done, counted(done, "call"))

            _write(arguments.format, store, query, file, seen)
        if not arguments.quiet:
            where = f" to {escaped(arguments.output)}" if arguments.output else ""
            say(f"apilog: exported {counted(done, 'call')}{where}\n", sys.stderr)
    return 0


def _total(store: Store, query: Query) -> int:
    """Return how many calls there will be, 0 if it would take long to know."""
    from apilog.collector.store.protocol import StoreBusy

    try:
        return sum(each.count for each in store.series(query, step=_DAY))
    except StoreBusy:
        return 0


def _write(name: str, store: Store, query: Query, file: BinaryIO, seen: Callable[[], None]) -> None:
    if name == "parquet":
        from apilog.collector.export.parquet import write_parquet

        write_parquet(store, query, file, seen)
        return
    from apilog.collector.export.formats import FORMATS

    for piece in FORMATS[name](store, query, seen):
        file.write(piece)
    file.flush()


@contextmanager
def _output(path: str | None) -> Iterator[BinaryIO]:
    """Open the file, for its owner only; it has its name once it is whole."""
    if path is None:
        yield sys.stdout.buffer
        return
    target = Path(path)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(f"{escaped(path)} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        beside.replace(target)
    except OSError as error:
        raise ApiLogError(f"{escaped(path)} cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)

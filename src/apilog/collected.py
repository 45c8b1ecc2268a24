"""The folder of the collector, as commands use it: where it is, and how it is read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from apilog.amounts import moment
from apilog.exceptions import ConfigError

if TYPE_CHECKING:
    from apilog.collector.query import Query
    from apilog.collector.store.protocol import Store

VARIABLE: Final = "APILOG_DATA"
FOLDER: Final = "apilog-data"
NEEDED: Final = frozenset({"starlette", "uvicorn", "backports", "h11"})
"""Packages of the extra ``collector``."""


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``."""
    parser.add_argument(
        "--data",
        "--db",
        metavar="DIR",
        type=_folder,
        default=os.environ.get(VARIABLE) or FOLDER,
        help=f"folder of the collector's files; {VARIABLE} says it, too (%(default)s)",
    )


def _folder(text: str) -> str:
    if text == ":memory:":  # of the first collector
        raise argparse.ArgumentTypeError(
            "calls are kept in files: name a folder, one under /tmp if nothing is to be kept"
        )
    return text


def add_question_options(parser: argparse.ArgumentParser) -> None:
    """Add the filter and ``--from`` and ``--to``."""
    parser.add_argument("filter", nargs="*", metavar="FILTER", help="status:5xx -user:ada ...")
    for name, dest, what in (("--from", "since", "from"), ("--to", "until", "before")):
        parser.add_argument(
            name,
            dest=dest,
            type=moment,
            metavar="TIME",
            help=f"only calls {what} 2026-11-20T14:30 (UTC), or 2h for two hours ago",
        )


def filter_question(arguments: argparse.Namespace) -> Query:
    """Return what the filter of *arguments* asks for, at whatever time.

    Raises:
        FilterError: it is not in the filter language.
    """
    from apilog.collector.filter_language import parse
    from apilog.collector.query import Query

    return Query(parse(" ".join(arguments.filter)))


def question(arguments: argparse.Namespace) -> Query:
    """Return what the filter and the times of *arguments* ask for.

    Raises:
        FilterError: the filter is not in the filter language.
    """
    return replace(filter_question(arguments), since=arguments.since, until=arguments.until)


@contextmanager
def reading(directory: str) -> Iterator[Store]:
    """Open the folder for reading; a collector may write it meanwhile.

    Raises:
        ConfigError: there is nothing to read, or it cannot be.
    """
    with needing_the_extra():
        from apilog.collector.store.sqlite import SqliteStore

    path = Path(directory)
    if not path.exists():
        raise ConfigError(
            f"there is no folder {directory}; start apilog serve, or name its folder with --data"
        )
    with closing(SqliteStore(path, writable=False)) as store:
        yield store


@contextmanager
def needing_the_extra() -> Iterator[None]:
    """Say how to install what an import in this block misses."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        name = "backports.zstd" if package == "backports" else package
        raise ConfigError(
            f"{name} is not installed; try: pip install 'apilog[collector]'"
        ) from error

"""``apilog tail``: calls in the terminal, as they arrive."""

from __future__ import annotations

import argparse
import select
import sys
from itertools import islice
from typing import TYPE_CHECKING, Final

from apilog.call_lines import Show, standard_output
from apilog.collected import add_data_option, filter_question, reading

if TYPE_CHECKING:
    from apilog.collector.query import Query
    from apilog.collector.store.protocol import Store

BETWEEN_LOOKS: Final = 300
"""Milliseconds between two looks."""

_AT_ONCE: Final = 500
_MOST_LINES: Final = 1_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `tail` understands."""
    parser.add_argument(
        "filter", nargs="*", metavar="FILTER", help="'status:5xx user:ada'; without one, all"
    )
    add_data_option(parser)
    parser.add_argument(
        "-n",
        "--lines",
        type=_lines,
        default=10,
        metavar="N",
        help="begin with so many that are there already (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    """Show calls until Ctrl-C; return the exit code.

    Raises:
        ApiLogError: the filter or the folder cannot be read.
    """
    query = filter_question(arguments)
    show = standard_output(as_json=arguments.json)
    try:
        with reading(arguments.data) as store:
            _follow(store, query, arguments.lines, show)
    except KeyboardInterrupt:  # how it ends
        return 0
    return 0


def _follow(store: Store, query: Query, lines: int, show: Show) -> None:
    from apilog.collector.export.reading import rows
    from apilog.collector.store.protocol import StoreBusy

    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    position = store.position()
    for row in reversed(list(islice(rows(store, query), lines))):
        show(row)
    while True:
        try:
            news = store.news(position, query, limit=_AT_ONCE)
        except StoreBusy:
            _wait(output)
            continue
        position = news.position
        for row in news.rows:
            show(row)
        if not news.more:
            _wait(output)


def _wait(output: select.poll) -> None:
    """Wait for the next look; end at once where nobody can read *output* any more.

    Without that it would run on until there is a call to write, perhaps for ever.
    """
    if output.poll(BETWEEN_LOOKS):
        raise BrokenPipeError


def _lines(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= _MOST_LINES):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {_MOST_LINES}")
    return int(text)

"""``apilog query``: the calls that a filter asks for."""

from __future__ import annotations

import argparse
from itertools import islice
from typing import Final

from apilog.call_lines import standard_output
from apilog.collected import add_data_option, add_question_options, question, reading

_MOST: Final = 1_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `query` understands."""
    add_question_options(parser)
    add_data_option(parser)
    parser.add_argument(
        "--limit", type=_limit, default=100, metavar="N", help="the newest so many (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    """Print calls, the newest first; return the exit code: 0, or 1 if there is none.

    Raises:
        ApiLogError: the filter or the folder cannot be read.
    """
    query = question(arguments)
    show = standard_output(as_json=arguments.json)
    found = False
    with reading(arguments.data) as store:
        from apilog.collector.export.reading import rows

        for row in islice(rows(store, query), arguments.limit):
            found = True
            show(row)
    return int(not found)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST}")
    return int(text)

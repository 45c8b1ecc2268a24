"""``apilog ship``: deliver what is in a spool, without any app."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from apilog import config
from apilog.config import Config
from apilog.delivery import Destination
from apilog.destination_name import name_of
from apilog.destinations import Memory, from_url
from apilog.exceptions import ConfigError
from apilog.shipment import Shipment, Tally
from apilog.spool import SpoolError
from apilog.spool.inspect import survey
from apilog.spool_place import check_place, siblings
from apilog.terminal import counted, escaped, say

_QUICK = 32 * 1024 * 1024
"""Bytes of segments that are read again after a signal, to say how many events are left."""

_OURS = frozenset({"orphan", "sealed", "damaged"})
"""States of segments that could have been shipped."""

_VARIABLE = config.PREFIX + config.DESTINATION.upper()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `ship` understands."""
    parser.add_argument("directory", metavar="DIRECTORY", help="the option spool of the app")
    parser.add_argument(
        "--to", metavar="URL", help=f"where the events go; by default {_VARIABLE} says it"
    )
    parser.add_argument(
        "--once", action="store_true", help="end when nothing is left that has no owner"
    )
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="seconds between two looks, without --once (%(default)s)",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print no result if there is nothing to be mended"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.05 to 3600")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Ship a spool; return the exit code: with ``--once`` 1 if not every event was delivered.

    Raises:
        ConfigError: the directory or the URL cannot work.
        SpoolError: the spool cannot be used.
    """
    check_place(arguments.directory)
    options = only("batch_size")
    destination = _destination(arguments.to)
    shipment = Shipment(
        arguments.directory,
        destination,
        once=arguments.once,
        interval=arguments.interval,
        batch_size=options.batch_size,
    )
    for each in siblings(arguments.directory):
        say(
            f"apilog: {escaped(str(each))} holds the events of another destination:"
            " ship it as well, with a --to of its own\n",
            sys.stderr,
        )
    with _stopped_by_signals(shipment.stop):
        if not arguments.once and not arguments.quiet:
            place = escaped(arguments.directory)
            say(f"apilog: shipping {place} to {name_of(destination)}\n", sys.stderr)
        tally = shipment.run()
    living = None
    if arguments.once or _size(arguments.directory) <= _QUICK:
        with suppress(SpoolError):  # somebody took the directory away
            found = survey(arguments.directory)
            living = sum(each.state == "live" for each in found.segments)
            tally.left = sum(each.events for each in found.segments if each.state in _OURS)
    if not arguments.quiet or not tally.is_clean:
        say(_result(tally, living))
    return int(arguments.once and not tally.is_clean)


def only(option: str) -> Config:
    """Return the configuration with *option* as the environment has it; no other is asked for.

    Raises:
        ConfigError: its value cannot work.
    """
    name = config.PREFIX + option.upper()
    return Config.build({}, {name: os.environ[name]} if name in os.environ else {})


def _destination(url: str | None) -> Destination:
    variable = os.environ.get(_VARIABLE, "").split()
    if url is None and len(variable) > 1:
        raise ConfigError(f"{_VARIABLE} names {len(variable)} destinations: choose one with --to")
    if url is None and not variable:
        raise ConfigError(f"no destination: give one with --to URL, or set {_VARIABLE}")
    destination = from_url(url if url is not None else variable[0])
    if isinstance(destination, Memory):
        raise ConfigError("destination = 'memory:': the events would be gone with this process")
    return destination


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call *stop* for the first SIGTERM or SIGINT; the second one ends the process at once.

    That costs nothing: what was not acknowledged stays in the spool.
    """
    numbers = (signal.SIGTERM, signal.SIGINT)

    def handle(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        stop()

    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _size(directory: str) -> int:
    """Return the bytes of all segments in *directory*."""
    size = 0
    with suppress(OSError):
        for each in Path(directory).glob("*.seg"):
            with suppress(OSError):
                size += each.stat().st_size
    return size


def _result(tally: Tally, living: int | None) -> str:
    """Return the result in one line; without *living*, nobody counted what nobody holds."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(tally.lost.items()))
    lost = f"{tally.lost.total()} ({reasons})" if reasons else "0"
    left = f"{tally.left} or more" if living is None else f"{tally.left}"
    text = f"delivered {tally.delivered}, quarantined {tally.quarantined}, lost {lost}, left {left}"
    if living:
        verb = "belongs" if living == 1 else "belong"
        text += f"; {counted(living, 'segment')} {verb} to living processes"
    if tally.troubles["busy"]:
        text += "; another process ships this spool"
    if newer := tally.troubles["unknown_version"]:
        text += f"; {counted(newer, 'segment')} of a newer apilog left alone"
    return text + "\n"

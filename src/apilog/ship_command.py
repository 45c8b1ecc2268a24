"""``apilog ship``: deliver what is in a spool, without any app."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from apilog.spool_layout import place_of_updates, siblings
from apilog.spool_place import check_place
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
    destination = destination_of(arguments.to)
    lanes = _lanes(arguments.directory, destination)
    shipments = [
        Shipment(
            directory,
            lane,
            once=arguments.once,
            interval=arguments.interval,
            batch_size=options.batch_size,
        )
        for directory, lane in lanes.items()
    ]
    for each in siblings(arguments.directory):
        say(
            f"apilog: {escaped(str(each))} holds the events of another destination:"
            " ship it as well, with a --to of its own\n",
            sys.stderr,
        )
    with stopped_by_signals(lambda: _stop(shipments)):
        if not arguments.once and not arguments.quiet:
            place = escaped(arguments.directory)
            say(f"apilog: shipping {place} to {name_of(destination)}\n", sys.stderr)
        tally = _run(shipments)
    living = None
    if arguments.once or sum(map(_size, lanes)) <= _QUICK:
        with suppress(SpoolError):  # somebody took the directory away
            segments = [
                one for each in lanes if Path(each).exists() for one in survey(each).segments
            ]
            living = sum(each.state == "live" for each in segments)
            tally.left = sum(each.events for each in segments if each.state in _OURS)
    if not arguments.quiet or not tally.is_clean:
        say(_result(tally, living))
    return int(arguments.once and not tally.is_clean)


def _lanes(directory: str, destination: Destination) -> dict[str, Destination]:
    """Return what goes where, by directory: updates may wait beside the events.

    Raises:
        ConfigError: they cannot be read there.
    """
    beside = str(place_of_updates(Path(directory)))
    is_there = Path(beside).exists()
    updates = getattr(destination, "updates", None)
    if not isinstance(updates, Destination):
        if is_there:
            what = "holds updates of users and the like, which this destination does not take"
            say(f"apilog: {escaped(beside)} {what}\n", sys.stderr)
        return {directory: destination}
    if is_there:
        check_place(beside)
    return {directory: destination, beside: updates}


def _run(shipments: Sequence[Shipment]) -> Tally:
    """Run them all at the same time, the first on this thread, which hears of signals."""
    with ThreadPoolExecutor(len(shipments)) as threads:
        others = [threads.submit(each.run) for each in shipments[1:]]
        try:
            tally = shipments[0].run()
            for each in others:
                tally.add(each.result())
        except BaseException:
            _stop(shipments)
            raise
    return tally


def _stop(shipments: Sequence[Shipment]) -> None:
    for each in shipments:
        each.stop()


def only(option: str) -> Config:
    """Return the configuration with *option* as the environment has it; no other is asked for.

    Raises:
        ConfigError: its value cannot work.
    """
    name = config.PREFIX + option.upper()
    return Config.build({}, {name: os.environ[name]} if name in os.environ else {})


def destination_of(url: str | None) -> Destination:
    """Return the destination at *url*, or at the one that the environment names.

    Raises:
        ConfigError: there is none, several, or one that cannot work.
    """
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
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call *stop* for the first SIGTERM or SIGINT; the second one ends the process at once.

    That costs nothing: what was not acknowledged stays where it is.
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

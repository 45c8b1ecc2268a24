"""``apilog replay``: ship what was recorded before, from a file or a spool."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from contextlib import closing
from pathlib import Path

from apilog import config
from apilog.config import Config
from apilog.conversion import Conversion
from apilog.delivery import Destination
from apilog.destination_name import name_of
from apilog.exceptions import ConfigError
from apilog.progress import progress
from apilog.recording_error import NotHttp, RecordingError
from apilog.rehearsal import Rehearsal
from apilog.replay import Replay
from apilog.replay_files import files_of
from apilog.replay_report import PATIENCE, counts, how_to_go_on, remarks, result
from apilog.replay_source import (
    FORMATS,
    ElementSource,
    Place,
    Source,
    SpoolSource,
    content_of,
    source_of,
)
from apilog.replay_state import State
from apilog.ship_command import destination_of, only, stopped_by_signals
from apilog.spool_layout import place_of_updates, siblings
from apilog.terminal import counted, escaped, say, sized
from apilog.throttle import Throttle, per_second

_VARIABLE = config.PREFIX + config.DESTINATION.upper()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `replay` understands."""
    parser.add_argument("path", metavar="FILE|DIRECTORY", help="a recording, or a spool")
    parser.add_argument(
        "--to", metavar="URL", help=f"where the events go; by default {_VARIABLE} says it"
    )
    parser.add_argument(
        "--rate", type=_rate, metavar="N[/s|/m|/h]", help="events a second at most, evenly"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--resume", action="store_true", help="go on where the last replay of this file ended"
    )
    begin.add_argument(
        "--from", type=_number, dest="first", metavar="N", help="begin with line or call N"
    )
    parser.add_argument(
        "--state", metavar="FILE", help="where it is kept how far it came (PATH.replay.json)"
    )
    parser.add_argument(
        "--rejected", metavar="FILE", help="where refused events go (PATH.rejected.ndjson)"
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="what a file is; by default its content tells"
    )
    parser.add_argument(
        "--mask",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="apply the rules of the environment; what is masked already stays as it is",
    )
    parser.add_argument(
        "--patience",
        type=_seconds,
        default=PATIENCE,
        metavar="S",
        help="seconds of waiting for an endpoint that takes nothing (%(default)s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="read everything, and send nothing")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _rate(text: str) -> str:
    try:
        per_second(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 12 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 86400")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Replay a recording; return the exit code: 1 if not every call was delivered.

    Raises:
        ConfigError: an option, a rule or the URL cannot work.
        RecordingError: the recording cannot be read.
        ApiLogError: the state, or what was refused, cannot be written.
    """
    path = arguments.path
    try:
        source = source_of(path, arguments.format)
    except RecordingError as error:
        raise RecordingError(f"{escaped(path)}: {error}") from error
    conversion = _conversion(source, mask=arguments.mask)
    if arguments.dry_run:
        return _rehearse(source, conversion, _place(source, arguments.first), arguments)
    destination = destination_of(arguments.to)
    files = files_of(path, arguments.state, arguments.rejected, destination)
    place = _place(source, arguments.first)
    with closing(State(files.state, source, name_of(destination))) as state:
        state.claim()
        if arguments.first is None:
            state.restore(resume=arguments.resume)
        else:
            state.said()  # what is no state is not written over
            state.place = place
        return _replay(source, conversion, destination, state, files.refused, arguments)


def _replay(
    source: Source,
    conversion: Conversion,
    destination: Destination,
    state: State,
    refused: Path,
    arguments: argparse.Namespace,
) -> int:
    """Replay *source* from where *state* is, and say what became of it; return the exit code."""
    before = state.tally.settled
    if isinstance(source, SpoolSource):
        _look_around(arguments.path, source)
    with progress(sys.stderr, source.size, wanted=not arguments.quiet) as shown:
        replay = Replay(
            source,
            conversion.event,
            destination,
            state,
            refused,
            batch_size=only("batch_size").batch_size,
            throttle=None if arguments.rate is None else Throttle(per_second(arguments.rate)),
            patience=arguments.patience,
            tell=shown.tell,
            show=lambda done: shown.show(done, counts(state.tally)),
        )
        with stopped_by_signals(replay.stop):
            is_over = replay.run()
    say(result(state.tally, replay.left, state.tally.settled - before))
    for each in remarks(replay, source, conversion, destination, refused):
        say(f"apilog: {each}\n", sys.stderr)
    if not is_over:
        say(how_to_go_on(replay, source, arguments), sys.stderr)
    return int(not is_over or not state.tally.is_clean)


def _conversion(source: Source, *, mask: bool) -> Conversion:
    """Return what makes events, by the rules of the environment.

    Raises:
        ConfigError: a rule cannot work, or what nobody has masked is not to be masked.
    """
    if not mask and isinstance(source, ElementSource) and source.is_har:
        raise ConfigError("--no-mask is for events: nobody has masked what is in a HAR file")
    config.warn_of_unknown(os.environ)
    return Conversion(Rehearsal(Config.build({})), mask=mask)


def _look_around(path: str, source: SpoolSource) -> None:
    """Say what somebody may have expected to be replayed, and is not."""
    if not source.size:
        say(f"apilog: nothing of a spool is in {escaped(path)}\n", sys.stderr)
    others = dict.fromkeys(siblings(path), "the events of another destination")
    if (updates := place_of_updates(Path(path))).is_dir():
        others[updates] = "updates of users and the like"
    for each, what in others.items():
        say(f"apilog: {escaped(str(each))} holds {what}\n", sys.stderr)


def _place(source: Source, first: int | None) -> Place:
    """Return the place before the call with the number *first*.

    Raises:
        ConfigError: there are not so many.
    """
    place = Place()
    if first is None or first == 1:
        return place
    for item in source.items(place):
        if item.after.number >= first:
            return place
        place = item.after
    raise ConfigError(f"--from {first}: the last {source.noun} is {place.number}")


def _rehearse(
    source: Source, conversion: Conversion, place: Place, arguments: argparse.Namespace
) -> int:
    """Do everything but send; return 1 if something could not be read."""
    events = size = unreadable = left_out = 0
    stop = threading.Event()
    with (
        progress(sys.stderr, source.size, wanted=not arguments.quiet) as shown,
        stopped_by_signals(stop.set),
    ):
        for item in source.items(place):
            if stop.is_set():
                shown.tell(f"stopped before {source.noun} {item.after.number}")
                break
            try:
                size += len(conversion.event(content_of(item), item.after.number))
            except NotHttp:
                left_out += 1
            except RecordingError as error:
                unreadable += 1
                shown.tell(f"{source.noun} {item.after.number} left out: {error}")
            else:
                events += 1
            shown.show(item.done, counted(events, "event"))
    text = f"{counted(events, 'event')} ({sized(size)}) would be sent, {unreadable} unreadable"
    text += f", {left_out} left out" if left_out else ""
    say(f"{text}, {counted(conversion.masked, 'place')} masked\n")
    return int(unreadable > 0 or stop.is_set())

"""What ``apilog replay`` says: how far it is, what became of the calls, and how to go on."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path

from apilog.conversion import Conversion
from apilog.delivery import Destination
from apilog.destinations import Moesif
from apilog.progress import percent
from apilog.replay import Replay
from apilog.replay_source import Source, SpoolSource
from apilog.replay_state import Tally
from apilog.terminal import counted, escaped

PATIENCE = 120.0
"""Seconds of waiting for an endpoint that takes nothing, by default."""


def counts(tally: Tally) -> str:
    """Return the counts that are shown beside the progress."""
    text = f"{tally.delivered} delivered"
    if refused := tally.rejected.total() + tally.unreadable:
        text += f", {refused} refused or unreadable"
    return text


def result(tally: Tally, left: int, now: int) -> str:
    """Return the result in one line: it counts every call that was read, *now* or before."""
    text = f"delivered {tally.delivered}, rejected {_by_reason(tally.rejected)}"
    text += f", unreadable {tally.unreadable}, left out {_by_reason(tally.left_out)}, left {left}"
    if now != tally.settled:
        text += f"; {now} of them in this run"
    return text + "\n"


def _by_reason(counts: dict[str, int]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    return f"{sum(counts.values())} ({reasons})" if reasons else "0"


def how_to_go_on(replay: Replay, source: Source, arguments: argparse.Namespace) -> str:
    """Return where it ended, why, and the command that goes on there; it shows no key."""
    place = replay.state.place
    options = {
        "--to": arguments.to and "URL",
        "--rate": arguments.rate,
        "--state": arguments.state,
        "--rejected": arguments.rejected,
        "--format": arguments.format,
        "--patience": None if arguments.patience == PATIENCE else f"{arguments.patience:g}",
    }
    words = ["apilog", "replay", arguments.path]
    for name, value in options.items():
        words += [name, value] if value else []
    words += [] if arguments.mask else ["--no-mask"]
    words.append("--resume")
    text = f"apilog: ended before {source.noun} {place.number + 1}: {replay.reason}\n"
    if replay.has_trouble:
        text += "apilog: apilog send URL finds out what would mend it\n"
    if isinstance(source, SpoolSource):
        share = ""
    else:
        share = f" ({percent(place.offset, source.size)} are done)"
    return text + f"apilog: to go on{share}: {escaped(shlex.join(words))}\n"


def remarks(
    replay: Replay,
    source: Source,
    conversion: Conversion,
    destination: Destination,
    refused: Path,
) -> Iterator[str]:
    """Yield what somebody should know about the result."""
    tally = replay.state.tally
    if isinstance(source, SpoolSource):
        if living := len(source.reading.living):
            yield f"{counted(living, 'segment')} of living processes passed over"
        if behind := len(source.passed_for_good(replay.state.place)):
            yield f"--resume does not come back to {behind} of them: apilog ship delivers them"
    elif not (tally.settled or replay.left or replay.is_stopping):
        yield "no call was found"
    if conversion.late and isinstance(destination, Moesif):
        late = counted(conversion.late, "event")
        yield f"{late} of calls over 30 days ago: Moesif drops such events"
    if tally.rejected:
        yield f"what was refused is in {escaped(str(refused))}"

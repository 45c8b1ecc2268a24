"""``apilog spool``: what waits in a spool, what is damaged in it, and how to be rid of it."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from apilog.exceptions import ConfigError
from apilog.ship_command import only
from apilog.spool.inspect import DamageReport, Purged, SegmentReport, Survey, purge, survey, verify
from apilog.spool_layout import place_of_updates, siblings
from apilog.spool_place import check_place
from apilog.terminal import counted, escaped, say, sized, table

_MOST_ROWS = 1_000
"""Lines of a table at most."""

_AGE = re.compile(r"(\d{1,9})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

_EXPLAINED = {
    "torn": "torn: where a write was interrupted, or the file cut short",
    "newer version": "written by a newer apilog, left alone",
    "empty": "empty: nothing was ever written, or all of it is gone",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `spool` understands."""
    parser.add_argument("directory", metavar="DIRECTORY", help="the option spool of the app")
    parser.add_argument("--verify", action="store_true", help="read all; name what is damaged")
    parser.add_argument(
        "--purge", choices=["quarantine", "all", "older-than"], help="remove this; needs --yes"
    )
    parser.add_argument(
        "--age", type=_age, metavar="AGE", help="for older-than: a number and s, m, h or d, as 72h"
    )
    parser.add_argument("--yes", action="store_true", help="mean it")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _age(text: str) -> int:
    match = _AGE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age such as 90m, 72h or 3d")
    return int(match[1]) * _SECONDS[match[2]]


def run(arguments: argparse.Namespace) -> int:
    """Show a spool, or remove something from it; return the exit code: 1 if something is damaged.

    Raises:
        ConfigError: the directory or the arguments cannot work.
        SpoolError: the directory cannot be read.
    """
    if (arguments.purge == "older-than") != (arguments.age is not None):
        raise ConfigError("--purge older-than and --age belong together")
    check_place(arguments.directory, to_read=arguments.purge is None)
    capacity = only("spool_bytes").spool_bytes
    removed = _purged(arguments) if arguments.purge is not None and arguments.yes else None
    found = survey(arguments.directory)
    damages = verify(arguments.directory) if arguments.verify else None
    if arguments.json:
        say(_document(arguments.directory, found, capacity, damages, removed))
    else:
        say(_text(arguments.directory, found, capacity))
        if damages is not None:
            say(_damage_text(damages))
        if removed is not None:
            say(_removed_text(removed, found))
    if arguments.purge is not None and not arguments.yes:
        raise ConfigError("nothing was removed: --purge is for good, and needs --yes")
    return int(any(each.what != "newer version" for each in damages or ()))


def _purged(arguments: argparse.Namespace) -> Purged:
    old = arguments.purge == "older-than"
    return purge(
        arguments.directory,
        segments=arguments.purge != "quarantine",
        quarantine=True,
        before=time.time() - arguments.age if old else float("inf"),
    )


def _text(directory: str, found: Survey, capacity: int) -> str:
    text = _segment_table(found.segments)
    waiting = sum(segment.events for segment in found.segments)
    share = f"{sized(found.total_bytes)} of {sized(capacity)}"
    text += (
        f"{counted(len(found.segments), 'segment')}, {counted(waiting, 'event')} waiting, {share}\n"
    )
    refused = sum(found.quarantined.values())
    reasons = ", ".join(
        f"{escaped(reason)} {count}" for reason, count in sorted(found.quarantined.items())
    )
    text += f"quarantine: {counted(refused, 'event')}{f' ({reasons})' if reasons else ''}\n"
    for each, whose in _others(directory).items():
        text += f"another spool, for {whose}: {escaped(str(each))}\n"
    return text


def _others(directory: str) -> dict[Path, str]:
    """Return what else is kept for the same app, and for whom."""
    updates = place_of_updates(Path(directory))
    others = {updates: "updates of users and the like"} if updates.is_dir() else {}
    return others | dict.fromkeys(siblings(directory), "another destination")


def _segment_table(segments: Sequence[SegmentReport]) -> str:
    if not segments:
        return ""
    rows = [("segment", "state", "events", "acked", "size", "oldest")]
    rows += [
        (
            escaped(each.name),
            each.state,
            str(each.events),
            str(each.acked),
            sized(each.size),
            "-" if each.oldest is None else _moment(each.oldest),
        )
        for each in segments[:_MOST_ROWS]
    ]
    text = table(rows)
    if len(segments) > _MOST_ROWS:
        text += f"... and {len(segments) - _MOST_ROWS} more\n"
    return f"{text}\n"


def _moment(seconds: float) -> str:
    """Return a moment as people read it; a name can hold any number, also none that is a date."""
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return "?"
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _damage_text(damages: Sequence[DamageReport]) -> str:
    if not damages:
        return "\nno damage\n"
    rows = [("segment", "bytes", "damage")]
    rows += [
        (
            escaped(each.segment),
            f"{each.offset}-{each.end}",
            _EXPLAINED.get(each.what, escaped(each.what)),
        )
        for each in damages[:_MOST_ROWS]
    ]
    text = f"\n{table(rows)}"
    if len(damages) > _MOST_ROWS:
        text += f"... and {len(damages) - _MOST_ROWS} more\n"
    return text


def _removed_text(removed: Purged, found: Survey) -> str:
    living = sum(segment.state == "live" for segment in found.segments)
    text = (
        f"\nremoved {counted(removed.segments, 'segment')} with {counted(removed.events, 'event')},"
        f" and {counted(removed.quarantined, 'event')} of the quarantine\n"
    )
    if living:
        text += f"left alone: {counted(living, 'segment')} of living processes\n"
    return text


def _document(
    directory: str,
    found: Survey,
    capacity: int,
    damages: Sequence[DamageReport] | None,
    removed: Purged | None,
) -> str:
    """Return everything as JSON; what was not asked for is null."""
    document = {
        "directory": directory,
        "bytes": found.total_bytes,
        "cap": capacity,
        "segments": [asdict(each) for each in found.segments],
        "quarantine": dict(found.quarantined),
        "others": [str(each) for each in _others(directory)],
        "damage": None if damages is None else [asdict(each) for each in damages],
        "removed": None if removed is None else asdict(removed),
    }
    return json.dumps(document, indent=2) + "\n"

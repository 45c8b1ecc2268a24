"""``apilog mask`` and what it shares with ``apilog lint``: input, rules, and text for terminals."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from apilog import config, recordings
from apilog.config import Config
from apilog.exceptions import ConfigError
from apilog.recording_error import RecordingError
from apilog.recordings import Recording
from apilog.rehearsal import Rehearsal, Trace

_MOST_ROWS = 1_000
"""Lines of a table at most."""

_LARGEST_KEY = 65_536


def add_rule_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to read a file, and those that beat the environment's rules."""
    parser.add_argument(
        "--format",
        choices=list(recordings.FORMATS),
        help="what the input is; by default its content tells (har stands for one entry, too)",
    )
    rules = parser.add_argument_group(
        "rules", "Each beats the APILOG_* variable of its name; hooks of an app are not asked."
    )
    for name, metavar in _LISTS.items():
        rules.add_argument(
            f"--{name.replace('_', '-')}",
            action="append",
            metavar=metavar,
            help=f"as the option {name}; divided by commas, or given again",
        )
    rules.add_argument(
        "--mask-pattern", action="append", metavar="REGEX", help="as mask_patterns; can be repeated"
    )
    rules.add_argument(
        "--shape-only", action=argparse.BooleanOptionalAction, help="types and sizes, no values"
    )
    rules.add_argument(
        "--hash-key-file", metavar="FILE", help="key of the option hash; makes pseudonyms"
    )


_LISTS = {
    "mask_headers": "NAMES",
    "mask_query": "NAMES",
    "mask_fields": "PLACES",
    "unmask": "NAMES",
    "keep_fields": "PLACES",
}


def rehearsal(arguments: argparse.Namespace) -> Rehearsal:
    """Return the rules of the environment and of *arguments*.

    Raises:
        ConfigError: a rule cannot work.
    """
    options: dict[str, Any] = {
        name: [each.strip() for text in given for each in text.split(",") if each.strip()]
        for name in _LISTS
        if (given := getattr(arguments, name)) is not None
    }
    if arguments.mask_pattern is not None:
        options["mask_patterns"] = arguments.mask_pattern
    if arguments.shape_only is not None:
        options["shape_only"] = arguments.shape_only
    if arguments.hash_key_file is not None:
        options["hash"] = _key(arguments.hash_key_file)
    config.warn_of_unknown(os.environ)
    return Rehearsal(Config.build(options))


def _key(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            key = file.read(_LARGEST_KEY + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--hash-key-file {path!r} cannot be read: {_reason(error)}") from error
    if len(key) > _LARGEST_KEY:
        raise ConfigError(f"--hash-key-file {path!r} has more than {_LARGEST_KEY} bytes")
    return key.rstrip(b"\r\n")


def content_of(path: str) -> bytes:
    """Return the bytes of the file at *path*, of standard input for ``-``.

    Raises:
        RecordingError: it cannot be read, or is too large.
    """
    try:
        if path == "-":
            return sys.stdin.buffer.read(recordings.LARGEST + 1)
        with Path(path).open("rb") as file:
            return file.read(recordings.LARGEST + 1)
    except (OSError, ValueError) as error:
        raise RecordingError(f"it cannot be read: {_reason(error)}") from error


def read(path: str, format_name: str | None) -> Recording:
    """Return the recording at *path*, of standard input for ``-``.

    Raises:
        RecordingError: it is none; the message names the input.
    """
    try:
        return recordings.read(content_of(path), format_name)
    except RecordingError as error:
        raise RecordingError(f"{shown_name(path)}: {error}") from error


def shown_name(path: str) -> str:
    """Return what messages call the input at *path*."""
    return "standard input" if path == "-" else printable(path)


def printable(text: str) -> str:
    """Return *text* without what a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines)


def run(arguments: argparse.Namespace) -> int:
    """Mask one recording; return the exit code.

    Raises:
        ConfigError: a rule cannot work.
        ApiLogError: the input is no recording, or nothing of it may be printed.
    """
    rules = rehearsal(arguments)
    recording = read(arguments.file, arguments.format)
    traces = recording.mask(rules)
    _print(recording.written())
    sys.stderr.write(_report(recording, traces))
    return int(arguments.check and any(trace.notes for trace in traces))


def _print(content: bytes) -> None:
    left = memoryview(content)
    while left:  # unbuffered, a pipe may take a part
        left = left[sys.stdout.buffer.write(left) :]
    sys.stdout.flush()


def _report(recording: Recording, traces: Iterable[Trace]) -> str:
    """Return what every rule did, place by place, and the sums."""
    places: Counter[tuple[str, str]] = Counter()
    for trace in traces:
        places.update(dict.fromkeys(trace.notes, 1))
    calls = len(recording.documents)
    if not places:
        return f"nothing to mask: {_count(calls, 'call')} in {recording.kind}\n"
    rows = [("calls", "path", "rule")]
    for (path, rule), number in list(places.items())[:_MOST_ROWS]:
        rows.append((str(number), printable(path or "/"), printable(rule)))
    text = table(rows)
    if len(places) > _MOST_ROWS:
        text += f"... and {_count(len(places) - _MOST_ROWS, 'place')} more\n"
    rules: Counter[str] = Counter()
    for (_, rule), number in places.items():
        rules[rule] += number
    sums = ", ".join(f"{printable(rule)} {number}" for rule, number in rules.most_common())
    places_masked = _count(sum(rules.values()), "place")
    return f"{text}\n{places_masked} in {_count(calls, 'call')} ({recording.kind}): {sums}\n"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _reason(error: Exception) -> str:
    """Return why something cannot be read, in the system's words."""
    with suppress(AttributeError):
        if error.strerror:  # type: ignore[attr-defined]
            return str(error.strerror).lower()  # type: ignore[attr-defined]
    return type(error).__name__

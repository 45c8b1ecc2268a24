"""``apilog lint``: events of files and of the collector's database, and what should be masked."""

from __future__ import annotations

import argparse
import json
import shlex
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from apilog import codec, mask_command, recordings
from apilog.codec import JSON
from apilog.config import Config
from apilog.event_recording import EventRecording
from apilog.lint import Finding, Lint
from apilog.recording_error import RecordingError
from apilog.recordings import Recording

_SQLITE = b"SQLite format 3\0"
_APPLICATION_ID = 0x61706C31
"""What the collector writes into the head of its database; "apl1"."""

_PAYLOADS = "SELECT payload FROM events ORDER BY id DESC"
_MOST_ROWS = 500


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `lint` understands besides the rules."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE|-", help="recordings; - is standard input"
    )
    parser.add_argument(
        "--personal",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="name personal data, too: e-mail addresses, names, places, health (on by default)",
    )
    parser.add_argument(
        "--as",
        dest="form",
        choices=["python", "django", "env"],
        default="python",
        help="how the options are written (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Report on recordings; return the exit code.

    Raises:
        ConfigError: a rule cannot work.
        ApiLogError: an input cannot be read.
    """
    rehearsal = mask_command.rehearsal(arguments)
    lint = Lint(personal=arguments.personal)
    for path in arguments.files:
        recording = _read(path, arguments.format)
        traces = recording.mask(rehearsal)
        every = set().union(*(trace.values for trace in traces))
        for document in recording.documents:
            lint.take(document, every)
            every = set()  # once is enough
    findings = lint.findings()
    sys.stdout.write(_report(findings, lint.events, rehearsal.config, arguments.form))
    return int(bool(findings))


def _read(path: str, format_name: str | None) -> Recording:
    if path != "-" and format_name is None:
        try:
            with Path(path).open("rb") as file:
                is_database = file.read(len(_SQLITE)) == _SQLITE
        except (OSError, ValueError):
            is_database = False
        if is_database:
            return EventRecording(_stored(path), "a database of events", lambda _: b"")
    return mask_command.read(path, format_name)


def _stored(path: str) -> Iterator[JSON]:
    """Yield the events in the collector's database at *path*, newest first, within bounds."""
    name = mask_command.shown_name(path)
    size = 0
    try:
        uri = f"{Path(path).resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as database:
            if database.execute("PRAGMA application_id").fetchone() != (_APPLICATION_ID,):
                raise RecordingError(f"{name}: it is a database, but not one of apilog serve")
            for (payload,) in database.execute(_PAYLOADS):
                size += len(payload)
                if size > recordings.LARGEST:
                    sys.stderr.write(f"{name}: older events are passed over\n")
                    return
                yield codec.loads(payload)
    except sqlite3.Error as error:
        raise RecordingError(f"{name}: it cannot be read: {type(error).__name__}") from error


def _report(findings: Sequence[Finding], events: int, config: Config, form: str) -> str:
    if not findings:
        return f"nothing looks sensitive in {events} event{'' if events == 1 else 's'}\n"
    rows = [_row(each, events) for each in findings[:_MOST_ROWS]]
    text = mask_command.table(rows)
    if len(findings) > _MOST_ROWS:
        text += f"... and {len(findings) - _MOST_ROWS} more\n"
    added = _merged(findings, config)
    if not added:
        return text
    return f"{text}\nTo mask them all, with what is set already:\n\n{_FORMS[form](added)}"


def _row(finding: Finding, events: int) -> tuple[str, ...]:
    remedy = f"{finding.option}={_listed([finding.argument])}" if finding.option else "mask_body"
    how_many = f"{finding.events} of {events}"
    return how_many, mask_command.printable(finding.label), finding.reason, remedy


def _merged(findings: Iterable[Finding], config: Config) -> dict[str, list[str]]:
    """Return the options with what is set and what is to be added."""
    options: dict[str, list[str]] = {}
    for name in ("mask_headers", "mask_query", "mask_fields", "mask_patterns"):
        found = [each.argument for each in findings if each.option == name]
        if found:
            known = [str(getattr(each, "pattern", each)) for each in getattr(config, name)]
            options[name] = list(dict.fromkeys([*known, *found]))
    return options


def _listed(values: Sequence[str]) -> str:
    """Return *values* as Python and JSON write a list."""
    return json.dumps(list(values), ensure_ascii=True)


def _python(options: Mapping[str, Sequence[str]]) -> str:
    return "".join(f"    {name}={_listed(values)},\n" for name, values in options.items())


def _django(options: Mapping[str, Sequence[str]]) -> str:
    lines = "".join(
        f'    "{name.upper()}": {_listed(values)},\n' for name, values in options.items()
    )
    return f"APILOG = {{\n{lines}}}\n"


def _env(options: Mapping[str, Sequence[str]]) -> str:
    lines = []
    for name, values in options.items():
        text = ("\n" if name == "mask_patterns" else ",").join(values)
        lines.append(f"APILOG_{name.upper()}={shlex.quote(text)}\n")
    return "".join(lines)


_FORMS = {"python": _python, "django": _django, "env": _env}

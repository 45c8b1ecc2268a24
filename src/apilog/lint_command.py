"""``apilog lint``: events of files and of the collector's folder, and what should be masked."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from apilog import codec, mask_command, recordings
from apilog.codec import JSON
from apilog.collected import reading
from apilog.config import Config
from apilog.event_recording import EventRecording
from apilog.lint import Finding, Lint
from apilog.recordings import Recording

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
    if path != "-" and format_name is None and Path(path).is_dir():
        return EventRecording(_stored(path), "a folder of the collector", lambda _: b"")
    return mask_command.read(path, format_name)


def _stored(path: str) -> Iterator[JSON]:
    """Yield the events in the collector's folder *path*, newest first, within bounds."""
    size = 0
    with reading(path) as store:
        from apilog.collector.export.reading import wholes
        from apilog.collector.query import Query

        for call in wholes(store, Query()):
            size += len(call.event)
            if size > recordings.LARGEST:
                name = mask_command.shown_name(path)
                sys.stderr.write(f"{name}: older events are passed over\n")
                return
            yield codec.loads(call.event)


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

"""``apilog send``: post a test event to a destination, and put its answer into words."""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict

from apilog import codec, config, mask_command, moments
from apilog.config import Config
from apilog.conversion import Conversion
from apilog.exceptions import ConfigError
from apilog.recording_error import RecordingError
from apilog.rehearsal import Rehearsal
from apilog.ship_command import destination_of
from apilog.terminal import counted, say, sized
from apilog.trial import Finding, sample_event, tried
from apilog.updates import is_update

MOST = 10_000
"""Events that are sent at most."""

_VARIABLE = config.PREFIX + config.DESTINATION.upper()


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `send` understands."""
    parser.add_argument(
        "url", nargs="?", metavar="URL", help=f"a destination; by default {_VARIABLE} says it"
    )
    parser.add_argument(
        "--event", metavar="FILE|-", help="an event to send instead; masked like any other"
    )
    parser.add_argument(
        "--count", type=_count, default=1, metavar="N", help="how many times (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the finding as JSON")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= 5 and 0 < int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Send; return the exit code: 1 if not every event was delivered.

    Raises:
        ConfigError: the URL or a rule cannot work.
        RecordingError: the event cannot be read.
    """
    url = arguments.url if arguments.url is not None else _from_environment()
    destination = destination_of(url)
    events = _events(arguments.event, arguments.count)
    finding = tried(destination, url, events)
    if arguments.json:
        say(json.dumps(asdict(finding), ensure_ascii=False) + "\n")
    else:
        say(_report(finding))
    return int(finding.outcome != "delivered")


def _from_environment() -> str:
    found = os.environ.get(_VARIABLE, "").split()
    if len(found) != 1:
        problem = f"{_VARIABLE} names {len(found)} destinations" if found else "no destination"
        raise ConfigError(f"{problem}: give one, such as apilog send http://127.0.0.1:8090")
    return found[0]


def _events(path: str | None, count: int) -> list[bytes]:
    """Return *count* events, masked by the rules of the environment, each with an id of its own."""
    config.warn_of_unknown(os.environ)
    conversion = Conversion(Rehearsal(Config.build({})))
    given = None
    if path is not None:
        try:
            content = mask_command.content_of(path)
            given = conversion.event(content, 1)
        except RecordingError as error:
            name = mask_command.shown_name(path)
            raise RecordingError(f"{name}: {error}; --event takes one event") from error
    made: list[bytes] = []
    for _ in range(count):
        if given is None:
            made.append(conversion.event(sample_event(time.time()), 1))
        elif count == 1 or is_update(given):
            made.append(given)
        else:
            again = codec.loads(given)
            assert isinstance(again, dict)  # noqa: S101 - for the type checker
            made.append(codec.dumps({**again, "transaction_id": moments.unique_id(time.time())}))
    return made


def _report(finding: Finding) -> str:
    """Return *finding* in words."""
    what = f"{counted(finding.events, 'event')} ({sized(finding.event_bytes)})"
    took = f"{finding.seconds * 1000:.0f} ms"
    if finding.outcome == "delivered":
        text = f"delivered: {what} to {finding.destination} in {took}\n"
    else:
        text = f"{finding.outcome}: {finding.destination}: {finding.found}\n"
        if finding.delivered:
            text += f"  delivered: {finding.delivered} of {what}\n"
    if finding.answers:
        last = finding.answers[-1]
        text += f"  requests: {len(finding.answers)}, {sized(sum(r.sent for r in finding.answers))}"
        text += f" sent in {took}\n  answer: {last.status}, {sized(last.received)}"
        text += f": {last.said}\n" if last.said else "\n"
    if finding.fix:
        text += f"  to mend: {finding.fix}\n"
    return text

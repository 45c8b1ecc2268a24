"""The ``apilog`` command."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING

from apilog._version import __version__
from apilog.exceptions import ApiLogError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MASK = """\
Apply the rules of the environment (APILOG_*) and of the options to recorded calls: events of apilog
or Moesif (one, a list, or one a line), a HAR file or entry, or raw HTTP/1.1 messages. The calls go
to standard output, masked, in the format that they came in: bodies as an event would carry them,
codings undone, and those that cannot be masked left out. What every rule did goes to standard
error. Exit code: 0, with --check 1 if there was something to mask; 2 if nothing could be done."""

_LINT = """\
Read recorded calls as `apilog mask` does, or the folder of `apilog serve`; apply the rules of the
environment and of the options; and name what still looks sensitive, with the option that would mask
it. No value is printed. Exit code: 0 if nothing is found, 1 if something is, 2 if the input cannot
be read."""

_SHIP = """\
Deliver what waits in a spool, without any app: what dead processes left, and what those that only
write have let go. Segments of living processes stay theirs. What the endpoint refuses is kept in
the directory quarantine of the spool. An app with several destinations has one spool for each, in
DIRECTORY/destination-2 and so on: ship each on its own, with its own --to. Updates of users and the
like, which wait in updates (destination-2-updates), go along where the destination has them.
Without --once this goes on until SIGTERM or SIGINT, and then ends within 2 seconds and what is in
flight; a second signal ends it at once, and costs nothing. With --once an endpoint that takes
nothing for 5 seconds is left for the next time. Several may run at the same time. Exit code: 0;
with --once 1 if not every event was delivered; 2 if nothing could be done."""

_SPOOL = """\
Show what waits in a spool: its segments and whose they are, what is quarantined, and how full it
is. Nothing is changed, and no event is shown. --verify reads every record and names the damaged
places. --purge removes: quarantine, what was refused or damaged; older-than, segments that began
longer than --age ago; all, both, whatever the age. A segment that a living process holds is never
touched. Exit code: 0; 1 if --verify finds damage; 2 if nothing could be done."""

_DOCTOR = """\
Look at everything that recording and delivery need: the configuration, the way to the destination
(one batch without events is sent), the spool, the server's settings, with --app the app and its
middlewares, and the worker. Each finding is ok, a warning or a problem, with what would mend it.
No key and no value is shown. Exit code: 0, 1 if there is a problem, 2 if nothing could be done."""

_SEND = """\
Post a test event to a destination, and say what became of it: delivered, refused, or to be sent
again later, with what the endpoint answered and what would mend it. The event says that it is a
test: its route is /apilog/test, its user agent is apilog. No key is shown. Exit code: 0 if it was
delivered, 1 if not, 2 if nothing could be sent."""

_REPLAY = """\
Ship recorded calls: events of apilog or Moesif (one a line, or a list), a HAR file, or what waits
in a spool, which stays there (`apilog ship` empties it). Calls are masked by the rules of the
environment (APILOG_*) before they leave. How far it came is kept in PATH.replay.json, so that
--resume goes on there; what the endpoint refuses is added to PATH.rejected.ndjson. SIGINT or
SIGTERM ends it after what is in flight. Exit code: 0 if everything was delivered, 1 if not, 2 if
nothing could be done."""


_SERVE = """\
Collect calls and show them on a local page, until SIGTERM or SIGINT. The addresses it prints are
where senders send to (the protocols of Moesif, Umami, Swetrix, Logimoni and /collect/event) and
where a browser logs in, once; the token in DIR/viewer-token logs in, too. Calls are kept in DIR,
a file a day, for --keep and up to --max-size. Beyond loopback it listens only with --token and
--tls-cert, or --i-know-this-is-plaintext. Exit code: 0, or 2 if it cannot start."""

_TAIL = """\
Show calls as they arrive, until Ctrl-C. FILTER is in the language of the viewer; quote it as a
whole: 'status:5xx -user:ada body:"out of stock"'. The collector may run meanwhile, in this process
or another. Exit code: 0, or 2 if nothing could be read."""

_QUERY = """\
Print the calls that FILTER asks for, the newest first. FILTER is in the language of the viewer;
quote it as a whole: 'status:5xx -user:ada body:"out of stock"'. Exit code: 0, 1 if there is no such
call, 2 if nothing could be read."""

_EXPORT = """\
Write the calls that FILTER asks for to a file, the newest first. FILTER is in the language of the
viewer; quote it as a whole: 'status:5xx -user:ada'. Exit code: 0, or 2 if nothing could be done."""

_PURGE = """\
Remove calls, so that no byte of them is left in any file of the collector: those of a user, with
the profile, or those before a moment. If the collector runs, it does it. Exit code: 0, or 2 if
something is left."""

_LOOKING: Mapping[str, tuple[str, str]] = {
    "tail": ("show calls as they arrive", _TAIL),
    "query": ("print the calls that a filter asks for", _QUERY),
    "export": ("write calls as HAR, JSON lines, CSV or Parquet", _EXPORT),
    "purge": ("remove calls from every byte of the collector's files", _PURGE),
}
"""Commands on the folder of the collector: what each is for, in short and at length."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv*; return the exit code: 0, 1, or 2 for what the user can mend.

    Wrong arguments end in SystemExit(2), and ``--version`` in SystemExit(0), as argparse has it.
    """
    arguments = _parser(sys.argv[1:] if argv is None else argv).parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except ApiLogError as error:
        sys.stderr.write(f"apilog: {error}\n")
        return 2
    return code


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; the options of a command are there once *argv* names it."""
    parser = argparse.ArgumentParser(prog="apilog", description="Record API calls; look at them.")
    parser.add_argument("--version", action="version", version=f"apilog {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    serve = commands.add_parser(
        "serve", help="collect calls, and show them on a local page", description=_SERVE
    )
    if "serve" in argv:
        _add(serve, "serve")
    for name, (what, description) in _LOOKING.items():
        command = commands.add_parser(name, help=what, description=description)
        if name in argv:
            _add(command, name)
    mask = commands.add_parser(
        "mask", help="mask recorded calls, and say what each rule did", description=_MASK
    )
    lint = commands.add_parser(
        "lint", help="name what looks sensitive in recorded calls", description=_LINT
    )
    if "mask" in argv or "lint" in argv:  # `serve` and `--version` need not wait for this
        _add_recording_commands(mask, lint)
    ship = commands.add_parser(
        "ship", help="deliver what waits in a spool, without any app", description=_SHIP
    )
    spool = commands.add_parser(
        "spool", help="show what waits in a spool, or remove it", description=_SPOOL
    )
    if "ship" in argv or "spool" in argv:
        _add_spool_commands(ship, spool)
    send = commands.add_parser(
        "send", help="post a test event, and explain the answer", description=_SEND
    )
    replay = commands.add_parser(
        "replay", help="ship calls that were recorded before", description=_REPLAY
    )
    if "send" in argv or "replay" in argv:
        _add_sending_commands(send, replay)
    doctor = commands.add_parser(
        "doctor", help="find what keeps calls from being recorded", description=_DOCTOR
    )
    if "doctor" in argv:
        _add_doctor(doctor)
    return parser


def _add(parser: argparse.ArgumentParser, name: str) -> None:
    command = importlib.import_module(f"apilog.{name}_command")
    command.add_options(parser)
    parser.set_defaults(run=lambda arguments: _shielded(command.run, arguments))


def _add_recording_commands(mask: argparse.ArgumentParser, lint: argparse.ArgumentParser) -> None:
    from apilog import lint_command, mask_command

    mask.add_argument("file", metavar="FILE|-", help="a recording; - is standard input")
    mask.add_argument("--check", action="store_true", help="exit with 1 if anything was masked")
    mask_command.add_rule_options(mask)
    mask.set_defaults(run=lambda arguments: _shielded(mask_command.run, arguments))
    lint_command.add_options(lint)
    mask_command.add_rule_options(lint)
    lint.set_defaults(run=lambda arguments: _shielded(lint_command.run, arguments))


def _add_spool_commands(ship: argparse.ArgumentParser, spool: argparse.ArgumentParser) -> None:
    from apilog import ship_command, spool_command

    ship_command.add_options(ship)
    ship.set_defaults(run=lambda arguments: _shielded(ship_command.run, arguments))
    spool_command.add_options(spool)
    spool.set_defaults(run=lambda arguments: _shielded(spool_command.run, arguments))


def _add_sending_commands(send: argparse.ArgumentParser, replay: argparse.ArgumentParser) -> None:
    from apilog import replay_command, send_command

    send_command.add_options(send)
    send.set_defaults(run=lambda arguments: _shielded(send_command.run, arguments))
    replay_command.add_options(replay)
    replay.set_defaults(run=lambda arguments: _shielded(replay_command.run, arguments))


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    from apilog import doctor_command

    doctor_command.add_options(doctor)
    doctor.set_defaults(run=lambda arguments: _shielded(doctor_command.run, arguments))


def _shielded(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command; of a failure of ours say what and where, never what it was about."""
    try:
        return run(arguments)
    except ApiLogError:
        raise
    except KeyboardInterrupt:
        sys.stderr.write("apilog: interrupted\n")
        return 128 + signal.SIGINT  # as shells have it
    except BrokenPipeError:  # whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except OSError as error:  # a full disk, say: for the user to mend
        why = error.strerror or "the system refused"
        raise ApiLogError(f"nothing could be done: {why} ({_named(error)})") from None
    except Exception as error:  # noqa: BLE001 - its message may quote the recording
        if sys.stdout is None:
            raise ApiLogError("nothing could be done: standard output is closed") from None
        named = _named(error)
        raise ApiLogError(f"nothing could be done: {named}; please report this") from None


def _named(error: BaseException) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(place.filename).name}, line {place.lineno}"


if __name__ == "__main__":
    sys.exit(main())

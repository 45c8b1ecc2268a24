"""The configuration: do the variables parse, are they known, where do events go."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from apilog.client import Client
from apilog.config import DESTINATION, KINDS, PREFIX, Config
from apilog.delivery import Destination
from apilog.destination_name import base_url, name_of
from apilog.destinations import Memory, from_url
from apilog.doctor.check import Check, ok, problem, warning
from apilog.exceptions import ConfigError
from apilog.terminal import counted, escaped

NAME = "configuration"
WHERE = "destination"

_VARIABLE = PREFIX + DESTINATION.upper()
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_variables(environ: Mapping[str, str]) -> Iterator[Check]:
    """Look at every APILOG_* variable of the environment; its value is never shown."""
    named = sorted(name for name in environ if name.startswith(PREFIX))
    options = [name for name in named if name.removeprefix(PREFIX).lower() in KINDS]
    bad = 0
    for variable in named:
        name = variable.removeprefix(PREFIX).lower()
        if name in KINDS and not _parses(name, environ[variable]):
            bad += 1
            expected = KINDS[name].expected
            yield problem(NAME, f"{variable} cannot work", f"expected {expected}")
        elif name not in KINDS and name != DESTINATION:
            closest = difflib.get_close_matches(name, KINDS, n=1, cutoff=0)[0]
            yield warning(
                NAME,
                f"{escaped(variable)} is no option and does nothing",
                f"did you mean {PREFIX}{closest.upper()}?",
            )
    if not bad:
        yield ok(NAME, f"{counted(len(options), 'option')} in the environment, each understood")


def _parses(name: str, text: str) -> bool:
    try:
        KINDS[name].from_text(text)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def config_of(environ: Mapping[str, str], client: Client | None) -> Config | None:
    """Return the options of the app's client, or else of the environment; None if they fail."""
    if client is not None:
        return client.config
    try:
        return Config.build({}, environ)
    except ConfigError:
        return None


def check_options(config: Config) -> Iterator[Check]:
    """Look for options that are valid, and keep calls from being recorded."""
    if not config.enabled:
        yield warning(NAME, "recording is switched off", "set the option enabled to True")
    if config.pause_file is not None and Path(config.pause_file).exists():
        yield warning(
            NAME, "recording is paused: the file of pause_file is there", "remove the file"
        )
    if config.sample_rate == 0:
        yield warning(NAME, "no call is sampled", "set the option sample_rate above 0")
    if config.durability == "request" and config.spool is None:
        yield warning(
            NAME,
            'durability="request" has no effect without a spool',
            "set the option spool to a directory",
        )


def destinations_of(environ: Mapping[str, str]) -> tuple[list[Destination], list[Check]]:
    """Return the destinations that the environment names, and what is wrong with the others."""
    found: list[Destination] = []
    checks: list[Check] = []
    for url in environ.get(_VARIABLE, "").split():
        try:
            found.append(from_url(url))
        except ConfigError as error:  # its message repeats no key
            checks.append(problem(WHERE, f"{_VARIABLE}: {error}", f"mend {_VARIABLE}"))
    if not found and not checks:
        checks.append(
            warning(
                WHERE,
                f"{_VARIABLE} is not set; the app must name its destination itself",
                f"set {_VARIABLE}, or have the app looked at with --app MODULE:ATTRIBUTE",
            )
        )
    return found, checks


def check_destinations(destinations: Sequence[Destination]) -> Iterator[Check]:
    """Say where events go, and whether others can read them on the way."""
    for destination in destinations:
        name = name_of(destination)
        url = urlsplit(base_url(destination) or "")
        if isinstance(destination, Memory):
            yield warning(
                WHERE, f"{name} keeps events in memory only", "name a destination that lasts"
            )
        elif url.scheme == "http" and url.hostname not in _LOOPBACK:
            yield warning(
                WHERE, f"{name} is reached without TLS: everybody on the way can read", "use https"
            )
        else:
            yield ok(WHERE, f"{name} is understood")

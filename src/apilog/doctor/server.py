"""The server around the app: what its settings mean for threads, forks and the end."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from apilog.config import Config
from apilog.doctor.check import Check, ok, problem, warning

NAME = "server"

_OFF = frozenset({"", "0", "false", "no", "off"})
_FORK_HOOKS = ("lazy-apps", "lazy", "py-call-osafterfork", "py-call-uwsgi-fork-hooks")
_GUNICORN_GRACE = 30.0


def check_server(environ: Mapping[str, str], config: Config) -> Iterator[Check]:
    """Look at uWSGI, if this runs inside of it, and at the variables that servers obey."""
    found = [
        *_uwsgi(config),
        *_gunicorn(environ, config),
        *_uvicorn(environ, config),
        *_python(environ),
    ]
    if not found:
        yield ok(NAME, "no settings of a server here that apilog would have to bear")
    yield from found


def _uwsgi(config: Config) -> Iterator[Check]:
    try:
        uwsgi: Any = importlib.import_module("uwsgi")  # only inside of the server there is one
    except ImportError:
        return
    options = {_text(name): value for name, value in dict(getattr(uwsgi, "opt", {})).items()}
    wanted = _is_on(options, "enable-threads") or "threads" in options
    threads = bool(getattr(uwsgi, "has_threads", wanted))  # from 2.0.27 on it always has
    if not threads and config.spool is None:
        yield problem(
            NAME,
            "uWSGI runs no threads of Python's: nothing is ever delivered",
            "set enable-threads = true",
        )
    elif not threads:
        yield warning(
            NAME,
            "uWSGI runs no threads of Python's: this process stores, and others must deliver",
            "set enable-threads = true, or let `apilog ship` run beside it",
        )
    if not any(_is_on(options, name) for name in _FORK_HOOKS):
        yield warning(
            NAME,
            "uWSGI loads the app before it forks, and does not tell Python of the fork",
            "set lazy-apps = true, or py-call-uwsgi-fork-hooks = true",
        )
    elif threads:
        yield ok(NAME, "uWSGI runs threads, and the fork does no harm")


def _is_on(options: Mapping[str, Any], name: str) -> bool:
    value = options.get(name, False)
    if isinstance(value, list):  # given twice: the last one counts
        value = value[-1]
    return value is True or (value is not False and _text(value).strip().lower() not in _OFF)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _gunicorn(environ: Mapping[str, str], config: Config) -> Iterator[Check]:
    try:
        arguments = shlex.split(environ.get("GUNICORN_CMD_ARGS", ""))
    except ValueError:
        yield warning(
            NAME, "GUNICORN_CMD_ARGS cannot be divided into arguments", "check its quotes"
        )
        return
    if "--preload" in arguments or "--preload-app" in arguments:
        yield ok(NAME, "gunicorn --preload: every worker starts threads of its own after the fork")
    grace = _seconds(arguments, "--graceful-timeout", _GUNICORN_GRACE)
    if grace is not None and grace < config.shutdown_timeout:
        yield warning(
            NAME,
            f"gunicorn kills workers after {grace:g} s, and shutdown_timeout is"
            f" {config.shutdown_timeout:g} s",
            "set --graceful-timeout above shutdown_timeout, or use a spool",
        )


def _seconds(arguments: list[str], name: str, default: float) -> float | None:
    """Return the last value of the option *name*; None if it is no number."""
    text = str(default)
    for position, argument in enumerate(arguments):
        if argument == name and position + 1 < len(arguments):
            text = arguments[position + 1]
        elif argument.startswith(f"{name}="):
            text = argument.partition("=")[2]
    try:
        return float(text)
    except ValueError:
        return None


def _uvicorn(environ: Mapping[str, str], config: Config) -> Iterator[Check]:
    if environ.get("UVICORN_LIFESPAN", "").strip().lower() == "off" and config.spool is None:
        yield warning(
            NAME,
            "UVICORN_LIFESPAN is off: apilog is not told that the server ends, and loses up to"
            f" {config.flush_interval:g} s of events",
            "leave it at auto, or use a spool",
        )


def _python(environ: Mapping[str, str]) -> Iterator[Check]:
    filters = environ.get("PYTHONWARNINGS", "").split(",")
    if any(each.strip().partition(":")[0] == "error" for each in filters):
        yield warning(
            NAME,
            "PYTHONWARNINGS makes errors of warnings, in the libraries on apilog's threads as well",
            "set it in tests only",
        )

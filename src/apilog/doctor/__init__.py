"""The doctor: looks at everything that recording and delivery need, and names what would mend it.

In order: the configuration, the way to the destination, the spool, the server around the app, the
app itself, and the worker. It changes nothing, sends no event, and shows no key and no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apilog.config import Config
from apilog.doctor import app as apps
from apilog.doctor.check import Check, problem, worst
from apilog.doctor.configuration import (
    check_destinations,
    check_options,
    check_variables,
    config_of,
    destinations_of,
)
from apilog.doctor.disk import check_spool
from apilog.doctor.reachability import check_reachability
from apilog.doctor.server import check_server
from apilog.doctor.worker import check_worker

__all__ = ["Check", "examine", "worst"]


def examine(
    environ: Mapping[str, str], *, app: str | None = None, offline: bool = False
) -> Iterator[Check]:
    """Look at everything, and yield what was found as soon as it was.

    *app* (``MODULE:ATTRIBUTE``) is imported; what its client was told beats the environment.
    """
    loaded = apps.load(app) if app is not None else apps.Loaded()
    yield from check_variables(environ)
    config = config_of(environ, loaded.client)
    destinations = loaded.destinations
    if loaded.client is None:
        destinations, troubles = destinations_of(environ)
        yield from troubles
    if config is not None:
        yield from check_options(config)
    yield from check_destinations(destinations)
    for destination in destinations:
        yield from check_reachability(destination, offline=offline)
    known = config or Config()
    yield from check_spool(known, len(destinations))
    yield from check_server(environ, known)
    if loaded.trouble is not None:
        yield loaded.trouble
    if loaded.layers is not None:
        yield from apps.check_app(loaded.layers)
    if config is None:
        yield problem("worker", "not tried: no client can be made", "mend the configuration first")
    else:
        yield check_worker(config)

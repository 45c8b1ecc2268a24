"""The worker: one made-up call through the real pipeline, into memory."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

from apilog.client import Client
from apilog.config import Config
from apilog.destinations import Memory
from apilog.doctor.check import Check, ok, problem
from apilog.exceptions import ApiLogError
from apilog.wsgi import ApiLogMiddleware

NAME = "worker"
PATIENCE = 5.0
"""Seconds that the call may take to arrive."""

_THREADS = ("apilog-worker", "apilog-shipper")


def check_worker(config: Config) -> Check:
    """Record one call by the rules of the environment, and see it arrive.

    Where the app has a spool, this one goes through a spool of its own, in a temporary directory:
    what waits in the app's own is real, and must not end in memory.
    """
    if config.spool is None:
        return _tried(None)
    with tempfile.TemporaryDirectory(prefix="apilog-doctor-") as directory:
        return _tried(directory)


def _tried(spool: str | None) -> Check:
    memory = Memory()
    began = time.monotonic()
    try:
        client = Client(
            memory,
            enabled=True,
            exclude_paths=(),
            flush_interval=0.01,
            pause_file=None,
            sample_rate=1.0,
            spool=spool,
        )
        with client:
            _call(client)
            arrived = client.flush(timeout=PATIENCE) and len(memory.raw) == 1
            threads = {each.name for each in threading.enumerate()} & set(_THREADS)
            stats = client.stats()
    except ApiLogError as error:
        kind = type(error).__name__
        return problem(NAME, f"no client could be made: {kind}", "mend the configuration first")
    took = (time.monotonic() - began) * 1000
    way = "by way of a spool, " if spool is not None else ""
    if arrived and threads:
        return ok(NAME, f"its thread starts, and delivered a call {way}in {took:.0f} ms")
    if stats.faults.get("no_worker"):
        return problem(NAME, "no thread can be started here", "let the server run threads")
    lost = ", ".join(sorted({*stats.dropped, *stats.faults})) or "it still waits"
    return problem(NAME, f"a call did not arrive in {PATIENCE:g} s: {lost}", "please report this")


def _call(client: Client) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]

    environ: dict[str, Any] = {"PATH_INFO": "/apilog-doctor"}
    setup_testing_defaults(environ)
    response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    try:
        list(response)
    finally:
        response.close()

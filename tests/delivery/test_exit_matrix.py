"""Every server, every way to end it: what was answered is delivered now, or by the next life."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import Any

import pytest
from harness import faults
from harness.apps import EXIT_CODE
from harness.lives import PATIENCE
from harness.load import Browser
from harness.servers import is_installed
from harness.stage import Stage

SHUTDOWN_TIMEOUT = 1.0
CALLS = 20
NEVER = 3600.0
"""Seconds between flushes: whatever leaves does so because of the end."""

GRACE = 0.5
"""Seconds over `shutdown_timeout` that an exit may take (I6), the server's own time apart."""

GUNICORNS = (
    "gunicorn sync",
    "gunicorn threads",
    "gunicorn gevent",
    "gunicorn uvicorn",
    "gunicorn asgi",
)
PRELOADED: dict[str, Any] = {"preload_app": True}
TWO_WORKERS: dict[str, Any] = {"workers": 2}
TERMINABLE: dict[str, Any] = {"die_on_term": True}
"""Without this uWSGI takes SIGTERM for a wish to begin again."""
THREADED: dict[str, Any] = {"enable_threads": True}
"""Without this older ones let no worker of ours run; see test_uwsgi.py."""


@pytest.fixture(scope="module")
def plain() -> dict[tuple[str, str, str], float]:
    """Return the seconds that servers take to end without apilog, as far as they are known."""
    return {}


def end(
    stage: Stage,
    plain: dict[tuple[str, str, str], float],
    server: str,
    settings: dict[str, Any],
    ending: str,
    hangs: bool,
) -> None:
    """Answer some calls, end the server at once, and have the next life deliver what is left."""
    number = signal.Signals[ending]
    key = (server, str(settings), ending)
    if key not in plain:
        life = stage.start(server, settings=settings, enabled=False)
        wait_for_workers(stage, settings)
        plain[key] = life.stop(number)
    if hangs:
        stage.sink.misbehave(faults.hang)
    options = stage.durable(flush_interval=NEVER, shutdown_timeout=SHUTDOWN_TIMEOUT)
    bound = plain[key] + SHUTDOWN_TIMEOUT + GRACE
    for _ in range(2):  # gunicorn's threads take all the time they may have, one time in thirty
        life = stage.start(server, settings=settings, **options)
        wait_for_workers(stage, settings)
        stage.call(CALLS)
        assert stage.oracle.outstanding >= CALLS, "they left before the end"
        seconds = life.stop(number)
        if seconds <= bound:
            break
    assert seconds <= bound, life.said()
    if hangs:
        assert stage.oracle.outstanding == stage.oracle.answered
        stage.sink.behave()
    elif ending == "SIGTERM" and server != "uwsgi":  # it runs no exit functions just after a call
        assert stage.oracle.outstanding == 0, "a farewell in peace leaves nothing behind"
    stage.start_next("uvicorn", **stage.durable())
    stage.drain()
    report = stage.check()
    assert report.delivered == report.claimed
    stage.probe()


def wait_for_workers(stage: Stage, settings: dict[str, Any]) -> None:
    """Wait until all of them answer: some servers' workers do not hear a signal before."""
    count = settings.get("workers", settings.get("processes", 1))
    answered: set[int] = set()

    def is_complete() -> bool:
        answered.add(stage.ask("/-/pid")["pid"])
        return len(answered) >= count

    stage.until(is_complete)


def cell(
    server: str, settings: dict[str, Any], ending: str, hangs: bool, *marks: pytest.MarkDecorator
) -> Any:
    """Return one cell as a parameter whose id can be read aloud."""
    words = [server, *(name for name in settings), "on", ending]
    words += ["while the endpoint hangs"] if hangs else []
    missing = pytest.mark.skipif(not is_installed(server), reason=f"{server} is not installed")
    return pytest.param(
        server, settings, ending, hangs, id=" ".join(words), marks=[missing, *marks]
    )


EVERYDAY = [
    ("uvicorn", {}, "SIGTERM", False),
    ("uvicorn", {}, "SIGINT", True),
    ("gunicorn threads", PRELOADED, "SIGTERM", True),
    ("gunicorn sync", TWO_WORKERS, "SIGTERM", False),
    ("gunicorn uvicorn", {}, "SIGQUIT", True),
    ("granian wsgi", {}, "SIGTERM", False),
    ("uwsgi", {**TERMINABLE, "processes": 2}, "SIGTERM", False),
]
UWSGI = [
    ("uwsgi", {**TERMINABLE, "lazy_apps": True}, "SIGTERM", True),
    ("uwsgi", THREADED, "SIGINT", True),
    ("uwsgi", {**THREADED, "lazy_apps": True, "processes": 2}, "SIGQUIT", False),
    ("uwsgi", {**TERMINABLE, "threads": 2, "py_call_uwsgi_fork_hooks": True}, "SIGTERM", False),
]
GRANIAN = [
    ("granian wsgi", TWO_WORKERS, "SIGTERM", True),
    ("granian wsgi", {}, "SIGINT", False),
    ("granian asgi", TWO_WORKERS, "SIGTERM", False),
    ("granian asgi", {}, "SIGTERM", True),
    ("granian asgi", {}, "SIGINT", True),
]
MATRIX = [
    (server, settings, ending, hangs)
    for server in ("uvicorn", "hypercorn", "waitress", *GUNICORNS)
    for settings in ([{}, PRELOADED] if server in GUNICORNS else [{}])
    for ending in ("SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT")
    for hangs in (False, True)
    if (server, settings, ending, hangs) not in EVERYDAY
    and not (server in GUNICORNS and ending == "SIGABRT")  # its workers get that one, see below
] + [*UWSGI, *GRANIAN]


@pytest.mark.parametrize(
    ("server", "settings", "ending", "hangs"),
    [cell(*each) for each in EVERYDAY] + [cell(*each, pytest.mark.long) for each in MATRIX],
)
def test_no_end_of_a_server_loses_an_answered_call(
    stage: Stage,
    plain: dict[tuple[str, str, str], float],
    server: str,
    settings: dict[str, Any],
    ending: str,
    hangs: bool,
) -> None:
    end(stage, plain, server, settings, ending, hangs)


IMPATIENCE = 5.0
"""Seconds after which a worker that did not hear its signal is killed. One that comes while
gunicorn gives a call to a thread makes its handler wait for a lock that its own thread holds, for
ever. What it was to deliver must not be lost by that either."""


def kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def end_worker(stage: Stage, server: str, settings: dict[str, Any], ending: str) -> None:
    """End a worker while the endpoint hangs; the one that follows it delivers everything."""
    recycled = ending == "max_requests"
    more = {"max_requests": CALLS // 2} if recycled else {}
    if server == "uwsgi" and recycled:
        more["min_worker_lifetime"] = 0  # it keeps each worker for a minute otherwise
    stage.sink.misbehave(faults.hang)
    options = stage.durable(shutdown_timeout=SHUTDOWN_TIMEOUT)
    stage.start(server, settings={**settings, **more}, **options)
    before = stage.ask("/-/pid")["pid"]
    call_until_answered(stage, CALLS)
    patience = threading.Timer(IMPATIENCE, kill, (before,))
    if not recycled:
        os.kill(before, signal.Signals[ending])
        patience.start()
    try:
        stage.until(lambda: stage.ask("/-/pid")["pid"] != before)
    finally:
        patience.cancel()
    assert stage.oracle.outstanding == stage.oracle.answered
    stage.sink.behave()
    stage.call()
    stage.drain()
    stage.check()
    stage.probe()


def call_until_answered(stage: Stage, times: int) -> None:
    """Have so many calls answered; workers that go may cut off one now and then."""
    wanted = stage.oracle.answered + times
    with stage.load(threads=1):
        assert stage.oracle.wait_for(lambda: stage.oracle.answered >= wanted, PATIENCE)


def worker_cell(
    server: str, settings: dict[str, Any], ending: str, *marks: pytest.MarkDecorator
) -> Any:
    words = [server, *(name for name in settings), "on", ending]
    missing = pytest.mark.skipif(not is_installed(server), reason=f"{server} is not installed")
    return pytest.param(server, settings, ending, id=" ".join(words), marks=[missing, *marks])


WORKERS_EVERYDAY = [
    ("gunicorn threads", {}, "SIGABRT"),
    ("gunicorn sync", PRELOADED, "max_requests"),
]
WORKERS = [
    (server, settings, ending)
    for server in GUNICORNS
    for settings in ({}, PRELOADED)
    for ending in ("SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL", "max_requests")
    if (server, settings, ending) not in WORKERS_EVERYDAY
    and (server, ending) != ("gunicorn uvicorn", "SIGQUIT")  # uvicorn's worker does not hear it
] + [
    ("uwsgi", THREADED, "SIGKILL"),
    ("uwsgi", {**THREADED, "lazy_apps": True}, "SIGTERM"),
    ("uwsgi", {**THREADED, "processes": 2}, "SIGQUIT"),
    ("uwsgi", THREADED, "max_requests"),
    ("granian wsgi", {"respawn_failed_workers": True}, "SIGKILL"),
    ("granian asgi", {"respawn_failed_workers": True}, "SIGKILL"),
]


@pytest.mark.parametrize(
    ("server", "settings", "ending"),
    [worker_cell(*each) for each in WORKERS_EVERYDAY]
    + [worker_cell(*each, pytest.mark.long) for each in WORKERS],
)
def test_no_end_of_a_worker_loses_an_answered_call(
    stage: Stage, server: str, settings: dict[str, Any], ending: str
) -> None:
    end_worker(stage, server, settings, ending)


def doomed(stage: Stage, query: str) -> int:
    """Make a call that does not come to its end; return its id."""
    claim = stage.oracle.doom()
    with suppress(OSError):
        Browser(stage.port, stage.oracle).call(claim, query)
    return claim


def found(stage: Stage, claim: int) -> None:
    """Check that a doomed call is told, and all the others too."""
    stage.call()  # somebody must be awake to find it
    assert stage.oracle.wait_for(lambda: stage.oracle.is_delivered(claim), PATIENCE)
    stage.drain()
    stage.check()
    stage.probe()


@pytest.mark.parametrize(
    ("server", "query"),
    [
        pytest.param("gunicorn sync", "?stuck", id="killed"),
        pytest.param("gunicorn sync", "?block", id="aborted", marks=pytest.mark.long),
        pytest.param("gunicorn uvicorn", "?stuck", marks=pytest.mark.long, id="uvicorn killed"),
        pytest.param("gunicorn asgi", "?stuck", marks=pytest.mark.long, id="asgi killed"),
    ],
)
def test_a_call_that_hangs_until_the_server_ends_its_worker_is_told(
    stage: Stage, server: str, query: str
) -> None:
    stage.start(server, settings={"timeout": 1}, **stage.durable())
    stage.call(5)
    claim = doomed(stage, query)
    found(stage, claim)
    assert stage.oracle.report().aborted == (query == "?stuck")


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn threads"])
def test_a_call_that_ends_its_process_is_told_as_aborted_by_the_next_one(
    stage: Stage, server: str
) -> None:
    life = stage.start(server, **stage.durable())
    stage.call(5)
    claim = doomed(stage, "?exit")
    if server == "uvicorn":
        assert life.wait(PATIENCE)
        assert life.code == EXIT_CODE
        stage.start(server, **stage.durable())
    found(stage, claim)
    assert stage.oracle.report().aborted == 1

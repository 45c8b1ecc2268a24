"""uWSGI, which forks without telling Python and may let no thread run but its own."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from harness import faults
from harness.lives import PATIENCE
from harness.load import Browser
from harness.servers import is_installed, uwsgi_starves_threads
from harness.stage import Stage

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not is_installed("uwsgi"), reason="neither pyuwsgi nor uwsgi is installed"),
]

starving = pytest.mark.skipif(
    is_installed("uwsgi") and not uwsgi_starves_threads(),
    reason="from 2.0.27 on uWSGI always lets threads run",
)
durabilities = pytest.mark.parametrize("durability", ["request", "worker"])

NEVER = 3600.0
WARNING = "apilog: uWSGI lets no thread run here"
THREADS: dict[str, Any] = {"enable_threads": True}
UNATTENDED = 1.0
"""Seconds that the last calls before a silence wait for the call that ends it."""

CALLS_AT_IMPORT = """
from harness.uwsgi_app import _app, application

from wsgiref.util import setup_testing_defaults

environ = {"PATH_INFO": "/claims/%d"}
setup_testing_defaults(environ)
answer = _app(environ, lambda *_: None)
list(answer)
getattr(answer, "close", lambda: None)()
"""


@durabilities
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="python is not told of the fork"),
        pytest.param({"py_call_uwsgi_fork_hooks": True}, id="python is told of the fork"),
    ],
)
def test_workers_of_a_master_that_made_a_call_itself_lose_none_and_double_none(
    stage: Stage, tmp_path: Path, settings: dict[str, Any], durability: str
) -> None:
    """The master's thread, its locks and its segment are none of theirs."""
    early = stage.oracle.doom()
    app = tmp_path / "app.py"
    app.write_text(CALLS_AT_IMPORT % early)
    stage.start(
        "uwsgi",
        settings={"wsgi_file": str(app), "processes": 2, **THREADS, **settings},
        **stage.durable(durability),
    )
    pids = workers(stage, 2)
    stage.call(40)
    held = [segments(pid) for pid in pids]
    assert not held[0] & held[1]
    assert stage.oracle.wait_for(lambda: stage.oracle.is_delivered(early), PATIENCE)
    stage.drain()
    report = stage.check()
    assert report.delivered == report.claimed
    assert report.duplicate == 0
    stage.probe()


def workers(stage: Stage, count: int) -> list[int]:
    """Return the numbers of the processes that answer, once there are so many."""
    pids: set[int] = set()

    def are_all_there() -> bool:
        pids.add(stage.ask("/-/pid")["pid"])
        return len(pids) == count

    stage.until(are_all_there)
    return sorted(pids)


def segments(pid: int) -> set[str]:
    """Return the segments that process *pid* has open, where that can be seen."""
    folder = Path(f"/proc/{pid}/fd")
    found = set()
    for each in folder.iterdir() if sys.platform == "linux" else ():
        with suppress(FileNotFoundError):
            found.add(os.readlink(each))
    return {target for target in found if target.endswith(".seg")}


def test_a_worker_that_has_nothing_to_do_delivers_what_is_left_when_it_ends(stage: Stage) -> None:
    life = stage.start(
        "uwsgi",
        settings={"die_on_term": True, "processes": 2, **THREADS},
        **stage.durable(flush_interval=NEVER),
    )
    workers(stage, 2)
    stage.call(20)
    time.sleep(0.2)  # nobody can see when uWSGI has put a call behind it
    life.stop()
    assert stage.oracle.outstanding == 0
    stage.check()


def test_a_call_that_harakiri_ends_is_told_as_aborted(stage: Stage) -> None:
    stage.start("uwsgi", settings={"harakiri": 1, **THREADS}, **stage.durable())
    stage.call(5)
    claim = stage.oracle.doom()
    with suppress(OSError):
        Browser(stage.port, stage.oracle).call(claim, "?block")
    stage.call()
    assert stage.oracle.wait_for(lambda: stage.oracle.is_delivered(claim), PATIENCE)
    stage.drain()
    assert stage.check().aborted == 1
    stage.probe()


@starving
@durabilities
def test_without_threads_another_program_ships_while_the_server_lives(
    stage: Stage, durability: str
) -> None:
    life = stage.start("uwsgi", settings={"die_on_term": True}, **stage.durable(durability))
    stage.call(20)
    time.sleep(UNATTENDED)
    stage.call()
    assert stage.oracle.outstanding == 21
    done = stage.ship()
    assert done.returncode == 0, done.stderr
    assert stage.oracle.outstanding == 0
    assert stage.stats()["dropped"] == {}
    life.stop()
    stage.check()
    assert life.said().count(WARNING) == 1


@starving
@durabilities
def test_without_threads_a_server_that_is_killed_has_lost_nothing(
    stage: Stage, durability: str
) -> None:
    life = stage.start("uwsgi", **stage.durable(durability))
    stage.call(20)
    stage.until(lambda: stage.stats()["spooled"] == 20)
    assert stage.oracle.outstanding == 20
    life.kill()
    stage.start_next("uvicorn", **stage.durable(durability))
    stage.drain()
    report = stage.check()
    assert report.delivered == report.claimed
    stage.probe()


@starving
@pytest.mark.parametrize("hangs", [False, True], ids=["all is well", "the endpoint hangs"])
@pytest.mark.parametrize("has_spool", [True, False], ids=["a spool", "no spool"])
def test_without_threads_the_end_delivers_what_it_can_in_time(
    stage: Stage, has_spool: bool, hangs: bool
) -> None:
    if hangs:
        stage.sink.misbehave(faults.hang)
    options: dict[str, Any] = stage.durable() if has_spool else {"flush_interval": NEVER}
    life = stage.start("uwsgi", settings={"die_on_term": True}, shutdown_timeout=1.0, **options)
    stage.call(20)
    assert stage.oracle.outstanding == 20
    time.sleep(0.2)  # as above
    assert life.stop() < 2 + UWSGI_LOOKS
    assert life.said().count(WARNING) == 1
    if not hangs:
        assert stage.oracle.outstanding == 0
        stage.check()
    elif not has_spool:
        assert "20 events were not delivered in time" in life.said()


UWSGI_LOOKS = 1.5
"""Seconds between two looks of its master for workers that are gone, and some more."""

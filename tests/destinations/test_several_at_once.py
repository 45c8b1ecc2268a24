"""All five systems at once, one of them a socket that takes requests and never answers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from servers.plain import Server
from systems import SYSTEMS, BlackHole, black_hole

from apilog import Client

PATIENCE = 8.0
"""Seconds after which a wait is a failure: less than a destination waits for an answer, so that
what arrives until then did not wait for the one that hangs."""


@pytest.fixture
def servers() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        found: dict[str, Any] = {name: system.serve() for name, system in SYSTEMS.items()}
        for server in found.values():
            stack.enter_context(server.running())
        yield found


@pytest.fixture
def hole() -> Iterator[BlackHole]:
    with black_hole() as hole:
        yield hole


def destinations(servers: dict[str, Server], hole: BlackHole, hanging: str) -> list[Any]:
    return [
        system.destination(hole.url if name == hanging else servers[name].url)
        for name, system in SYSTEMS.items()
    ]


def stored(servers: dict[str, Any], hanging: str) -> dict[str, int]:
    """Return how many calls each of the others has."""
    return {
        name: system.stored(servers[name]) for name, system in SYSTEMS.items() if name != hanging
    }


@pytest.mark.parametrize("spooled", [False, True], ids=["in memory", "with a spool"])
@pytest.mark.parametrize("hanging", SYSTEMS)
def test_one_that_hangs_delays_no_other_and_not_the_end(
    servers: dict[str, Any],
    hole: BlackHole,
    call: Callable[..., None],
    tmp_path: Path,
    hanging: str,
    spooled: bool,
) -> None:
    spool = {"spool": tmp_path / "spool"} if spooled else {}
    client = Client(destinations(servers, hole, hanging), flush_interval=0.02, **spool)
    call(client, "/first")
    assert hole.was_asked.wait(PATIENCE), "nothing hangs yet"
    for number in range(30):
        call(client, f"/items/{number}")
    others = len(SYSTEMS) - 1
    _until(lambda: stored(servers, hanging) == dict.fromkeys(stored(servers, hanging), 31))
    for number in range(9):
        call(client, f"/last/{number}")
    began = time.monotonic()
    assert client.close(1.0) is spooled, "settled is what is delivered or on the disk"
    assert time.monotonic() - began < PATIENCE
    assert set(stored(servers, hanging).values()) == {40}
    stats = client.stats()
    assert stats.captured == 40 * len(SYSTEMS)
    assert stats.delivered == 40 * others
    assert (stats.spooled, stats.dropped) == ((40, {}) if spooled else (0, {"shutdown": 40}))


ENDING = """
import sys
from wsgiref.util import setup_testing_defaults
from apilog import Client
from apilog.destinations import CollectEvent, Logimoni, Swetrix
from apilog.wsgi import ApiLogMiddleware

hole, logimoni, collect_event = sys.argv[1:4]
client = Client(
    [
        Swetrix("aUn1quEid-3x", base_url=hole),
        Logimoni("user-key-very-secret", "project-key-very-secret", category="Calls",
                 base_url=logimoni),
        CollectEvent(collect_event),
    ],
    flush_interval=0.02,
    shutdown_timeout=1.0,
    spool=sys.argv[4] if len(sys.argv) > 4 else None,
)

def app(environ, start_response):
    start_response("200 OK", [])
    return [b""]

recorded = ApiLogMiddleware(app, client=client)

def call():
    environ = {}
    setup_testing_defaults(environ)
    response = recorded(environ, lambda *_: lambda _: None)
    list(response)
    response.close()

call()
print("called", flush=True)
sys.stdin.readline()
for _ in range(20):
    call()
"""


@pytest.mark.parametrize("spooled", [False, True], ids=["in memory", "with a spool"])
def test_at_the_end_of_the_process_the_others_get_all(
    servers: dict[str, Any], hole: BlackHole, tmp_path: Path, spooled: bool
) -> None:
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    spool = [str(tmp_path / "spool")] if spooled else []
    addresses = [hole.url, servers["Logimoni"].url, servers["CollectEvent"].url]
    with subprocess.Popen(
        [sys.executable, "-c", ENDING, *addresses, *spool],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(3 * PATIENCE, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "called\n"
        assert hole.was_asked.wait(PATIENCE), "nothing hangs yet"
        process.communicate("\n", timeout=PATIENCE)
        watchdog.cancel()
    assert process.returncode == 0
    assert len(servers["Logimoni"].stored) == len(servers["CollectEvent"].stored) == 21


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "did not happen while one of them hung"
        time.sleep(0.005)

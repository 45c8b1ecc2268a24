"""A wall clock that jumps: what is said of a call stays true, and nothing of ours waits for it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from apilog import Client
from apilog.asgi import ApiLogMiddleware as AsgiMiddleware
from apilog.exceptions import RetryLater
from apilog.spool import Spool
from apilog.spool.files import Files
from apilog.wsgi import ApiLogMiddleware as WsgiMiddleware

New = Callable[..., Any]
Call = Callable[..., None]

HOUR = 3600.0
DAY = 24 * HOUR
YEAR = 365 * DAY
SINCE_1970 = time.time()

JUMPS = [
    pytest.param(-HOUR, id="back by an hour"),
    pytest.param(YEAR, id="ahead by a year"),
    pytest.param(-SINCE_1970, id="to 1970"),
]

LONG = 60.0
"""Seconds that no call here takes, however busy the machine is, and less than any jump."""


class Wall:
    """The wall clock, which can be made to jump."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        self.stands_at: float | None = None
        self._really = time.time
        monkeypatch.setattr(time, "time", self.now)
        monkeypatch.setattr(time, "time_ns", lambda: int(self.now() * 1e9))

    def now(self) -> float:
        return self._really() + self.ahead if self.stands_at is None else self.stands_at

    def jump(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


def told(moment: str) -> float:
    """Return the seconds since 1970 of a time in an event."""
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def events(destination: Any) -> list[dict[str, Any]]:
    return [json.loads(event) for event in destination.events]


def make_wsgi_call(client: Client, during: Callable[[], object]) -> None:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        during()
        return [b"hello"]

    environ: dict[str, Any] = {"PATH_INFO": "/"}
    setup_testing_defaults(environ)
    response: Any = WsgiMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    assert b"".join(response) == b"hello"
    getattr(response, "close", lambda: None)()


def make_asgi_call(client: Client, during: Callable[[], object]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        during()
        await send({"type": "http.response.body", "body": b"hello"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    asyncio.run(AsgiMiddleware(app, client=client)(scope, receive, send))


# What is said of a call


@pytest.mark.parametrize("seconds", JUMPS)
@pytest.mark.parametrize("make_call", [make_wsgi_call, make_asgi_call], ids=["WSGI", "ASGI"])
def test_a_call_during_which_the_clock_jumps_keeps_its_time_and_says_so(
    wall: Wall, new_client: New, destination: Any, make_call: New, seconds: float
) -> None:
    client = new_client(destination)
    began = wall.now()
    make_call(client, lambda: wall.jump(seconds))
    assert client.flush(10)
    (event,) = events(destination)
    own = event["metadata"]["apilog"]
    assert -0.001 <= told(event["request"]["time"]) - began < LONG
    assert 0 <= told(event["response"]["time"]) - told(event["request"]["time"]) < LONG
    assert 0 <= own["duration_ms"] < LONG * 1000
    assert 0 <= own.get("ttfb_ms", 0) < LONG * 1000
    assert abs(own["clock_jump"] - seconds) <= 1
    assert isinstance(own["clock_jump"], int)


@pytest.mark.parametrize("seconds", JUMPS)
def test_a_clock_that_jumps_between_two_calls_is_taken_at_its_word(
    wall: Wall, new_client: New, destination: Any, call: Call, seconds: float
) -> None:
    client = new_client(destination)
    call(client)
    wall.jump(seconds)
    now = wall.now()
    call(client)
    assert client.flush(10)
    first, second = events(destination)
    assert -0.001 <= told(second["request"]["time"]) - now < LONG
    for event in (first, second):
        assert "clock_jump" not in event["metadata"]["apilog"]


def test_a_clock_that_is_put_right_by_less_than_a_second_is_not_worth_a_word(
    wall: Wall, new_client: New, destination: Any
) -> None:
    client = new_client(destination)
    for seconds in (-0.5, 0.5):
        make_wsgi_call(client, lambda seconds=seconds: wall.jump(seconds))
    assert client.flush(10)
    assert ["clock_jump" in each["metadata"]["apilog"] for each in events(destination)] == [
        False,
        False,
    ]


@pytest.mark.parametrize(
    "moment", [SINCE_1970, 0.0, -1.5], ids=["stands still", "is at 1970", "is before 1970"]
)
def test_ids_are_unique_though_the_clock(
    moment: float, wall: Wall, new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination)
    wall.stands_at = moment
    for _ in range(500):
        call(client)
    assert client.flush(10)
    found = events(destination)
    assert len({event["transaction_id"] for event in found}) == 500
    said = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="seconds")
    assert {each["request"]["time"][:19] for each in found} == {said[:19]}


# What waits


SPOOLS = [
    pytest.param({}, id="no spool"),
    pytest.param({"durability": "worker"}, id="worker durability"),
    pytest.param({"durability": "request"}, id="request durability"),
]


@pytest.fixture
def options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    spool = {"spool": str(tmp_path / "spool")} if request.param else {}
    return {**request.param, **spool, "flush_interval": 0.1}


@pytest.mark.parametrize("seconds", JUMPS)
@pytest.mark.parametrize("options", SPOOLS, indirect=True)
def test_the_next_flush_comes_in_its_time(
    wall: Wall,
    new_client: New,
    destination: Any,
    call: Call,
    seconds: float,
    options: dict[str, Any],
) -> None:
    """Nobody asks for it, and the clock jumps while the worker waits and while it sends."""
    client = new_client(destination, **options)
    call(client, "/first")
    destination.wait_for(lambda: len(destination.events) == 1)
    wall.jump(seconds)
    call(client, "/second")
    destination.wait_for(lambda: len(destination.events) == 2)
    destination.gate.clear()
    call(client, "/third")
    destination.wait_for(lambda: len(destination.attempts) == 3)
    wall.jump(-2 * seconds)
    destination.gate.set()
    call(client, "/fourth")
    destination.wait_for(lambda: len(destination.events) == 4)
    assert destination.paths == ["/first", "/second", "/third", "/fourth"]


@pytest.mark.parametrize("seconds", JUMPS)
@pytest.mark.parametrize("options", SPOOLS, indirect=True)
def test_the_next_try_comes_in_its_time(
    wall: Wall,
    new_client: New,
    destination: Any,
    call: Call,
    seconds: float,
    options: dict[str, Any],
) -> None:
    client = new_client(destination, **options)
    destination.script.append(RetryLater("not now", after=0.2))
    call(client, "/again")
    destination.wait_for(lambda: len(destination.attempts) == 1)
    wall.jump(seconds)
    destination.wait_for(lambda: len(destination.events) == 1)
    assert destination.paths == ["/again"]
    assert client.close(10)


# What is stored


class Timed(Files):
    """The real system, with a wall clock that says what it is told, and hours that pass at once."""

    def __init__(self, wall: float = SINCE_1970) -> None:
        super().__init__()
        self.wall = wall
        self.elapsed = 0.0

    def time(self) -> int:
        return int((self.wall + self.elapsed) * 1e9)

    def monotonic(self) -> float:
        return super().monotonic() + self.elapsed


STRANGE = [
    pytest.param([300.0], id="in 1970"),
    pytest.param([SINCE_1970 + 2 * YEAR], id="two years ahead"),
    pytest.param([SINCE_1970] * 3, id="at the same moment"),
    pytest.param([SINCE_1970 + YEAR, 300.0, SINCE_1970 - HOUR, SINCE_1970], id="in no order"),
]


class Reports(Counter[str]):
    def __call__(self, what: str, count: int) -> None:
        self[what] += count


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def new_spool(tmp_path: Path, reports: Reports) -> Iterator[New]:
    made: list[Spool] = []

    def make(wall: float, **options: Any) -> tuple[Spool, Timed]:
        files = Timed(wall)
        made.append(Spool(tmp_path / "spool", report=reports, files=files, **options))
        return made[-1], files

    yield make
    for each in made:
        each.close()


def left_behind(new_spool: New, walls: list[float], events: int = 2, size: int = 1) -> list[bytes]:
    """Have a process for each clock in *walls* store events and die; return the events."""
    stored = []
    for number, wall in enumerate(walls):
        spool, _ = new_spool(wall)
        for each in range(events):
            stored.append(b'{"n": "%d/%d %s"}' % (number, each, b"x" * size))
            spool.append(stored[-1])
        spool.renew()
    return stored


def drained(spool: Spool) -> list[bytes]:
    found: list[bytes] = []
    spool.adopt()
    while (parcel := spool.next(100, 1 << 20)) is not None:
        found += parcel.events
        spool.settle(parcel)
    spool.release()
    return found


@pytest.mark.parametrize("walls", STRANGE)
def test_segments_are_adopted_though_they_were_made(
    walls: list[float], new_spool: New, reports: Reports
) -> None:
    stored = left_behind(new_spool, walls)
    spool, _ = new_spool(SINCE_1970)
    assert sorted(drained(spool)) == sorted(stored)
    assert reports == {"adopted": len(stored)}


@pytest.mark.parametrize("walls", STRANGE)
def test_segments_expire_after_three_days_though_they_were_made(
    walls: list[float], new_spool: New, reports: Reports
) -> None:
    """By the clock of the process that holds them, where their name cannot be believed."""
    stored = left_behind(new_spool, walls)
    spool, files = new_spool(SINCE_1970)
    assert spool.adopt() == len(stored)
    for hours in (1, 69):
        files.elapsed += hours * HOUR
        spool.sync()
    assert reports == {"adopted": len(stored)}
    files.elapsed += 3 * HOUR
    spool.sync()
    assert spool.pending == 0
    assert reports == {"adopted": len(stored), "expired": len(stored)}


@pytest.mark.parametrize("seconds", JUMPS)
def test_our_own_events_expire_after_three_days_of_time_and_not_of_the_clock(
    new_spool: New, reports: Reports, seconds: float
) -> None:
    spool, files = new_spool(SINCE_1970)
    spool.append(b"{}")
    spool.roll()
    spool.append(b"{}")
    files.wall += seconds
    files.elapsed += 71 * HOUR
    spool.sync()
    assert spool.pending == 2
    assert not reports
    files.elapsed += 2 * HOUR
    spool.sync()
    files.elapsed += HOUR
    spool.sync()
    assert spool.pending == 0
    assert reports == {"expired": 2}


@pytest.mark.parametrize("walls", STRANGE)
def test_a_full_spool_gives_up_what_is_too_much_though_segments_were_made(
    walls: list[float], new_spool: New, reports: Reports, tmp_path: Path
) -> None:
    bound = 200_000
    stored = left_behind(new_spool, walls, events=100 // len(walls), size=1000)
    spool, _ = new_spool(SINCE_1970, max_bytes=bound)
    assert spool.adopt() == len(stored)
    for number in range(200):
        stored.append(b'{"n": "new/%d %s"}' % (number, b"x" * 1000))
        spool.append(stored[-1])
        spool.sync()
    size = sum(each.stat().st_size for each in (tmp_path / "spool").glob("*.seg"))
    assert size <= bound
    found = drained(spool)
    assert set(found) <= set(stored)
    assert len(found) == len(set(found))
    assert len(found) + reports["spool_full"] == len(stored)
    assert reports["spool_full"] > 0
    assert stored[-1] in found

"""Event loops that come and go: what ships has nothing to do with any of them."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

import apilog
from apilog import Client
from apilog.asgi import ApiLogMiddleware

New = Callable[..., Any]
Run = Callable[[Coroutine[Any, Any, None]], None]

PATIENCE = 20.0


class Observer:
    """A destination that notes on which thread it is called, and whether a loop runs there."""

    def __init__(self) -> None:
        self.threads: Counter[str] = Counter()
        self.loops: list[asyncio.AbstractEventLoop] = []
        self.paths: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def send(self, batch: Sequence[bytes]) -> None:
        self.threads[threading.current_thread().name] += 1
        loop = asyncio._get_running_loop()
        if loop is not None:
            self.loops.append(loop)
        self.gate.wait(PATIENCE)
        events = [json.loads(event) for event in batch]
        self.paths += [each["request"]["uri"].removeprefix("http://test") for each in events]


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture(params=[None, "worker", "request"], ids=["no spool", "worker", "request"])
def client(
    request: pytest.FixtureRequest, new_client: New, observer: Observer, tmp_path: Path
) -> Client:
    """Return a client with each durability."""
    durable = {"spool": str(tmp_path / "spool"), "durability": request.param}
    options = durable if request.param else {}
    client: Client = new_client(observer, flush_interval=0.02, **options)
    return client


async def app(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def call(client: Client, path: str, app: New = app) -> None:
    """Make a call of *app* that *client* records, on the loop that runs."""
    answered: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answered.append(message["type"])

    headers = [(b"host", b"test")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    await ApiLogMiddleware(app, client=client)(scope, receive, send)
    assert answered == ["http.response.start", "http.response.body"]


def on_a_loop_of_its_own(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* without what `asyncio.run` tidies up; close the loop at once."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* as uvicorn does where it is installed."""
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


WAYS = [
    pytest.param(asyncio.run, id="asyncio.run"),
    pytest.param(on_a_loop_of_its_own, id="a new loop"),
    pytest.param(
        on_uvloop,
        id="uvloop",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed"
        ),
    ),
]


def check(client: Client, observer: Observer, paths: Sequence[str]) -> None:
    """Assert that everything was delivered once, on our thread, where no loop runs."""
    assert client.flush(PATIENCE)
    assert sorted(observer.paths) == sorted(paths)
    assert observer.loops == []
    assert set(observer.threads) <= {"apilog-worker", "apilog-shipper"}
    stats = client.stats()
    assert (stats.captured, stats.delivered, stats.dropped) == (len(paths), len(paths), {})
    assert stats.faults == {}


@pytest.mark.parametrize("run", WAYS)
def test_every_call_may_have_a_loop_that_is_closed_after_it(
    client: Client, observer: Observer, run: Run
) -> None:
    paths = [f"/{number}" for number in range(20)]
    for path in paths:
        run(call(client, path))
    check(client, observer, paths)


@pytest.mark.parametrize("run", WAYS)
def test_a_loop_may_be_gone_before_its_calls_are_shipped(
    client: Client, observer: Observer, run: Run
) -> None:
    observer.gate.clear()
    run(call(client, "/first"))
    run(call(client, "/second"))
    assert observer.paths == []
    observer.gate.set()
    check(client, observer, ["/first", "/second"])


def test_several_loops_may_run_at_once(client: Client, observer: Observer) -> None:
    async def several(name: str) -> None:
        await asyncio.gather(*(call(client, f"/{name}/{number}") for number in range(25)))

    names = [str(number) for number in range(4)]
    threads = [
        threading.Thread(target=lambda name=name: asyncio.run(several(name))) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    check(client, observer, [f"/{name}/{number}" for name in names for number in range(25)])


def test_a_loop_goes_on_while_the_endpoint_hangs(client: Client, observer: Observer) -> None:
    """Calls, timers and tasks of the app; and closing the loop waits for nothing of ours."""
    observer.gate.clear()

    async def work() -> None:
        await call(client, "/first")
        while not observer.threads:
            await asyncio.sleep(0)
        ticks = asyncio.create_task(asyncio.sleep(0.01, "the timer"))
        for number in range(10):
            await call(client, f"/{number}")
        assert await ticks == "the timer"
        assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []

    asyncio.run(work())
    assert observer.paths == [], "the endpoint has hung all the time"
    observer.gate.set()
    check(client, observer, ["/first", *(f"/{number}" for number in range(10))])


def test_a_call_may_be_cut_off_with_its_loop(client: Client, observer: Observer) -> None:
    """The last task is cancelled by `asyncio.run`; it has begun, and its end is recorded."""

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    async def work() -> None:
        cut_off = asyncio.create_task(call(client, "/cut-off", endless))
        await call(client, "/whole")
        await asyncio.sleep(0)
        assert not cut_off.done()

    asyncio.run(work())
    asyncio.run(call(client, "/next"))
    check(client, observer, ["/whole", "/cut-off", "/next"])


def test_a_loop_may_be_stopped_in_the_middle_of_a_call_and_run_again(
    client: Client, observer: Observer
) -> None:
    loop = asyncio.new_event_loop()

    async def stopping(scope: Any, receive: Any, send: Any) -> None:
        loop.stop()
        await asyncio.sleep(0)
        await app(scope, receive, send)

    task = loop.create_task(call(client, "/stopped", stopping))
    loop.run_forever()
    assert not task.done()
    asyncio.run(call(client, "/meanwhile"))
    loop.run_until_complete(task)
    loop.close()
    check(client, observer, ["/stopped", "/meanwhile"])


def test_a_loop_may_run_inside_another_one(client: Client, observer: Observer) -> None:
    """As patches for notebooks have it: a call in the middle of a call, on one thread."""

    async def nesting(scope: Any, receive: Any, send: Any) -> None:
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        inner = asyncio.new_event_loop()
        try:
            inner.run_until_complete(call(client, "/inner"))
        finally:
            inner.close()
            asyncio._set_running_loop(outer)
        await app(scope, receive, send)

    on_a_loop_of_its_own(call(client, "/outer", nesting))
    check(client, observer, ["/inner", "/outer"])


def test_hooks_run_on_the_loop_of_their_own_call(
    new_client: New, observer: Observer, tmp_path: Path
) -> None:
    asked: list[tuple[asyncio.AbstractEventLoop | None, str]] = []

    async def identify_user(request: Any, response: Any) -> str:
        await asyncio.sleep(0)
        asked.append((asyncio.get_running_loop(), "user"))
        return "somebody"

    @apilog.blocking
    def identify_company(request: Any, response: Any) -> str:
        asked.append((asyncio._get_running_loop(), "company"))
        return "some company"

    client = new_client(
        observer,
        spool=str(tmp_path / "spool"),
        flush_interval=0.02,
        identify_user=identify_user,
        identify_company=identify_company,
    )
    loops: list[asyncio.AbstractEventLoop] = []

    async def work(path: str) -> None:
        loops.append(asyncio.get_running_loop())
        await call(client, path)

    for path in ("/0", "/1"):
        asyncio.run(work(path))
    assert [loop for loop, who in asked if who == "user"] == loops
    assert [loop for loop, who in asked if who == "company"] == [None, None]
    check(client, observer, ["/0", "/1"])


def test_a_client_may_be_flushed_and_closed_where_no_loop_is_left(
    client: Client, observer: Observer
) -> None:
    asyncio.run(call(client, "/"))
    assert client.close(PATIENCE)
    assert observer.paths == ["/"]
    assert observer.loops == []

"""Hooks that raise, hang, meddle or are of the wrong kind: the app answers as without them."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

import apilog.asgi
import apilog.wsgi
from apilog import Client, ConfigError, Event, Stats
from apilog.hooks import FIELDS

New = Callable[..., Any]
Balanced = Callable[[Stats], bool]
Answer = tuple[int, list[tuple[str, str]], bytes]

SECRET = "hunter2-hunter2"
NOTE = f"note of {SECRET}"
HEADERS = [("Content-Type", "application/json"), ("X-Twice", "1"), ("X-Twice", "2")]
BODY = json.dumps({"note": "as it is", "items": [1, 2, 3]}).encode()


# Two small apps, and how they are called


def wsgi_app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", list(HEADERS))
    return [BODY[:9], BODY[9:]]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY[:9], "more_body": True})
    await send({"type": "http.response.body", "body": BODY[9:]})


def call_wsgi(app: Any, path: str) -> Answer:
    heads: list[Any] = []
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_AUTHORIZATION": f"Bearer {SECRET}"}
    setup_testing_defaults(environ)
    response = app(environ, lambda *head: heads.append(head))
    try:
        body = b"".join(response)
    finally:
        getattr(response, "close", lambda: None)()
    [(status, headers)] = heads
    return int(status[:3]), headers, body


def call_asgi(app: Any, path: str) -> Answer:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "headers": [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {SECRET}".encode())],
    }
    asyncio.run(app(scope, receive, send))
    head, *parts = sent
    headers = [(name.decode(), value.decode()) for name, value in head["headers"]]
    return head["status"], headers, b"".join(part["body"] for part in parts)


PROTOCOLS: dict[str, tuple[Any, Any, Callable[[Any, str], Answer]]] = {
    "WSGI": (wsgi_app, apilog.wsgi.ApiLogMiddleware, call_wsgi),
    "ASGI": (asgi_app, apilog.asgi.ApiLogMiddleware, call_asgi),
}
STORES: dict[str, dict[str, str]] = {
    "in memory": {},
    "with a spool": {"durability": "worker"},
    "with a spool, at once": {"durability": "request"},
}


class Site:
    """An app that is recorded; each of its answers must be the bare app's."""

    def __init__(self, protocol: str, client: Client, spool: Path) -> None:
        bare, middleware, self._call = PROTOCOLS[protocol]
        self.client = client
        self.spool = spool
        self._recorded = middleware(bare, client=client)
        self._expected = self._call(bare, "/")

    def call(self, path: str) -> None:
        assert self._call(self._recorded, path) == self._expected

    @property
    def on_disk(self) -> bytes:
        return b"".join(each.read_bytes() for each in self.spool.rglob("*") if each.is_file())


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_site(destination: Any, tmp_path: Path) -> Iterator[New]:
    spool = tmp_path / "spool"
    with ExitStack() as stack:

        def new_site(protocol: str, store: str, **options: Any) -> Site:
            if STORES[store]:
                options = {"spool": str(spool), **STORES[store], **options}
            client = Client(destination, flush_interval=0.02, **options)
            stack.callback(client.close, 5)
            return Site(protocol, client, spool)

        yield new_site


def documents(destination: Any) -> dict[str, dict[str, Any]]:
    """Return what was delivered, by path."""
    found = [json.loads(event) for event in destination.events]
    return {event["request"]["uri"].removeprefix("http://127.0.0.1"): event for event in found}


# Hooks that raise


class OddError(BaseException):
    """Of no kind that anybody expects."""


def run_out_of_stack() -> object:
    return run_out_of_stack()


def run_out_of_memory() -> object:
    return bytearray(1 << 62)


def leave() -> object:
    raise SystemExit(NOTE)


def fail() -> object:
    raise ValueError(NOTE)


def be_odd() -> object:
    raise OddError(NOTE)


FAILURES: dict[str, Callable[[], object]] = {
    "/error": fail,
    "/exit": leave,
    "/stack": run_out_of_stack,
    "/memory": run_out_of_memory,
}


def failing(request: Any, response: Any) -> object:
    """Raise what the path asks for; under both protocols."""
    path = request["PATH_INFO"] if isinstance(request, dict) else request.url.path
    return FAILURES[path]() if path in FAILURES else None


def check_told(site: Site, destination: Any, name: str, count: int, log: Any) -> None:
    assert site.client.stats().faults[f"hook_failed:{name}"] == count
    assert [f"hook {name} failed" in message for message in log.messages] == [True]
    assert "Traceback" not in log.text
    assert SECRET not in log.text
    assert SECRET.encode() not in b"".join(destination.events) + site.on_disk


@pytest.mark.parametrize("name", FIELDS)
def test_a_hook_that_raises_costs_its_field_and_nothing_else(
    name: str,
    protocol: str,
    store: str,
    new_site: New,
    destination: Any,
    balanced: Balanced,
    apilog_log: Any,
) -> None:
    other = "identify_company" if name == "identify_user" else "identify_user"
    site = new_site(protocol, store, **{name: failing, other: lambda *_: "the other one"})
    for path in (*FAILURES, "/good"):
        site.call(path)
    assert site.client.flush(10)
    found = documents(destination)
    assert set(found) == {*FAILURES, "/good"}
    for event in found.values():
        assert FIELDS[name] not in {**event, **event["request"]} or name == "get_metadata"
        assert set(event["metadata"]) == {"apilog"}
        assert event[FIELDS[other]] == "the other one"
        assert event["response"]["body"] == json.loads(BODY)
    stats = site.client.stats()
    assert (stats.delivered, stats.dropped, balanced(stats)) == (5, {}, True)
    check_told(site, destination, name, len(FAILURES), apilog_log)


@pytest.mark.parametrize("name", ["skip", "sample_rate"])
def test_a_hook_that_was_to_leave_a_call_out_and_raises_leaves_it_out_and_counts_it(
    name: str,
    protocol: str,
    store: str,
    new_site: New,
    destination: Any,
    balanced: Balanced,
    apilog_log: Any,
) -> None:
    site = new_site(protocol, store, **{name: failing})
    for path in (*FAILURES, "/good"):
        site.call(path)
    assert site.client.flush(10)
    assert set(documents(destination)) == {"/good"}
    stats = site.client.stats()
    assert (stats.dropped, balanced(stats)) == ({f"{name}_failed": len(FAILURES)}, True)
    check_told(site, destination, name, len(FAILURES), apilog_log)


MASKED_FAILURES = {**FAILURES, "/odd": be_odd}


def test_a_mask_event_that_raises_costs_its_events_and_counts_them(
    protocol: str,
    store: str,
    new_site: New,
    destination: Any,
    balanced: Balanced,
    apilog_log: Any,
) -> None:
    """What the user wanted masked nobody else can mask: it goes nowhere."""

    def hook(event: Event) -> Event:
        path = event.request.uri.removeprefix("http://127.0.0.1")
        return MASKED_FAILURES[path]() and event if path in MASKED_FAILURES else event

    site = new_site(protocol, store, mask_event=hook)
    for path in (*MASKED_FAILURES, "/good"):
        site.call(path)
    assert site.client.flush(10)
    assert set(documents(destination)) == {"/good"}
    stats = site.client.stats()
    assert stats.dropped == {"mask_event_failed": len(MASKED_FAILURES)}
    assert balanced(stats)
    check_told(site, destination, "mask_event", len(MASKED_FAILURES), apilog_log)


@pytest.mark.parametrize("failure", MASKED_FAILURES.values(), ids=MASKED_FAILURES)
def test_a_mask_body_that_raises_costs_the_body_and_the_event_says_so(
    failure: Callable[[], Any],
    protocol: str,
    store: str,
    new_site: New,
    destination: Any,
    balanced: Balanced,
    apilog_log: Any,
) -> None:
    site = new_site(protocol, store, mask_body=lambda kind, body: failure())
    site.call("/1")
    site.call("/2")
    assert site.client.flush(10)
    found = documents(destination)
    assert set(found) == {"/1", "/2"}
    for event in found.values():
        assert "body" not in event["response"]
        assert event["response"]["status"] == 200
        assert event["metadata"]["apilog"]["response_body_omitted"] == "mask_body_failed"
    stats = site.client.stats()
    assert (stats.delivered, stats.dropped, balanced(stats)) == (2, {}, True)
    check_told(site, destination, "mask_body", 2, apilog_log)


# Hooks that hang


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Give what hanging hooks wait for; it comes at the end, so that their threads end as well."""
    event = threading.Event()
    yield event
    event.set()


Threads = Callable[[], list[str]]


@pytest.fixture
def new_threads() -> Threads:
    """Return a way to see the names of those threads that the test has brought."""
    before = set(threading.enumerate())
    return lambda: sorted(each.name for each in threading.enumerate() if each not in before)


@pytest.mark.parametrize("name", ["mask_event", "mask_body"])
def test_a_hook_that_hangs_is_asked_three_times_and_then_given_up(
    name: str,
    protocol: str,
    store: str,
    new_site: New,
    destination: Any,
    balanced: Balanced,
    apilog_log: Any,
    never: threading.Event,
    new_threads: Threads,
) -> None:
    entered: list[str] = []

    def hook(*arguments: Any) -> Any:
        entered.append(threading.current_thread().name)
        never.wait(60)
        return arguments[-1]

    site = new_site(protocol, store, **{name: hook}, mask_timeout=0.02)
    for number in range(20):
        site.call(f"/{number}")
    assert site.client.flush(10)
    assert entered == ["apilog-caller"] * 3, "never on a thread of the app's"
    assert new_threads().count("apilog-caller") == 3
    assert len(new_threads()) <= 3 + 2, "and those that store and ship"
    stats = site.client.stats()
    assert balanced(stats)
    assert stats.faults[f"hook_failed:{name}"] == 20
    if name == "mask_event":
        assert (stats.dropped, destination.events) == ({"mask_event_failed": 20}, [])
    else:
        assert (stats.dropped, len(destination.events)) == ({}, 20)
        omitted = [
            event["metadata"]["apilog"]["response_body_omitted"]
            for event in documents(destination).values()
        ]
        assert omitted == ["mask_body_failed"] * 20
    [said] = apilog_log.messages
    assert f"hook {name} failed" in said
    assert "TimeoutError" in said


def test_a_hook_that_came_to_itself_is_asked_again(
    new_site: New, destination: Any, never: threading.Event, until: Any
) -> None:
    def hook(event: Event) -> Event:
        never.wait(60)
        return event

    site = new_site("WSGI", "in memory", mask_event=hook, mask_timeout=0.02)
    for number in range(5):
        site.call(f"/{number}")
    assert site.client.flush(10)
    assert destination.events == []
    never.set()

    def is_asked() -> bool:
        site.call("/again")
        return bool(site.client.flush(10) and destination.events)

    until(is_asked)


def test_a_hook_that_is_too_slow_again_and_again_leaves_no_threads_behind(
    new_site: New, destination: Any, new_threads: Threads, until: Any
) -> None:
    """It always comes back in the end, and then its thread has nothing more to do."""
    gates: list[threading.Event] = []

    def hook(event: Event) -> Event:
        gates.append(threading.Event())
        gates[-1].wait(60)
        return event

    site = new_site("WSGI", "in memory", mask_event=hook, mask_timeout=0.02)
    for number in range(12):
        site.call(f"/{number}")
        assert site.client.flush(10)
        assert len(gates) == number + 1
        gates[-1].set()
        until(lambda: new_threads().count("apilog-caller") <= 3)
        until(lambda: site.client._encoder._masks._patience._hanging[-1].is_back)
    assert site.client.stats().dropped == {"mask_event_failed": 12}
    until(lambda: new_threads().count("apilog-caller") <= 1)


def test_the_thread_that_asks_a_mask_ends_with_its_client(
    destination: Any, new_threads: Threads, until: Any
) -> None:
    def record() -> None:
        with Client(destination, mask_event=lambda event: event) as client:
            call_wsgi(apilog.wsgi.ApiLogMiddleware(wsgi_app, client=client), "/")
            assert client.flush(10)
            assert "apilog-caller" in new_threads()

    record()
    until(lambda: gc.collect() >= 0 and "apilog-caller" not in new_threads())


HANGS_AT_THE_END = """
import threading
from apilog import Client
from apilog.destinations import Memory

entered = threading.Event()


def hook(event):
    entered.set()
    threading.Event().wait(300)


client = Client(Memory(), mask_event=hook, mask_timeout=60, shutdown_timeout=0.3, **OPTIONS)
call(client, "/")
client.flush(0)
assert entered.wait(20)
print("end")
"""


@pytest.mark.parametrize("options", [{}, {"spool": "spool"}], ids=["in memory", "with a spool"])
def test_a_hook_that_hangs_does_not_hold_up_the_end_of_the_process(
    options: dict[str, str], run: New
) -> None:
    ended = run(HANGS_AT_THE_END.replace("**OPTIONS", f"**{options}"))
    assert (ended.code, ended.stdout) == (0, "end\n"), ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.seconds < 15, "the hook would have taken minutes"


# Hooks that meddle


def test_what_a_hook_does_to_the_request_changes_neither_answer_nor_event(
    protocol: str, store: str, new_site: New, destination: Any
) -> None:
    def meddle(request: Any, response: Any) -> str:
        scope = request if isinstance(request, dict) else request.scope
        for name in ("PATH_INFO", "path", "HTTP_AUTHORIZATION", "wsgi.input", "REQUEST_METHOD"):
            scope.pop(name, None)
        scope["HTTP_X_ADDED"] = scope["raw_path"] = SECRET
        if "headers" in scope:
            scope["headers"].clear()
        return "ann"

    def replace(request: Any, response: Any) -> str:
        with pytest.raises(FrozenInstanceError):
            response.status_code = 500
        list(response.headers).clear()
        return "acme"

    site = new_site(protocol, store, identify_user=meddle, identify_company=replace)
    site.call("/as/it/came")
    assert site.client.flush(10)
    [event] = documents(destination).values()
    assert event["request"]["uri"] == "http://127.0.0.1/as/it/came"
    names = {name.lower() for name in event["request"]["headers"]}
    assert {"host", "authorization"} <= names
    assert "x-added" not in names
    assert (event["response"]["status"], event["response"]["body"]) == (200, json.loads(BODY))
    assert (event["user_id"], event["company_id"]) == ("ann", "acme")
    assert SECRET.encode() not in destination.events[0] + site.on_disk


def test_what_a_mask_keeps_and_changes_later_is_its_own_copy(
    protocol: str, store: str, new_site: New, destination: Any
) -> None:
    kept: list[Any] = []

    def hook(event: Any) -> Any:
        for each in kept:
            each.request.headers["X-Late"] = each.response.body["note"] = SECRET
            each.metadata["late"] = SECRET
        kept.append(event)
        with pytest.raises(FrozenInstanceError):
            event.user_id = SECRET
        return event

    site = new_site(protocol, store, mask_event=hook, batch_size=100)
    for number in range(5):
        site.call(f"/{number}")
    assert site.client.flush(10)
    assert len(destination.events) == 5
    for event in documents(destination).values():
        assert event["response"]["body"] == json.loads(BODY)
    assert SECRET.encode() not in b"".join(destination.events) + site.on_disk


@pytest.mark.parametrize("name", FIELDS)
def test_the_live_request_is_no_answer(
    name: str, protocol: str, new_site: New, destination: Any
) -> None:
    answer: Callable[[Any], Any] = lambda request: request  # noqa: E731 - as short as in an app
    if name == "get_metadata":
        answer = lambda request: {"request": request, "all": [request]}  # noqa: E731
    site = new_site(protocol, "in memory", **{name: lambda request, response: answer(request)})
    site.call("/")
    assert site.client.flush(10)
    [event] = documents(destination).values()
    assert SECRET.encode() not in destination.events[0]
    if name == "get_metadata":
        assert set(event["metadata"]) == {"apilog", "request", "all"}
    else:
        assert FIELDS[name] not in {**event, **event["request"]}
        assert site.client.stats().faults == {f"hook_failed:{name}": 1}


@pytest.mark.parametrize("wrong", [None, "text", {}, 7, b"bytes", [1]], ids=repr)
def test_a_mask_that_gives_something_else_costs_its_event_and_no_other(
    wrong: object, protocol: str, store: str, new_site: New, destination: Any, balanced: Balanced
) -> None:
    def hook(event: Event) -> object:
        return wrong if event.request.uri.endswith("/wrong") else event

    site = new_site(protocol, store, mask_event=hook)
    for path in ("/1", "/wrong", "/2"):
        site.call(path)
    assert site.client.flush(10)
    assert set(documents(destination)) == {"/1", "/2"}
    stats = site.client.stats()
    reason = "mask_event" if wrong is None else "mask_event_failed"
    assert (stats.dropped, balanced(stats)) == ({reason: 1}, True)
    assert b"/wrong" not in site.on_disk or store.endswith("at once"), "but for its beginning"


# Async hooks where nobody awaits them, and sync ones where a loop runs


async def later(*arguments: Any) -> Any:
    return "later"


@pytest.mark.parametrize("name", [*FIELDS, "skip", "sample_rate", "mask_event", "mask_body"])
def test_an_async_hook_is_refused_when_a_sync_app_is_set_up(name: str, destination: Any) -> None:
    with pytest.raises(ConfigError, match=rf"{name} = <function later .*>: is async"):
        apilog.wsgi.ApiLogMiddleware(wsgi_app, client=Client(destination, **{name: later}))


@pytest.mark.parametrize("name", [*FIELDS, "skip", "mask_event", "mask_body"])
def test_an_async_hook_that_is_set_afterwards_is_refused_as_well(
    name: str, destination: Any
) -> None:
    with Client(destination) as client:
        recorded = apilog.wsgi.ApiLogMiddleware(wsgi_app, client=client)
        with pytest.raises(ConfigError, match=rf"{name} = <function later .*>: is async"):
            getattr(client, name)(later)
        assert call_wsgi(recorded, "/")[0] == 200
        assert client.stats().faults == {}


@pytest.mark.parametrize("name", ["mask_event", "mask_body"])
def test_an_async_mask_is_refused_by_an_async_app_too(name: str, destination: Any) -> None:
    """Masks run on the worker, where no loop is."""
    with pytest.raises(ConfigError, match=rf"{name} = <function later .*>: is async"):
        apilog.asgi.ApiLogMiddleware(asgi_app, destination=destination, **{name: later})


def test_a_sync_hook_of_an_async_app_is_asked_like_an_async_one(
    new_site: New, destination: Any
) -> None:
    site = new_site("ASGI", "in memory", identify_user=later, identify_company=lambda *_: "at once")
    site.call("/")
    assert site.client.flush(10)
    [event] = documents(destination).values()
    assert (event["user_id"], event["company_id"]) == ("later", "at once")

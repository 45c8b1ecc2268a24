"""The ``apilog`` command and a running collector, each a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from apilog.collector import server
from apilog.collector.app import create_app
from apilog.collector.call import Call
from apilog.collector.connections import BoundedProtocol
from apilog.collector.gate import Access
from apilog.collector.inlet import Inlet
from apilog.collector.store.sqlite import SqliteStore

Event = dict[str, Any]
WATCHDOG_SECONDS = 300
"""After which whatever hangs is killed; a machine that is busy with something else takes long."""
OLD_STARLETTE = "ignore:Please use `import python_multipart`:PendingDeprecationWarning"


def an_event(*, ago: float = 1.0, uri: str = "/items/7?x=1", **changes: Any) -> Event:
    """Return a small valid event of a moment *ago*, with *changes* at its top level."""
    began = datetime.now(timezone.utc) - timedelta(seconds=ago)
    event: Event = {
        "request": {
            "time": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "uri": f"http://shop.test{uri}",
            "verb": "GET",
            "headers": {"Accept": "*/*"},
        },
        "response": {
            "time": (began + timedelta(milliseconds=12))
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "status": 200,
            "headers": {},
        },
        "transaction_id": str(uuid.uuid4()),
    }
    return {**event, **changes}


@pytest.fixture(name="an_event")
def an_event_fixture() -> Callable[..., Event]:
    return an_event


@dataclass
class Serving:
    """A running ``apilog serve``."""

    process: subprocess.Popen[str]
    announced: str
    url: str
    login_token: str
    data: Path
    http: httpx.Client
    """Talks to it as a sender does: nobody has logged in."""

    @property
    def token(self) -> str:
        """The token that is kept in its folder."""
        return (self.data / "viewer-token").read_text().strip()

    @contextmanager
    def viewer(self) -> Iterator[httpx.Client]:
        """Log in, and give a client that talks to it as the viewer does."""
        headers = {"X-Apilog-CSRF": "1"}
        with httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, verify=False
        ) as viewer:
            answer = viewer.post("/view/login", json={"token": self.token})
            assert answer.status_code == 204, answer.text
            yield viewer

    def rows(self, **asked: Any) -> list[dict[str, Any]]:
        """Return calls as the viewer lists them, the newest first."""
        with self.viewer() as viewer:
            rows: list[dict[str, Any]] = viewer.get("/view/calls", params=asked).json()["rows"]
            return rows


Command = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def apilog(tmp_path: Path) -> Iterator[Command]:
    """Start the ``apilog`` command with these arguments in an empty folder."""
    path = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    warnings = f"error,{OLD_STARLETTE}"
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": warnings}
    environment.pop("APILOG_DATA", None)
    with ExitStack() as stack:

        def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "apilog.cli", *arguments],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                **options,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            watchdog = threading.Timer(WATCHDOG_SECONDS, process.kill)
            watchdog.start()
            stack.callback(watchdog.cancel)
            return process

        yield start


@pytest.fixture
def serving(apilog: Command, tmp_path: Path) -> Callable[..., Any]:
    """Run ``apilog serve --port 0`` and more arguments for the length of a ``with`` block."""

    @contextmanager
    def serve(*arguments: str, data: str = "apilog-data") -> Iterator[Serving]:
        port = () if "--port" in arguments else ("--port", "0")
        process = apilog("serve", *port, "--data", data, *arguments)
        assert process.stdout is not None
        announced = process.stdout.readline()
        if not announced:
            raise AssertionError(process.communicate()[1])
        url = announced.removeprefix("apilog collector: ").rstrip("\n")
        login = process.stdout.readline().partition("#token=")[2].strip()
        with httpx.Client(base_url=url, trust_env=False, verify=False) as http:
            yield Serving(process, announced, url, login, tmp_path / data, http)

    return serve


@pytest.fixture
def finished() -> Callable[..., tuple[int, str, str]]:
    """Wait for the end of a process; give its exit code, its output and its errors."""

    def wait(process: subprocess.Popen[str]) -> tuple[int, str, str]:
        out, err = process.communicate(timeout=WATCHDOG_SECONDS)
        return process.returncode, out, err

    return wait


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Ask until the answer is true, for half a minute; give it."""

    def wait(ask: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 30
        while not (answer := ask()):
            assert time.monotonic() < deadline, "it did not happen in 30 seconds"
            time.sleep(0.02)
        return answer

    return wait


class Collected:
    """A collector in this process, asked without a socket, one event loop for each question."""

    def __init__(self, directory: Path, **options: Any) -> None:
        sender_token = options.pop("sender_token", None)
        self.directory = directory
        directory.mkdir(mode=0o700, exist_ok=True)
        self.store = options.pop("store", None) or SqliteStore(directory)
        self.access = Access.of(directory, sender_token=sender_token)
        self.inlet = Inlet(self.store)
        self.app = create_app(self.store, self.inlet, self.access, **options)
        self.cookies: dict[str, str] = {}

    def request(
        self, method: str, url: str, *, base: str = "http://127.0.0.1:8090", **options: Any
    ) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url=base, cookies=self.cookies
            ) as http:
                return await http.request(method, url, **options)

        return asyncio.run(call())

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send *request* with the headers that it has, and no other."""

        async def call() -> httpx.Response:
            answer = await httpx.ASGITransport(self.app).handle_async_request(request)
            await answer.aread()
            return answer

        return asyncio.run(call())

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        options["headers"] = {"X-Apilog-CSRF": "1", **options.pop("headers", {})}
        return self.request("POST", url, **options)

    def log_in(self) -> Collected:
        """Take a cookie, which all later questions have."""
        token = (self.directory / "viewer-token").read_text().strip()
        answer = self.post("/view/login", json={"token": token})
        assert answer.status_code == 204, answer.text
        self.cookies = dict(answer.cookies)
        return self

    def close(self) -> None:
        self.app.close()
        self.inlet.close()
        self.store.close()


@pytest.fixture
def collected(tmp_path: Path) -> Iterator[Callable[..., Collected]]:
    """Make a collector; it is closed at the end of the test."""
    with ExitStack() as stack:

        def make(name: str = "data", **options: Any) -> Collected:
            return stack.enter_context(closing(Collected(tmp_path / name, **options)))

        yield make


@pytest.fixture
def add() -> Callable[..., list[str]]:
    """Store small calls of these moments and fields, directly; give their ids."""

    def store(collected: Collected, *calls: dict[str, Any]) -> list[str]:
        made = [a_call(**each) for each in calls]
        collected.store.add(made)
        return [each.id for each in made]

    return store


def a_call(**fields: Any) -> Call:
    """Return a small call of now, with *fields*."""
    known: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "time": time.time_ns() // 1_000,
        "source": "moesif",
        "method": "GET",
        "host": "shop.test",
        "route": "/items/{id}",
        "path": "/items/7",
        "status": 200,
        "duration": 12_000,
        "event": b"{}",
        **fields,
    }
    return Call(**known)


@dataclass
class Listening:
    """A collector on a real socket, in a thread of this process."""

    collected: Collected
    address: tuple[str, int]

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"


@pytest.fixture
def listening(collected: Callable[..., Collected]) -> Iterator[Callable[..., Listening]]:
    """Serve a collector on a free port; its protocol may have shorter deadlines."""
    with ExitStack() as stack:

        def serve(
            protocol: type[BoundedProtocol] = BoundedProtocol,
            server_type: type[server.Server] = server.Server,
            certificate: server.Certificate | None = None,
            **options: Any,
        ) -> Listening:
            made = collected(**options)
            listener = stack.enter_context(server.listening_socket("127.0.0.1", 0))
            ready = threading.Event()
            config = server.configured(made.app, protocol=protocol, certificate=certificate)
            running = server_type(config, stop=made.app.stop, ready=ready.set)
            thread = threading.Thread(target=running.run, args=([listener],))
            thread.start()

            def stop() -> None:
                running.should_exit = True
                thread.join(WATCHDOG_SECONDS)
                assert not thread.is_alive()

            stack.callback(stop)
            assert ready.wait(WATCHDOG_SECONDS)
            return Listening(made, listener.getsockname())

        yield serve

"""Interpreters of other kinds: subinterpreters, with threads or without, and no global lock."""

from __future__ import annotations

import importlib
import json
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apilog import Client
from apilog.spool.files import APPEND, Files
from apilog.spool.records import Damage, Kind, Record, Window, scan

New = Callable[..., Any]
Call = Callable[..., None]

# Subinterpreters

HOST = '''
import socket
import threading
import time

out, kind, url, spool, durability, pause, source = sys.argv[1:]


def say(*words):
    with open(out, "a") as file:
        print(*words, file=file)


def create():
    """Begin an interpreter of this kind; leave with the reason if there is no way to."""
    try:
        import _interpreters
    except ImportError:
        import _xxsubinterpreters

        if kind in ("isolated", "legacy"):
            own = _xxsubinterpreters.create(isolated=kind == "isolated")
            return own, _xxsubinterpreters.run_string, _xxsubinterpreters.destroy
    else:
        if kind in ("isolated", "legacy"):
            config = kind
        elif hasattr(_interpreters, "new_config"):
            refused = {"no daemons": ["allow_daemon_threads"], "no threads": ["allow_threads"]}
            refused["no threads"] += refused["no daemons"]
            config = _interpreters.new_config("legacy", **dict.fromkeys(refused[kind], False))
        else:
            config = None
        if config is not None:
            return _interpreters.create(config), _interpreters.exec, _interpreters.destroy
    print("no such interpreter")
    raise SystemExit


own, execute, destroy = create()
values = {"sys_path": sys.path, "argv": sys.argv}
program = "".join(f"{name} = {value!r}\\n" for name, value in values.items()) + """
import sys
sys.path[:] = sys_path
sys.argv = argv
""" + open(source).read()
failure = execute(own, program)
if failure is not None:
    print(failure.formatted)
destroy(own)
print("it ended")
'''

GUEST = """
import json
import logging
import time
from dataclasses import asdict
from wsgiref.util import setup_testing_defaults

out, kind, url, spool, durability, pause, source = sys.argv[1:]


def say(*words):
    with open(out, "a") as file:
        print(*words, file=file)


class Said(logging.Handler):
    def emit(self, record):
        say("log", record.getMessage())


logging.getLogger().addHandler(Said())

try:
    from apilog import Client
except ImportError as error:
    say("import", type(error).__name__)
else:
    import atexit

    from apilog.wsgi import ApiLogMiddleware

    options = {"spool": spool, "durability": durability} if durability else {}
    client = Client(url, flush_interval=0.02, shutdown_timeout=float(pause), **options)

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    def call(path):
        environ = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        response = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
        say("answer", b"".join(response).decode())
        getattr(response, "close", lambda: None)()

    for number in range(5):
        call(f"/{number}")
    say("running", json.dumps(asdict(client.stats())))
"""

CLOSING = """
    client.close()
    say("ended", json.dumps(asdict(client.stats())))
"""


class Guest:
    """What an app in a subinterpreter said, line by line."""

    def __init__(self, stdout: str, said: str) -> None:
        self.stdout = stdout
        self.lines = [line.partition(" ")[::2] for line in said.splitlines()]

    def said(self, word: str) -> list[str]:
        return [rest for first, rest in self.lines if first == word]

    @property
    def stats(self) -> dict[str, Any]:
        """The last account of the app's own."""
        stats: dict[str, Any] = json.loads((self.said("ended") or self.said("running"))[-1])
        places = [stats[name] for name in ("queued", "delivered", "spooled", "quarantined")]
        assert stats["captured"] == sum(places) + sum(stats["dropped"].values())
        return stats


@pytest.fixture
def guest(run: New, tmp_path: Path, endpoint: Any) -> New:
    """Run the app in a subinterpreter of a *kind*, in a process of its own."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            importlib.import_module(name)
            break
        except ImportError:
            continue
    else:
        pytest.skip("this Python has no way to make subinterpreters")

    def guest(kind: str, durability: str = "", *, closes: bool = True, pause: float = 10) -> Guest:
        source, said = tmp_path / "guest.py", tmp_path / "said"
        source.write_text(GUEST + (CLOSING if closes else ""))
        spool = str(tmp_path / "spool")
        done = run(HOST, str(said), kind, endpoint.url, spool, durability, str(pause), str(source))
        if "no such interpreter" in done.stdout:
            pytest.skip("this Python has no such subinterpreters")
        assert (done.code, done.stderr) == (0, ""), "nothing takes the process with it"
        return Guest(done.stdout, said.read_text())

    return guest


DURABILITIES = [
    pytest.param("", id="no spool"),
    pytest.param("worker", id="worker durability"),
    pytest.param("request", id="request durability"),
]
PATHS = [f"/{number}" for number in range(5)]


@pytest.mark.parametrize("durability", DURABILITIES)
def test_an_app_in_a_subinterpreter_is_recorded(guest: New, endpoint: Any, durability: str) -> None:
    """As under mod_wsgi, which has one for each app; all of them share the lock."""
    app = guest("legacy", durability)
    assert app.stdout == "it ended\n"
    assert app.said("answer") == ["hello"] * 5
    assert app.said("log") == []
    assert (app.stats["captured"], app.stats["delivered"], app.stats["faults"]) == (5, 5, {})
    assert sorted(endpoint.paths) == PATHS


@pytest.mark.parametrize("durability", DURABILITIES)
def test_a_subinterpreter_may_end_without_a_word(
    guest: New, endpoint: Any, durability: str
) -> None:
    """Its own farewell ends our threads; one that still ran would end the process."""
    if sys.version_info < (3, 12):
        pytest.skip("this Python ends no interpreter in which threads run, unless they end first")
    app = guest("legacy", durability, closes=False)
    assert app.stdout == "it ended\n"
    assert sorted(endpoint.paths) == PATHS


@pytest.mark.parametrize("durability", DURABILITIES)
def test_a_subinterpreter_waits_at_its_end_for_what_is_on_its_way(
    guest: New, endpoint: Any, durability: str
) -> None:
    """However short its patience: CPython ends the process with it, if a thread still runs."""
    if sys.version_info < (3, 12):
        pytest.skip("this Python ends no interpreter in which threads run, unless they end first")

    def slowly(connection: Any) -> int:
        connection.read()
        threading.Event().wait(1.5)
        endpoint.note(connection, 201)
        connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        return 201

    endpoint.default = slowly
    app = guest("legacy", durability, closes=False, pause=0.1)
    assert app.stdout == "it ended\n"
    assert app.said("answer") == ["hello"] * 5


THREADLESS = [
    pytest.param(
        "isolated",
        id="without threads",
        marks=pytest.mark.skipif(
            sys.version_info >= (3, 12), reason="newer Pythons import no orjson into such ones"
        ),
    ),
    pytest.param("no threads", id="of a kind without threads"),
    pytest.param("no daemons", id="of a kind without daemon threads"),
]


@pytest.mark.parametrize("kind", THREADLESS)
@pytest.mark.parametrize("durability", ["worker", "request"])
@pytest.mark.parametrize("closes", [True, False], ids=["closed", "not closed"])
def test_a_spool_is_only_written_in_a_subinterpreter(
    guest: New,
    new_client: New,
    endpoint: Any,
    call: Call,
    until: New,
    tmp_path: Path,
    kind: str,
    durability: str,
    closes: bool,
) -> None:
    """Another process ships; one warning says why."""
    app = guest(kind, durability, closes=closes)
    assert app.stdout == "it ended\n"
    assert app.said("answer") == ["hello"] * 5
    (line,) = app.said("log")
    assert "thread did not start" in line
    running = json.loads(app.said("running")[0])
    assert (running["spooled"], running["queued"]) == (5, 0), "on disk at once"
    assert (app.stats["spooled"], app.stats["dropped"]) == (5, {})
    assert endpoint.paths == []
    sibling = new_client(endpoint.url, spool=str(tmp_path / "spool"), flush_interval=0.02)
    call(sibling, "/sibling")
    until(lambda: len(endpoint.paths) == 6)
    assert sorted(endpoint.paths) == [*PATHS, "/sibling"]


@pytest.mark.parametrize("kind", THREADLESS)
def test_events_without_a_spool_are_delivered_at_the_end_of_a_subinterpreter(
    guest: New, endpoint: Any, kind: str
) -> None:
    app = guest(kind)
    assert app.stdout == "it ended\n"
    assert len(app.said("log")) == 1
    assert (app.stats["delivered"], app.stats["dropped"]) == (5, {})
    assert sorted(endpoint.paths) == PATHS


def test_a_subinterpreter_with_a_lock_of_its_own_is_told_that_it_cannot_import_us(
    guest: New,
) -> None:
    """orjson, like most extensions, is not made for them. The process goes on."""
    if sys.version_info < (3, 12):
        pytest.skip("this Python has no such subinterpreters")
    app = guest("isolated", "request")
    assert app.stdout == "it ended\n"
    if app.said("import"):
        assert app.said("import") == ["ImportError"]
    else:
        assert app.stats["spooled"] + app.stats["delivered"] == 5


# Threads without a global lock

THREADS = 16
CALLS = 40


def scanned(segment: Path) -> list[Record | Damage]:
    """Return what is in a file; what is being written while it is read may look like damage."""
    content = segment.read_bytes()
    return list(scan(Window(lambda size, at: content[at : at + size], len(content))))


def stored_in(spool: Path) -> list[Record]:
    """Return the events that are on disk."""
    found = [each for segment in spool.glob("*.seg") for each in scanned(segment)]
    return [each for each in found if isinstance(each, Record) and each.kind == Kind.EVENT]


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_many_threads_write_one_spool_without_a_gap(
    new_client: New,
    destination: Any,
    call: Call,
    tmp_path: Path,
    durability: str,
    balanced: New,
    until: New,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever runs at the same time: with the global lock nearly nobody, without it everybody."""
    monkeypatch.setattr("apilog.spool.writer.ROLL_BYTES", 64 * 1024)
    destination.gate.clear()
    spool = tmp_path / "spool"
    client: Client = new_client(
        destination, spool=str(spool), durability=durability, flush_interval=0.01
    )
    together = threading.Barrier(THREADS)

    def load(name: int) -> None:
        together.wait(20)
        for number in range(CALLS):
            call(client, f"/{name}/{number}", b"x" * 100)

    threads = [threading.Thread(target=load, args=(name,)) for name in range(THREADS)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    total = THREADS * CALLS
    until(lambda: len(stored_in(spool)) == total)  # the account has them a moment before the disk
    stats = client.stats()
    assert (stats.captured, stats.dropped, balanced(stats)) == (total, {}, True)

    segments = [scanned(each) for each in sorted(spool.glob("*.seg"))]
    assert not any(isinstance(each, Damage) for segment in segments for each in segment)
    assert len(segments) > 1, "they went on through a change of files"
    for segment in segments:
        numbers = [each.sequence for each in segment if isinstance(each, Record)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    counted = [
        each.sequence
        for segment in segments
        for each in segment
        if isinstance(each, Record) and each.kind != Kind.SEAL
    ]
    assert sorted(counted) == list(range(1, len(counted) + 1)), "the next file takes the seal's"
    events = stored_in(spool)
    everything = sorted(f"/{name}/{number}" for name in range(THREADS) for number in range(CALLS))
    stored = [json.loads(each.content)["request"]["uri"] for each in events]
    assert sorted(uri.removeprefix("http://127.0.0.1") for uri in stored) == everything
    if durability == "request":
        tickets = [each.mark for each in events]
        assert len(set(tickets)) == total, "each retires the beginning of its own call"

    destination.gate.set()
    assert client.flush(30)
    stats = client.stats()
    assert (stats.delivered, stats.spooled, stats.faults) == (total, 0, {})
    assert sorted(destination.paths) == everything
    ids = {json.loads(event)["transaction_id"] for event in destination.events}
    assert len(ids) == total


def test_descriptors_are_all_in_the_book_while_threads_open_and_close(tmp_path: Path) -> None:
    """A forked child closes what is in it; the book is a set that many threads change."""
    files = Files()
    folder = files.open_folder(str(tmp_path))

    def churn(name: int) -> None:
        for number in range(50):
            files.close(files.open(f"{name}-{number % 5}", APPEND, folder))

    threads = [threading.Thread(target=churn, args=(name,)) for name in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert files._open == {folder}
    assert not files._opening
    files.close(folder)


FREE = """
import apilog
import apilog.spool
from apilog import Client

client = Client("memory:")
call(client)
assert client.flush(10)
print(sys._is_gil_enabled())
"""


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a global lock"
)
def test_the_global_lock_stays_off(run: New) -> None:
    """An extension that is not made for that would bring it back, with a warning."""
    done = run(FREE)
    assert (done.code, done.stdout, done.stderr) == (0, "False\n", "")

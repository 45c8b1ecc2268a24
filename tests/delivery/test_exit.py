"""The end of a process: what is queued still leaves, in bounded time and without a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

New = Callable[..., Any]

CLIENT = """
from apilog import Client
client = Client(sys.argv[1], flush_interval=3600, shutdown_timeout=float(sys.argv[2]))
"""

SLACK = 15.0
"""Seconds that starting and ending an interpreter may take on a busy machine."""


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        pytest.param("", 0, id="its last line"),
        pytest.param("sys.exit(3)", 3, id="sys.exit"),
        pytest.param("raise SystemExit", 0, id="SystemExit"),
        pytest.param("raise ValueError('the app\\'s own')", 1, id="an unhandled exception"),
        pytest.param("raise KeyboardInterrupt", -2, id="an interrupt"),
    ],
)
def test_a_process_that_ends_with_this_delivers_what_is_queued(
    run: New, endpoint: Any, ending: str, code: int
) -> None:
    done = run(
        CLIENT + "for number in range(250): call(client, f'/{number}')\n" + ending,
        endpoint.url,
        "10",
    )
    assert done.code == code
    assert endpoint.paths == [f"/{number}" for number in range(250)]
    assert "apilog" not in done.stderr.replace("/apilog/", "")
    if code >= 0:
        assert done.stderr.count("Traceback") == (1 if code == 1 else 0)


def test_the_last_call_may_be_the_first(run: New, endpoint: Any) -> None:
    """A call in a thread that outlives the main thread, when no worker has started yet."""
    done = run(
        CLIENT
        + """
import threading, time

def late():
    threading.main_thread().join()
    call(client, "/late")

threading.Thread(target=late).start()
""",
        endpoint.url,
        "10",
    )
    assert (done.code, endpoint.paths) == (0, ["/late"])
    assert "Traceback" not in done.stderr


def test_a_call_in_an_exit_function_is_delivered(run: New, endpoint: Any) -> None:
    """Exit functions run in the reverse order: an app's own ones come before ours."""
    done = run(
        CLIENT
        + """
import atexit
atexit.register(call, client, "/at-exit")
""",
        endpoint.url,
        "10",
    )
    assert (done.code, endpoint.paths) == (0, ["/at-exit"])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("fault", ["hangs", "refuses", "answers 500", "trickles"])
def test_an_endpoint_in_trouble_holds_the_end_up_no_longer_than_allowed(
    run: New, endpoint: Any, answer: New, fault: str
) -> None:
    if fault == "refuses":
        endpoint.stop()
    endpoint.default = {
        "hangs": endpoint.hang,
        "refuses": None,
        "answers 500": answer(500),
        "trickles": endpoint.trickle(b"", b"H"),
    }[fault]
    done = run(CLIENT + "for number in range(5): call(client, f'/{number}')", endpoint.url, "0.5")
    assert (done.code, done.stdout) == (0, "")
    assert done.seconds < 0.5 + SLACK
    lines = done.stderr.splitlines()
    assert lines[-1] == "apilog: 5 events were not delivered in time"
    assert [line for line in lines if not line.startswith("apilog: ")] == []
    assert len(lines) <= 2


def test_an_endpoint_that_hangs_delays_the_end_by_the_deadline_only(
    run: New, endpoint: Any
) -> None:
    """Not by the transport's own timeout of ten seconds, and not by one deadline a client."""
    endpoint.default = endpoint.hang
    done = run(
        """
import time
from apilog import Client
clients = [Client(sys.argv[1], shutdown_timeout=0.5) for _ in range(4)]
for client in clients:
    call(client)
import atexit, apilog.pipeline
began = time.monotonic()
apilog.pipeline.close_together(apilog.pipeline._pipelines)
seconds = time.monotonic() - began
print(0.4 < seconds < 2.4 or seconds)
""",
        endpoint.url,
    )
    assert (done.code, done.stdout) == (0, "True\n")


def test_an_exit_after_an_explicit_close_waits_no_second_time(run: New, endpoint: Any) -> None:
    endpoint.default = endpoint.hang
    done = run(
        CLIENT
        + """
import time
call(client)
client.close(0.1)
import atexit, apilog.pipeline
began = time.monotonic()
apilog.pipeline.close_together(apilog.pipeline._pipelines)
print(time.monotonic() - began < 10)
""",
        endpoint.url,
        "30",
    )
    assert (done.code, done.stdout) == (0, "True\n")
    assert done.seconds < 30
    assert done.stderr == "apilog: 1 events were not delivered in time\n"


@pytest.mark.parametrize("hangs", [False, True], ids=["an endpoint that works", "one that hangs"])
def test_daemon_threads_and_finalisers_leave_no_traceback(
    run: New, endpoint: Any, hangs: bool
) -> None:
    if hangs:
        endpoint.default = endpoint.hang
    done = run(
        CLIENT
        + """
import threading
from apilog.wsgi import ApiLogMiddleware


def app(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]


def load():
    while True:
        call(client, "/daemon")


for _ in range(3):
    threading.Thread(target=load, daemon=True).start()
middleware = ApiLogMiddleware(app, client=client)
abandoned = [middleware({"REQUEST_METHOD": "GET"}, lambda *_: lambda _: None) for _ in range(9)]
abandoned.append(abandoned)
call(client)
""",
        endpoint.url,
        "0.3",
    )
    assert done.code == 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("apilog: ")]
    assert lines == []


def test_a_worker_that_cannot_start_costs_no_event_at_the_end(run: New, endpoint: Any) -> None:
    """Where the system gives no thread, the end of the process delivers by itself."""
    done = run(
        CLIENT
        + """
import threading


def refuse(self):
    raise RuntimeError("can't start new thread")


threading.Thread.start = refuse
for number in range(3):
    call(client, f"/{number}")
""",
        endpoint.url,
        "10",
    )
    assert done.code == 0
    assert endpoint.paths == ["/0", "/1", "/2"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("apilog: the worker thread did not start: RuntimeError")


@pytest.mark.parametrize("surprise", ["SystemExit", "KeyboardInterrupt", "RuntimeError"])
def test_a_mask_event_that_raises_on_the_worker_spoils_neither_stderr_nor_the_exit_code(
    run: New, endpoint: Any, surprise: str
) -> None:
    done = run(
        f"""
from apilog import Client


def mask_event(event):
    if event.request.uri.endswith("/bad"):
        raise {surprise}
    return event


client = Client(sys.argv[1], mask_event=mask_event, shutdown_timeout=10, flush_interval=3600)
for path in ("/bad", "/good"):
    call(client, path)
""",
        endpoint.url,
    )
    assert (done.code, endpoint.paths) == (0, ["/good"])
    (line,) = done.stderr.splitlines()
    assert line.startswith("apilog: ")


def test_a_destination_that_fails_to_close_spoils_nothing(run: New) -> None:
    done = run(
        """
from apilog import Client


class Destination:
    def send(self, batch):
        print(len(batch))

    def close(self):
        raise RuntimeError("cannot")


client = Client(Destination(), flush_interval=3600)
call(client)
"""
    )
    assert (done.code, done.stdout) == (0, "1\n")
    assert done.stderr.startswith("apilog: closing a destination failed: RuntimeError at ")
    assert len(done.stderr.splitlines()) == 1


SHUTDOWN = """
import atexit
import json
import threading
import time

last = []
atexit.register(lambda: [each() for each in last])  # before apilog is imported, so it runs after it

from dataclasses import asdict
from wsgiref.util import setup_testing_defaults
from apilog import Client
from apilog.wsgi import ApiLogMiddleware

client = Client(
    sys.argv[1],
    spool=sys.argv[2],
    durability=sys.argv[3],
    flush_interval=0.01,
    shutdown_timeout=float(sys.argv[4]),
)


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]


class Leaving:
    def __init__(self, path):
        self.middleware = ApiLogMiddleware(app, client=client)
        self.environ = {"PATH_INFO": path}
        setup_testing_defaults(self.environ)

    def __del__(self):
        response = self.middleware(self.environ, lambda *_: lambda _: None)
        list(response)
        getattr(response, "close", lambda: None)()


def load():
    number = 0
    while True:
        number += 1
        call(client, f"/daemon/{threading.get_ident()}/{number}")
        time.sleep(0.001)


def tell():
    call(client, "/late")
    print(json.dumps([asdict(client.stats()), started]))


def watch():
    start = threading.Thread.start

    def noted(thread):
        started.append(thread.name)
        start(thread)

    threading.Thread.start = noted


started = []
last.append(tell)
call(client, "/first")
kept = Leaving("/collected")
kept.itself = kept
sys.modules["kept"] = Leaving("/torn-down")
for _ in range(2):
    threading.Thread(target=load, daemon=True).start()
atexit.register(call, client, "/at-exit")
atexit.register(watch)
ours = {"apilog-worker", "apilog-shipper"}
while client.stats().captured < 20 or not ours <= {each.name for each in threading.enumerate()}:
    pass
"""


@pytest.mark.parametrize("durability", ["worker", "request"])
@pytest.mark.parametrize("hangs", [False, True], ids=["an endpoint that works", "one that hangs"])
def test_calls_that_are_made_while_the_interpreter_ends_are_stored_or_counted(
    run: New, endpoint: Any, answer: New, tmp_path: Path, durability: str, hangs: bool
) -> None:
    """Exit functions, finalisers and daemon threads; no thread is begun for them any more."""
    if hangs:
        endpoint.default = endpoint.hang
    patience = "1" if hangs else "5"
    done = run(SHUTDOWN, endpoint.url, str(tmp_path / "spool"), durability, patience)
    assert done.code == 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("apilog: ")]
    assert lines == []
    stats, started = json.loads(done.stdout)
    assert started == []
    assert stats["dropped"].keys() == {"closed"}, "only what came after our own farewell"
    places = stats["queued"], stats["delivered"], stats["spooled"], stats["quarantined"]
    assert stats["captured"] == sum(places) + stats["dropped"]["closed"]
    assert stats["spooled"] > 0 if hangs else stats["delivered"] > 0
    endpoint.default = answer(201)
    endpoint.release()
    done = run(
        CLIENT.replace("shutdown", "spool=sys.argv[3], shutdown") + "call(client, '/next')",
        endpoint.url,
        "10",
        str(tmp_path / "spool"),
    )
    assert (done.code, done.stderr) == (0, "")
    amid = [event for event in endpoint.events if "process_died" in event["metadata"]["apilog"]]
    paths = set(endpoint.paths) - {"/next"}
    assert {"/first", "/at-exit"} <= paths
    assert "/late" not in paths
    assert len(amid) <= 2, "one for each thread"
    assert len(paths) - len(amid) == stats["delivered"] + stats["spooled"]


@pytest.mark.parametrize("spooled", [False, True], ids=["memory", "spool"])
def test_a_finaliser_waits_for_no_lock_that_a_thread_took_with_it(
    run: New, endpoint: Any, tmp_path: Path, spooled: bool
) -> None:
    """Daemon threads stop where they are when the interpreter ends, and never let go."""
    option = "spool=sys.argv[3], durability='request'" if spooled else ""
    program = CLIENT.replace("shutdown", f"{option}{', ' * spooled}shutdown") + BUSY
    done = run(program, endpoint.url, "0.3", str(tmp_path / "spool"))
    assert (done.code, done.stderr, done.stdout) == (0, "", "finalised\n")


BUSY = """
import threading
from wsgiref.util import setup_testing_defaults
from apilog.wsgi import ApiLogMiddleware


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x"]


class Leaving:
    def __init__(self):
        self.middleware, self.write = ApiLogMiddleware(app, client=client), os.write
        self.environ = {}
        setup_testing_defaults(self.environ)
        self.response = self.middleware(self.environ, lambda *_: lambda _: None)

    def __del__(self):
        list(self.response)
        self.response.close()
        list(self.middleware(self.environ, lambda *_: lambda _: None))
        self.write(1, b"finalised\\n")


def ask():
    while True:
        client.stats()


call(client)
sys.modules["kept"] = Leaving()
for _ in range(3):
    threading.Thread(target=ask, daemon=True).start()
"""


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_a_process_that_ends_before_our_threads_began_leaves_its_calls_to_the_next(
    run: New, endpoint: Any, tmp_path: Path, durability: str
) -> None:
    """Newer Pythons begin no thread any more once the interpreter is to end."""
    spooled = CLIENT.replace("shutdown", "spool=sys.argv[3], durability=sys.argv[4], shutdown")
    arguments = endpoint.url, "10", str(tmp_path / "spool"), durability
    first = run(
        spooled
        + """
import atexit
atexit.register(lambda: [call(client, f"/{number}") for number in range(3)])
""",
        *arguments,
    )
    assert first.code == 0
    assert [line for line in first.stderr.splitlines() if not line.startswith("apilog: ")] == []
    assert first.seconds < 8, "it waited for nobody"
    second = run(spooled + "call(client, '/next')", *arguments)
    assert (second.code, second.stderr) == (0, "")
    assert sorted(endpoint.paths) == ["/0", "/1", "/2", "/next"]

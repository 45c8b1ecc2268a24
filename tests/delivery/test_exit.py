"""The end of a process: what is queued still leaves, in bounded time and without a traceback."""

from __future__ import annotations

from collections.abc import Callable
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

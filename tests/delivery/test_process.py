"""Processes that nobody tells what happens to them: forked in secret, or without exit functions."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

New = Callable[..., Any]

linux = pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
forks = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")

SECRETLY = """
import ctypes, os, signal, time
from apilog import Client

options = {} if sys.argv[2] == "memory" else {"spool": "spool", "durability": sys.argv[2]}


def fork_secretly():
    '''Fork as uWSGI does: no function of Python's is called in the child.'''
    time.sleep(0.1)  # while a thread takes the interpreter, its locks are not fit to be copied
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        signal.alarm(20)
    return child


def ended_well(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


"""

modes = pytest.mark.parametrize("mode", ["memory", "worker", "request"])


@forks
@modes
def test_a_child_that_was_forked_secretly_delivers_its_calls_and_nobody_elses(
    run: New, endpoint: Any, mode: str
) -> None:
    done = run(
        SECRETLY
        + """
client = Client(sys.argv[1], flush_interval=3600, **options)
call(client, "/parent/before")
children = []
for number in range(2):
    child = fork_secretly()
    if child == 0:
        call(client, f"/child/{number}")
        ok = client.flush(10) and client.stats().captured == client.stats().delivered == 1
        client.close(10)
        os._exit(0 if ok else 1)
    children.append(child)
assert all(map(ended_well, children))
call(client, "/parent/after")
assert client.close(10)
assert client.stats().delivered == 2
""",
        endpoint.url,
        mode,
    )
    assert (done.code, done.stderr) == (0, "")
    assert sorted(endpoint.paths) == ["/child/0", "/child/1", "/parent/after", "/parent/before"]


@forks
@modes
def test_a_child_that_was_forked_secretly_and_does_nothing_leaves_its_parents_calls_alone(
    run: New, endpoint: Any, mode: str
) -> None:
    done = run(
        SECRETLY
        + """
client = Client(sys.argv[1], flush_interval=3600, **options)
call(client, "/parent/before")
child = fork_secretly()
if child == 0:
    sys.exit(0)
assert ended_well(child)
call(client, "/parent/after")
""",
        endpoint.url,
        mode,
    )
    assert (done.code, done.stderr) == (0, "")
    assert Counter(endpoint.paths) == {"/parent/before": 1, "/parent/after": 1}


@linux
@pytest.mark.parametrize("mode", ["worker", "request"])
def test_a_child_that_was_forked_secretly_shares_no_segment_with_its_parent(
    run: New, endpoint: Any, mode: str
) -> None:
    """A descriptor of the parent's would hold its lock, and nobody could take over from it."""
    done = run(
        SECRETLY
        + """
def segments():
    folder = "/proc/self/fd"
    targets = []
    for name in os.listdir(folder):
        try:
            targets.append(os.readlink(f"{folder}/{name}"))
        except FileNotFoundError:  # the one of this very listing
            pass
    return {target for target in targets if target.endswith(".seg")}


client = Client(sys.argv[1], flush_interval=3600, **options)
call(client, "/parent")
while not (held := segments()):
    time.sleep(0.01)
child = fork_secretly()
if child == 0:
    call(client, "/child")
    while not segments() - held:
        time.sleep(0.01)
    os._exit(1 if segments() & held else 0)
assert ended_well(child)
""",
        endpoint.url,
        mode,
    )
    assert (done.code, done.stderr) == (0, "")


@forks
@modes
def test_threads_that_notice_a_secret_fork_at_the_same_time_lose_no_call(
    run: New, endpoint: Any, mode: str
) -> None:
    done = run(
        SECRETLY
        + """
import threading
client = Client(sys.argv[1], flush_interval=3600, shutdown_timeout=10, **options)
call(client, "/parent")
child = fork_secretly()
if child == 0:
    together = threading.Barrier(8)

    def work(number):
        together.wait()
        call(client, f"/child/{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0 if client.close(10) and client.stats().delivered == 8 else 1)
assert ended_well(child)
""",
        endpoint.url,
        mode,
    )
    assert (done.code, done.stderr) == (0, "")
    assert sorted(endpoint.paths) == [*(f"/child/{number}" for number in range(8)), "/parent"]


CHILDREN = """
import multiprocessing
from apilog import Client

options = {} if sys.argv[2] == "memory" else {"spool": "spool", "durability": sys.argv[2]}


def work(number):
    call(client, f"/child/{number}")


client = Client(sys.argv[1], flush_interval=3600, shutdown_timeout=10, **options)
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[3])
    call(client, "/parent")
    children = [context.Process(target=work, args=(number,)) for number in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    print([child.exitcode for child in children])
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("mode", ["memory", "request"])
def test_a_process_of_multiprocessing_delivers_what_is_left_when_it_ends(
    run: New, endpoint: Any, mode: str, method: str
) -> None:
    if method not in __import__("multiprocessing").get_all_start_methods():
        pytest.skip(f"no {method} here")
    done = run(CHILDREN, endpoint.url, mode, method)
    assert (done.code, done.stdout, done.stderr) == (0, "[0, 0]\n", "")
    assert sorted(endpoint.paths) == ["/child/0", "/child/1", "/parent"]


STARVED = """
import os, threading, time, types
from apilog import Client

if sys.argv[2] == "uwsgi":
    sys.modules["uwsgi"] = types.SimpleNamespace(has_threads=0, opt={})
threading.Thread.start = lambda thread: None
threading.Thread.is_alive = lambda thread: False
"""
"""A server that never lets another thread run than its own."""


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_where_no_thread_runs_every_call_is_stored_before_it_ends(
    run: New, endpoint: Any, tmp_path: Path, durability: str
) -> None:
    done = run(
        STARVED
        + """
client = Client(sys.argv[1], spool="spool", durability=sys.argv[3])
for number in range(3):
    call(client, f"/{number}")
print(client.stats().spooled, client.flush(30))
os._exit(0)
""",
        endpoint.url,
        "uwsgi",
        durability,
    )
    assert (done.code, done.stdout) == (0, "3 False\n")
    (line,) = done.stderr.splitlines()
    assert "--enable-threads" in line
    assert not endpoint.received
    following(run, endpoint)
    assert sorted(endpoint.paths) == ["/0", "/1", "/2", "/next"]


def following(run: New, endpoint: Any) -> None:
    """Run the next process at the same spool."""
    done = run(
        """
from apilog import Client
client = Client(sys.argv[1], spool="spool", shutdown_timeout=10)
call(client, "/next")
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")


def test_a_worker_that_never_runs_is_noticed_wherever_that_happens(run: New, endpoint: Any) -> None:
    done = run(
        STARVED
        + """
client = Client(sys.argv[1], spool="spool")
made = 0
while not client.stats().spooled:
    call(client, f"/{made}")
    made += 1
    time.sleep(0.01)
for _ in range(3):
    call(client, f"/{made}")
    made += 1
print(made, client.stats().spooled)
os._exit(0)
""",
        endpoint.url,
        "another server",
    )
    made, spooled = map(int, done.stdout.split())
    assert (done.code, made) == (0, spooled)
    (line,) = done.stderr.splitlines()
    assert line.startswith("apilog: the worker thread never ran")
    following(run, endpoint)
    assert sorted(endpoint.paths) == sorted([*(f"/{number}" for number in range(made)), "/next"])


def test_where_no_thread_runs_and_there_is_no_spool_the_end_comes_in_time_and_counts(
    run: New, endpoint: Any
) -> None:
    done = run(
        STARVED
        + """
client = Client(sys.argv[1], queue_events=5, shutdown_timeout=0.5)
for number in range(8):
    call(client, f"/{number}")
client.close()
print(client.stats().dropped)
""",
        endpoint.url,
        "uwsgi",
    )
    assert (done.code, done.stdout) == (0, "{'queue_full': 3, 'shutdown': 5}\n")
    first, second = done.stderr.splitlines()
    assert "--enable-threads" in first
    assert second == "apilog: 5 events were not delivered in time"


@forks
@modes
def test_no_thread_starts_in_uwsgis_master_before_it_has_forked_its_workers(
    run: New, endpoint: Any, mode: str
) -> None:
    """One that is forked while a thread of the master's has the interpreter waits for ever."""
    done = run(
        SECRETLY
        + """
import threading, types
master = os.getpid()
sys.modules["uwsgi"] = types.SimpleNamespace(has_threads=1, opt={}, masterpid=lambda: master)
client = Client(sys.argv[1], flush_interval=3600, **options)
call(client, "/master")
assert threading.active_count() == 1
child = fork_secretly()
if child == 0:
    call(client, "/worker")
    assert threading.active_count() > 1
    os._exit(0 if client.close(10) and client.stats().delivered else 1)
assert ended_well(child)
""",
        endpoint.url,
        mode,
    )
    assert done.code == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("apilog: no thread starts in uWSGI's master")
    assert sorted(endpoint.paths) == ["/master", "/worker"]


def test_uwsgi_with_an_event_loop_of_gevents_lets_threads_run(run: New, endpoint: Any) -> None:
    done = run(
        """
import types
from apilog import Client
sys.modules["uwsgi"] = types.SimpleNamespace(has_threads=0, opt={"gevent": b"100"})
client = Client(sys.argv[1], spool="spool")
call(client, "/")
assert client.close(10)
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    assert endpoint.paths == ["/"]


@forks
def test_processes_that_end_at_the_same_time_wait_for_each_other_and_deliver_everything(
    run: New, endpoint: Any, answer: New
) -> None:
    """Only one at a time ships what is in a spool, and here no other one comes after them."""
    accepts = answer(201)

    def take_a_moment(connection: Any) -> int:
        time.sleep(0.05)
        return int(accepts(connection))

    endpoint.default = take_a_moment
    done = run(
        """
from apilog import Client

waiting, over = os.pipe()
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        client = Client(
            sys.argv[1], spool="spool", durability="request", flush_interval=3600,
            shutdown_timeout=10,
        )
        call(client, f"/{number}")
        os.close(over)
        os.read(waiting, 1)
        sys.exit(0)
    children.append(child)
os.close(over)
print([os.waitpid(child, 0)[1] for child in children])
""",
        endpoint.url,
    )
    assert (done.code, done.stdout, done.stderr) == (0, "[0, 0, 0, 0]\n", "")
    assert sorted(endpoint.paths) == ["/0", "/1", "/2", "/3"]

"""Importing, forking and spawning: what starts when, and who delivers what."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

New = Callable[..., Any]
Call = Callable[..., None]

forks = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")


def test_importing_apilog_starts_nothing_and_loads_no_client_and_no_framework(run: New) -> None:
    done = run("""
import signal, threading
handlers = [signal.getsignal(each) for each in signal.valid_signals()]
import logging
root = logging.getLogger()
before = (root.level, list(root.handlers), list(root.filters))
import apilog
import apilog.wsgi, apilog.asgi
print(threading.active_count())
print(handlers == [signal.getsignal(each) for each in signal.valid_signals()])
print(before == (root.level, list(root.handlers), list(root.filters)))
print(logging.getLogger("apilog").handlers, logging.getLogger("apilog").level)
heavy = {"httpx", "httpcore", "flask", "django", "fastapi", "starlette"}
print(sorted(heavy & set(sys.modules)))
""")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["1", "True", "True", "[] 0", "[]"]


def test_the_worker_starts_with_the_first_call(run: New, endpoint: Any) -> None:
    done = run(
        """
import signal, threading
from apilog import Client
handlers = [signal.getsignal(each) for each in signal.valid_signals()]
client = Client(sys.argv[1], flush_interval=3600)
print([each.name for each in threading.enumerate()])
client.flush(0)
print([each.name for each in threading.enumerate()])
call(client)
print([each.name for each in threading.enumerate()])
print(all(each.daemon for each in threading.enumerate()[1:]))
print(handlers == [signal.getsignal(each) for each in signal.valid_signals()])
client.close()
print([each.name for each in threading.enumerate()])
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "['MainThread']",
        "['MainThread']",
        "['MainThread', 'apilog-worker']",
        "True",
        "True",
        "['MainThread']",
    ]


def test_delivering_imports_nothing_that_a_fork_could_interrupt(run: New, endpoint: Any) -> None:
    """A child that is forked during an import waits for its lock for ever."""
    done = run(
        """
import wsgiref.util
from apilog import Client
import apilog.wsgi
client = Client(sys.argv[1], flush_interval=3600)
before = set(sys.modules)
call(client)
print(client.flush(10), sorted(set(sys.modules) - before))
""",
        endpoint.url.replace("127.0.0.1", "localhost"),
    )
    assert (done.code, done.stdout, done.stderr) == (0, "True []\n", "")


def test_the_first_handshake_imports_nothing_either(run: New, endpoint: Any) -> None:
    done = run(
        """
from apilog.destinations import Collector
collector = Collector(sys.argv[1])
before = set(sys.modules)
try:
    collector.send([b"{}"])
except Exception as error:
    print(type(error).__name__, sorted(set(sys.modules) - before))
""",
        endpoint.url.replace("http:", "https:"),
    )
    assert (done.code, done.stdout, done.stderr) == (0, "RetryLater []\n", "")


FORK = """
import os, signal, threading, time, wsgiref.util
import apilog.wsgi  # now: a child forked during an import would wait for it for ever
from apilog import Client
client = Client(sys.argv[1], flush_interval=3600, batch_size=1000)
"""


@forks
def test_parent_and_child_deliver_their_own(run: New, endpoint: Any) -> None:
    done = run(
        FORK
        + """
call(client, "/parent/before")
child = os.fork()
if child == 0:
    stats = client.stats()
    assert stats.captured == 0 and stats.queued == 0 and not stats.faults, stats
    call(client, "/child")
    assert client.flush(10)
    stats = client.stats()
    assert (stats.captured, stats.delivered) == (1, 1), stats
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
call(client, "/parent/after")
assert client.flush(10)
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    assert sorted(endpoint.paths) == ["/child", "/parent/after", "/parent/before"]


@forks
def test_a_child_that_exits_normally_delivers_what_is_left(run: New, endpoint: Any) -> None:
    done = run(
        FORK
        + """
call(client, "/parent")
child = os.fork()
if child == 0:
    call(client, "/child")
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    assert sorted(endpoint.paths) == ["/child", "/parent"]


@forks
def test_a_grandchild_of_a_process_without_a_worker_delivers(run: New, endpoint: Any) -> None:
    """As under ``gunicorn --preload``: the client is made before the workers are."""
    done = run(
        FORK
        + """
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        call(client, f"/{number}")
        grandchild = os.fork()
        if grandchild == 0:
            call(client, f"/{number}/grandchild")
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0
        sys.exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    expected = [f"/{number}{suffix}" for number in range(3) for suffix in ("", "/grandchild")]
    assert sorted(endpoint.paths) == expected


@forks
def test_a_child_does_not_share_its_parents_connection(run: New, endpoint: Any) -> None:
    done = run(
        FORK
        + """
call(client, "/parent/0")
assert client.flush(10)
child = os.fork()
if child == 0:
    for number in range(20):
        call(client, f"/child/{number}")
        assert client.flush(10)
    client.close(10)
    os._exit(0)
for number in range(1, 20):
    call(client, f"/parent/{number}")
    assert client.flush(10)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
call(client, "/parent/20")
assert client.flush(10)
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    assert endpoint.connections == 2
    for name, count in (("parent", 21), ("child", 20)):
        paths = [path for path in endpoint.paths if path.startswith(f"/{name}/")]
        assert paths == [f"/{name}/{number}" for number in range(count)]


@forks
def test_a_fork_while_the_worker_sends_delivers_once(run: New, endpoint: Any, answer: New) -> None:
    working = endpoint.default
    endpoint.default = endpoint.hang
    done = run(
        FORK.replace("3600", "0.01")
        + """
call(client, "/parent")
while client.stats().queued != 1 or client.stats().captured != 1:
    pass
time.sleep(0.1)
child = os.fork()
if child == 0:
    os._exit(0 if client.stats().captured == 0 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("forked", flush=True)
client.close(0.1)
""",
        endpoint.url,
    )
    assert done.code == 0
    assert done.stdout == "forked\n"
    assert len(endpoint.received) == 1
    endpoint.default = working


@forks
def test_a_fork_while_threads_hold_every_lock_never_deadlocks(run: New, endpoint: Any) -> None:
    done = run(
        FORK.replace("3600", "0.01").replace("batch_size=1000", "batch_size=3")
        + """
over = threading.Event()

def load():
    while not over.is_set():
        call(client, "/parent")
        client.stats()
        client.flush(0.001)

threads = [threading.Thread(target=load) for _ in range(3)]
for thread in threads:
    thread.start()
codes = []
for number in range(50):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        call(client, f"/child/{number}")
        ok = client.flush(10) and client.close(10)
        stats = client.stats()
        os._exit(0 if ok and (stats.captured, stats.delivered) == (1, 1) else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
for thread in threads:
    thread.join(10)
assert client.flush(20)
stats = client.stats()
print(json.dumps([codes, stats.captured, stats.delivered, dict(stats.dropped)]))
""".replace("over =", "import json\nover =", 1),
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    codes, captured, delivered, dropped = json.loads(done.stdout)
    assert codes == [0] * 50
    assert captured == delivered + sum(dropped.values())
    children = sorted(path for path in endpoint.paths if path.startswith("/child/"))
    assert children == sorted(f"/child/{number}" for number in range(50))
    assert endpoint.paths.count("/parent") == delivered


@forks
def test_a_fork_while_the_worker_pauses_between_tries(run: New, endpoint: Any, answer: New) -> None:
    endpoint.script.append(answer(503, {"Retry-After": "60"}))
    done = run(
        FORK.replace("batch_size=1000", "batch_size=1")
        + """
call(client, "/parent")
while not client.stats().retries:
    time.sleep(0.01)
child = os.fork()
if child == 0:
    signal.alarm(20)
    call(client, "/child")
    os._exit(0 if client.flush(10) and client.stats().retries == 0 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert client.close(10)
""",
        endpoint.url,
    )
    assert done.code == 0
    assert endpoint.paths == ["/child", "/parent"]


MULTIPROCESSING = """
import multiprocessing
from apilog import Client


def work(url, number):
    client = Client(url, flush_interval=3600)
    call(client, f"/own/{number}")
    assert client.flush(10)


def work_inherited(number):
    call(client, f"/inherited/{number}")
    assert client.flush(10)


if __name__ == "__main__":
    method, url = sys.argv[1:]
    context = multiprocessing.get_context(method)
    client = Client(url, flush_interval=3600)
    call(client, "/parent")
    target, arguments = (work, (url,)) if method != "fork" else (work_inherited, ())
    children = [context.Process(target=target, args=(*arguments, n)) for n in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    print([child.exitcode for child in children])
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_deliver_their_own(
    run: New, endpoint: Any, method: str
) -> None:
    if method not in __import__("multiprocessing").get_all_start_methods():
        pytest.skip(f"no {method} here")
    done = run(MULTIPROCESSING, method, endpoint.url)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == "[0, 0, 0]\n"
    name = "inherited" if method == "fork" else "own"
    assert sorted(endpoint.paths) == [*(f"/{name}/{number}" for number in range(3)), "/parent"]


@forks
def test_a_client_made_in_a_forked_child_is_its_own(run: New, endpoint: Any) -> None:
    done = run(
        """
import os
from apilog import Client
child = os.fork()
if child == 0:
    with Client(sys.argv[1]) as client:
        call(client, "/child")
    os._exit(0 if client.stats().delivered == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
""",
        endpoint.url,
    )
    assert (done.code, done.stderr) == (0, "")
    assert endpoint.paths == ["/child"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_killed_process_leaves_the_endpoint_whole_requests_only(run: New, endpoint: Any) -> None:
    done = run(
        """
import os, signal
from apilog import Client
client = Client(sys.argv[1], batch_size=1)
for number in range(50):
    call(client, f"/{number}")
client.flush(0.05)
os.kill(os.getpid(), signal.SIGKILL)
""",
        endpoint.url,
    )
    assert done.code == -signal.SIGKILL
    assert all(json.loads(each.text) for each in endpoint.received)


SPOOLED_FORKS = """
import json
over = threading.Event()

def load():
    while not over.is_set():
        call(client, "/parent")
        client.stats()
        time.sleep(0.001)

threads = [threading.Thread(target=load) for _ in range(3)]
for thread in threads:
    thread.start()
codes = []
for number in range(int(sys.argv[4])):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        call(client, f"/child/{number}")
        ok = client.flush(20) and client.close(10) and client.stats().delivered >= 1
        os._exit(0 if ok else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
for thread in threads:
    thread.join(10)
assert client.flush(20)
stats = client.stats()
print(json.dumps([codes, stats.captured, stats.delivered, dict(stats.dropped)]))
"""


@forks
@pytest.mark.parametrize("durability", ["worker", "request"])
@pytest.mark.parametrize(
    "count", [25, pytest.param(200, marks=pytest.mark.long)], ids=["a few", "two hundred"]
)
def test_a_fork_while_threads_store_and_ship_never_deadlocks(
    run: New, endpoint: Any, tmp_path: Path, durability: str, count: int
) -> None:
    program = FORK.replace("3600", "0.01").replace(
        "batch_size=1000", "spool=sys.argv[2], durability=sys.argv[3]"
    )
    done = run(
        program + SPOOLED_FORKS, endpoint.url, str(tmp_path / "spool"), durability, str(count)
    )
    assert (done.code, done.stderr) == (0, "")
    codes, captured, delivered, dropped = json.loads(done.stdout)
    assert codes == [0] * count
    assert (captured, dropped) == (delivered, {})
    children = [path for path in endpoint.paths if path.startswith("/child/")]
    assert sorted(children) == sorted(f"/child/{number}" for number in range(count))
    assert len(endpoint.paths) == delivered + count, "and all of the parent's, once"


FROM_A_VIEW = """
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from apilog import Client
from apilog.wsgi import ApiLogMiddleware


def held(directory):
    \"\"\"Tell which files of the spool this process has open.\"\"\"
    found = []
    for each in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{each}"))
        except OSError:
            pass
    return [each for each in found if each.startswith(directory)]


def tell(directory, told):
    with open(told, "a") as file:
        file.write(json.dumps(held(directory)) + "\\n")


def view(environ, start_response):
    if environ["PATH_INFO"] == "/plain":
        code = 0
    elif method == "pool":
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
            list(pool.map(tell, [spool] * 3, [told] * 3))
        code = 0
    else:
        if method == "billiard":
            import billiard as context
        else:
            context = multiprocessing.get_context(method)
        child = context.Process(target=tell, args=(spool, told))
        child.start()
        child.join(30)
        code = child.exitcode
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(code).encode()]


def get(path):
    environ = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    response = app(environ, lambda *_: lambda _: None)
    assert b"".join(response) == b"0"
    response.close()


if __name__ == "__main__":
    from wsgiref.util import setup_testing_defaults

    method, url, spool, told = sys.argv[1:]
    client = Client(url, spool=spool, durability="request", flush_interval=0.01)
    app = ApiLogMiddleware(view, client=client)
    get("/plain")
    for number in range(3):
        get(f"/{number}")
    print(client.close(10), client.stats().captured, client.stats().delivered)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(
    "method", ["fork", "spawn", "forkserver", "pool", pytest.param("billiard", id="celery's own")]
)
def test_a_process_that_a_view_starts_has_no_part_in_the_spool(
    run: New, endpoint: Any, tmp_path: Path, method: str
) -> None:
    """It holds none of its files, or else nobody could adopt them, and it ships nothing."""
    if method == "billiard":
        pytest.importorskip("billiard")
    told = tmp_path / "told"
    done = run(FROM_A_VIEW, method, endpoint.url, str(tmp_path / "spool"), str(told))
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == "True 4 4\n"
    assert [json.loads(line) for line in told.read_text().splitlines()] == [[]] * (
        9 if method == "pool" else 3
    )
    assert sorted(endpoint.paths) == ["/0", "/1", "/2", "/plain"]


GREEN = """
import time

url, spool, package, moment = sys.argv[1:]


def patch():
    if package == "gevent":
        from gevent import monkey
        monkey.patch_all()
    else:
        import eventlet
        eventlet.monkey_patch()


def spawn(work, count):
    if package == "gevent":
        import gevent
        gevent.joinall([gevent.spawn(work, number) for number in range(count)], raise_error=True)
    else:
        import eventlet
        pool = eventlet.GreenPool()
        for _ in pool.imap(work, range(count)):
            pass


def work(number):
    for turn in range(10):
        call(client, f"/{number}/{turn}")
        time.sleep(0.001)


if moment == "first":
    patch()
import apilog.wsgi
from apilog import Client
if moment == "after the import":
    patch()
options = {"spool": spool, "durability": "request"} if spool else {}
client = Client(url, flush_interval=0.01, **options)
if moment == "after the client":
    patch()
spawn(work, 20)
print(client.flush(10), client.stats().captured, client.stats().delivered, client.close(10))
"""


@pytest.mark.parametrize("spooled", [False, True], ids=["memory", "spool"])
@pytest.mark.parametrize(
    ("package", "moment"),
    [
        ("gevent", "first"),
        ("gevent", "after the import"),
        ("gevent", "after the client"),
        ("eventlet", "first"),
        ("eventlet", "after the import"),  # later, it takes locks out of the objects they are in
    ],
)
def test_threads_that_are_replaced_by_green_ones_deliver_as_well(
    run: New, endpoint: Any, tmp_path: Path, package: str, moment: str, spooled: bool
) -> None:
    """Locks of both kinds must not meet: one that blocks the real thread stops every green one."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    spool = str(tmp_path / "spool") if spooled else ""
    done = run(GREEN, endpoint.url, spool, package, moment)
    assert done.code == 0
    assert done.stdout == "True 200 200 True\n"
    assert "Traceback" not in done.stderr
    assert "apilog: " not in done.stderr
    expected = sorted(f"/{number}/{turn}" for number in range(20) for turn in range(10))
    assert sorted(endpoint.paths) == expected

"""A real server in a process of its own, with every app it can run, bare and wrapped.

``python -m conformance_kit.serve NAME SOCKETS CONTROL``: *SOCKETS* is a JSON object of mounting to
the descriptors of its two listening sockets; *CONTROL* is the descriptor of a third kind, on which
tests ask for events.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import apilog
from apilog.destinations import Memory
from conformance_kit.files import file_of
from conformance_kit.mountings import Pair, pair_of
from conformance_kit.table import BEHAVIOURS

facts: dict[str, int] = {"sendfile": 0}


class Noticed(Memory):
    """Keeps events by the call they are of, and wakes who waits for one."""

    def __init__(self) -> None:
        super().__init__()
        self._arrived = threading.Condition()
        self._by_case: dict[str, list[dict[str, Any]]] = {}

    def send(self, batch: Sequence[bytes]) -> None:
        with self._arrived:
            for event in batch:
                document = json.loads(event)
                headers = {k.lower(): v for k, v in document["request"]["headers"].items()}
                case = headers.get("x-case", "")
                self._by_case.setdefault(case, []).append(document)
            self._arrived.notify_all()

    def wait_for(self, case: str, count: int, patience: float) -> list[dict[str, Any]]:
        """Return the events of *case*, as soon as there are *count* of them."""
        with self._arrived:
            self._arrived.wait_for(lambda: len(self._by_case.get(case, ())) >= count, patience)
            return list(self._by_case.get(case, ()))


noticed = Noticed()


class _Control(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        asked = json.loads(self.rfile.readline())
        answer: Any
        if asked["ask"] == "events":
            answer = noticed.wait_for(asked["case"], asked["count"], asked["patience"])
        elif asked["ask"] == "memory":
            answer = _peak_memory(forget=asked["forget"])
        else:
            answer = facts
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _ControlServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), _Control, bind_and_activate=False)
        self.socket.close()
        self.socket = listening


def _peak_memory(*, forget: bool) -> int:
    """Return the most memory this process has had, in bytes, and begin again on request."""
    if forget:
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["VmHWM"].split()[0]) * 1024


def _take_control(descriptor: int) -> None:
    server = _ControlServer(socket.socket(fileno=descriptor))
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _serve_uvicorn(apps: dict[int, Callable[..., Any]], control: int) -> None:
    import uvicorn

    async def serve() -> None:
        listening = []
        for descriptor, app in apps.items():
            config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="auto")
            sockets = [socket.socket(fileno=descriptor)]
            listening.append(uvicorn.Server(config).serve(sockets=sockets))
        await asyncio.gather(*listening)

    _take_control(control)
    asyncio.run(serve())


def _serve_wsgiref(apps: dict[int, Callable[..., Any]], control: int) -> None:
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    class Handler(WSGIRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

    class Server(socketserver.ThreadingMixIn, WSGIServer):
        daemon_threads = True

        def handle_error(self, *of: object) -> None:
            pass

    _take_control(control)
    for descriptor, app in apps.items():
        listening = socket.socket(fileno=descriptor)
        server = Server(listening.getsockname(), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        server.server_name, server.server_port = "localhost", listening.getsockname()[1]
        server.setup_environ()
        server.set_app(app)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


def _serve_gunicorn(apps: dict[int, Callable[..., Any]], control: int) -> None:
    from gunicorn.app.base import BaseApplication
    from gunicorn.http import wsgi

    by_port = {}
    for descriptor, app in apps.items():
        with socket.socket(fileno=os.dup(descriptor)) as listening:
            by_port[str(listening.getsockname()[1])] = app

    def dispatch(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        return by_port[environ["SERVER_PORT"]](environ, start_response)

    class Application(BaseApplication):
        def load_config(self) -> None:
            settings = {
                "bind": [f"fd://{descriptor}" for descriptor in apps],
                "worker_class": "gthread",
                "threads": 8,
                "keepalive": 5,
                "loglevel": "critical",
                "graceful_timeout": 1,
                "post_worker_init": lambda worker: _take_control(control),
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Callable[..., Any]:
            return dispatch

    original = wsgi.Response.sendfile

    def counted(response: Any, files: Any) -> bool:
        sent: bool = original(response, files)
        facts["sendfile"] += sent
        return sent

    wsgi.Response.sendfile = counted
    Application().run()


def _end_with_the_tests() -> None:
    """End this process when the one that started it is gone, however that one ended."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    os._exit(1)


def main() -> None:
    """Make every app, and serve until the end comes from outside."""
    logging.disable(logging.CRITICAL)
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    name, sockets, control = sys.argv[1:]
    file_of(100_000)
    with ExitStack() as stack:
        apps: dict[int, Callable[..., Any]] = {}
        for mounting, (bare, wrapped) in json.loads(sockets).items():
            pair: Pair = stack.enter_context(pair_of(mounting, BEHAVIOURS, noticed))
            apps[bare], apps[wrapped] = pair.bare, pair.wrapped
        serve = {
            "uvicorn": _serve_uvicorn,
            "gunicorn": _serve_gunicorn,
            "wsgiref": _serve_wsgiref,
        }[name]
        serve(apps, int(control))


if __name__ == "__main__":
    assert apilog.__version__
    main()

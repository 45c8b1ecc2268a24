"""Real servers, each a function that serves on a socket that listens already until a signal comes.

They run in a process that was forked for them, and end as they would have ended on their own.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from apilog import Client
from apilog.destinations import Collector
from harness.apps import asgi_app, wsgi_app

MERCY = 3
"""Seconds that a server gives its workers to end."""

Settings = Mapping[str, Any]
MakeApp = Callable[[], Callable[..., Any]]


ORDER = "HARNESS_ORDER"
"""The variable by which a server that is a program of its own learns what app to make."""


def serve(server: str, listening: socket.socket, order: Mapping[str, Any]) -> None:
    """Run *server* as *order* has it: where the sink is, the client's options, own settings."""
    word, _, kind = server.partition(" ")
    asynchronous = word in ("uvicorn", "hypercorn") or kind in ("uvicorn", "asgi")
    os.environ[ORDER] = json.dumps({name: order[name] for name in ("sink", "options")})

    def make_app() -> Callable[..., Any]:
        client = ordered_client()
        return asgi_app(client) if asynchronous else wsgi_app(client)

    _SERVERS[word](listening, make_app, {"kind": kind, **order["settings"]})


def ordered_client() -> Client:
    """Return the client that the order of this life asks for."""
    order = json.loads(os.environ[ORDER])
    return Client(Collector(order["sink"]), **order["options"])


def _uvicorn(listening: socket.socket, make_app: MakeApp, settings: Settings) -> None:
    import uvicorn

    own = {name: value for name, value in settings.items() if name != "kind"}
    config = uvicorn.Config(make_app(), log_config=None, access_log=False, lifespan="on", **own)
    with suppress(KeyboardInterrupt):  # as uvicorn's own command does
        uvicorn.Server(config).run(sockets=[listening])


_WORKERS = {
    "sync": "sync",
    "threads": "gthread",
    "gevent": "gevent",
    "uvicorn": "uvicorn.workers.UvicornWorker",
    "asgi": "asgi",
}


def _gunicorn(listening: socket.socket, make_app: MakeApp, settings: Settings) -> None:
    from gunicorn.app.base import BaseApplication

    warnings.simplefilter("ignore", DeprecationWarning)  # uvicorn's own worker calls itself old
    own = {name: value for name, value in settings.items() if name != "kind"}
    wanted = {
        "bind": f"fd://{listening.fileno()}",
        "worker_class": _WORKERS[settings["kind"]],
        "threads": 4 if settings["kind"] == "threads" else 1,
        "loglevel": "critical",
        "graceful_timeout": MERCY,
        "control_socket_disable": True,
        **own,
    }

    class Application(BaseApplication):
        def load_config(self) -> None:
            for name, value in wanted.items():
                if name in self.cfg.settings:  # the control socket is newer than some versions
                    self.cfg.set(name, value)

        def load(self) -> Callable[..., Any]:
            return make_app()

    Application().run()


def _hypercorn(listening: socket.socket, make_app: MakeApp, settings: Settings) -> None:
    import asyncio
    import signal

    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.graceful_timeout = 3.0
    config.errorlog = None

    async def run() -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        await serve(make_app(), config, shutdown_trigger=asked.wait, mode="asgi")  # type: ignore[arg-type]

    asyncio.run(run())


def _waitress(listening: socket.socket, make_app: MakeApp, settings: Settings) -> None:
    import signal

    from waitress.server import create_server

    def leave(*_: object) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)  # waitress leaves signals to whoever runs it
    create_server(make_app(), sockets=[listening], threads=4).run()


def _granian(listening: socket.socket, make_app: MakeApp, settings: Settings) -> None:
    from granian._granian import SocketHolder
    from granian.constants import Interfaces
    from granian.server.mp import MPServer

    class Server(MPServer):
        """The ordinary server, on a socket that it did not make."""

        def _init_shared_socket(self) -> None:
            self._shd = SocketHolder(listening.fileno(), False, 256)
            self._sso = None

    own = {name: value for name, value in settings.items() if name != "kind"}
    server = Server(
        "the app",
        interface=Interfaces(settings["kind"]),
        blocking_threads=4 if settings["kind"] == "wsgi" else 1,
        log_enabled=False,
        workers_kill_timeout=MERCY,  # on a busy machine one does not hear its signal now and then
        **own,
    )
    server.serve(target_loader=make_app, wrap_loader=False)


def _uwsgi(listening: socket.socket, make_app: MakeApp, settings: Settings) -> None:
    wanted = {
        "http-socket": f"fd://{listening.fileno()}",
        "wsgi-file": str(Path(__file__).with_name("uwsgi_app.py")),
        "master": True,
        "disable-logging": True,
        "worker-reload-mercy": MERCY,
        "add-header": "Connection: close",  # it closes every connection, and does not say so
        **{name: value for name, value in settings.items() if name != "kind"},
    }
    command = uwsgi_command()
    for name, value in wanted.items():
        command.append("--" + name.replace("_", "-"))
        command += [] if value is True else [str(value)]
    listening.set_inheritable(True)
    while os.getpgrp() != os.getpid():  # the forge is about to see to that, and cannot afterwards
        time.sleep(0.001)
    os.execv(command[0], command)


def uwsgi_command() -> list[str]:
    """Return the beginning of a command that runs uWSGI: the wheel's, or a binary built here."""
    if find_spec("pyuwsgi"):
        return [sys.executable, "-c", "import pyuwsgi; pyuwsgi.run()"]
    return [str(_UWSGI), "--home", sys.prefix]


def uwsgi_starves_threads() -> bool:
    """Say whether the uWSGI that is installed lets no thread run, unless it is told to."""
    name = "pyuwsgi" if find_spec("pyuwsgi") else "uwsgi"
    return tuple(map(int, version(name).split(".")[:3])) < (2, 0, 27)


_UWSGI = Path(sys.executable).with_name("uwsgi")

_SERVERS: Mapping[str, Callable[[socket.socket, MakeApp, Settings], None]] = {
    "uvicorn": _uvicorn,
    "gunicorn": _gunicorn,
    "hypercorn": _hypercorn,
    "waitress": _waitress,
    "granian": _granian,
    "uwsgi": _uwsgi,
}


def is_installed(server: str) -> bool:
    """Say whether *server* can run here."""
    word, _, kind = server.partition(" ")
    if word == "uwsgi":
        return bool(find_spec("pyuwsgi")) or _UWSGI.exists()
    return all(find_spec(each) for each in (word, kind) if each in ("gevent", *_SERVERS))

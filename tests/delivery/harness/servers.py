"""Real servers, each a function that serves on a socket that listens already until a signal comes.

They run in a process that was forked for them, and end as they would have ended on their own.
"""

from __future__ import annotations

import socket
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from apilog import Client
from apilog.destinations import Collector
from harness.apps import asgi_app, wsgi_app

Settings = Mapping[str, Any]
MakeApp = Callable[[], Callable[..., Any]]


def serve(server: str, listening: socket.socket, order: Mapping[str, Any]) -> None:
    """Run *server* as *order* has it: where the sink is, the client's options, own settings."""
    word, _, kind = server.partition(" ")
    asynchronous = word in ("uvicorn", "hypercorn") or kind in ("uvicorn", "asgi")

    def make_app() -> Callable[..., Any]:
        client = Client(Collector(order["sink"]), **order["options"])
        return asgi_app(client) if asynchronous else wsgi_app(client)

    _SERVERS[word](listening, make_app, {"kind": kind, **order["settings"]})


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
        "graceful_timeout": 3,
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


_SERVERS: Mapping[str, Callable[[socket.socket, MakeApp, Settings], None]] = {
    "uvicorn": _uvicorn,
    "gunicorn": _gunicorn,
    "hypercorn": _hypercorn,
    "waitress": _waitress,
}


def is_installed(server: str) -> bool:
    """Say whether *server* can run here."""
    from importlib.util import find_spec

    word, _, kind = server.partition(" ")
    return all(find_spec(each) for each in (word, kind) if each in ("gevent", *_SERVERS))

"""The fork server: everything is imported once, then a child is forked for every life.

``python -m harness.forge CONTROL``: *CONTROL* is the descriptor of a socket on which orders come,
one line of JSON each. Its end ends the forge and every life that it started.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

LONGEST_ORDER = 65_536

_HEAVY = (
    "apilog.destinations._http",
    "apilog.spooled_pipeline",
    "gunicorn.arbiter",
    "gunicorn.workers.gthread",
    "gunicorn.workers.sync",
    "harness.servers",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
    "uvicorn.server",
)
"""What a life would otherwise import when it begins."""


def main() -> None:
    """Take orders until nobody is there to give any."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _import_everything()
    gc.collect()
    gc.freeze()  # or every child copies what the collector touches
    lives: set[int] = set()
    try:
        while (order := _next(control)) is not None:
            control.sendall(json.dumps(_carry_out(order, lives, control)).encode() + b"\n")
    finally:
        for life in lives:
            with suppress(ProcessLookupError):
                os.killpg(life, signal.SIGKILL)


def _import_everything() -> None:
    for name in _HEAVY:
        import_module(name)


def _next(control: socket.socket) -> dict[str, Any] | None:
    line, descriptors, _, _ = socket.recv_fds(control, LONGEST_ORDER, 2)
    while line and not line.endswith(b"\n"):
        line += control.recv(LONGEST_ORDER)
    return {**json.loads(line), "descriptors": descriptors} if line else None


def _carry_out(order: dict[str, Any], lives: set[int], control: socket.socket) -> int:
    if order["do"] == "reap":
        _, status = os.waitpid(order["life"], 0)
        lives.discard(order["life"])
        return os.waitstatus_to_exitcode(status)
    life = os.fork()
    if life == 0:
        lives.clear()  # its siblings are none of its business, also when it ends
        _live(order, control)
    os.setpgid(life, life)  # here, or the first signal may come before there is a group
    lives.add(life)
    for descriptor in order["descriptors"]:
        os.close(descriptor)
    return life


def _live(order: dict[str, Any], control: socket.socket) -> NoReturn:
    """Be the server; leave as a program leaves that has nothing else to do."""
    from harness.servers import serve

    control.close()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # the other descriptor is the lifeline: its end says that every process of this life is gone
    listening = socket.socket(fileno=order["descriptors"][0])
    serve(order["server"], listening, order)
    sys.exit(0)


if __name__ == "__main__":
    main()

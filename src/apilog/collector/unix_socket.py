"""A unix socket to listen at, for programs of our own user only."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from apilog.exceptions import ConfigError

MODE: Final = 0o600
PATIENCE: Final = 2.0
"""Seconds for whoever listens at the same path to take a connection."""


@contextmanager
def listening_at(path: Path) -> Iterator[socket.socket]:
    """Listen at *path* for the length of a ``with`` block; what a dead process left there goes.

    Raises:
        ConfigError: that is impossible, or somebody listens there, or it is another kind of file.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError("--unix: this system has no unix sockets; leave it out")
    _clear(path)
    try:
        listener = _bound(path)
    except OSError as error:  # also for a path of more than some 100 bytes
        raise _impossible(path, error) from error
    ours = path.stat().st_ino
    try:
        with listener:
            yield listener
    finally:
        with suppress(OSError):
            if path.stat().st_ino == ours:
                path.unlink()


def _clear(path: Path) -> None:
    """Remove a socket at which nobody listens any more."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:
        return
    if not is_socket:
        raise ConfigError(f"--unix {path} is a file already, and no socket: name another path")
    with closing(socket.socket(socket.AF_UNIX)) as caller:
        caller.settimeout(PATIENCE)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise _impossible(path, error) from error
    raise ConfigError(f"another process listens at --unix {path}: end it, or name another path")


def _bound(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    # The mode is right from the start: nobody else connects before a chmod.
    before = os.umask(0o777 & ~MODE)
    try:
        listener.bind(str(path))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _impossible(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"cannot listen at --unix {path}: {error.strerror or error}")

"""The folder that a collector keeps its files in: whose it is, and who writes it."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from typing import Final

from apilog.collector.store.database import COMPANIONS, is_of_the_first_collector, remove
from apilog.exceptions import ConfigError

LOCK: Final = "lock"
REGISTER: Final = "store.db"

_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = re.compile(r"(\d{4}-\d\d-\d\d)\.db")
_UNFINISHED: Final = re.compile(r"\..+\.db\.new(-wal|-shm|-journal)?")
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs"})
"""File systems without the shared memory that a WAL needs."""


def prepared(directory: Path, *, writable: bool) -> Path:
    """Return the folder, ready to be used; a new one is for its owner only.

    Raises:
        ConfigError: it is a file, or somebody else may write it, or it is on another machine.
    """
    try:
        if directory.is_file():
            raise ConfigError(_file_instead(directory))
        if writable:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = directory.stat()
    except OSError as error:
        raise ConfigError(f"the folder {directory} cannot be used: {error}") from error
    if state.st_mode & 0o022 or state.st_uid not in (os.geteuid(), 0):
        raise ConfigError(
            f"the folder {directory} can be written by other users of this machine, who could"
            " replace what is kept in it: give one of your own, with mode 0700"
        )
    if (kind := file_system(directory, _mounts())) in _REMOTE:
        raise ConfigError(
            f"the folder {directory} is on {kind}, which SQLite cannot share between processes:"
            " give one on a local disk"
        )
    return directory


def _file_instead(path: Path) -> str:
    if is_of_the_first_collector(path):
        return (
            f"{path} is the database of the first collector, which kept everything in one file;"
            " it is not taken over and left alone: give a folder instead, it will be made"
        )
    return f"{path} is a file: give a folder, it will be made"


def file_system(path: Path, mounts: str) -> str:
    """Return the kind of file system that holds *path*, by the lines of /proc/mounts, or ""."""
    best, kind = "", ""
    real = os.path.realpath(path)
    for line in mounts.splitlines():
        _, point, found, *_ = line.split(" ")
        # Spaces and the like are written as three octal digits.
        point = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), point)
        if len(point) >= len(best) and f"{real}/".startswith(point.rstrip("/") + "/"):
            best, kind = point, found
    return kind


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def locked(directory: Path) -> int:
    """Return a descriptor that holds the right to write here, for as long as it is open.

    Raises:
        ConfigError: another process has it.
    """
    path = directory / LOCK
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        raise ConfigError(f"the folder {directory} cannot be written: {error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise ConfigError(
            f"the folder {directory} is written by another collector (process {holder or '?'}):"
            " stop that one, or give another folder with --data"
        ) from error
    # On a full disk nobody is named, but a start must be possible, so that room can be made.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def tidied(directory: Path) -> None:
    """Remove what a process that was killed left behind: halves of files, WALs without one."""
    for path in list(directory.iterdir()):
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)
    for path in list(directory.iterdir()):
        for ending in COMPANIONS:
            owner = path.name.removesuffix(ending)
            if owner != path.name and _DAY.fullmatch(owner) and not (directory / owner).exists():
                remove(directory / owner)


def day_path(directory: Path, number: int) -> Path:
    """Return the file of a day, given as whole days since 1970."""
    return directory / f"{date.fromordinal(_EPOCH + number).isoformat()}.db"


def day_numbers(directory: Path) -> list[int]:
    """Return the days that have a file, oldest first."""
    return sorted(_numbers(directory))


def _numbers(directory: Path) -> Iterator[int]:
    with closing(os.scandir(directory)) as entries:
        for entry in entries:
            if found := _DAY.fullmatch(entry.name):
                with suppress(ValueError):
                    yield date.fromisoformat(found[1]).toordinal() - _EPOCH


def bytes_held(directory: Path) -> int:
    """Return how many bytes all files have together."""
    total = 0
    with closing(os.scandir(directory)) as entries:
        for entry in entries:
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return total

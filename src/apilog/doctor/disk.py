"""The spool: is its directory safe, does it work, and how full is it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from apilog.config import Config
from apilog.doctor.check import Check, ok, problem, warning
from apilog.exceptions import ConfigError
from apilog.spool.inspect import survey
from apilog.spool_layout import place_of, place_of_updates
from apilog.spool_place import check_place
from apilog.terminal import counted, escaped, sized

NAME = "spool"
LATE = 3600.0
"""Seconds after which what waits means that nobody ships."""

_RESERVE = 1 << 30
_RESERVED_SHARE = 0.05


def check_spool(config: Config, destinations: int) -> Iterator[Check]:
    """Look at the spool of each of so many destinations."""
    if config.spool is None:
        yield ok(NAME, "none: events wait in memory, and are lost if the process is killed")
        return
    directory = Path(config.spool)
    for number in range(max(1, destinations)):
        place = place_of(directory, number)
        for each in (place, place_of_updates(place)):
            if each.is_dir() or each.is_symlink() or each.exists():
                yield from _check_place(each, config)
            elif each == directory:  # the others are made in it
                yield _check_parent(each)


def _check_parent(place: Path) -> Check:
    shown = escaped(str(place))
    if not os.access(place.parent, os.W_OK | os.X_OK):
        parent = escaped(str(place.parent))
        return problem(
            NAME,
            f"{shown} is not there and cannot be made: events wait in memory",
            f"make {parent}, and let this user write in it",
        )
    return ok(NAME, f"{shown} will be made with the first event")


def _check_place(place: Path, config: Config) -> Iterator[Check]:
    shown = escaped(str(place))
    try:
        check_place(str(place))
    except ConfigError as error:
        fix = f"let it be a directory of this user, with mode 700: chmod 700 {shown}"
        yield problem(NAME, f"{error}; events wait in memory", fix)
        return
    trouble = _written(place)
    if trouble is not None:
        yield problem(
            NAME, f"{shown} cannot be written ({trouble})", "mount it read-write, and make room"
        )
        return
    if not _locks_work(place):
        yield warning(
            NAME,
            f"{shown} is on a file system without working file locks: nobody delivers what a"
            " process leaves that is killed",
            "name a directory on a local disk",
        )
    yield ok(NAME, f"{shown} is safe and can be written")
    yield from _space(place, config)
    yield from _content(place)


def _written(place: Path) -> str | None:
    """Return why no file can be made in *place*, or None."""
    try:
        with tempfile.TemporaryFile(dir=place) as file:  # it never has a name, or loses it at once
            file.write(b"apilog")
            file.flush()
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return None


def _locks_work(place: Path) -> bool:
    import fcntl

    descriptor, name = tempfile.mkstemp(prefix="doctor-", suffix=".lock", dir=place)
    try:
        other = os.open(name, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            return True
        except OSError:
            return False
        finally:
            os.close(other)
    finally:
        os.close(descriptor)
        os.unlink(name)  # noqa: PTH108 - what mkstemp gave is a name


def _space(place: Path, config: Config) -> Iterator[Check]:
    """Compare what is free, apart from what is left to others, with what the spool may take."""
    usage = shutil.disk_usage(place)
    used = sum(each.stat().st_size for each in place.glob("*.seg"))
    wanted = max(0, config.spool_bytes - used)
    free = usage.free - min(_RESERVE, int(usage.total * _RESERVED_SHARE))
    if free < wanted:
        yield warning(
            NAME,
            f"{sized(max(0, free))} may be used, and spool_bytes allows {sized(wanted)} more",
            "make room on the disk, or lower spool_bytes",
        )
    else:
        yield ok(NAME, f"{sized(used)} of {sized(config.spool_bytes)} are used")


def _content(place: Path) -> Iterator[Check]:
    shown = escaped(str(place))
    found = survey(place)
    waiting = sum(segment.events for segment in found.segments)
    orphans = sum(segment.state in ("orphan", "sealed") for segment in found.segments)
    damaged = sum(segment.state == "damaged" for segment in found.segments)
    oldest = min((each.oldest for each in found.segments if each.oldest is not None), default=None)
    late = oldest is not None and time.time() - oldest > LATE
    if late:
        yield warning(
            NAME,
            f"{counted(waiting, 'event')} wait{'s' * (waiting == 1)}, the oldest for more than an"
            " hour",
            f"see whether the endpoint takes events; or: apilog ship {shown} --to URL",
        )
    elif waiting:
        yield ok(NAME, f"{counted(waiting, 'event')} wait{'s' * (waiting == 1)} in {shown}")
    if orphans and not late:
        yield ok(NAME, f"{counted(orphans, 'segment')} of dead processes will be adopted")
    if damaged:
        yield warning(
            NAME,
            f"{counted(damaged, 'segment')} with damage; what is whole in"
            f" {'it' if damaged == 1 else 'them'} is delivered",
            f"look closer: apilog spool {shown} --verify",
        )
    refused = sum(found.quarantined.values())
    if refused:
        yield warning(
            NAME,
            f"{counted(refused, 'event')} in the quarantine: the endpoint refused"
            f" {'it' if refused == 1 else 'them'}",
            f"see why: apilog spool {shown}",
        )

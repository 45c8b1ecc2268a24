"""The directory of a spool: safe to write in, or not used at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from apilog.spool.files import READ, REWRITE, TAKE, Files
from apilog.spool.records import Window
from apilog.spool.trouble import SpoolError

SEGMENT = ".seg"
UNFINISHED = ".tmp"
ACKNOWLEDGED = ".ack"
LOCK = "ship.lock"
QUARANTINE = "quarantine"
ALONE = "alone-"
"""Begins the name of a directory inside, of one process, where file locks do not work."""

FIRST = 1_577_836_800 * 10**9
"""The beginning of 2020, in nanoseconds since 1970: a clock that says less was never set."""

SPARED_BYTES = 1024 * 1024 * 1024
SPARED_SHARE = 0.05
"""What a spool leaves free on its disk: this much, or this part of it, whichever is less."""


class Directory:
    """Names, locks and opens the files of a spool in the directory at *path*.

    It is opened when it is first needed, made if it is missing (its parent, too, but nothing
    above), and must belong to us and be writable by nobody else. If file locks turn out not to
    work there, this process uses a directory of its own inside, and nobody adopts anything.
    """

    def __init__(self, path: str, files: Files) -> None:
        self.path = path
        self.files = files
        self.shared = True
        self._folder: int | None = None
        self._stale: int | None = None

    def renew(self) -> None:
        """Forget the directory, in a forked child; its descriptor is closed elsewhere."""
        self._folder = self._stale = None

    @property
    def is_open(self) -> bool:
        """Whether the directory was found, and found safe."""
        return self._folder is not None

    @property
    def folder(self) -> int:
        """The descriptor. Raises `OSError` unless the directory is open."""
        if self._folder is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._folder

    def close(self) -> None:
        """Let go of the directory; the next `open` looks for it again.

        The descriptor stays until the next time: another thread may be about to use it.
        """
        if self._stale is not None:
            self.files.close(self._stale)
        self._folder, self._stale = None, self._folder

    def end(self) -> None:
        """Let go of the directory, when no other thread is left that uses it."""
        self.close()
        self.close()

    def open(self, *, create: bool) -> None:
        """Open the directory, or make it. Raises `SpoolError` or `OSError`."""
        if self._folder is not None:
            return
        folder = self._found(create=create)
        try:
            check_safe(self.files, folder)
            self.shared = self._locks_work(folder)
            if not self.shared:
                folder = self._alone(folder)
        except BaseException:
            self.files.close(folder)
            raise
        self._folder = folder

    def _found(self, *, create: bool) -> int:
        try:
            return self.files.open_folder(self.path)
        except FileNotFoundError:
            if not create:
                raise
        try:
            return made(self.files, self.path, None)
        except FileNotFoundError:  # one of several, below a directory that is about to be made
            with suppress(FileExistsError):
                self.files.make_folder(str(Path(self.path).parent))
            return made(self.files, self.path, None)

    def _locks_work(self, folder: int) -> bool:
        """Lock a file twice. Some network file systems say yes both times, some to nothing."""
        first = self.files.open(LOCK, REWRITE, folder)
        try:
            second = self.files.open(LOCK, REWRITE, folder)
            try:
                held_elsewhere = not self.files.lock(first)
                return held_elsewhere or not self.files.lock(second)
            except OSError:
                return False
            finally:
                self.files.close(second)
        finally:
            self.files.close(first)

    def _alone(self, folder: int) -> int:
        own = made(self.files, f"{ALONE}{self.files.random()}", folder)
        self.files.close(folder)
        return own

    def take_lead(self) -> int | None:
        """Lock what the one who ships has locked, until it is closed; None: somebody else has.

        Raises `SpoolError` or `OSError`.
        """
        self.open(create=True)
        try:
            lead = self.files.open(LOCK, REWRITE, self.folder)
        except FileNotFoundError:  # the directory is gone; what we have open is not
            self.close()
            self.open(create=True)
            lead = self.files.open(LOCK, REWRITE, self.folder)
        leads = False
        try:
            if self.lock(lead):
                self.files.keep_private(lead, 0o600)
                leads = True
        finally:
            if not leads:
                self.files.close(lead)
        return lead if leads else None

    def lock(self, descriptor: int) -> bool:
        """Lock a file of ours; where locks do not work, nobody else is there."""
        return not self.shared or self.files.lock(descriptor)

    def new_name(self, created: int) -> str:
        """Return a name for a segment that began at *created*: names sort by age."""
        return f"{max(0, created):016x}-{self.files.random()}"

    def names(self) -> list[str]:
        """Return the names of all files, the oldest segment first."""
        return sorted(self.files.names(self.folder))

    def take(self, name: str) -> int | None:
        """Open and lock a file whose owner is gone; None if it has one, or is no file of ours."""
        try:
            descriptor = self.files.open(name, TAKE, self.folder)
        except OSError:
            return None
        taken = False
        try:
            status = self.files.status(descriptor)
            taken = (
                stat.S_ISREG(status.st_mode)
                and status.st_uid == self.files.user()
                and self.files.lock(descriptor)
                and self.files.status(descriptor).st_nlink > 0
            )
        except OSError:
            return None
        finally:
            if not taken:
                self.files.close(descriptor)
        return descriptor if taken else None

    def remove(self, name: str) -> bool:
        """Take a name away; say whether it is gone."""
        try:
            self.files.remove(name, self.folder)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def acknowledged(self, name: str) -> int:
        """Return how many bytes of the segment called *name* are settled; 0 if nobody knows."""
        return self._with(f"{name}{ACKNOWLEDGED}", READ, self._read_mark) or 0

    def acknowledge(self, name: str, offset: int) -> None:
        """Note that the first *offset* bytes of a segment are settled.

        A hint: if it cannot be written, or is lost, events are sent twice and none is lost. It
        takes the place of the hint before the last one, so that to be interrupted costs only this.
        """

        def write(descriptor: int) -> int:
            first, second = offsets_in(self.files.read(descriptor, 2 * MARK_BYTES, 0))
            place = 0 if first < second else MARK_BYTES
            return self.files.write_at(descriptor, mark(offset), place)

        self._with(f"{name}{ACKNOWLEDGED}", REWRITE, write)

    def _read_mark(self, descriptor: int) -> int:
        return max(offsets_in(self.files.read(descriptor, 2 * MARK_BYTES, 0)))

    def _with(self, name: str, flags: int, use: Callable[[int], int]) -> int | None:
        with suppress(OSError):
            descriptor = self.files.open(name, flags, self.folder)
            try:
                return use(descriptor)
            finally:
                self.files.close(descriptor)
        return None

    def measure(self) -> int:
        """Return the bytes of all segments here, everybody's. Raises `OSError`."""
        total = 0
        for name in self.files.names(self.folder):
            if name.endswith((SEGMENT, UNFINISHED)):
                with suppress(FileNotFoundError):
                    total += self.files.status_of(name, self.folder).st_size
        return total

    def is_nearly_full(self) -> bool:
        """Whether the disk has less left than everybody else on it may need. Raises `OSError`."""
        free, whole = self.files.space(self.folder)
        return free < min(SPARED_BYTES, whole * SPARED_SHARE)

    def sync(self) -> None:
        """Bring the names to the disk. Raises `OSError`."""
        self.files.sync(self.folder)


def view(files: Files, descriptor: int, size: int) -> Window:
    """Return a view of the first *size* bytes of an open file."""
    return Window(
        lambda size, offset: files.read(descriptor, size, offset),
        size,
        lambda offset: files.data_from(descriptor, offset),
    )


def absolute(path: str | os.PathLike[str]) -> str:
    """Return *path* so that it means the same when the working directory changes."""
    with suppress(OSError):  # there may be no working directory
        return str(Path(path).absolute())
    return os.fspath(path)


def created(name: str) -> int | None:
    """Return when the segment *name* was made, in nanoseconds since 1970; None: it does not say."""
    try:
        moment = int(name[:16], 16)
    except ValueError:
        return None
    return moment if moment >= FIRST else None


def made(files: Files, path: str, folder: int | None) -> int:
    """Make a directory for nobody but us, unless it is there, and open it."""
    with suppress(FileExistsError):
        files.make_folder(path, folder)
        descriptor = files.open_folder(path, folder)
        files.keep_private(descriptor, 0o700)  # whatever the umask took
        return descriptor
    return files.open_folder(path, folder)


def check_safe(files: Files, folder: int) -> None:
    """Raise `SpoolError` if somebody else may write in the directory."""
    status = files.status(folder)
    if status.st_uid != files.user():
        raise SpoolError("unsafe", "the spool's directory belongs to another user")
    if status.st_mode & 0o022:
        raise SpoolError("unsafe", "other users may write in the spool's directory")


MARK_BYTES = 16


def mark(offset: int) -> bytes:
    """Return an acknowledgement in bytes: the offset, and again with all bits turned."""
    return offset.to_bytes(8, "little") + (offset ^ (1 << 64) - 1).to_bytes(8, "little")


def offsets_in(content: bytes) -> tuple[int, int]:
    """Return the offsets of the two acknowledgements in *content*; a damaged one says 0."""
    return _offset(content[:MARK_BYTES]), _offset(content[MARK_BYTES:])


def _offset(content: bytes) -> int:
    offset = int.from_bytes(content[:8], "little")
    return offset if content == mark(offset) else 0

"""Every system call of the spool, in one place: the file system, the locks and the clocks."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW

CREATE = _ALWAYS | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL
APPEND = _ALWAYS | os.O_WRONLY | os.O_APPEND | os.O_CREAT
REWRITE = _ALWAYS | os.O_RDWR | os.O_CREAT
READ = _ALWAYS | os.O_RDONLY | os.O_NONBLOCK
TAKE = _ALWAYS | os.O_RDWR | os.O_NONBLOCK
"""How files are opened; `TAKE` for a file of another process, which may turn out to be a pipe."""

_FOLDER = _ALWAYS | os.O_RDONLY | os.O_DIRECTORY


class Files:
    """The operating system as the spool sees it. Names are relative to a directory's descriptor.

    Every method raises `OSError` and does one thing, so that a test can put a model, or a fault,
    in the place of any of them.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._opening: set[object] = set()

    def renew(self, directory: str) -> None:
        """Close what a forked child inherited, without a lock and without unlocking anything.

        A lock belongs to the open file, which parent and child share: it lives until both have
        closed it. A descriptor that another thread was about to get, or to close, at the moment of
        the fork is in no book; it is found by its name, where the system can tell.
        """
        if self._opening:
            self._open |= _descriptors_in(directory)
        for descriptor in self._open:
            with suppress(OSError):
                os.close(descriptor)
        self._open = set()
        self._opening = set()

    def open_folder(self, path: str, folder: int | None = None) -> int:
        """Open a directory that is no symbolic link."""
        return self._opened(path, _FOLDER, folder)

    def open(self, name: str, flags: int, folder: int) -> int:
        """Open a file that is no symbolic link; a new one is for nobody but us."""
        return self._opened(name, flags, folder)

    def _opened(self, name: str, flags: int, folder: int | None) -> int:
        with self._unbooked():
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
            self._open.add(descriptor)
            return descriptor

    @contextmanager
    def _unbooked(self) -> Iterator[None]:
        """Have a child that is forked meanwhile look for descriptors that are in no book."""
        token = object()
        self._opening.add(token)
        try:
            yield
        finally:
            self._opening.discard(token)

    def close(self, descriptor: int) -> None:
        """Close; an error is nobody's to handle, the descriptor is gone whatever it says."""
        with self._unbooked():
            if descriptor not in self._open:  # by now it may be somebody else's
                return
            self._open.discard(descriptor)
            with suppress(OSError):
                os.close(descriptor)

    def make_folder(self, path: str, folder: int | None = None) -> None:
        """Make a directory for nobody but us; its parent must be there."""
        os.mkdir(path, 0o700, dir_fd=folder)

    def lock(self, descriptor: int) -> bool:
        """Lock the file, without waiting; say whether that went well."""
        return self._locked(descriptor, fcntl.LOCK_EX)

    def lock_shared(self, descriptor: int) -> bool:
        """Lock the file so that others can still do this; say whether that went well."""
        return self._locked(descriptor, fcntl.LOCK_SH)

    def _locked(self, descriptor: int, kind: int) -> bool:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise
        return True

    def write(self, descriptor: int, content: bytes) -> int:
        """Write at the end of the file; return how many bytes."""
        return os.write(descriptor, content)

    def write_at(self, descriptor: int, content: bytes, offset: int) -> int:
        """Write at *offset*; return how many bytes."""
        return os.pwrite(descriptor, content, offset)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """Return at most *size* bytes from *offset* on."""
        return os.pread(descriptor, size, offset)

    def data_from(self, descriptor: int, offset: int) -> int:
        """Return where, from *offset* on, the file has content; the rest is holes, full of zeros.

        Where the system does not tell, that is *offset*.
        """
        try:
            return os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            return sys.maxsize if error.errno == errno.ENXIO else offset
        except AttributeError:
            return offset

    def cut(self, descriptor: int, size: int) -> None:
        """Let the file end at *size* bytes."""
        os.ftruncate(descriptor, size)

    def keep_private(self, descriptor: int, mode: int) -> None:
        """Give the file its *mode*, whatever the umask took."""
        os.fchmod(descriptor, mode)

    def status(self, descriptor: int) -> os.stat_result:
        """Return what is known of an open file."""
        return os.fstat(descriptor)

    def status_of(self, name: str, folder: int) -> os.stat_result:
        """Return what is known of the file called *name*, or of the link itself."""
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def names(self, folder: int) -> list[str]:
        """Return the names in a directory, in any order."""
        with self._unbooked():  # it reads a copy of the descriptor
            return os.listdir(folder)

    def rename(self, old: str, new: str, folder: int) -> None:
        """Give a file another name, in one step."""
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, name: str, folder: int) -> None:
        """Take a file's name away."""
        os.unlink(name, dir_fd=folder)

    def sync(self, descriptor: int) -> None:
        """Bring a file's content, or a directory's names, to the disk."""
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) or not hasattr(os, "fdatasync"):
            os.fsync(descriptor)
        else:
            os.fdatasync(descriptor)

    def space(self, folder: int) -> tuple[int, int]:
        """Return the bytes that are free for us, and those of the whole disk."""
        status = os.fstatvfs(folder)
        return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize

    def user(self) -> int:
        """Return the user whose files ours are."""
        return os.geteuid()

    def time(self) -> int:
        """Return the wall clock, in nanoseconds since 1970; it may jump."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return a clock in seconds that only goes forward."""
        return time.monotonic()

    def random(self) -> str:
        """Return 96 random bits, in hexadecimal."""
        return os.urandom(12).hex()


def _descriptors_in(directory: str) -> set[int]:
    """Return the open descriptors of *directory* and of what is in it, where the system tells."""
    found = set()
    root = Path(directory).resolve()
    with suppress(OSError):
        for entry in list(Path("/proc/self/fd").iterdir()):
            with suppress(OSError, ValueError):
                target = entry.readlink()
                if target == root or root in target.parents:
                    found.add(int(entry.name))
    return found

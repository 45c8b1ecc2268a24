"""What goes wrong with a spool, and the word for it."""

from __future__ import annotations

import errno

from apilog.exceptions import ApiLogError

_REASONS = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EFBIG: "file_too_large",
    errno.ELOOP: "unsafe",
    errno.ENOTDIR: "unsafe",
    errno.ENOENT: "unavailable",
    errno.EROFS: "unavailable",
    errno.EACCES: "unavailable",
    errno.EPERM: "unavailable",
    errno.EMFILE: "unavailable",
    errno.ENFILE: "unavailable",
    errno.ENOMEM: "unavailable",
    errno.ENOLCK: "unavailable",
    errno.ENOTSUP: "unavailable",
    errno.ESTALE: "unavailable",
}


class SpoolError(ApiLogError):
    """Say that an event is not on the disk.

    *reason* is ``"disk_full"`` (or over quota), ``"file_too_large"`` (for the limit of the process
    or the file system, also in a new segment), ``"disk_error"``, ``"unsafe"`` (the directory is a
    symbolic link, no directory, somebody else's, or others may write in it), ``"unavailable"``
    (missing, read-only, vanished, no file descriptors, no file locks) or ``"closed"``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @classmethod
    def of(cls, error: OSError) -> SpoolError:
        """Return the trouble that *error* means; its text names no file, only the error."""
        reason = _REASONS.get(error.errno or 0, "disk_error")
        return cls(reason, f"the spool does not take the event: {error.strerror or error}")

"""Where a spool is: whether the directory can be used."""

from __future__ import annotations

from apilog.exceptions import ConfigError
from apilog.spool import SpoolError
from apilog.spool.directory import check_safe
from apilog.spool.files import Files
from apilog.terminal import escaped


def check_place(path: str, *, to_read: bool = False) -> None:
    """See that there is a directory at *path*, and that it is safe to use, unless only *to_read*.

    Raises:
        ConfigError: it cannot be used; the message says why.
    """
    files = Files()
    folder = None
    try:
        folder = files.open_folder(path)
        if not to_read:
            check_safe(files, folder)
    except SpoolError as trouble:
        raise ConfigError(f"{escaped(path)}: {trouble}") from None
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or type(error).__name__).lower()
        raise ConfigError(f"{escaped(path)}: {reason}") from None
    finally:
        if folder is not None:
            files.close(folder)

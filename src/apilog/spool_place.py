"""Where a spool is: whether the directory can be used, and what stands beside it."""

from __future__ import annotations

import re
from pathlib import Path

from apilog.exceptions import ConfigError
from apilog.spool import SpoolError
from apilog.spool.directory import check_safe
from apilog.spool.files import Files
from apilog.terminal import escaped

_SIBLING = re.compile(r"destination-[1-9]\d*")


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


def siblings(path: str) -> list[Path]:
    """Return the spools below *path* that an app keeps for its other destinations."""
    try:
        found = [
            each
            for each in Path(path).iterdir()
            if _SIBLING.fullmatch(each.name) and each.is_dir() and not each.is_symlink()
        ]
    except OSError:
        return []
    return sorted(found, key=lambda each: int(each.name.rpartition("-")[2]))

"""The files of a replay: where it is kept how far it came, and where refused events go."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from apilog.delivery import Destination
from apilog.destinations import File
from apilog.exceptions import ConfigError
from apilog.terminal import escaped


class ReplayFiles(NamedTuple):
    """Where the state of a replay is, and what is refused."""

    state: Path
    refused: Path


def files_of(
    path: str, state: str | None, refused: str | None, destination: Destination
) -> ReplayFiles:
    """Return the files of the replay of *path*: those that are named, or those beside it.

    Raises:
        ConfigError: one would be written over another, or refused events could not be kept.
    """
    beside = path.rstrip("/")
    if os.path.basename(beside) in ("", ".", ".."):  # noqa: PTH119 - a Path drops the dot
        beside = str(Path(path).resolve())
    files = ReplayFiles(
        Path(state or f"{beside}.replay.json"), Path(refused or f"{beside}.rejected.ndjson")
    )
    named = {"the recording": Path(path), "--state": files.state, "--rejected": files.refused}
    if isinstance(destination, File):
        named["the destination"] = destination._path  # noqa: SLF001 - it is compared only
    for (one, first), (other, second) in combinations(named.items(), 2):
        if _is_same(first, second):
            shown = escaped(str(first))
            raise ConfigError(f"{one} and {other} are one file, {shown}: name another one")
    _check_writable(files.refused)
    return files


def _is_same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them is not there yet
        return first.resolve() == second.resolve()


def _check_writable(refused: Path) -> None:
    """Find out before anything is sent whether events could be added to *refused*."""
    place = refused if refused.exists() else refused.parent
    if refused.is_dir() or not os.access(place, os.W_OK):
        raise ConfigError(
            f"--rejected {escaped(str(refused))} cannot be written: name another file for what"
            " the endpoint refuses"
        )

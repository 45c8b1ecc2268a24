"""How the spools of one app lie beside each other. No disk is needed to know."""

from __future__ import annotations

import re
from pathlib import Path

_SIBLING = re.compile(r"destination-[1-9]\d*")


def place_of(spool: str | Path, number: int) -> Path:
    """Return where the events for a destination wait, the so manyth of the app, from 0 on."""
    return Path(spool, f"destination-{number + 1}" if number else "")


def place_of_updates(place: Path) -> Path:
    """Return where updates wait that go another way than the events in the spool at *place*."""
    is_sibling = _SIBLING.fullmatch(place.name) is not None
    return place.with_name(f"{place.name}-updates") if is_sibling else place / "updates"


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

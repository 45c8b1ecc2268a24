"""Makes the suite's own package importable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from apilog.spool import Spool

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from spool_kit.reports import Reports


@pytest.fixture
def reports() -> Reports:
    from spool_kit.reports import Reports

    return Reports()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def new_spool(place: Path, reports: Reports) -> Iterator[Callable[..., Spool]]:
    """Return a way to make spools at *place*; they are closed at the end."""
    spools: list[Spool] = []

    def new_spool(directory: Path = place, **options: Any) -> Spool:
        spools.append(Spool(directory, **{"report": reports, **options}))
        return spools[-1]

    yield new_spool
    for spool in spools:
        spool.close()

"""What a call costs, in instructions: no change makes it dearer unnoticed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.1
COUNTED_WITH = (3, 11)

pytestmark = pytest.mark.long


@pytest.mark.skipif(sys.version_info[:2] != COUNTED_WITH, reason="counts are those of Python 3.11")
def test_a_call_costs_as_many_instructions_as_it_did(
    monkeypatch: pytest.MonkeyPatch, lacking: Callable[[str], NoReturn]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import instructions

    if not instructions.is_possible():
        lacking("needs valgrind: scripts/system-packages.sh installs it")
    kept = json.loads(instructions.KEPT.read_text())
    changes = {
        name: f"{count / kept[name]:.2f} times what it was"
        for name, count in instructions.measured().items()
        if abs(count / kept[name] - 1) > TOLERANCE
    }
    assert not changes, "If it has to be: python benchmarks/instructions.py --update"

"""The page of faults: a test stands behind each of its lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINES = [
    [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    for line in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| *[0-9]", line)
]
PLACE = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<name>\w+)`")


def test_the_faults_are_numbered_without_a_gap() -> None:
    assert [cells[0] for cells in LINES] == [str(number) for number in range(1, 61)]


@pytest.mark.parametrize("cells", LINES, ids=[f"{cells[0]} {cells[1]}" for cells in LINES])
def test_a_fault_names_what_becomes_of_the_calls_and_the_tests_that_show_it(
    cells: list[str],
) -> None:
    _, fault, outcome, proof = cells
    assert fault
    assert outcome
    places = list(PLACE.finditer(proof))
    assert places
    assert PLACE.sub("", proof).replace(",", "").strip() == ""
    for place in places:
        source = (ROOT / "tests" / place["file"]).read_text(encoding="utf-8")
        assert re.search(rf"^(?:async )?def {place['name']}\(", source, re.MULTILINE), place[0]

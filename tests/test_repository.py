"""The tree itself: nothing of anybody's machine in it, modules that are read in one sitting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = sorted(
    path
    for name in (".ci", "benchmarks", "docs", "examples", "integrations", "src", "tests", "viewer")
    for path in (ROOT / name).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts and "node_modules" not in path.parts
) + sorted(path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".cov"))
LONGEST_MODULE = 300

FOREIGN = {  # a class of one letter keeps a pattern from finding itself
    "a home directory": re.compile(rb"/(?:home|Users)/[a-z][\w.-]*/|/[r]oot/"),
    "the place of this checkout": re.compile(re.escape(bytes(ROOT)) + rb"\b"),
    "a package registry": re.compile(rb"[p]ypi\.org|[p]ythonhosted|[a]rtifactory|[i]ndex-url"),
    "a conflict marker": re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE),
}


@pytest.mark.parametrize("pattern", FOREIGN.values(), ids=FOREIGN.keys())
def test_no_file_mentions(pattern: re.Pattern[bytes]) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode('utf-8', 'replace')}"
        for path in OURS
        for match in pattern.finditer(path.read_bytes())
        if path.suffix not in (".png", ".gz", ".zst")
    ]
    assert not found


def test_modules_can_be_read_in_one_sitting() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in OURS
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("src", "integrations")
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in OURS
        if path.suffix == ".py" and not path.read_text(encoding="utf-8").startswith(('"""', "#!"))
    ]
    assert not silent

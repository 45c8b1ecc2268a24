"""The files that are served are the ones that the sources give, whole, and small."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import brotli
import pytest
from viewer_kit.building import ROOT, STATIC, run, with_packages

FILES = sorted(path for path in (ROOT / STATIC).rglob("*") if path.is_file())
PLAIN = [path for path in FILES if path.suffix not in (".br", ".gz")]
MOST_BYTES = 80 * 1024


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_what_is_compressed_is_the_file_beside_it(path: Path) -> None:
    plain = path.read_bytes()
    assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == plain
    assert brotli.decompress(path.with_name(f"{path.name}.br").read_bytes()) == plain


def test_every_file_that_is_named_is_there_and_no_other() -> None:
    texts = "".join(path.read_text("utf-8") for path in PLAIN if path.suffix != ".svg")
    named = set(re.findall(r"[\w.-]+-[\w-]{8}\.(?:js|css|svg)", texts))
    assert named == {path.name for path in PLAIN if path.parent.name == "assets"}


def test_no_page_weighs_much() -> None:
    """Count what a browser is sent on this machine; no page needs both of what comes later."""
    sizes = {path.name: path.stat().st_size for path in FILES if path.suffix == ".br"}
    later = [size for name, size in sizes.items() if name.startswith(("call-", "overviews-"))]
    assert len(later) == 2
    assert sum(sizes.values()) - min(later) <= MOST_BYTES


def test_nothing_in_it_leads_elsewhere() -> None:
    for path in PLAIN:
        text = path.read_text("utf-8").replace("http://www.w3.org/", "")
        found = set(re.findall(r"(?:https?:)?//[a-z0-9][\w.-]*\.[a-z]{2,}", text))
        assert found <= {"http://shop.example", "http://unknown.invalid"}, path.name


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    page = (ROOT / STATIC / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", page))


@pytest.mark.long
@pytest.mark.usefixtures("node")
def test_the_sources_give_these_very_files(tmp_path: Path) -> None:
    viewer = with_packages(tmp_path)
    run("npm", "run", "build", at=viewer)
    assert contents(tmp_path / STATIC) == contents(ROOT / STATIC)


@pytest.mark.long
@pytest.mark.usefixtures("node")
def test_types_style_and_unit_tests_of_the_viewer(tmp_path: Path) -> None:
    run("npm", "run", "check", at=with_packages(tmp_path))

"""What is in the list can be taken along: the calls of this filter and range, and no others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from viewer_kit.listing import rows
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event

HOST = "exports.example"


@pytest.fixture(scope="module")
def sent(collector: Collector) -> Collector:
    collector.send(
        an_event(host=HOST, path="/one", ago=10),
        an_event(host=HOST, path="/two", ago=20, status=503),
        an_event(host=HOST, path="/three", ago=30, status=503, user_id="=HYPERLINK(1)"),
        an_event(host=HOST, path="/long-ago", ago=20_000, status=503),
    )
    return collector


def saved(page: Page, collector: Collector, kind: str, folder: Path) -> str:
    """Click on an export of two of the calls; return the file's content."""
    page.goto(collector.page(q=f"host:{HOST} status:503"))
    expect(rows(page)).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name=kind, exact=True).click()
    assert download.value.suggested_filename.endswith(f".{kind.lower()}")
    download.value.save_as(folder / "export")
    return (folder / "export").read_text()


def test_as_har(page: Page, sent: Collector, tmp_path: Path) -> None:
    log = json.loads(saved(page, sent, "HAR", tmp_path))["log"]
    assert {each["request"]["url"].rpartition("/")[2] for each in log["entries"]} == {
        "two",
        "three",
    }
    assert log["version"] == "1.2"


def test_as_ndjson(page: Page, sent: Collector, tmp_path: Path) -> None:
    lines = saved(page, sent, "NDJSON", tmp_path).splitlines()
    found = {json.loads(line)["request"]["uri"] for line in lines}
    assert found == {f"https://{HOST}/two", f"https://{HOST}/three"}


def test_as_csv_that_no_spreadsheet_executes(page: Page, sent: Collector, tmp_path: Path) -> None:
    lines = list(csv.DictReader(saved(page, sent, "CSV", tmp_path).splitlines()))
    assert {line["path"] for line in lines} == {"/two", "/three"}
    assert all(not value.startswith("=") for line in lines for value in line.values())

"""A page is small: what a browser is sent for it, compressed as it was sent."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from viewer_kit.pages import open_page
from viewer_kit.serving import Collector

MOST_BYTES = 80 * 1024

SENT = """() => [...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource").filter((one) => one.name.includes("/assets/"))]
    .map((one) => [one.name, one.encodedBodySize, one.decodedBodySize])"""


@pytest.mark.parametrize(
    "name",
    [
        "list",
        "endpoints",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in ("call", "split", "comparison", "user")
        ),
    ],
)
def test_a_page_weighs_at_most_80_kilobytes(page: Page, collector: Collector, name: str) -> None:
    open_page(page, collector, name)
    sent = page.evaluate(SENT)
    assert any(".js" in address for address, _, _ in sent)
    assert all(size < whole for address, size, whole in sent if ".js" in address)
    assert sum(size for _, size, _ in sent) <= MOST_BYTES

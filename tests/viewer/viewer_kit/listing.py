"""The list of calls, as somebody sees it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def grid(page: Page) -> Locator:
    """Return the list."""
    return page.get_by_role("grid", name="Calls, the newest first")


def rows(page: Page) -> Locator:
    """Return the rows that are drawn, the newest first."""
    return grid(page).locator("[data-index]")


def row(page: Page, text: str) -> Locator:
    """Return the rows that contain *text*."""
    return rows(page).filter(has_text=text)


def paths(page: Page) -> list[str]:
    """Return the paths of the rows that are drawn."""
    return page.locator("[data-index] [role=gridcell]:nth-child(4)").all_inner_texts()


def expect_paths(page: Page, wanted: list[str]) -> None:
    """Wait until the list shows these paths and no other, in this order."""
    cells = page.locator("[data-index] [role=gridcell]:nth-child(4)")
    expect(cells).to_have_text(wanted)


def filter_field(page: Page) -> Locator:
    """Return the field in which the filter is written."""
    return page.get_by_role("combobox", name="Filter")


def write_filter(page: Page, text: str) -> None:
    """Write a filter and confirm it."""
    field = filter_field(page)
    field.fill(text)
    field.press("Enter")


def following(page: Page) -> Locator:
    """Return what says whether the list follows what arrives."""
    return page.locator(".follow-live")


def expect_live(page: Page) -> None:
    """Wait until the list follows what arrives."""
    expect(following(page)).to_have_text("Live")

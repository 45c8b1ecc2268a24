"""Every page of the viewer, as it looks when it has something to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from viewer_kit.listing import rows
from viewer_kit.serving import Collector


def _two_calls(page: Page, collector: Collector) -> list[str]:
    """Return the ids of two calls with bodies."""
    asked = collector.page("/view/calls", q="method:POST route:/checkout", limit="2")
    found: list[dict[str, Any]] = page.request.get(asked).json()["rows"]
    return [each["id"] for each in found]


def _list(page: Page, collector: Collector) -> None:
    page.goto(collector.page())
    expect(rows(page).first).to_be_visible()


def _nothing(page: Page, collector: Collector) -> None:
    page.goto(collector.page(q="path:/no-such-path"))
    expect(page.get_by_text("No call fits this filter")).to_be_visible()


def _wrong_filter(page: Page, collector: Collector) -> None:
    page.goto(collector.page(q="statsu:500"))
    expect(page.get_by_role("alert").filter(has_text="did you mean")).to_be_visible()


def _call(page: Page, collector: Collector) -> None:
    call, _ = _two_calls(page, collector)
    page.goto(collector.page(f"/calls/{call}"))
    expect(page.get_by_role("article", name="The call")).to_be_visible()
    closed = page.locator("article [aria-expanded=false]:not([role=treeitem])")
    while closed.count():
        closed.first.click()


def _split(page: Page, collector: Collector) -> None:
    call, _ = _two_calls(page, collector)
    page.goto(collector.page(sel=call))
    expect(page.get_by_role("article", name="The call")).to_be_visible()


def _comparison(page: Page, collector: Collector) -> None:
    a, b = _two_calls(page, collector)
    page.goto(collector.page("/compare", a=a, b=b, all="1"))
    expect(page.get_by_role("article", name="Comparison")).to_be_visible()


def _endpoints(page: Page, collector: Collector) -> None:
    page.goto(collector.page("/endpoints", method="POST", route="/checkout"))
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(page.locator(".u-over").first).to_be_visible()


def _table(path: str) -> Callable[[Page, Collector], None]:
    def open_it(page: Page, collector: Collector) -> None:
        page.goto(collector.page(path))
        expect(page.locator("tbody tr").first).to_be_visible()

    return open_it


def _subject(path: str) -> Callable[[Page, Collector], None]:
    def open_it(page: Page, collector: Collector) -> None:
        page.goto(collector.page(path))
        expect(page.get_by_role("region", name="Timeline")).to_be_visible()
        expect(page.locator(".u-over").first).to_be_visible()

    return open_it


def _health(page: Page, collector: Collector) -> None:
    page.goto(collector.page("/health"))
    page.locator(".refusals summary").first.click()
    expect(page.locator(".refusals pre").first).to_be_visible()


def _login(page: Page, collector: Collector) -> None:
    page.goto(collector.page("/login"))
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def _keys(page: Page, collector: Collector) -> None:
    _list(page, collector)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def _range(page: Page, collector: Collector) -> None:
    _list(page, collector)
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Last 7 days")).to_be_visible()


PAGES: dict[str, Callable[[Page, Collector], None]] = {
    "list": _list,
    "empty list": _nothing,
    "wrong filter": _wrong_filter,
    "call": _call,
    "split": _split,
    "comparison": _comparison,
    "endpoints": _endpoints,
    "users": _table("/users"),
    "companies": _table("/companies"),
    "sessions": _table("/sessions"),
    "user": _subject("/users/ada"),
    "company": _subject("/companies/acme"),
    "session": _subject("/sessions/s-ada-0"),
    "health": _health,
    "login": _login,
    "keys": _keys,
    "time range": _range,
}

EVERYDAY = ("list", "call", "endpoints", "user")

on_every_page = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in EVERYDAY else pytest.mark.long) for name in PAGES],
)
"""Has a test look at each page by its *name*; most of them are among the long tests."""


def open_page(page: Page, collector: Collector, name: str) -> None:
    """Open a page and wait until it is all there."""
    PAGES[name](page, collector)

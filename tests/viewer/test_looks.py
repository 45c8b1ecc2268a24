"""Light and dark, wide and narrow: every page can be read, and nothing hangs over its edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from viewer_kit.listing import rows
from viewer_kit.pages import on_every_page, open_page
from viewer_kit.serving import Collector

DARK = "rgb(18, 20, 23)"
LIGHT = "rgb(255, 255, 255)"


def background(page: Page) -> str:
    found: str = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    return found


@pytest.mark.parametrize(("wish", "color"), [("dark", DARK), ("light", LIGHT)])
def test_the_page_is_as_the_system_wishes(
    collector: Collector, contexts: Callable[..., Any], wish: str, color: str
) -> None:
    with contexts(collector, color_scheme=wish) as context:
        page = context.new_page()
        page.goto(collector.page())
        expect(rows(page).first).to_be_visible()
        assert background(page) == color


def test_a_theme_is_chosen_and_kept(page: Page, collector: Collector) -> None:
    page.goto(collector.page())
    button = page.get_by_role("button", name="Theme")
    expect(button).to_have_accessible_name("Theme: system")
    button.click()
    expect(button).to_have_accessible_name("Theme: light")
    button.click()
    expect(button).to_have_accessible_name("Theme: dark")
    assert background(page) == DARK
    page.reload()
    expect(button).to_have_accessible_name("Theme: dark")
    assert background(page) == DARK


MEASURED = """() => {
    const most = document.documentElement.clientWidth;
    const wide = [document.documentElement, document.querySelector("main")]
        .filter((one) => one && one.scrollWidth > most)
        .map((one) => `${one.tagName} is ${one.scrollWidth} wide`);
    const small = [...document.querySelectorAll("button, [role=tab]")]
        .filter((one) => one.checkVisibility() && !one.closest(".strip"))
        .map((one) => [one.textContent || one.ariaLabel, one.getBoundingClientRect()])
        .filter(([, box]) => box.width && box.height < 20)
        .map(([text, box]) => `${text} is ${box.height} high`);
    return [...wide, ...small];
}"""


@on_every_page
def test_on_a_phone_nothing_hangs_over_the_edge_and_buttons_can_be_hit(
    phone: Page, collector: Collector, name: str
) -> None:
    open_page(phone, collector, name)
    assert phone.evaluate(MEASURED) == []


def test_on_a_phone_a_call_has_the_page_to_itself_and_back_leads_to_the_list(
    phone: Page, collector: Collector
) -> None:
    phone.goto(collector.page())
    rows(phone).first.tap()
    expect(phone.get_by_role("article", name="The call")).to_be_visible()
    expect(rows(phone)).to_have_count(0)
    phone.go_back()
    expect(rows(phone).first).to_be_visible()

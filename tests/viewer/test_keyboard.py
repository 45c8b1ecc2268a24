"""Everything can be done without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from viewer_kit.listing import expect_paths, filter_field, rows
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event

HOST = "keyboard.example"


@pytest.fixture(scope="module")
def sent(collector: Collector) -> Collector:
    collector.send(
        *(an_event(host=HOST, path=f"/k-{n}", ago=10 + n, user_id=f"typist-{n}") for n in range(60))
    )
    return collector


@pytest.fixture
def listed(page: Page, sent: Collector) -> Page:
    page.goto(sent.page(q=f"host:{HOST}"))
    expect(rows(page).first).to_contain_text("/k-0")
    return page


def chosen(page: Page, path: str) -> None:
    """Wait until the call of *path* is open beside the list."""
    pane = page.get_by_role("complementary", name="The chosen call")
    expect(pane.get_by_role("heading", name=f"GET {path}", exact=True)).to_be_visible()


def test_j_k_and_enter_walk_through_the_calls_and_open_one(listed: Page) -> None:
    for key in "jjjk":
        listed.keyboard.press(key)
    listed.keyboard.press("Enter")
    chosen(listed, "/k-1")
    listed.keyboard.press("j")
    chosen(listed, "/k-2")
    listed.keyboard.press("Escape")
    expect(listed.get_by_role("complementary", name="The chosen call")).to_be_hidden()


def test_the_cursor_stays_in_sight(listed: Page) -> None:
    listed.keyboard.press("End")
    expect(rows(listed).filter(has_text="/k-59")).to_be_in_viewport()
    listed.keyboard.press("Enter")
    chosen(listed, "/k-59")
    listed.keyboard.press("g")
    listed.keyboard.press("g")
    expect(rows(listed).filter(has_text=re.compile("/k-0$|/k-0\\D"))).to_be_in_viewport()


def test_a_slash_is_the_filter_and_escape_leads_out(listed: Page) -> None:
    listed.keyboard.press("/")
    expect(filter_field(listed)).to_be_focused()
    listed.keyboard.type(f"host:{HOST} k-7")
    listed.keyboard.press("Enter")
    expect_paths(listed, ["/k-7"])
    listed.keyboard.press("Escape")
    listed.keyboard.press("Escape")
    expect(filter_field(listed)).not_to_be_focused()


def test_f_filters_by_what_the_cursor_is_at(listed: Page) -> None:
    listed.keyboard.press("j")
    listed.keyboard.press("f")
    menu = listed.get_by_role("dialog", name="Filter by this call")
    expect(menu).to_be_visible()
    menu.get_by_role("button", name="typist-0").focus()
    listed.keyboard.press("Enter")
    expect_paths(listed, ["/k-0"])


def test_a_question_mark_shows_the_keys_of_the_page(listed: Page) -> None:
    listed.keyboard.press("?")
    dialog = listed.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Next call")
    listed.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("keys", "heading"),
    [
        ("ge", "Endpoints"),
        ("gu", "Users"),
        ("gc", "Companies"),
        ("gs", "Sessions"),
        ("gh", "Health"),
        ("gl", "Calls"),
    ],
)
def test_two_keys_lead_to_every_page(listed: Page, keys: str, heading: str) -> None:
    for key in keys:
        listed.keyboard.press(key)
    expect(listed.get_by_role("heading", name=heading, level=1)).to_be_attached()


def test_tab_goes_round_and_first_of_all_to_the_content(listed: Page) -> None:
    listed.keyboard.press("Tab")
    expect(listed.get_by_role("link", name="Skip to the content")).to_be_focused()
    seen = set()
    for _ in range(30):
        listed.keyboard.press("Tab")
        seen.add(listed.evaluate("() => document.activeElement.textContent.slice(0, 40)"))
    assert {"Calls", "Endpoints", "Health", "HAR"} <= seen
    assert len(seen) > 12


def test_rows_of_an_overview_are_walked_through(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/users", q=f"host:{HOST}"))
    links = page.locator("tbody th a")
    expect(links).to_have_count(60)
    page.keyboard.press("j")
    expect(links.first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/users/typist-"))


def test_an_endpoint_is_chosen_by_key(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=f"host:{HOST}"))
    expect(page.locator("tbody tr")).to_have_count(60)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("tr.chosen")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("tr.chosen")).to_have_count(0)

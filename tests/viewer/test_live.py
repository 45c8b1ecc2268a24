"""The list follows what arrives, holds still while somebody reads, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from viewer_kit.listing import expect_live, expect_paths, filter_field, following, grid, rows
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event


@pytest.fixture
def host(request: pytest.FixtureRequest) -> str:
    """A host of the test's own: all share one collector."""
    return f"{request.node.name.replace('_', '-')[:60]}.example"


def test_new_calls_appear_on_top_by_themselves(page: Page, collector: Collector, host: str) -> None:
    page.goto(collector.page(q=f"host:{host}"))
    expect_live(page)
    for number in range(3):
        collector.send(an_event(host=host, path=f"/{number}", ago=1 - number / 10))
        expect(rows(page)).to_have_count(number + 1)
    expect_paths(page, ["/2", "/1", "/0"])


def test_only_calls_that_fit_the_filter_appear(page: Page, collector: Collector, host: str) -> None:
    page.goto(collector.page(q=f"host:{host} status:5xx"))
    expect_live(page)
    collector.send(
        an_event(host=host, path="/fine", ago=2), an_event(host=host, path="/bad", status=500)
    )
    expect_paths(page, ["/bad"])


def test_the_list_holds_still_while_somebody_reads_further_down(
    page: Page, collector: Collector, host: str
) -> None:
    old = [an_event(host=host, path=f"/old-{number}", ago=60 + number) for number in range(120)]
    collector.send(*old)
    page.goto(collector.page(q=f"host:{host}"))
    expect_live(page)
    grid(page).evaluate("element => { element.scrollTop = 560 }")
    expect(rows(page).filter(has_text="/old-25")).to_be_in_viewport()
    before = rows(page).filter(has_text="/old-25").bounding_box()
    collector.send(an_event(host=host, path="/new-1"), an_event(host=host, path="/new-2"))
    waiting = page.get_by_role("button", name="2 new")
    expect(waiting).to_be_visible()
    assert rows(page).filter(has_text="/old-25").bounding_box() == before
    waiting.click()
    expect(rows(page).first).to_contain_text("/new-")
    expect(waiting).to_be_hidden()


def test_a_pause_holds_calls_back_and_loses_none(
    page: Page, collector: Collector, host: str
) -> None:
    page.goto(collector.page(q=f"host:{host}"))
    expect_live(page)
    page.keyboard.press("p")
    expect(following(page)).to_have_text("Paused")
    collector.send(an_event(host=host, path="/meanwhile"))
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    expect(rows(page)).to_have_count(0)
    page.keyboard.press("p")
    expect_paths(page, ["/meanwhile"])


def test_older_calls_are_read_as_somebody_scrolls(
    page: Page, collector: Collector, host: str
) -> None:
    collector.send(
        *(an_event(host=host, path=f"/n-{number}", ago=10 + number) for number in range(450))
    )
    page.goto(collector.page(q=f"host:{host}"))
    expect(rows(page).first).to_contain_text("/n-0")
    last = rows(page).filter(has_text="/n-449")
    for _ in range(20):
        grid(page).press("End")
        if last.count():
            break
        page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
    expect(last).to_be_visible()
    page.keyboard.press("Home")
    expect(rows(page).first).to_contain_text("/n-0")


def test_after_a_restart_of_the_collector_nothing_is_missing_and_nothing_doubled(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh(events=[an_event(path="/before", ago=30)])
    with contexts(collector) as context:
        page = context.new_page()
        page.goto(collector.page())
        expect_live(page)
        collector.stop()
        expect(following(page)).to_have_text("Reconnecting")
        collector.start()
        collector.send(an_event(path="/while-away", ago=20))
        expect_live(page)
        collector.send(an_event(path="/after", ago=10))
        expect_paths(page, ["/after", "/while-away", "/before"])


def test_a_session_that_ended_shows_the_form_and_goes_on_after_it(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh(events=[an_event(path="/before")])
    with contexts(collector) as context:
        page = context.new_page()
        page.goto(collector.page())
        expect_paths(page, ["/before"])
        context.clear_cookies()
        filter_field(page).fill("/before")
        filter_field(page).press("Enter")
        page.get_by_role("textbox").fill(collector.token())
        page.get_by_role("button", name="Sign in").click()
        expect_paths(page, ["/before"])

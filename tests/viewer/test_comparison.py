"""Two calls beside each other: what changed, and nothing else unless asked for."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from viewer_kit.listing import row
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event

HOST = "comparison.example"


def pair(path: str = "/orders") -> tuple[dict, dict]:  # type: ignore[type-arg]
    first = an_event(
        host=HOST, path=f"{path}?page=1", route=path, ago=20,
        response_body={"items": [1, 2, 3], "total": 3, "same": "same"},
    )  # fmt: skip
    second = an_event(
        host=HOST, path=f"{path}?page=2", route=path, ago=10, status=500,
        response_body={"items": [1, 3], "same": "same", "error": "no"},
    )  # fmt: skip
    return first, second


def test_two_calls_are_marked_in_the_list_and_compared(page: Page, collector: Collector) -> None:
    first, second = pair("/marked")
    collector.send(first, second)
    page.goto(collector.page(q=f"host:{HOST} route:/marked"))
    row(page, "/marked?page=2").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("status").filter(has_text="1 call marked")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("C")
    comparison = page.get_by_role("article", name="Comparison")
    expect(comparison.get_by_role("region", name="Facts")).to_contain_text("500")
    body = comparison.get_by_role("region", name="Response body")
    expect(body).to_contain_text("total")
    expect(body).to_contain_text("error")
    expect(body).not_to_contain_text("same")


def test_what_is_the_same_is_shown_on_demand(page: Page, collector: Collector) -> None:
    first, second = pair("/on-demand")
    a, b = collector.send(first, second)
    page.goto(collector.page("/compare", a=a, b=b))
    body = page.get_by_role("region", name="Response body")
    expect(body).to_contain_text("error")
    expect(body).not_to_contain_text("same")
    page.get_by_role("checkbox", name="Only differences").uncheck()
    expect(body).to_contain_text("same")
    page.get_by_role("button", name="Swap").click()
    expect(page.get_by_role("region", name="Call A")).to_contain_text("500")


def test_a_call_is_compared_with_the_previous_one_of_its_route(
    page: Page, collector: Collector
) -> None:
    first, second = pair("/previous")
    collector.send(first, second)
    page.goto(collector.page(f"/calls/{second['transaction_id']}"))
    page.get_by_role("button", name="Compare with previous").click()
    expect(page.get_by_role("region", name="Call A")).to_contain_text("200")
    expect(page.get_by_role("region", name="Call B")).to_contain_text("500")


def test_a_comparison_of_nothing_says_how_to_begin(page: Page, collector: Collector) -> None:
    page.goto(collector.page("/compare"))
    expect(page.get_by_role("main")).to_contain_text("Mark two calls")
    page.goto(collector.page("/compare", a="none", b="none"))
    expect(page.get_by_role("main")).to_contain_text("not there")

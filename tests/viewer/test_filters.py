"""Each word of the filter language does in the viewer what it says, and can be shared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from viewer_kit.listing import expect_paths, filter_field, row, rows, write_filter
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event

HOST = "filters.example"

CALLS = [
    an_event(host=HOST, ago=10, path="/plain"),
    an_event(host=HOST, ago=11, path="/missing", status=404, took=0.15),
    an_event(host=HOST, ago=12, path="/teapot", status=418, method="POST"),
    an_event(host=HOST, ago=13, path="/crash", status=500, own={"exception": "KeyError"}),
    an_event(host=HOST, ago=14, path="/gone", status=None, own={"aborted": True}),
    an_event(host=HOST, ago=15, path="/slow", took=2.5, transaction_id="the-slow-one"),
    an_event(host=HOST, ago=16, path="/items/7", route="/items/{id}", user_id="ada"),
    an_event(
        host=HOST, ago=17, path="/orders", method="PUT", user_id="grace hopper", company_id="acme"
    ),
    an_event(host=HOST, ago=18, path="/session", session_token="s-1", trace_id="trace-1"),
    an_event(host=HOST, ago=19, path="/large", own={"response_size": 50_000, "request_size": 900}),
    an_event(host=HOST, ago=20, path="/words", response_body={"said": "never out of stock"}),
    an_event(host=HOST, ago=21, path="/with space"),
]
ALL = ["/plain", "/missing", "/teapot", "/crash", "/gone", "/slow", "/items/7", "/orders",
       "/session", "/large", "/words", "/with space"]  # fmt: skip
ERROR_NAMES = {"/crash": "/crashKeyError", "/gone": "/goneaborted"}


@pytest.fixture(scope="module")
def sent(collector: Collector) -> Collector:
    collector.send(*CALLS)
    return collector


@pytest.fixture(scope="module")
def listing(sent: Collector, browser: Any) -> Iterator[Page]:
    """One page for all filters: each is written into it, as somebody would."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    context.add_cookies(sent.cookies())
    page = context.new_page()
    page.goto(sent.page(q=f"host:{HOST}"))
    yield page
    context.close()


def without(*left_out: str) -> list[str]:
    return [path for path in ALL if path not in left_out]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ALL),
        ("status:404", ["/missing"]),
        ("status:5xx", ["/crash"]),
        ("status:4xx", ["/missing", "/teapot"]),
        ("status:>=400", ["/missing", "/teapot", "/crash"]),
        ("status:400-410", ["/missing"]),
        ("status:none", ["/gone"]),
        ("-status:200", ["/missing", "/teapot", "/crash", "/gone"]),
        ("duration:>1s", ["/slow"]),
        ("dur:100ms-200ms", ["/missing"]),
        ("size:>10kb", ["/large"]),
        ("request_size:900", ["/large"]),
        ("method:POST,PUT", ["/teapot", "/orders"]),
        ("verb:post", ["/teapot"]),
        ("route:/items/{id}", ["/items/7"]),
        ("path:/items/*", ["/items/7"]),
        ('path:"/with space"', ["/with space"]),
        ("user:ada", ["/items/7"]),
        ('user:"grace hopper"', ["/orders"]),
        ("user:*", ["/items/7", "/orders"]),
        ("user:none", without("/items/7", "/orders")),
        ("company:acme", ["/orders"]),
        ("org:acme", ["/orders"]),
        ("session:s-1", ["/session"]),
        ("trace:trace-1", ["/session"]),
        ("source:moesif", ALL),
        ("source:umami", []),
        ("error:KeyError", ["/crash"]),
        ("error:*", ["/crash", "/gone"]),
        ("is:error", ["/crash", "/gone"]),
        ("is:slow", ["/slow"]),
        ("id:the-slow-one", ["/slow"]),
        ('body:"out of stock"', ["/words"]),
        ('body:"stock of out"', []),
        ("orders", ["/orders"]),
        ('"with space"', ["/with space"]),
        ("status:200 user:*", ["/items/7", "/orders"]),
        ("-is:error -user:*", without("/crash", "/gone", "/items/7", "/orders")),
    ],
)
def test_a_filter_shows_what_it_says_and_nothing_else(
    listing: Page, text: str, found: list[str]
) -> None:
    write_filter(listing, f"host:{HOST} {text}")
    expect_paths(listing, [ERROR_NAMES.get(path, path) for path in found])


def test_each_field_of_the_language_is_tried_above() -> None:
    marks = test_a_filter_shows_what_it_says_and_nothing_else.pytestmark
    tried = {name for text, _ in marks[0].args[1] for name in re.findall(r"(\w+):", text)}
    from apilog.collector.filter_language import ALIASES, FIELDS

    by_address = {"host", "ip"}  # the one is in all of them, the other below
    names = {ALIASES.get(name, name) for name in tried} | by_address
    assert set(FIELDS) - names == set()


def test_the_address_of_a_caller_filters_as_well(page: Page, collector: Collector) -> None:
    event = an_event(path="/from-afar")
    event["request"]["ip_address"] = "203.0.113.77"
    collector.send(event)
    page.goto(collector.page(q="ip:203.0.113.77"))
    expect_paths(page, ["/from-afar"])


@pytest.mark.parametrize(
    ("text", "said", "marked"),
    [
        ("statsu:500", "did you mean 'status'", "statsu:500"),
        ('path:"open', "quote is still open", '"open'),
        ("status:many", "is no number here", "many"),
    ],
)
def test_a_filter_that_cannot_be_read_says_where_and_what_instead(
    page: Page, sent: Collector, text: str, said: str, marked: str
) -> None:
    page.goto(sent.page(q=f"host:{HOST}"))
    write_filter(page, f"host:{HOST} {text}")
    error = page.get_by_role("alert").filter(has_text=said)
    expect(error).to_be_visible()
    expect(page.locator("mark")).to_contain_text(marked)
    expect(filter_field(page)).to_have_attribute("aria-invalid", "true")
    write_filter(page, f"host:{HOST} /plain")
    expect(error).to_be_hidden()
    expect_paths(page, ["/plain"])


def test_fields_and_values_are_completed(page: Page, sent: Collector) -> None:
    page.goto(sent.page(q=f"host:{HOST}"))
    field = filter_field(page)
    field.click()
    field.press("End")
    field.press_sequentially(" comp")
    page.get_by_role("option", name="company").first.click()
    expect(field).to_have_value(f"host:{HOST} company:")
    option = page.get_by_role("option", name="acme")
    expect(option).to_be_visible()
    field.press("ArrowDown")
    expect(page.locator("[role=option][aria-selected=true]")).to_be_visible()
    option.click()
    expect_paths(page, ["/orders"])
    assert "company" in page.url


def test_a_click_on_a_value_filters_by_it_and_back_takes_it_away(
    page: Page, sent: Collector
) -> None:
    page.goto(sent.page(q=f"host:{HOST}"))
    row(page, "/teapot").get_by_text("POST").hover()
    page.get_by_title("Only method POST").click()
    expect_paths(page, ["/teapot"])
    expect(filter_field(page)).to_have_value(f"host:{HOST} method:POST")
    page.go_back()
    expect(rows(page)).to_have_count(len(ALL))
    row(page, "/missing").get_by_text("404").hover()
    page.get_by_title("Without status 404").click()
    expect(rows(page)).to_have_count(len(ALL) - 1)


def test_an_address_shows_somebody_else_the_same(
    sent: Collector, contexts: Callable[..., Any]
) -> None:
    with contexts(sent) as context:
        first = context.new_page()
        first.goto(sent.page())
        write_filter(first, f"host:{HOST} is:error")
        row(first, "/crash").click()
        expect(first.get_by_label("The chosen call", exact=True)).to_contain_text("KeyError")
        shared = first.url
    with contexts(sent) as context:
        second = context.new_page()
        second.goto(shared)
        expect_paths(second, ["/crashKeyError", "/goneaborted"])
        expect(second.get_by_label("The chosen call", exact=True)).to_contain_text("KeyError")


def test_a_time_range_is_chosen_from_the_list_and_kept_in_the_address(
    page: Page, collector: Collector
) -> None:
    host = "ranges.example"
    collector.send(
        an_event(host=host, path="/now", ago=5), an_event(host=host, path="/earlier", ago=7200)
    )
    page.goto(collector.page(q=f"host:{host}"))
    expect_paths(page, ["/now"])
    page.get_by_role("button", name="Last hour").click()
    page.get_by_role("button", name="Last 6 hours").click()
    expect_paths(page, ["/now", "/earlier"])
    assert "from=-6h" in page.url
    page.reload()
    expect_paths(page, ["/now", "/earlier"])


def test_a_drag_over_the_chart_chooses_its_time_and_live_goes_back(
    page: Page, collector: Collector
) -> None:
    host = "brush.example"
    collector.send(
        an_event(host=host, path="/now", ago=5), an_event(host=host, path="/middle", ago=1800)
    )
    page.goto(collector.page(q=f"host:{host}"))
    expect_paths(page, ["/now", "/middle"])
    chart = page.locator(".u-over")
    box = chart.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=4)
    page.mouse.up()
    expect_paths(page, ["/middle"])
    assert re.search(r"from=\d+&to=\d+", page.url)
    page.get_by_role("button", name="Go live").click()
    expect_paths(page, ["/now", "/middle"])

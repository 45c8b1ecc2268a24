"""Endpoints, users, companies, sessions: what they did, in order, and the way to their calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect
from viewer_kit.listing import expect_paths, filter_field, rows
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event

HOST = "overviews.example"
FILTER = f"host:{HOST}"


@pytest.fixture(scope="module")
def sent(collector: Collector) -> Collector:
    """Three endpoints: a busy one, a slow one, one that fails; two users of one company."""
    busy = [
        an_event(
            host=HOST, path=f"/items/{n}", route="/items/{id}", ago=60 + n, took=0.01,
            user_id="otto", company_id="rhein", session_token=f"visit-{n // 10}",
        )
        for n in range(20)
    ]  # fmt: skip
    slow = [
        an_event(host=HOST, path="/report", route="/report", ago=60 + n, took=3, user_id="emma")
        for n in range(6)
    ]
    fails = [
        an_event(
            host=HOST, path="/pay", route="/pay", method="POST", ago=60 + n,
            status=500 if n < 4 else 404 if n < 6 else 200,
        )
        for n in range(8)
    ]  # fmt: skip
    collector.send(*busy, *slow, *fails)
    collector.post(
        "/v1/users", {"user_id": "otto", "metadata": {"plan": "gold", "deep": {"a": [1]}}}
    )
    return collector


def body(page: Page) -> Locator:
    return page.locator("tbody tr")


def names(page: Page) -> list[str]:
    """Return the first cells of the table."""
    return page.locator("tbody th").all_inner_texts()


def expect_names(page: Page, wanted: list[str]) -> None:
    expect(page.locator("tbody th")).to_have_text(wanted)


def test_endpoints_are_listed_with_what_they_did(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    expect_names(page, ["GET/items/{id}", "POST/pay", "GET/report"])
    cells = body(page).nth(1).locator("td")
    expect(cells.nth(1)).to_have_text("8")
    expect(cells.nth(3)).to_have_text("50 %25 %")
    expect(body(page).nth(2).locator("td").nth(5)).to_have_text(re.compile(r"^(2\.\d+|3\.\d+) s$"))
    expect(page.get_by_role("heading", name="Endpoints", level=1)).to_be_visible()


def test_the_slowest_and_the_most_failing_stand_on_top(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    worst = page.locator("section", has=page.get_by_role("heading", name="Slowest"))
    expect(worst.get_by_role("button").first).to_contain_text("/report")
    failing = page.locator("section", has=page.get_by_role("heading", name="Most failing"))
    expect(failing.get_by_role("button")).to_have_count(1)
    expect(failing.get_by_role("button")).to_contain_text("/pay")
    expect(failing.get_by_role("button")).to_contain_text("50 % of 8")


@pytest.mark.parametrize(
    ("column", "once", "twice"),
    [
        ("p95", "/report", "/items/{id}"),
        ("Errors", "/pay", "/items/{id}"),
        ("Endpoint", "/items/{id}", "/report"),
    ],
)
def test_a_click_on_a_column_sorts_by_it_and_the_address_keeps_it(
    page: Page, sent: Collector, column: str, once: str, twice: str
) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    head = page.get_by_role("columnheader", name=column)
    head.get_by_role("button").click()
    expect(page.locator("tbody th").first).to_contain_text(once)
    expect(head).to_have_attribute("aria-sort", "descending")
    head.get_by_role("button").click()
    if column != "Errors":  # two endpoints have none, and stay as they were
        expect(page.locator("tbody th").first).to_contain_text(twice)
    expect(head).to_have_attribute("aria-sort", "ascending")
    page.reload()
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_an_endpoint_shows_its_charts_and_leads_to_its_calls(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    charts = page.get_by_role("region", name="Over time")
    expect(charts).to_contain_text("34 calls")
    expect(charts.locator("canvas")).to_have_count(3)
    body(page).filter(has_text="/pay").get_by_role("button").click()
    expect(charts).to_contain_text("8 calls")
    expect(charts).to_contain_text("5xx 50 %")
    expect(page.get_by_role("heading", level=1)).to_have_text("POST /pay")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("POST /pay")
    page.get_by_role("link", name="Show the calls").click()
    expect(filter_field(page)).to_have_value(f"{FILTER} method:POST route:/pay")
    expect(rows(page)).to_have_count(8)
    page.go_back()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("Endpoints")


def test_a_share_of_errors_leads_to_these_calls(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    body(page).filter(has_text="/pay").get_by_role("link", name="25 %").click()
    expect(rows(page)).to_have_count(2)
    page.go_back()
    body(page).filter(has_text="/pay").get_by_role("link", name="50 %").click()
    expect(rows(page)).to_have_count(4)


def test_small_charts_are_drawn_for_what_is_in_sight(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    expect(page.locator(".spark-all")).to_have_count(3)
    paths = page.locator(".spark-all")
    assert all("v-" in (paths.nth(n).get_attribute("d") or "") for n in range(3))


def test_a_pointer_on_one_chart_tells_of_all_three(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER, **{"from": "-5m"}))
    charts = page.get_by_role("region", name="Over time")
    expect(charts).to_contain_text("drag to choose a time")
    overs = charts.locator(".u-over")
    expect(overs).to_have_count(3)
    overs.first.hover(position={"x": 20, "y": 40})
    expect(charts).not_to_contain_text("drag to choose a time")
    expect(charts).to_contain_text(re.compile(r"\d\d:\d\d:\d\d – \d\d:\d\d:\d\d"))


def test_a_drag_over_a_chart_chooses_its_time_for_the_whole_page(
    page: Page, sent: Collector
) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    expect(body(page)).to_have_count(3)
    over = page.locator(".u-over").first
    box = over.bounding_box()
    assert box
    y = box["y"] + 40
    page.mouse.move(box["x"] + 10, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, y, steps=4)
    page.mouse.up()
    expect(page.get_by_text("No endpoint was called")).to_be_visible()
    chosen = parse_qs(urlsplit(page.url).query)
    assert float(chosen["from"][0]) < float(chosen["to"][0])
    page.go_back()
    expect(body(page)).to_have_count(3)


def test_the_numbers_follow_what_arrives(page: Page, collector: Collector) -> None:
    host = "overviews-live.example"
    collector.send(an_event(host=host, path="/one", ago=5))
    page.clock.install()
    page.goto(collector.page("/endpoints", q=f"host:{host}"))
    expect_names(page, ["GET/one"])
    collector.send(an_event(host=host, path="/two", ago=5), an_event(host=host, path="/two", ago=5))
    page.clock.run_for(11_000)
    expect_names(page, ["GET/two", "GET/one"])


def test_users_are_listed_and_found(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/users", q=FILTER))
    expect_names(page, ["otto", "emma"])
    expect(body(page).first.locator("td").first).to_have_text("20")
    page.keyboard.press("s")
    page.get_by_role("searchbox", name="Search users").press_sequentially("MM")
    expect_names(page, ["emma"])
    assert "find=MM" in page.url
    page.get_by_role("searchbox", name="Search users").fill('nobody "has * this')
    expect(page.get_by_text("No user has this in its name")).to_be_visible()


@pytest.mark.parametrize(
    ("kind", "name"), [("companies", "rhein"), ("sessions", "visit-1"), ("users", "otto")]
)
def test_each_kind_of_subject_has_its_page(
    page: Page, sent: Collector, kind: str, name: str
) -> None:
    page.goto(sent.page(f"/{kind}", q=FILTER))
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("region", name="Over time")).to_contain_text(
        "10 calls" if kind == "sessions" else "20 calls"
    )
    expect(page.get_by_role("region", name="Timeline")).to_contain_text("/items/19")


def test_a_user_has_a_profile_a_timeline_and_company(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/users/otto", q=FILTER))
    profile = page.locator("section", has=page.get_by_role("heading", name="Profile"))
    expect(profile).to_contain_text("metadata.plan")
    expect(profile).to_contain_text("gold")
    expect(profile).to_contain_text("metadata.deep.a")
    visits = page.get_by_role("region", name="Timeline").locator("section")
    expect(visits).to_have_count(2)
    expect(visits.first).to_contain_text("visit-0")
    expect(visits.first).to_contain_text("10 calls")
    expect(visits.first.get_by_role("listitem").first).to_contain_text("/items/0")
    about = page.get_by_role("complementary", name="About it")
    expect(about.get_by_role("link", name="rhein")).to_be_visible()
    expect(about).to_contain_text("/items/{id}")
    page.get_by_role("link", name="Show the calls").click()
    expect(filter_field(page)).to_have_value(f"{FILTER} user:otto")
    expect(rows(page)).to_have_count(20)


def test_a_step_of_a_timeline_is_the_call(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/sessions/visit-1", q=FILTER))
    page.get_by_role("link").filter(has_text="/items/14").click()
    expect(page).to_have_url(re.compile("/calls/"))
    expect(page.get_by_role("main")).to_contain_text("/items/14")


def test_a_timeline_names_its_pauses_and_reads_on(page: Page, collector: Collector) -> None:
    told = {"host": "pauses.example", "user_id": "pia", "session_token": "before midnight or after"}
    collector.send(
        *(an_event(**told, path=f"/n-{n}", ago=10 + n) for n in range(130)),
        an_event(**told, path="/long-before", ago=2400),
    )
    page.goto(collector.page("/users/pia"))
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_role("link").filter(has_text="/n-99")).to_be_visible()
    expect(timeline).not_to_contain_text("/n-129")
    page.get_by_role("button", name="Earlier calls").click()
    expect(timeline).to_contain_text("/long-before")
    expect(timeline).to_contain_text("38 min without a call")
    expect(page.get_by_role("button", name="Earlier calls")).to_be_hidden()


def test_a_subject_without_calls_or_profile_says_so(page: Page, collector: Collector) -> None:
    page.goto(collector.page("/users/nobody%2Fat%20all"))
    expect(page.get_by_role("heading", level=1)).to_have_text("nobody/at all")
    expect(page.get_by_text("No call of this user")).to_be_visible()
    expect(page.get_by_text("No app has described this user.")).to_be_visible()
    page.get_by_role("button", name="In all time").click()
    expect(page).to_have_url(re.compile("from=0"))


def test_the_filter_and_the_time_go_along_from_page_to_page(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER, **{"from": "-15m"}))
    for name in ("Users", "Companies", "Sessions", "Calls"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(filter_field(page)).to_have_value(FILTER)
        expect(page.get_by_role("button", name="Last 15 minutes")).to_be_visible()


def test_a_filter_on_an_overview_is_checked_like_on_the_list(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/users", q=FILTER))
    expect(body(page)).to_have_count(2)
    filter_field(page).fill("statsu:500")
    filter_field(page).press("Enter")
    expect(page.get_by_role("alert").filter(has_text="did you mean")).to_be_visible()


@pytest.fixture
def _restored(collector: Collector) -> Iterator[None]:
    yield
    collector.start()


@pytest.mark.usefixtures("_restored")
def test_a_collector_that_is_away_is_named_and_asked_again(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    expect(body(page)).to_have_count(3)
    sent.stop()
    page.get_by_role("navigation").get_by_role("link", name="Users").click()
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    sent.start()
    page.get_by_role("button", name="Try again").click()
    expect(body(page)).to_have_count(2)
    sent.stop()


def test_the_list_behind_a_link_shows_what_the_number_says(page: Page, sent: Collector) -> None:
    page.goto(sent.page("/endpoints", q=FILTER))
    body(page).filter(has_text="/report").get_by_role("link", name="6").click()
    expect_paths(page, ["/report"] * 6)

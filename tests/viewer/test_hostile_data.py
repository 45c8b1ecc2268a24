"""What was logged is text: no string in any field runs a script, opens a dialog or calls home.

Every context is watched for dialogs, errors and requests to another origin (`viewer_kit.watch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from viewer_kit import walk
from viewer_kit.evil import NAME, Evil
from viewer_kit.hostile import CORPUS, FIELDS, hostile_events
from viewer_kit.listing import filter_field
from viewer_kit.serving import Collector, collecting, eventually
from viewer_kit.watch import Watch


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector to which somebody has sent the whole corpus, in every way there is."""
    with collecting(tmp_path_factory.mktemp("attacked") / "data") as collector:
        attack(collector)
        yield collector


def attack(collector: Collector) -> None:
    """Send each string of the corpus, in every field of a call and everywhere else."""
    collector.send(*hostile_events())
    profiles = [{"user_id": text, "metadata": {text: text}} for text in CORPUS]
    collector.post("/v1/users/batch", profiles)
    companies = [{"company_id": text, "metadata": {text: text}} for text in CORPUS]
    collector.post("/v1/companies/batch", companies)
    for text in CORPUS[:100]:
        collector.post("/v1/events", {"request": {"verb": text, text: text}}, status=400)
    reasons = {text.replace("\0", ""): 1 for text in CORPUS[:99]}
    collector.post("/v1/losses", {"sender": "somebody", "captured": 99, "dropped": reasons})


@pytest.fixture
def page(attacked: Collector, contexts: Callable[..., Any]) -> Iterator[Page]:
    with contexts(attacked) as context:
        yield context.new_page()


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(CORPUS) >= 250
    assert len(FIELDS) >= 14
    assert len(set(CORPUS)) == len(CORPUS)


def test_in_the_list(page: Page, attacked: Collector) -> None:
    walk.through_the_list(page, attacked, len(CORPUS))


@pytest.mark.parametrize(
    "step", [pytest.param(11, id="some"), pytest.param(1, id="all", marks=pytest.mark.long)]
)
def test_on_the_pages_of_calls(page: Page, attacked: Collector, step: int) -> None:
    """Some have everything in them: every eleventh, because the corpus goes round in sixes."""
    ids = walk.ids_of(page, attacked)
    assert len(ids) == len(CORPUS)
    walk.through_the_calls(page, attacked, ids[::step])


@pytest.mark.long
def test_in_the_overviews(page: Page, attacked: Collector) -> None:
    walk.through_the_overviews(page, attacked, len(CORPUS))


@pytest.mark.parametrize("kind", ["users", "companies", "sessions"])
@pytest.mark.long
def test_on_the_pages_of_users_companies_and_sessions(
    page: Page, attacked: Collector, kind: str
) -> None:
    page.goto(attacked.page(f"/{kind}", q="host:hostile.example"))
    links = page.locator("tbody th a")
    expect(links).to_have_count(100)
    for number in range(0, 100, 19):
        name = links.nth(number).inner_text()
        links.nth(number).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.get_by_role("region", name="Timeline")).to_be_visible()
        walk.nothing_foreign(page)
        page.go_back()
        expect(links).to_have_count(100)


@pytest.mark.long
def test_in_a_comparison(page: Page, attacked: Collector) -> None:
    ids = walk.ids_of(page, attacked)
    for a, b in zip(ids[::26], ids[1::26], strict=False):
        page.goto(attacked.page("/compare", a=a, b=b, all="1"))
        expect(page.get_by_role("article", name="Comparison")).to_be_visible()
        walk.nothing_foreign(page)


def test_among_refusals_and_reasons(page: Page, attacked: Collector) -> None:
    page.goto(attacked.page("/health"))
    expect(page.locator(".losses tbody tr")).to_have_count(99)
    page.get_by_role("button", name="more").click()
    lines = page.locator(".refusals summary")
    expect(lines).to_have_count(100)
    lines.evaluate_all("all => all.forEach((one) => one.click())")
    expect(page.locator(".refusals pre").last).to_be_visible()
    walk.nothing_foreign(page)


@pytest.mark.parametrize(
    "field", ["user", "company", "session", "route", "path", "method", "ip", "error"]
)
@pytest.mark.long
def test_among_the_suggestions_of_the_filter(page: Page, attacked: Collector, field: str) -> None:
    page.goto(attacked.page())
    filter_field(page).press_sequentially(f"{field}:")
    options = page.get_by_role("option")
    expect(options.nth(5)).to_be_visible()
    walk.nothing_foreign(page)
    options.nth(5).click()
    expect(page.get_by_role("grid")).to_be_visible()
    walk.nothing_foreign(page)


@pytest.mark.long
def test_in_the_address_and_in_the_filter(page: Page, attacked: Collector) -> None:
    for text in CORPUS[::32]:
        page.goto(attacked.page(q=text, sel=text, sort=text, find=text, method=text, route=text))
        expect(filter_field(page)).to_be_visible()
        walk.nothing_foreign(page)
        for path in ("/endpoints", "/users"):
            page.goto(attacked.page(path, q=text, find=text, method=text, route=text, sort=text))
            expect(filter_field(page)).to_be_visible()
            walk.nothing_foreign(page)


def test_these_tests_would_notice(attacked: Collector, browser: Browser, elsewhere: Evil) -> None:
    """The control: a page without a policy, which does all that no page of ours may do."""
    watch = Watch(attacked.url)
    with browser.new_context() as context:
        watch.follow(context)
        page = context.new_page()
        page.set_content(
            f"<img src=http://{NAME}/i.png><script>window.__pwn = 1; alert('hello')</script>"
        )
        eventually(lambda: elsewhere.paths and watch.dialogs, "a request and a dialog")
        with pytest.raises(AssertionError, match="a script ran"):
            walk.nothing_foreign(page)
    assert elsewhere.taken() == ["/i.png"]
    with pytest.raises(AssertionError, match="hello"):
        watch.verify()

"""Bodies on the page of a call: shown as what they are, whole on demand, and never as markup."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Locator, Page, expect
from viewer_kit.serving import Collector
from viewer_kit.traffic import Event, an_event


def answering(body: Any, content_type: str = "application/json", **more: Any) -> Event:
    """Return an event with this answer."""
    event = an_event(**more)
    event["response"]["headers"]["Content-Type"] = content_type
    event["response"]["body"] = body
    return event


def opened(page: Page, collector: Collector, event: Event) -> Locator:
    """Send *event*, open its page, and return the body of its answer."""
    collector.send(event)
    page.goto(collector.page(f"/calls/{event['transaction_id']}"))
    response = page.get_by_role("region", name="Response", exact=True)
    return response.get_by_role("region", name="Body", exact=True)


def line(body: Locator, text: str) -> Locator:
    return body.get_by_role("treeitem").filter(has_text=text)


def test_a_tree_is_walked_with_the_keyboard(page: Page, collector: Collector) -> None:
    body = opened(page, collector, answering({"first": {"inner": 1}, "last": [True]}))
    active = body.locator("[aria-selected=true]")
    body.get_by_role("tree").focus()
    page.keyboard.press("End")
    expect(active).to_contain_text("true")
    page.keyboard.press("ArrowLeft")
    expect(active).to_contain_text("last")
    page.keyboard.press("ArrowLeft")
    expect(active).to_have_attribute("aria-expanded", "false")
    expect(line(body, "true")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(line(body, "true")).to_be_visible()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(body.get_by_role("treeitem")).to_have_count(1)


def test_a_search_finds_what_is_closed_and_far_away(page: Page, collector: Collector) -> None:
    items = [{"id": number, "name": f"item {number}"} for number in range(4_000)]
    body = opened(page, collector, answering({"items": items, "none": None}))
    search = body.get_by_role("searchbox")
    search.fill("ITEM 3987")
    expect(body.get_by_role("status")).to_have_text("1 found")
    search.press("Enter")
    expect(body.locator("mark")).to_have_text("item 3987")
    expect(body.locator("[aria-selected=true]")).to_be_in_viewport()
    body.get_by_role("button", name="before").click()
    expect(line(body, "2987: {")).to_have_count(1)


def test_everything_opens_and_closes_at_once(page: Page, collector: Collector) -> None:
    items = [{"id": number, "tags": ["a", "b"]} for number in range(60)]
    body = opened(page, collector, answering(items))
    expect(line(body, "tags")).to_have_count(60)
    expect(line(body, '"b"')).to_have_count(0)
    body.get_by_role("button", name="Expand all").click()
    expect(line(body, '"b"')).to_have_count(60)
    body.get_by_role("button", name="Collapse").click()
    expect(line(body, '"b"')).to_have_count(0)


def test_a_value_and_its_path_are_copied(page: Page, collector: Collector) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=collector.url)
    body = opened(page, collector, answering({"a": [{"odd name": "text\nof two lines"}]}))
    line(body, "odd name").last.locator(".json-text").click()
    body.get_by_role("button", name="Copy value").click()
    expect(body.get_by_text("Copied")).to_be_visible()
    read = "() => navigator.clipboard.readText()"
    assert page.evaluate(read) == "text\nof two lines"
    body.get_by_role("button", name="Copy path").click()
    page.wait_for_function(f"({read})().then(text => text === '$.a[0][\"odd name\"]')")


def test_numbers_stay_as_they_were_sent(page: Page, collector: Collector) -> None:
    body = opened(page, collector, answering({"id": 12345678901234567890, "one": 1.0}))
    expect(line(body, "id")).to_contain_text("12345678901234567890")
    expect(line(body, "one").last).to_have_text("one: 1.0")
    body.get_by_role("button", name="Raw").click()
    expect(body).to_contain_text('{"id":12345678901234567890,"one":1.0}')


def test_what_was_masked_stands_out_and_is_listed_by_rule(page: Page, collector: Collector) -> None:
    noted = [{"path": "/response/body/card", "rule": "field:card"}]
    event = answering({"card": "***", "stars": "a *** b"}, own={"masked": noted})
    body = opened(page, collector, event)
    expect(body.locator(".masked")).to_have_text(["***", "***"])
    card = page.get_by_role("region", name="Masked", exact=True)
    card.get_by_role("button", name="Masked").click()
    expect(card.get_by_role("row")).to_contain_text(["response body: card"])
    expect(card.get_by_role("row")).to_contain_text(["field name: card"])


def test_why_a_body_stayed_home_is_said_in_words(page: Page, collector: Collector) -> None:
    own = {"response_body_omitted": "over_limit", "response_size": 5_000_000}
    body = opened(page, collector, answering(None, own=own))
    expect(body).to_contain_text("The body (5.00 MB) was left out.")
    expect(body).to_contain_text("max_body_bytes")


def test_a_stream_is_a_list_of_its_events(page: Page, collector: Collector) -> None:
    text = "event: tick\nid: 7\ndata: <b>1</b>\n\n[... 500 bytes left out ...]\ndata: 2\n\n"
    body = opened(page, collector, answering(text, "text/event-stream"))
    expect(body.get_by_role("listitem")).to_have_count(3)
    expect(body.get_by_role("listitem").first).to_contain_text("tick")
    expect(body.get_by_role("listitem").first).to_contain_text("<b>1</b>")
    expect(body).to_contain_text("500 bytes were left out here")


def test_a_form_is_a_table_of_its_fields(page: Page, collector: Collector) -> None:
    form = "name=Ada+L%C3%B6velace&empty="
    body = opened(page, collector, answering(form, "application/x-www-form-urlencoded"))
    expect(body.get_by_role("row")).to_contain_text(["Ada Lövelace", "empty"])
    body.get_by_role("button", name="Raw").click()
    expect(body).to_contain_text(form)


def test_markup_is_indented_and_stays_text(page: Page, collector: Collector) -> None:
    markup = "<ul><li>one</li><li><img src=x onerror=alert(1)></li></ul>"
    body = opened(page, collector, answering(markup, "text/html"))
    expect(body.get_by_label("Body of the response")).to_have_text(
        "<ul>\n  <li>one</li>\n  <li>\n    <img src=x onerror=alert(1)>\n  </li>\n</ul>"
    )
    expect(body.locator("img")).to_have_count(0)


def test_a_long_text_is_shown_a_piece_at_a_time(page: Page, collector: Collector) -> None:
    text = "\n".join(f"line {number}" for number in range(20_000))
    body = opened(page, collector, answering(text, "text/plain"))
    expect(body).to_contain_text("line 0")
    shown = body.get_by_label("Body of the response")
    assert len(shown.inner_text()) < 30_000
    body.get_by_role("button", name="Show more").click()
    expect(shown).to_contain_text("line 10000")


def test_names_that_objects_are_born_with_are_names(page: Page, collector: Collector) -> None:
    odd = {"__proto__": {"polluted": True}, "constructor": 1, "\u202etoString": "\u0000"}
    body = opened(page, collector, answering(odd))
    expect(line(body, "polluted").last).to_contain_text("true")
    expect(line(body, "constructor").last).to_contain_text("1")
    expect(line(body, "toString").last).to_have_text('\\u202etoString: "\\u0000"')
    assert page.evaluate("() => ({}).polluted") is None


def test_a_picture_too_large_to_be_drawn_is_not(page: Page, collector: Collector) -> None:
    head = "iVBORw0KGgoAAAANSUhEUgAA6mAAAOpgCAYAAAA="  # 60,000 x 60,000 pixels, and nothing more
    event = answering(head, "image/png")
    event["response"]["transfer_encoding"] = "base64"
    body = opened(page, collector, event)
    expect(body).to_contain_text("It is too large to be drawn.")
    expect(body).to_contain_text("60,000 × 60,000 pixels")
    body.get_by_role("button", name="Hex").click()
    expect(body).to_contain_text("89 50 4e 47")


def test_what_is_open_stays_open_on_the_next_call(page: Page, collector: Collector) -> None:
    opened(page, collector, answering({"a": 1}))
    headers = page.get_by_role("region", name="Request", exact=True).get_by_role(
        "region", name="Headers", exact=True
    )
    headers.get_by_role("button", name="Headers").click()
    expect(headers.get_by_role("row").first).to_be_visible()
    opened(page, collector, answering({"b": 2}))
    expect(headers.get_by_role("row").first).to_be_visible()


def test_the_copied_event_is_the_one_that_was_sent(page: Page, collector: Collector) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=collector.url)
    event = answering({"big": 18446744073709551615, "text": "é\u2028\U0001f642"})
    opened(page, collector, event)
    raw = page.get_by_role("region", name="Event", exact=True)
    raw.get_by_role("button", name="Event", exact=True).click()
    raw.get_by_role("button", name="Copy", exact=True).click()
    expect(raw.get_by_text("Copied")).to_be_visible()
    copied = json.loads(page.evaluate("() => navigator.clipboard.readText()"))
    assert copied["response"] == event["response"]

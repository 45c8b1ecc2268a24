"""One call on the page: both messages, what became of them, and everything to take along."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from viewer_kit.listing import expect_paths, rows
from viewer_kit.serving import Collector
from viewer_kit.traffic import Event, an_event

ADA = {"user_id": "ada", "company_id": "acme", "session_token": "visit-of-ada"}


def opened(page: Page, collector: Collector, event: Event) -> None:
    """Send *event* and open its page."""
    collector.send(event)
    page.goto(collector.page(f"/calls/{event['transaction_id']}"))
    expect(page.get_by_role("article", name="The call")).to_be_visible()


def card(page: Page, title: str, *, of: str = "") -> Locator:
    """Return a card, opened; the request and the response have some of the same name."""
    place = page.get_by_role("region", name=of, exact=True) if of else page.get_by_role("main")
    found = place.get_by_role("region", name=title, exact=True)
    button = found.get_by_role("button", name=title, exact=True)
    if button.get_attribute("aria-expanded") != "true":
        button.click()
    return found


def test_a_call_is_shown_with_all_that_is_known_of_it(page: Page, collector: Collector) -> None:
    event = an_event(
        method="POST", path="/orders?page=2&api_key=***", route="/orders", status=201, took=0.25,
        request_body={"sku": "A-1", "card": "***"}, response_body={"order": 7}, **ADA,
    )  # fmt: skip
    opened(page, collector, event)
    main = page.get_by_role("main")
    expect(page.get_by_role("heading", name="POST /orders")).to_be_visible()
    expect(main).to_contain_text("201")
    expect(main).to_contain_text("250 ms")
    for value in ("ada", "acme", "visit-of-ada", "shop.example"):
        expect(main.get_by_role("link").filter(has_text=value).first).to_be_visible()
    expect(card(page, "Address")).to_contain_text("api_key")
    expect(card(page, "Headers", of="Request")).to_contain_text("shop-app/4.2")
    expect(card(page, "Headers", of="Response")).to_contain_text("gunicorn")
    body = card(page, "Body", of="Request")
    expect(body.get_by_role("treeitem").filter(has_text="sku")).to_contain_text("A-1")
    expect(card(page, "Body", of="Response").get_by_role("treeitem")).to_have_count(2)


def test_a_click_on_who_called_filters_the_list_by_it(page: Page, collector: Collector) -> None:
    event = an_event(path="/by-eve", user_id="eve-of-this-test")
    opened(page, collector, event)
    page.get_by_role("link").filter(has_text="eve-of-this-test").first.click()
    expect_paths(page, ["/by-eve"])


def test_an_exception_stands_on_top_in_its_own_words(page: Page, collector: Collector) -> None:
    opened(page, collector, an_event(
        status=500, own={"exception": "shop.errors.NoPrice", "exception_message": "item 7 <b>"}
    ))  # fmt: skip
    wrong = page.get_by_role("region", name="What went wrong")
    expect(wrong).to_contain_text("shop.errors.NoPrice")
    expect(wrong).to_contain_text("item 7 <b>")


def png(width: int, height: int) -> bytes:
    """Return a red picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    lines = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(lines)),
         chunk(b"IEND", b""))
    )  # fmt: skip


def with_answer(content: bytes | str, content_type: str) -> Event:
    event = an_event()
    event["response"]["headers"]["Content-Type"] = content_type
    if isinstance(content, bytes):
        event["response"] |= {
            "body": base64.b64encode(content).decode(), "transfer_encoding": "base64"
        }  # fmt: skip
    else:
        event["response"]["body"] = content
    return event


def test_a_picture_is_drawn_from_its_bytes_whatever_its_type_says(
    page: Page, collector: Collector
) -> None:
    opened(page, collector, with_answer(png(30, 20), "text/html"))
    drawn = card(page, "Body", of="Response").locator("canvas")
    expect(drawn).to_be_visible()
    red = """canvas => {
        const copy = document.createElement("canvas");
        copy.width = canvas.width; copy.height = canvas.height;
        const pen = copy.getContext("2d");
        pen.drawImage(canvas, 0, 0);
        return [...pen.getImageData(copy.width >> 1, copy.height >> 1, 1, 1).data];
    }"""
    assert drawn.evaluate(red) == [255, 0, 0, 255]


def test_bytes_that_are_nothing_else_are_shown_as_hex(page: Page, collector: Collector) -> None:
    opened(page, collector, with_answer(bytes(range(256)), "image/png"))
    body = card(page, "Body", of="Response")
    expect(body).to_contain_text("00000010")
    expect(body).to_contain_text("f0 f1 f2 f3")
    expect(body.locator("canvas")).to_have_count(0)


def test_a_drawing_that_may_hold_scripts_is_text(page: Page, collector: Collector) -> None:
    drawing = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    opened(page, collector, with_answer(drawing, "image/svg+xml"))
    expect(card(page, "Body", of="Response")).to_contain_text("<script>alert(1)</script>")


def test_text_is_shown_as_it_is(page: Page, collector: Collector) -> None:
    opened(page, collector, with_answer("one\ntwo\u202ethree", "text/plain"))
    body = card(page, "Body", of="Response")
    expect(body).to_contain_text("one")
    expect(body).to_contain_text("two")


def test_the_neighbours_of_a_session_are_one_key_away(page: Page, collector: Collector) -> None:
    session = {"session_token": "visit-of-the-neighbours"}
    events = [an_event(path=f"/step-{n}", ago=100 - 20 * n, **session) for n in range(3)]
    collector.send(*events)
    page.goto(collector.page(f"/calls/{events[1]['transaction_id']}"))
    heading = page.get_by_role("heading", level=2).first
    expect(heading).to_contain_text("/step-1")
    page.keyboard.press("]")
    expect(heading).to_contain_text("/step-2")
    page.keyboard.press("[")
    expect(heading).to_contain_text("/step-1")
    page.keyboard.press("[")
    expect(heading).to_contain_text("/step-0")
    strip = page.get_by_role("navigation", name="Calls of this session")
    expect(strip.get_by_role("button")).to_have_count(5)


LANGUAGES = {
    "curl": "curl ",
    "HTTPie": "http",
    "httpx": "httpx.",
    "pytest": "def test_",
}


@pytest.mark.parametrize(("language", "beginning"), LANGUAGES.items(), ids=LANGUAGES)
def test_a_call_can_be_taken_along_as_code(
    page: Page, collector: Collector, language: str, beginning: str
) -> None:
    event = an_event(method="PUT", path="/carts/7?x=1", request_body={"amount": 2})
    opened(page, collector, event)
    code = card(page, "Repeat it")
    code.get_by_role("tab", name=re.compile(language)).click()
    panel = code.get_by_role("tabpanel")
    expect(panel).to_contain_text(beginning)
    expect(panel).to_contain_text("https://shop.example/carts/7")


def test_curl_and_link_are_copied_by_a_key(page: Page, collector: Collector) -> None:
    event = an_event(path="/copied?a=it's")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=collector.url)
    opened(page, collector, event)
    page.keyboard.press("c")
    expect(page.get_by_text("curl copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("curl ")
    page.keyboard.press("y")
    expect(page.get_by_text("Link copied")).to_be_visible()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == collector.page(f"/calls/{event['transaction_id']}")


def test_a_har_of_one_call_holds_this_call(
    page: Page, collector: Collector, tmp_path: Path
) -> None:
    event = an_event(path="/only-this-one", response_body={"ok": True})
    opened(page, collector, event)
    with page.expect_download() as download:
        page.get_by_role("link", name="HAR").first.click()
    download.value.save_as(tmp_path / "call.har")
    entries = json.loads((tmp_path / "call.har").read_text())["log"]["entries"]
    assert [each["request"]["url"] for each in entries] == ["https://shop.example/only-this-one"]


def test_the_event_can_be_seen_as_it_arrived(page: Page, collector: Collector) -> None:
    event = an_event(path="/as-it-arrived", metadata={"note": "of the sender"})
    opened(page, collector, event)
    raw = card(page, "Event")
    expect(raw).to_contain_text("transaction_id")
    expect(raw).to_contain_text("of the sender")


def test_a_large_body_is_shown_a_piece_at_a_time(page: Page, collector: Collector) -> None:
    items: list[Any] = [{"number": number, "text": "x" * 40} for number in range(3000)]
    opened(page, collector, an_event(response_body=items))
    body = card(page, "Body", of="Response")
    expect(body.get_by_role("treeitem").first).to_be_visible()
    assert page.locator("*").count() < 5000


def test_a_call_is_chosen_in_the_list_and_shown_beside_it(page: Page, collector: Collector) -> None:
    host = "beside.example"
    collector.send(an_event(host=host, path="/a", ago=2), an_event(host=host, path="/b", ago=3))
    page.goto(collector.page(q=f"host:{host}"))
    rows(page).filter(has_text="/a").click()
    pane = page.get_by_role("complementary", name="The chosen call")
    expect(pane.get_by_role("heading", name="GET /a")).to_be_visible()
    rows(page).filter(has_text="/b").click()
    expect(pane.get_by_role("heading", name="GET /b")).to_be_visible()
    expect(rows(page)).to_have_count(2)
    pane.get_by_role("button", name="Close").click()
    expect(pane).to_be_hidden()

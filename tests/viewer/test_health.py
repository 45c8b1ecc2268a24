"""The health page: what was lost and why, what was refused, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import expect
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event

from apilog.losses import INTENDED, SILENT

REASONS = Path(__file__).parents[2] / "viewer/src/views/health/reasons.ts"


def account(sender: str, **dropped: int) -> dict[str, Any]:
    """Return what a sender says of itself."""
    return {
        "sender": sender,
        "captured": 1000,
        "delivered": 900,
        "spooled": 7,
        "quarantined": 1,
        "dropped": dropped,
    }


def test_a_new_collector_has_nothing_to_complain_about(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh(events=[an_event()])
    with contexts(collector) as context:
        page = context.new_page()
        page.goto(collector.page("/health"))
        expect(page.get_by_role("status")).to_have_text("Nothing was lost and nothing refused.")
        stored = page.locator("section", has=page.get_by_role("heading", name="Stored"))
        expect(stored).to_contain_text("Calls1")
        expect(stored).to_contain_text("Search in bodieson")
        expect(page.get_by_text("No sender has told of itself")).to_be_visible()


def test_losses_are_shown_by_reason_with_what_to_do(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh()
    collector.post("/v1/losses", account("a", queue_full=4, sampled_out=90), status=LOSSES)
    collector.post("/v1/losses", account("b", queue_full=1, brand_new=2), status=LOSSES)
    with contexts(collector) as context:
        page = context.new_page()
        page.goto(collector.page("/health"))
        expect(page.get_by_role("status")).to_contain_text("7 calls lost by senders")
        senders = page.locator("section", has=page.get_by_role("heading", name="Senders"))
        expect(senders).to_contain_text("Processes2")
        expect(senders).to_contain_text("Captured2,000")
        lines = page.locator(".losses tbody tr")
        expect(lines.locator("th")).to_have_text(["queue_full", "brand_new", "sampled_out"])
        expect(lines.first.locator("td").first).to_have_text("5")
        expect(lines.first).to_contain_text("0.3 %")
        expect(lines.first).to_contain_text("Set a spool")
        expect(lines.nth(1)).to_contain_text("does not know")
        expect(lines.nth(2)).to_contain_text("As you asked")


LOSSES = 201


def test_what_was_refused_is_shown_with_its_reason_and_as_text(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh()
    hostile = {"request": {"verb": "<img src=x onerror=alert(1)>", "uri": "http://shop.example/"}}
    collector.post("/v1/events", hostile, status=400)
    answer = httpx.post(f"{collector.url}/api/send", content=b"not JSON", trust_env=False)
    assert answer.status_code == 400
    with contexts(collector) as context:
        page = context.new_page()
        page.goto(collector.page("/health"))
        lines = page.locator(".refusals > li")
        expect(lines).to_have_count(2)
        expect(lines.first).to_contain_text("/api/send")
        expect(lines.nth(1)).to_contain_text("request.time is required")
        content = lines.nth(1).locator("pre")
        expect(content).to_be_hidden()
        lines.nth(1).locator("summary").click()
        expect(content).to_be_visible()
        expect(content).to_contain_text("<img src=x onerror=alert(1)>")
        expect(page.get_by_role("status")).to_contain_text("2 events refused here")


def test_the_page_follows_what_happens(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh()
    with contexts(collector) as context:
        page = context.new_page()
        page.clock.install()
        page.goto(collector.page("/health"))
        arrived = page.locator("section", has=page.get_by_role("heading", name="Arrived"))
        expect(arrived).to_contain_text("Received0")
        collector.send(an_event(), an_event())
        page.clock.run_for(6_000)
        expect(arrived).to_contain_text("Received2")


def test_every_reason_that_a_sender_gives_is_explained() -> None:
    known = set(re.findall(r"^  (\w+): \{", REASONS.read_text(), re.MULTILINE))
    assert known >= INTENDED | SILENT
    wanted = set(re.findall(r"^  (\w+): \{[^}]*wanted: true", REASONS.read_text(), re.MULTILINE))
    assert wanted - {"filtered"} == INTENDED

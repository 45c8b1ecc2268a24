"""From the command to the first call on the page: the address that it prints is all one needs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect
from viewer_kit.listing import expect_live, rows
from viewer_kit.serving import Collector
from viewer_kit.traffic import an_event


def test_the_printed_address_leads_to_the_first_call(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh()
    with contexts(collector, logged_in=False) as context:
        page = context.new_page()
        page.goto(collector.login)
        expect(page.get_by_text("Waiting for the first call")).to_be_visible()
        assert "token" not in page.url
        expect_live(page)
        collector.send(an_event(path="/the-first-one"))
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("/the-first-one")


def test_the_trial_without_an_app_works_as_it_stands_on_the_page(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh()
    with contexts(collector) as context:
        page = context.new_page()
        page.goto(collector.page())
        command = shlex.split(page.get_by_text("curl http").inner_text())
        assert command[:2] == ["curl", f"{collector.url}/v1/events"]
        collector.post("/v1/events", json.loads(command[command.index("-d") + 1]))
        expect(rows(page)).to_contain_text("/items/7")


def test_a_login_token_works_once(
    fresh: Callable[..., Collector], contexts: Callable[..., Any]
) -> None:
    collector = fresh()
    for attempt in ("works", "does not"):
        with contexts(collector, logged_in=False) as context:
            page = context.new_page()
            page.goto(collector.login)
            if attempt == "works":
                expect(page.get_by_text("Waiting for the first call")).to_be_visible()
            else:
                expect(page.get_by_role("alert")).to_be_visible()
                expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_whoever_has_not_signed_in_sees_the_form_and_then_what_was_asked_for(
    collector: Collector, contexts: Callable[..., Any]
) -> None:
    with contexts(collector, logged_in=False) as context:
        page = context.new_page()
        page.goto(collector.page("/users"))
        page.get_by_role("textbox").fill(collector.token())
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Users")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        page.goto(collector.page("/users"))
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_an_unknown_address_leads_back_to_the_list(
    collector: Collector, contexts: Callable[..., Any]
) -> None:
    with contexts(collector) as context:
        page = context.new_page()
        page.goto(collector.page("/calls/not-a-call"))
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_role("link", name=re.compile("apilog")).click()
        expect(rows(page).first).to_be_visible()

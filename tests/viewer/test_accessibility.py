"""axe finds no serious fault: on any page, light or dark, wide or narrow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import CDPSession, Page
from viewer_kit.pages import on_every_page, open_page
from viewer_kit.serving import Collector

AXE = Path(__file__).parents[2] / "viewer/node_modules/axe-core/axe.min.js"
PHONE = {"width": 390, "height": 844}

RUN = """
axe.run(document, { resultTypes: ["violations"], runOnly: RULES }).then((found) => JSON.stringify(
  found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => [one.id, one.nodes.map((node) => `${node.html} ${node.any[0]?.message ?? ""}`)])
))
"""
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
ALL = '["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]'
COLORS = '["color-contrast"]'


@pytest.fixture(scope="module")
def axe(lacking: Callable[[str], NoReturn]) -> str:
    if not AXE.is_file():
        lacking("needs axe: cd viewer && npm ci")
    return AXE.read_text(encoding="utf-8")


def faults(session: CDPSession, rules: str) -> list[Any]:
    """Return what axe finds; it is asked as the developer tools ask: the policy forbids else."""
    asked = {
        "expression": RUN.replace("RULES", rules), "awaitPromise": True, "returnByValue": True
    }  # fmt: skip
    found: list[Any] = json.loads(session.send("Runtime.evaluate", asked)["result"]["value"])
    return found


@on_every_page
def test_no_serious_fault(
    collector: Collector, contexts: Callable[..., Any], axe: str, name: str
) -> None:
    with contexts(collector, color_scheme="light", reduced_motion="reduce") as context:
        page = context.new_page()
        open_page(page, collector, name)
        session = context.new_cdp_session(page)
        session.send("Runtime.evaluate", {"expression": axe})
        found = {"light": faults(session, ALL)}
        page.emulate_media(color_scheme="dark")
        page.evaluate(PAINTED)
        found["dark"] = faults(session, COLORS)
        page.set_viewport_size(PHONE)
        page.evaluate(PAINTED)
        found["dark phone"] = faults(session, ALL)
        assert found == {"light": [], "dark": [], "dark phone": []}


def test_a_fault_would_be_found(page: Page, collector: Collector, axe: str) -> None:
    page.goto(collector.page())
    page.evaluate("() => document.body.append(document.createElement('img'))")
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": axe})
    assert [name for name, _ in faults(session, ALL)] == ["image-alt"]

"""A walk through everything that shows what was logged, and what to look for on the way."""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Page, expect
from viewer_kit.listing import grid, rows
from viewer_kit.serving import Collector

FOREIGN_PARTS = """() => {
    const names = new Set(["script", "iframe", "object", "embed", "img", "base", "meta", "link",
        "style", "math", "video", "audio", "source", "marquee", "portal", "template", "image",
        "use", "animate", "isindex", "noscript", "x"]);
    const found = [];
    const say = (one, why) => found.push(`${why}: ${one.outerHTML.slice(0, 120)}`);
    for (const one of document.querySelectorAll("*")) {
        const ours = one.closest("head") || (one.localName === "noscript" && !one.children.length);
        if (names.has(one.localName) && !ours) say(one, "element");
        for (const { name, value } of one.attributes) {
            if (/^on|^srcdoc$|^ping$/.test(name)) say(one, name);
            const mine = /^(#main$|\\/(?!\\/)|blob:)/.test(value);
            if (/^(href|src|action|formaction|poster|background|xlink:href)$/.test(name) && !mine)
                say(one, name);
        }
    }
    if (window.__pwn !== undefined) found.push("a script ran");
    return found;
}"""

CALLS = """async (ids) => {
    const turn = () => new Promise((done) => setTimeout(done, 0));
    const shown = () => document.querySelector("article[aria-label='The call']");
    const closed = () => document.querySelector(
        "article [aria-expanded=false]:not([role=treeitem])");
    const look = LOOK;
    for (const id of ids) {
        if (shown()) shown().dataset.before = "1";
        history.pushState({}, "", `/calls/${encodeURIComponent(id)}`);
        dispatchEvent(new PopStateEvent("popstate"));
        const begun = performance.now();
        while (!shown() || shown().dataset.before || shown().getAttribute("aria-busy") === "true") {
            if (performance.now() - begun > 10000) return [`${id} was not shown`];
            await turn();
        }
        for (let tries = 0; closed(); tries += 1) {
            if (tries > 50) return [`${id} has a part that does not open`];
            closed().click();
            await turn();
        }
        const found = look();
        if (found.length) return [id, ...found];
    }
    return [];
}""".replace("LOOK", FOREIGN_PARTS)


def ids_of(page: Page, collector: Collector) -> list[str]:
    """Return the ids of all hostile calls as the collector has them."""
    found: list[str] = []
    place = ""
    while True:
        asked = collector.page("/view/calls", q="host:hostile.example", limit="200", place=place)
        answer = page.request.get(asked).json()
        found += [row["id"] for row in answer["rows"]]
        if answer["next"] is None:
            return found
        place = answer["next"]


def nothing_foreign(page: Page) -> None:
    """Check that the page has no part that it was not built with, and that no script ran."""
    assert page.evaluate(FOREIGN_PARTS) == []


def through_the_list(page: Page, collector: Collector, many: int) -> None:
    """Have every row of the list drawn."""
    page.goto(collector.page(q="host:hostile.example"))
    expect(rows(page).first).to_be_visible()
    seen: set[str] = set()
    while len(seen) < many:
        drawn = rows(page).evaluate_all("all => all.map((one) => one.dataset.index)")
        nothing_foreign(page)
        assert not seen.issuperset(drawn), f"only {len(seen)} rows of {many} came"
        seen.update(drawn)
        last = max(map(int, drawn))
        if last == many - 1:
            break
        grid(page).evaluate("(element, top) => { element.scrollTop = top }", 28 * last)
        expect(rows(page).and_(page.locator(f"[data-index='{last + 1}']"))).to_be_attached()


def through_the_calls(page: Page, collector: Collector, ids: list[str]) -> None:
    """Show each call with all of its parts open."""
    page.goto(collector.page(f"/calls/{quote(ids[0], safe='')}"))
    expect(page.get_by_role("article", name="The call")).to_be_visible()
    assert page.evaluate(CALLS, [*ids[1:], ids[0]]) == []


def through_the_overviews(page: Page, collector: Collector, many: int) -> None:
    """Show all routes, users, companies and sessions in their tables."""
    for path in ("/endpoints", "/users", "/companies", "/sessions"):
        page.goto(collector.page(path, q="host:hostile.example"))
        expect(page.locator("tbody tr").first).to_be_visible()
        page.get_by_role("button", name="More than").click()
        expect(page.locator("tbody tr")).to_have_count(many)
        nothing_foreign(page)

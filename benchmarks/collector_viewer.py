"""How soon the viewer shows something in a real chromium, and how much its pages weigh.

Times are taken in the page, once what changed was painted; where the clock starts outside of it,
both clocks are the system's.
"""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/viewer"))

import tables
import traffic
from collector_serving import PATIENCE, Serving, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

ROW = "[role=grid] [data-index] .path"
LOADS = 30
WARMING = 2
LOAD_GOAL = 300
POSTS = 50
POST_GOAL = 100
PAUSE = 0.1
"""Seconds between a row and the next call, so that each is news of its own."""

PAGE_BYTES = 80_000
LIST_BYTES = 150_000
"""Goals: what a page is made of, and that with what it shows."""

SETTLING_MS = 500
"""Until what a page asked for has arrived, after it shows what it is about."""

WATCH = """(() => {
    window.painted = {};
    const look = () => {
        for (const cell of document.querySelectorAll("[role=grid] [data-index] .path")) {
            const path = cell.firstElementChild.textContent;
            if (path in window.painted) continue;
            window.painted[path] = null;
            requestAnimationFrame(() => setTimeout(() => {
                window.painted[path] = {since: performance.now(), at: Date.now()};
            }));
        }
    };
    new MutationObserver(look).observe(document, {childList: true, subtree: true});
})()"""
"""Notes for each path in the list when its row was painted first: since the navigation, and at."""

FIRST = "() => Object.values(window.painted).find((each) => each)?.since"
ROW_OF = "(path) => window.painted[path]?.at"
SENT = """() => [...performance.getEntriesByType("navigation"),
    ...performance.getEntriesByType("resource")].map((one) => [one.name, one.encodedBodySize])"""


def report(folder: Path) -> None:
    """Print how the viewer of what is in *folder* does; nothing where there is no chromium."""
    try:
        from playwright.sync_api import sync_playwright
        from viewer_kit import chromium
    except ImportError as error:
        print(f"Skipped: {error.name} is not installed.", flush=True)
        return
    executable = chromium.place()
    if executable is None:
        print("Skipped: there is no chromium; scripts/system-packages.sh installs it.", flush=True)
        return
    with serving(folder) as collector:
        calls = recent(200)
        post(collector, calls)
        with sync_playwright() as playwright, chromium.browsing(playwright, executable) as browser:
            report_times(collector, browser)
            print()
            report_weights(collector, browser, calls)


def recent(count: int, *, seed: int = 3) -> list[dict[str, Any]]:
    """Return events of the last minute, the newest at the end."""
    end = time.time_ns() // 1_000
    calls = traffic.Traffic(count, begin=end - 60_000_000, end=end, seed=seed)
    return [json.loads(call.event) for call in calls]


def post(collector: Serving, events: list[dict[str, Any]]) -> None:
    """Send events; return once they are stored."""
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=PATIENCE)
    body = json.dumps(events)
    connection.request("POST", "/v1/events/batch", body, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    if status != 201:
        raise SystemExit(f"the collector says {status}")


@contextmanager
def logged_in(collector: Serving, browser: Browser) -> Iterator[BrowserContext]:
    """Open a browser window, its cache empty, that has logged in with the token."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    token = (collector.directory / "viewer-token").read_text(encoding="ascii").strip()
    answer = context.request.post(
        f"{collector.url}/view/login", data={"token": token}, headers={"X-Apilog-CSRF": "1"}
    )
    if answer.status != 204:
        raise SystemExit(f"the collector says {answer.status} of its own token")
    try:
        yield context
    finally:
        context.close()


def report_times(collector: Serving, browser: Browser) -> None:
    """Print how soon there are rows."""
    tables.head("ms until it is painted", "quickest", "median", "p95", "slowest")
    with logged_in(collector, browser) as context:
        context.add_init_script(WATCH)
        loads = [loaded(collector, context) for _ in range(WARMING + LOADS)][WARMING:]
        tables.row(
            [
                f"first row, from the navigation, {LOADS} times",
                f"{min(loads):.0f}",
                tables.at_most(statistics.median(loads), LOAD_GOAL),
                "",
                tables.at_most(max(loads), LOAD_GOAL),
            ]
        )
        posts = posted(collector, context)
        tables.row(
            [
                f"new row, from its POST, {POSTS} times",
                f"{min(posts):.0f}",
                f"{statistics.median(posts):.0f}",
                tables.at_most(tables.percentile(posts, 95), POST_GOAL),
                f"{max(posts):.0f}",
            ]
        )


def loaded(collector: Serving, context: BrowserContext) -> float:
    """Open the list in a tab of its own; return the milliseconds until its first row."""
    page = context.new_page()
    page.goto(f"{collector.url}/", wait_until="commit")
    since: float = page.wait_for_function(FIRST).json_value()
    page.close()
    return since


def posted(collector: Serving, context: BrowserContext) -> list[float]:
    """Post calls while the list is open; return the milliseconds until each has its row."""
    page = context.new_page()
    page.goto(f"{collector.url}/")
    page.locator(".follow-live").get_by_text("Live", exact=True).wait_for()
    spent = []
    for number in range(POSTS):
        (event,) = recent(1, seed=4 + number)
        path = f"/posted/{number}"
        now = time.time()
        event["request"]["time"] = traffic.written(int(now * 1e6))
        event["request"]["uri"] = f"https://shop.example{path}"
        began = time.time()
        post(collector, [event])
        at: float = page.wait_for_function(ROW_OF, arg=path).json_value()
        spent.append(at - began * 1e3)
        time.sleep(PAUSE)
    page.close()
    return spent


def report_weights(collector: Serving, browser: Browser, events: list[dict[str, Any]]) -> None:
    """Print what each page sends to a browser that has nothing of it; it shows some of *events*."""
    event = next(each for each in events if each["user_id"])
    user, session = quote(event["user_id"]), quote(event["session_token"])
    call, other = event["transaction_id"], events[-1]["transaction_id"]
    pages = {
        "list": ("/", ROW),
        "call": (f"/calls/{call}", "article"),
        "list and call": (f"/?sel={call}", "article"),
        "comparison": (f"/compare?a={call}&b={other}", "article"),
        "endpoints": ("/endpoints", "tbody tr"),
        "users": ("/users", "tbody tr"),
        "user": (f"/users/{user}", ".u-over"),
        "sessions": ("/sessions", "tbody tr"),
        "session": (f"/sessions/{session}", ".u-over"),
        "health": ("/health", "dl, table"),
    }
    tables.head("page", "bytes, compressed", "with what it shows")
    for name, (path, shown) in pages.items():
        own, whole = weight(collector, browser, path, shown)
        tables.row([name, tables.at_most(own, PAGE_BYTES), tables.at_most(whole, LIST_BYTES)])


def weight(collector: Serving, browser: Browser, path: str, shown: str) -> tuple[int, int]:
    """Return the bytes of what a page is made of, and of all that it got."""
    with logged_in(collector, browser) as context:
        page = context.new_page()
        page.goto(f"{collector.url}{path}")
        page.locator(shown).first.wait_for()
        page.wait_for_timeout(SETTLING_MS)
        sent: list[tuple[str, int]] = page.evaluate(SENT)
    sizes = [(size, "/view/" in name) for name, size in sent]
    return sum(size for size, is_data in sizes if not is_data), sum(size for size, _ in sizes)

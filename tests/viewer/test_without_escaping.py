"""The second line of defence: a viewer that forgot all escaping, behind the policy alone.

It is built here from the sources, with every text set as markup; nobody else ever gets it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from viewer_kit import building, evil, walk
from viewer_kit.hostile import CORPUS, hostile_events
from viewer_kit.listing import rows
from viewer_kit.serving import Collector, collecting, eventually

pytestmark = pytest.mark.long

HERE = Path(__file__).parent

COUNTED = """
window.__broken = [];
addEventListener("securitypolicyviolation", (event) => {
    window.__broken.push(event.effectiveDirective);
});
"""


@pytest.fixture(scope="module")
def sources(node: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return building.with_packages(tmp_path_factory.mktemp("sources"))


Serve = Callable[[str], Any]


def product(folder: Path, sources: Path, mode: str) -> Path:
    """Return a folder with our package in it, but with the viewer that forgot all escaping."""
    ours = building.ROOT / "src/apilog"
    left_out = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(ours, folder / "apilog", ignore=left_out)
    static = folder / "apilog/collector/static"
    script = HERE / "viewer_kit/unescaped.mjs"
    building.run("node", str(script), str(sources), str(static), mode, at=sources)
    return folder


@pytest.fixture(scope="module")
def unescaped(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """Even the Trusted Types are led past: what is left is what the policy says of scripts."""
    folder = product(tmp_path_factory.mktemp("policy"), sources, "policy")
    with collecting(folder / "data", code=folder, events=list(hostile_events())) as collector:
        yield collector


@pytest.fixture
def page(unescaped: Collector, contexts: Callable[..., Any]) -> Iterator[Page]:
    with contexts(unescaped, quiet=True) as context:
        page = context.new_page()
        page.add_init_script(COUNTED)
        yield page


def broken(page: Page) -> set[str]:
    """Return what of the policy was broken, or would have been."""
    return set(page.evaluate("() => window.__broken"))


def pwned(page: Page) -> Any:
    return page.evaluate("() => window.__pwn")


def test_in_the_list_the_policy_alone_stops_every_script(page: Page, unescaped: Collector) -> None:
    page.goto(unescaped.page(q="host:hostile.example"))
    expect(rows(page).first).to_be_visible()
    for _ in range(30):
        page.mouse.move(600, 500)
        page.mouse.wheel(0, 400)
    # The markup is really there: without this the test would show nothing.
    expect(page.locator("main [onerror], main [onload]").first).to_be_attached()
    assert {"script-src-attr", "img-src"} <= broken(page)
    assert pwned(page) is None


def test_on_the_page_of_every_call_the_policy_alone_stops_every_script(
    page: Page, unescaped: Collector
) -> None:
    ids = walk.ids_of(page, unescaped)
    assert len(ids) == len(CORPUS)
    there = 0
    for key in ids:
        page.goto(unescaped.page(f"/calls/{quote(key, safe='')}"))
        expect(page.locator("article[aria-label='The call']")).to_be_attached()
        there += page.locator("main [onerror], main script, main iframe").count()
        assert pwned(page) is None
    assert there > len(CORPUS)


@pytest.mark.parametrize("path", ["/endpoints", "/users", "/companies", "/sessions", "/health"])
def test_in_the_overviews_the_policy_alone_stops_every_script(
    page: Page, unescaped: Collector, path: str
) -> None:
    page.goto(unescaped.page(path, q="host:hostile.example"))
    expect(page.locator("main h1, main table").first).to_be_attached()
    if path != "/health":
        expect(page.locator("main [onerror]").first).to_be_attached()
        assert "script-src-attr" in broken(page)
    assert pwned(page) is None


def test_without_the_policy_the_same_viewer_would_run_them(
    unescaped: Collector, browsing: Callable[..., Any]
) -> None:
    """The control: what the tests above show is the policy's doing.

    Its host is its own: some of these requests may come when the test is over.
    """
    with (
        evil.listening() as host,
        browsing(host) as browser,
        browser.new_context(bypass_csp=True) as context,
    ):
        context.add_cookies(unescaped.cookies())  # type: ignore[arg-type]
        context.on("dialog", lambda dialog: dialog.dismiss())
        page = context.new_page()
        page.goto(unescaped.page(q="host:hostile.example"))
        page.wait_for_function("() => window.__pwn === 1")
        eventually(lambda: "/i.png" in host.paths, "a request elsewhere")


def test_trusted_types_stop_markup_before_it_is_any(
    sources: Path, tmp_path: Path, contexts: Callable[..., Any]
) -> None:
    folder = product(tmp_path, sources, "none")
    with (
        collecting(folder / "data", code=folder, events=list(hostile_events())[:20]) as collector,
        contexts(collector, quiet=True) as context,
    ):
        page = context.new_page()
        page.add_init_script(COUNTED)
        page.goto(collector.page())
        page.wait_for_function("() => window.__broken.includes('require-trusted-types-for')")
        assert page.locator("[onerror], [onload]").count() == 0
        assert pwned(page) is None

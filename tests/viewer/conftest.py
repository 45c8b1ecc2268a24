"""One collector and one browser for the suite; a context of its own for each test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))  # makes the kit importable
NODE = Path(__file__).parents[2] / ".cache/node/bin"
if NODE.is_dir():  # the system has none: scripts/system-packages.sh has put one here
    os.environ["PATH"] = f"{NODE}{os.pathsep}{os.environ['PATH']}"
pytest.register_assert_rewrite("viewer_kit")

from viewer_kit import chromium, evil  # noqa: E402
from viewer_kit.serving import PATIENCE, Collector, collecting  # noqa: E402
from viewer_kit.traffic import a_day  # noqa: E402
from viewer_kit.watch import watched  # noqa: E402

expect.set_options(timeout=PATIENCE * 1000)

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="package")
def elsewhere() -> Iterator[evil.Evil]:
    """A host to which no page of ours may send anything."""
    with evil.listening() as host:
        yield host


Lacking = Callable[[str], NoReturn]
Browsing = Callable[[evil.Evil], AbstractContextManager[Browser]]


@pytest.fixture(scope="session")
def node(lacking: Lacking) -> None:
    """Skip the test where there is no Node."""
    if shutil.which("npm") is None:
        lacking("needs Node and npm: scripts/system-packages.sh installs them")


@pytest.fixture(scope="package")
def browsing(lacking: Lacking) -> Iterator[Browsing]:
    """Start a browser that finds a host at `evil.NAME`."""
    executable = chromium.place()
    if executable is None:
        lacking("needs chromium: scripts/system-packages.sh installs it")
    with sync_playwright() as playwright:
        yield lambda host: chromium.browsing(
            playwright, executable, hosts={evil.NAME: f"127.0.0.1:{host.port}"}
        )


@pytest.fixture(scope="package")
def browser(browsing: Browsing, elsewhere: evil.Evil) -> Iterator[Browser]:
    with browsing(elsewhere) as running:
        yield running


@pytest.fixture(scope="package")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector with an hour of a shop's calls, what was said of its users, and a refusal."""
    data = tmp_path_factory.mktemp("viewer") / "data"
    with collecting(data, events=list(a_day(400))) as running:
        running.post(
            "/v1/users", {"user_id": "ada", "metadata": {"plan": "gold", "city": "London"}}
        )
        running.post("/v1/companies", {"company_id": "acme", "metadata": {"seats": 12}})
        running.post("/v1/events", {"request": {"verb": "<b>GET</b>"}}, status=400)
        yield running


Contexts = Callable[..., Any]


@pytest.fixture
def contexts(browser: Browser, elsewhere: evil.Evil) -> Contexts:
    """Open a watched context of a collector, logged in, for the length of a ``with`` block.

    With *quiet* an error on the page is no fault, nor is what its policy stopped: a dialog or a
    request elsewhere always is.
    """

    @contextmanager
    def opened(
        collector: Collector, *, logged_in: bool = True, quiet: bool = False, **options: Any
    ) -> Iterator[BrowserContext]:
        options = {"viewport": WIDE, "locale": "en-GB", "accept_downloads": True, **options}
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        with watched(context, collector.url, quiet=quiet):
            if logged_in:
                context.add_cookies(collector.cookies())  # type: ignore[arg-type]
            yield context
        assert elsewhere.taken() == []

    return opened


@pytest.fixture
def page(collector: Collector, contexts: Contexts) -> Iterator[Page]:
    """A page of the viewer on a wide screen, at no address yet."""
    with contexts(collector) as context:
        yield context.new_page()


@pytest.fixture
def phone(collector: Collector, contexts: Contexts) -> Iterator[Page]:
    """The same on a phone."""
    with contexts(collector, viewport=PHONE, has_touch=True, is_mobile=True) as context:
        yield context.new_page()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Start a collector for this test alone."""
    with ExitStack() as stack:

        def start(**options: Any) -> Collector:
            return stack.enter_context(collecting(tmp_path / "data", **options))

        yield start

"""The browser: where it is, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def place() -> str | None:
    """Return where a chromium is on this machine, None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browsing(
    playwright: Playwright, executable: str, *, hosts: Mapping[str, str] | None = None
) -> Iterator[Browser]:
    """Run a browser that asks nothing of the network by itself; *hosts* are where these names are.

    Every other name but this machine's own is nowhere: no test leaves it.
    """
    rules = [f"MAP {name} {place}" for name, place in (hosts or {}).items()]
    rules += ["MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"]
    arguments = [
        f"--host-resolver-rules={', '.join(rules)}",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-sync",
        "--no-pings",
        "--force-color-profile=srgb",
    ]
    if os.geteuid() == 0:  # its sandbox wants another user than root
        arguments.append("--no-sandbox")
    browser = playwright.chromium.launch(executable_path=executable, args=arguments)
    try:
        yield browser
    finally:
        browser.close()

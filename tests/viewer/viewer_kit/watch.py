"""What a page did that no page of ours should do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Error, Page, Request

_QUIET = (
    "Failed to load resource",
    # In a page without any error, because Debian's chromium says it of itself.
    "third-party cookie",
)
"""What the browser says of answers that a test is about: 400, 404, a collector that is away."""


@dataclass
class Watch:
    """Everything that went wrong in the pages of one context."""

    origin: str
    dialogs: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """Requests to another origin, also those that the browser stopped."""
    stopped: list[str] = field(default_factory=list)
    """Those that it stopped: for the page's policy, or because no drawing may use another's."""
    errors: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        """Look at all pages that *context* has or will have."""
        context.on("page", self._follow)
        context.on("request", self._requested)
        context.on("requestfailed", self._failed)
        context.on("dialog", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def verify(self, *, quiet: bool = False) -> None:
        """Raise AssertionError if there is something.

        With *quiet* errors are nothing, and neither is what the browser stopped.
        """
        if quiet:
            self.errors.clear()
            for each in self.stopped:
                self.foreign.remove(each)
        assert (self.dialogs, self.foreign, self.errors) == ([], [], [])

    def _follow(self, page: Page) -> None:
        page.on("crash", lambda _: self.errors.append("the page crashed"))

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme == "blob" and request.url.startswith(f"blob:{self.origin}/"):
            return
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.foreign.append(request.url)

    def _failed(self, request: Request) -> None:
        if request.url in self.foreign:
            self.stopped.append(request.url)

    def _asked(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(each in message.text for each in _QUIET):
            self.errors.append(message.text)


@contextmanager
def watched(context: BrowserContext, origin: str, *, quiet: bool = False) -> Iterator[Watch]:
    """Watch *context* for the length of a ``with`` block, close it, and complain at its end."""
    watch = Watch(origin)
    watch.follow(context)
    try:
        yield watch
    finally:
        with suppress(Error):  # it is closed already
            context.close()
    watch.verify(quiet=quiet)

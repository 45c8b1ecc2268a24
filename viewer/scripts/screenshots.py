"""Take the screenshots of the viewer that stand in the README, of a shop that nobody has.

    python viewer/scripts/screenshots.py [FOLDER]

Needs chromium and the packages of the tests; writes ``list.png``, ``call.png`` and the others to
``docs/`` unless another folder is named.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / name) for name in ("tests/viewer", "src", "integrations")]

from playwright.sync_api import Browser, Page, expect  # noqa: E402
from viewer_kit import chromium  # noqa: E402
from viewer_kit.listing import rows  # noqa: E402
from viewer_kit.serving import Collector, collecting  # noqa: E402
from viewer_kit.traffic import a_day, an_event  # noqa: E402

WIDE: Final = {"width": 1360, "height": 850}
PHONE: Final = {"width": 390, "height": 844}

EVENT: Final = an_event(
    ago=2,
    method="POST",
    path="/checkout?dry_run=no",
    route="/checkout",
    status=500,
    took=0.412,
    user_id="ada",
    company_id="acme",
    session_token="s-ada-0",  # noqa: S106 - made up
    request_body={
        "cart": 412,
        "payment": {"card_number": "***", "holder": "Ada Lovelace"},
        "items": [{"sku": "A-1", "count": 2}, {"sku": "B-7", "count": 1}],
    },
    response_body={"error": "price missing", "item": "B-7"},
    own={
        "exception": "KeyError",
        "masked": [{"path": "request.body.payment.card_number", "rule": "key"}],
    },
)


def main() -> int:
    """Take them all; return the exit status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    executable = chromium.place()
    if executable is None:
        sys.stderr.write("needs chromium: scripts/system-packages.sh installs it\n")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="apilog-screenshots-") as data,
        collecting(Path(data) / "data", events=[*a_day(2500), EVENT]) as collector,
        chromium.browsing(executable) as browser,
    ):
        profile = {"user_id": "ada", "company_id": "acme", "metadata": {"plan": "gold"}}
        collector.post("/v1/users", profile)
        _take_all(browser, collector, folder)
    return 0


def _take_all(browser: Browser, collector: Collector, folder: Path) -> None:
    call = f"/calls/{EVENT['transaction_id']}"
    endpoint = {"method": "POST", "route": "/checkout"}
    pages = {
        "list": ("light", WIDE, collector.page(sel=EVENT["transaction_id"])),
        "list-dark": ("dark", WIDE, collector.page(sel=EVENT["transaction_id"])),
        "call": ("light", WIDE, collector.page(call)),
        "call-dark": ("dark", WIDE, collector.page(call)),
        "endpoints": ("light", WIDE, collector.page("/endpoints", **endpoint)),
        "user": ("light", WIDE, collector.page("/users/ada")),
        "phone": ("dark", PHONE, collector.page()),
    }
    for name, (theme, size, address) in pages.items():
        with browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=theme,  # type: ignore[arg-type]
            device_scale_factor=1,
            reduced_motion="reduce",
            locale="en-GB",
        ) as context:
            context.add_cookies(collector.cookies())  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(address)
            _wait(page, name)
            page.screenshot(path=folder / f"{name}.png")
            sys.stdout.write(f"{folder / name}.png\n")


def _wait(page: Page, name: str) -> None:
    """Wait until everything is drawn that *name* is to show."""
    if name.startswith(("list", "phone")):
        expect(rows(page).nth(8)).to_be_visible()
    if "/calls/" in page.url or "sel=" in page.url:
        expect(page.get_by_role("article", name="The call")).to_be_visible()
    if not name.startswith("call"):
        expect(page.locator(".u-over").first).to_be_visible()
    if name == "endpoints":
        expect(page.locator(".spark-all").nth(8)).to_be_attached()
    if name in ("endpoints", "user"):  # the list never rests: it follows what happens
        page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)


if __name__ == "__main__":
    raise SystemExit(main())

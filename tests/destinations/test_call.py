"""How a call is read: who is a person's browser, and what a spoiled address costs."""

from __future__ import annotations

import json
from collections.abc import Callable

import hostile
import pytest

from apilog.destinations._call import Call

ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    "agent",
    [
        hostile.CHROME,
        hostile.SAFARI,
        hostile.FIREFOX,
        f"Mozilla/5.0 (Linux; Android 10; K) {ENGINE} Chrome/131.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Windows NT 10.0) {ENGINE} Chrome/131.0 Safari/537.36 Edg/131.0.2903.70",
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {ENGINE} Chrome/131.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
        f"Mozilla/5.0 (Linux; Android 13; SM-G991B) {ENGINE} Chrome/131.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 12; Pixel 6 Pro) {ENGINE} Chrome/131.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 9; A1 Build/R1.1; wv) {ENGINE} Version/4.0 Chrome/131.0",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {ENGINE} Version/17.5 Safari/605.1.15",
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_7 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1"
        ),
    ],
)
def test_a_persons_browser_is_known(an_event: Callable[..., bytes], agent: str) -> None:
    assert called_by(an_event, agent).browser == agent


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0",
        "curl/8.0",
        "Mozilla/5.0 (compatible; x)",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"{hostile.CHROME} Chrome-Lighthouse",
        f"{hostile.CHROME} GTmetrix/1.0",
        f"{hostile.CHROME} (Applebot/0.1; +http://www.apple.com/go/applebot)",
        f"{hostile.CHROME}\n",
        f"{hostile.CHROME}\0",
        hostile.CHROME.replace("Chrome/", "HeadlessChrome/"),
        hostile.CHROME.replace("Windows", "robot@shop.test; Windows"),
        hostile.CHROME.replace("Win64", "AdsBot-Google"),
        hostile.CHROME.replace("Win64", "SecurityScanner"),
        hostile.CHROME.replace("Win64", "1-CHECKER"),
        hostile.CHROME.replace("Win64", "SCAN1"),
        hostile.CHROME.replace("Win64", "A1 Build/A1.COM"),
        hostile.CHROME.replace("Win64", "A1 Build/x/1.0"),
        hostile.CHROME.replace("Chrome/131.0.0.0", "Chrome/1agent"),
        f"Mozilla/5.0 ({'en; ' * 5_000}X11) {ENGINE} Chrome/131.0.0.0 Safari/537.36",
        f"Mozilla/5.0 (X11; {'x' * 1_000}) {ENGINE} Chrome/131.0.0.0 Safari/537.36",
        f"{hostile.CHROME} {'Safari/1 ' * 5_000}",
    ],
)
def test_anything_else_is_none(an_event: Callable[..., bytes], agent: str) -> None:
    assert called_by(an_event, agent).browser == ""


def test_an_address_that_cannot_be_read_costs_its_parts_only(
    an_event: Callable[..., bytes],
) -> None:
    event = json.loads(an_event())
    event["request"]["uri"] = "http://[::1/items?x=1"
    call = Call(json.dumps(event).encode())
    assert (call.host, call.query, call.path) == ("", "", "/")
    assert call.name == "GET /"


def called_by(an_event: Callable[..., bytes], agent: str) -> Call:
    event = json.loads(an_event())
    event["request"]["headers"] = {"user-AGENT": agent}
    return Call(json.dumps(event).encode())

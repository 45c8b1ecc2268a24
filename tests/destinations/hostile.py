"""Calls that nobody wants: each part of an exchange as bad as a client, or an app, can make it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID
from wsgiref.util import setup_testing_defaults

from apilog import Client, Stats
from apilog.events import Event
from apilog.wsgi import ApiLogMiddleware

PATIENCE = 60.0
"""Seconds after which a wait is a failure."""

EXCHANGES = 1_000
FEW = 250
"""Exchanges in which each part has its turn, for what is asked of a destination once more."""

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/131.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"

METHODS = (
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "get", "=CMD", "+X", "-X", "@SUM",
    "M-SEARCH", "X" * 300, "BREW\N{HOT BEVERAGE}",
)  # fmt: skip
PATHS = (
    "/", "", "/items/7", "/v1/orders/0198c5e0-0000-7000-8000-000000000001/lines/3",
    "/" + "x" * 3_072, "/" + "a/" * 1_500, "/" + "%41" * 1_000, "/" + "\N{FIRE}" * 800,
    "/nul\0here", "/nul%00here", "/nul%2500", "//evil.example/x", "//evil:99999/x", "/\\evil:y/x",
    "/../../etc/passwd", "/%2e%2e/%2e/x", "/.", "/a b\tc\r\nd", "/caf\xe9", "/\xff\xfe", "/%zz%",
    "/100%", "/=1+1", "/@SUM(A1)", "/<script>alert(1)</script>", "/undefined", "/;p=1?&#",
    "/user:password@host/", "http://user:password@other.example/x", "/\ud800\udfff\udc00",
    "/\N{RIGHT-TO-LEFT OVERRIDE}gpj", "*",
)  # fmt: skip
QUERIES = (
    "", "page=2&sort=-price", "q=" + "x" * 3_072, "&".join(f"k{n}=v{n}" for n in range(600)),
    "utm_source=" + "x" * 300, "utm_source=a%00b&utm_medium=email", "gclid=" + "%F0%9F%94%A5" * 200,
    "a=%00", "a=\0", "%", "%zz&&&===", "q=\N{FIRE}", "redirect=https://user:password@other.example/",
    "a=1;b=2", "q=" + "%E2%82" * 170, "'\"<>#",
)  # fmt: skip
HOSTS = (
    "shop.test", "SHOP.test:8443", "www.shop.test", "", "[::1]:8000", "127.0.0.1", "1.2.3.999",
    "xn--a", "evil:99999", "a b", "user:password@shop.test", "x" * 300, "h\N{FIRE}t", "a..b", "-",
    "0x7f.1", "shop.test\0", "%00", "a_b.test", "localhost", "[::1", "a]b", "[x]", "[::1]x",
)  # fmt: skip
AGENTS = (
    None, "", CHROME, SAFARI, FIREFOX, "curl/8.0", "python-requests/2.32", "Mozilla/5.0", "node",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    CHROME + " Lighthouse", CHROME.replace("Chrome/", "HeadlessChrome/"), "x" * 5_000, "\0\x01\x7f",
    "\xf0\x9f\x94\xa5", "Mozilla/5.0 (X11; Linux x86_64) shop/1.0", "=cmd|' /C calc'!A0",
    CHROME + "\x00", "okhttp/4.12.0", "Mozilla/5.0 (compatible; x)", CHROME + " https://x.example",
    CHROME.replace("Win64", "SecurityScanner"), FIREFOX.replace("Linux x86_64", "Download Agent"),
)  # fmt: skip
ADDRESSES = (
    "192.0.2.7",
    "2001:db8::7",
    "",
    "unix:",
    "not an address",
    "fe80::1%eth0",
    "::ffff:1.2.3.4",
)
USERS: tuple[Any, ...] = (
    None, "u1", "", "guest", "null", "undefined", "x" * 51, "x" * 3_072, "\N{FIRE}" * 30, "nul\0",
    "\ud800", "person@shop.test", 7, "=1+1",
)  # fmt: skip
METADATA: tuple[Any, ...] = (
    None,
    {},
    {"plan": "pro", "seats": 5, "trial": False, "none": None},
    {f"key {number:03}": f"value {number}" for number in range(100)},
    {f"k{number:03}": "v" * 400 for number in range(100)},
    {f"\N{FIRE}{number}": "\N{FIRE}" * 3_072 for number in range(60)},
    {"big": 10**15, "bigger": 10**30, "below": -(10**15), "edge": 10**15 - 1, "float": 1e300},
    {
        "nan": float("nan"),
        "inf": float("inf"),
        "minus": float("-inf"),
        "tiny": 5e-324,
        "zero": -0.0,
    },
    {
        "day": "2026-02-30T25:61:61Z",
        "zone": "2026-01-01T00:00:00+99:99",
        "none": "0000-00-00T00:00:00",
    },
    {
        "first": "0001-01-01T00:00:00+05:00",
        "last": "9999-12-31T23:59:59.999Z",
        "month": "2026-13-01T00:00:00Z",
    },
    {
        "date": date(2026, 2, 3),
        "time": datetime(2026, 2, 3, tzinfo=timezone.utc),
        "d": Decimal("1.5"),
    },
    {
        "nul": "a\0b",
        "n\0l": "x",
        "lone": "\ud83d",
        "l\udc00ne": "x",
        "controls": "\x01\x1b[31m\x7f",
    },
    {"x" * 3_072: 1, "x" * 91: 2, "y" * 90: 3, "": 4, " ": 5, "=k": "=v", "a.b": {"c": 1}},
    {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}, "list": list(range(1_000))},
    {
        "lists": [["x" * 600], [None, {"a": 1}]],
        "empty": [],
        "object": {},
        "texts": ["\0", "\ud800"],
    },
    {"__proto__": {"x": 1}, "constructor": "x", "commerce": 5, "status": "mine", "apilog": "mine"},
    {"uuid": UUID(int=7), "bytes": b"\xff\x00", "set": {1}, "class": object(), "call": print},
    {"long": "\N{FIRE}" * 3_072, "odd": "x" + "\N{FIRE}" * 260, "html": "<script>" * 200},
    {7: "number", None: "none", True: "bool", (1, 2): "pair"},
)
STATUSES = (
    "200 OK",
    "201 Created",
    "204 No Content",
    "302 Found",
    "404 Not Found",
    "418 Teapot",
    "500 Internal Server Error",
    "503 Service Unavailable",
    "599 x",
    "299",
)


class Failure(Exception):
    """What the app raises now and then."""


@dataclass(frozen=True)
class Hostile:
    """One call, and what is known of its user."""

    environ: Mapping[str, Any]
    status: str
    user: Any
    metadata: Any
    fails: bool


def exchange(number: int) -> Hostile:
    """Return the hostile exchange of this *number*: the parts are mixed, the same every time."""
    steps = count(1)

    def one(choices: tuple[Any, ...]) -> Any:
        return choices[(number * next(steps) + number // len(choices)) % len(choices)]

    environ = {
        "REQUEST_METHOD": _wire(one(METHODS)),
        "PATH_INFO": _wire(one(PATHS)),
        "QUERY_STRING": _wire(one(QUERIES)),
        "HTTP_HOST": _wire(one(HOSTS)),
        "REMOTE_ADDR": one(ADDRESSES),
        "CONTENT_TYPE": one(("", "application/json", "\0", "text/plain; charset=nonsense")),
    }
    if (agent := one(AGENTS)) is not None:
        environ["HTTP_USER_AGENT"] = agent
    return Hostile(environ, one(STATUSES), one(USERS), one(METADATA), number % 17 == 5)


def properties(event: Event) -> Mapping[str, Any]:
    """Tell everything that the app said: destinations take this as their ``properties``."""
    return {name: value for name, value in event.metadata.items() if name != "apilog"}


def suffer(destination: Any, exchanges: int = EXCHANGES, **options: Any) -> Stats:
    """Record so many hostile calls for *destination*, deliver them, and return the account."""
    bounds = {"flush_interval": 0.2, "batch_size": 500, "queue_events": exchanges + 1}
    client = Client(
        destination,
        identify_user=lambda environ, _: environ["hostile"].user,
        get_metadata=lambda environ, _: environ["hostile"].metadata,
        get_session_token=lambda *_: "session-secret",
        shutdown_timeout=PATIENCE,
        **{**bounds, **options},
    )
    with client:
        app = ApiLogMiddleware(_app, client=client)
        for number in range(exchanges):
            make(app, exchange(number))
        assert client.flush(PATIENCE), client.stats()
    stats = client.stats()
    assert stats.captured == exchanges, stats
    assert stats.delivered + sum(stats.dropped.values()) == exchanges, stats
    return stats


def make(app: Callable[..., Iterable[bytes]], hostile: Hostile) -> None:
    """Make one call of *app*."""
    environ: dict[str, Any] = {**hostile.environ, "hostile": hostile}
    setup_testing_defaults(environ)
    with suppress(Failure):
        response = app(environ, lambda *_: lambda _: None)
        try:
            for _ in response:
                pass
        finally:
            response.close()  # type: ignore[attr-defined]


def _app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    hostile: Hostile = environ["hostile"]
    if hostile.fails:
        raise Failure("\0 secret")
    start_response(hostile.status, [("Content-Type", "text/plain")])
    return [b"answer"]


def _wire(text: str) -> str:
    """Return *text* as WSGI has it: bytes, each in a character (PEP 3333)."""
    return text.encode("utf-8", errors="surrogatepass").decode("latin-1")

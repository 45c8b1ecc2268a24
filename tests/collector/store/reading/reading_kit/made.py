"""Calls with few different values, so that conditions meet them, and some that are hard to ask."""

from __future__ import annotations

import json
import random

from apilog.collector.call import Call

DAY = 86_400_000_000
TODAY = 20_777
NOW = TODAY * DAY + 20 * 3_600_000_000
"""2026-11-20, 20:00, in microseconds since 1970."""

HARD = (
    "none",
    "*",
    "a*b",
    "100%",
    "a_b",
    "back\\slash",
    "it's",
    'say "hi"',
    "x'; DROP TABLE call; --",
    "Straße 7",
    "日本語",
    "\U0010ffff",
    "a b,c",
    "%",
)
"""Values that a careless query would take for something else."""

METHODS = ("GET", "POST", "PUT", "DELETE", "EVENT")
ROUTES = ("/items", "/items/{id}", "/users/{id}/Orders", "/static/*", "/login", "", *HARD[:6])
USERS = ("", "ada", "bob", "Eve", "ada2", *(f"user-{n}" for n in range(20)), *HARD)
SESSIONS = ("", *(f"s-{n}" for n in range(60)), *HARD[4:9])
COMPANIES = ("", "acme", "Globex", *HARD[:4])
IPS = ("", "192.0.2.7", "192.0.2.8", "2001:db8::1")
HOSTS = ("", "shop.test", "api.shop.test", "localhost:8000")
SOURCES = ("moesif", "umami", "swetrix")
ERRORS = ("", "", "", "", "ValueError", "aborted", "db.TimeoutError")
STATUSES = (None, 200, 200, 200, 201, 304, 399, 400, 404, 422, 499, 500, 503, 599, 999)
WORDS = tuple("out of stock teapot Teapot blue café naïve x1 42 the quick red Fox über".split())


def a_text(chance: random.Random) -> str:
    """Return a few words, with what stands between words."""
    return "".join(
        chance.choice(WORDS) + chance.choice((" ", " ", ", ", "-", '": "', "\n"))
        for _ in range(chance.randrange(0, 12))
    )


def a_duration(chance: random.Random) -> int | None:
    """Return microseconds of every size."""
    if chance.random() < 0.1:
        return None
    return int(chance.choice((0, 1, 2, chance.lognormvariate(10, 2), chance.lognormvariate(7, 3))))


def a_call(chance: random.Random, time: int) -> Call:
    """Return a call of this time."""
    number = chance.getrandbits(128)
    route = chance.choice(ROUTES)
    status = chance.choice(STATUSES)
    identifier = f"{number:032x}"
    parts = (identifier[:8], identifier[8:12], identifier[12:16], identifier[16:20])
    return Call(
        id="-".join((*parts, identifier[20:])) if chance.random() < 0.8 else f"id-{number}",
        time=time,
        source=chance.choice(SOURCES),
        method=chance.choice(METHODS),
        host=chance.choice(HOSTS),
        route=route,
        path=route.replace("{id}", str(chance.randrange(50))) if route else chance.choice(HARD),
        query=chance.choice(("", "page=2")),
        status=status,
        duration=a_duration(chance),
        user=chance.choice(USERS),
        company=chance.choice(COMPANIES),
        session=chance.choice(SESSIONS),
        ip=chance.choice(IPS),
        trace=chance.choice(("", f"{chance.randrange(400):032x}")),
        request_size=chance.choice((None, 0, chance.randrange(5_000))),
        response_size=chance.choice((None, 0, chance.randrange(50_000))),
        error=chance.choice(ERRORS),
        event=json.dumps({"number": number}).encode(),
        text=a_text(chance),
    )


def calls(days: int, a_day: int, *, seed: int = 7) -> list[list[Call]]:
    """Return the calls of each of the last *days*, in the order of arrival: not quite by time."""
    chance = random.Random(seed)
    found = []
    for day in range(TODAY - days + 1, TODAY + 1):
        # The first and the last microsecond, some moments with several calls, a busy hour.
        begin = day * DAY
        moments = [begin, begin, begin + DAY - 1, begin + DAY // 2]
        moments += [begin + chance.randrange(0, DAY, 60_000_000) for _ in range(a_day // 4)]
        moments += [begin + 7 * 3_600_000_000 + chance.randrange(3_600_000_000)] * 5
        moments += [begin + chance.randrange(DAY) for _ in range(a_day - len(moments))]
        moments.sort(key=lambda moment: moment + chance.randrange(600_000_000))
        found.append([a_call(chance, moment) for moment in moments])
    return found

"""Calls like those of a shop's API: events of 2.8 KB, routes and users by Zipf, sessions, failures.

The same seed and times give the same calls. About 25 microseconds a call, so that what is measured
with them is not how they are made. Ids begin with the time of their call, as those of apilog's
clients do; with ``--random-ids`` they are all chance, as those of other SDKs.

    python benchmarks/traffic.py [--events 3] [--random-ids]
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from apilog.collector.call import Call

RESOURCES = "items orders users carts payments reviews coupons shipments invoices stores".split()
HOSTS = ("api.shop.example", "admin.shop.example", "eu.api.shop.example")
USERS = 20_000
COMPANIES = 400
COMMON = (
    "the order was shipped to customer from store with note about blue teapot green kettle small "
    "large paper glass steel wooden fast slow early late today tomorrow please leave at door "
    "discount applied for member price total amount currency unit stock left returned refund open "
    "closed pending paid failed cancelled delivered warehouse carrier label weight size colour"
).split()
"""Words that bodies hold all the time; COMMON[0] is in nearly all."""

NAMES = [
    first + last
    for first in "amber birch cedar delta ember fjord gamma".split()
    for last in "field ford gate ham land mere ton wick wood worth".split()
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method of a route; *middle* is how long it takes in the middle, in microseconds."""

    method: str
    route: str
    middle: float
    failing: float


def endpoints() -> list[Endpoint]:
    """Return 50 endpoints, the busiest first."""
    chance = random.Random(1)
    shapes = (
        ("GET", "/v1/{}/{{id}}"), ("GET", "/v1/{}"), ("POST", "/v1/{}"),
        ("PUT", "/v1/{}/{{id}}"), ("DELETE", "/v1/{}/{{id}}"),
    )  # fmt: skip
    return [
        Endpoint(method, route.format(resource), 2_000 * 40 ** chance.random(), chance.random())
        for method, route in shapes
        for resource in RESOURCES
    ]


def zipf(count: int, exponent: float = 1.1) -> list[float]:
    """Return cumulative weights of *count* things, the first the most frequent."""
    return list(itertools.accumulate((n + 1) ** -exponent for n in range(count)))


class Traffic:
    """Makes calls that begin evenly from *begin* on and before *end*, microseconds since 1970."""

    def __init__(
        self, count: int, *, begin: int, end: int, seed: int = 1, random_ids: bool = False
    ) -> None:
        self._count = count
        self._begin = begin
        self._end = end
        self._identifier = random_id if random_ids else timed_id
        self._chance = random.Random(seed)
        self._endpoints = endpoints()
        self._weights = zipf(len(self._endpoints))
        self._user_weights = zipf(USERS, 0.9)
        self._sessions: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[Call]:
        chance = self._chance
        for first in range(0, self._count, 1_000):
            some = min(1_000, self._count - first)
            chosen = chance.choices(self._endpoints, cum_weights=self._weights, k=some)
            self._begin_sessions(some // 20 + 1)
            for number, endpoint in enumerate(chosen, first):
                time = self._begin + (self._end - self._begin) * number // self._count
                yield self._call(number, time, endpoint)

    def batches(self, size: int) -> Iterator[Sequence[Call]]:
        """Yield the calls in batches, the last of which may be smaller."""
        calls = iter(self)
        while batch := list(itertools.islice(calls, size)):
            yield batch

    def _begin_sessions(self, count: int) -> None:
        """Let some sessions end and as many begin: about 20 calls each, 400 at a time."""
        users = self._chance.choices(range(USERS), cum_weights=self._user_weights, k=count)
        new = [(user, f"{self._chance.getrandbits(96):024x}") for user in users]
        self._sessions = [*self._sessions, *new][-400:]

    def _call(self, number: int, time: int, endpoint: Endpoint) -> Call:
        chance = self._chance
        user, session = chance.choice(self._sessions)
        bits = f"{chance.getrandbits(256):064x}"
        status = self._status(endpoint)
        duration = int(chance.lognormvariate(0, 0.8) * endpoint.middle)
        path = endpoint.route.replace("{id}", str(chance.randrange(100_000)))
        host = HOSTS[number % 7 % 3]
        error = "TimeoutError" if status == 504 else "ValueError" if status == 500 else ""
        sent = "" if endpoint.method in ("GET", "DELETE") else self._body(bits[32:48])
        answer = self._body(bits[48:])
        ip = f"198.51.{user % 100}.{user % 251}"
        query = f"page={number % 9}" if number % 3 == 0 else ""
        identifier = self._identifier(time, bits)
        name = f"user-{user}" if user % 4 else ""
        event = EVENT % (
            written(time), endpoint.method, host, path, query, ip, bits[32:], session,
            sent or "null",
            written(time + duration), status, len(answer), answer, name, user % COMPANIES, session,
            identifier, endpoint.route, duration / 1000, error,
        )  # fmt: skip
        return Call(
            id=identifier,
            time=time,
            source="moesif",
            method=endpoint.method,
            host=host,
            route=endpoint.route,
            path=path,
            query=query,
            status=status,
            duration=duration,
            user=name,
            company=f"company-{user % COMPANIES}",
            session=session,
            ip=ip,
            trace=bits[32:],
            request_size=len(sent),
            response_size=len(answer),
            error=error,
            event=event.encode(),
            text=f"{sent}\n{answer}",
        )

    def _status(self, endpoint: Endpoint) -> int:
        chance = self._chance.random()
        if chance < 0.03 * endpoint.failing:
            kinds = (500, 500, 500, 500, 500, 503, 503, 502, 504)
            return self._chance.choice(kinds)
        if chance > 0.95:
            return 404 if chance > 0.97 else 422 if chance > 0.96 else 401
        return 201 if endpoint.method == "POST" else 200

    def _body(self, token: str) -> str:
        """Return a JSON text of 1,200 to 1,500 characters; *token* is in no other body."""
        words = self._chance.choices(COMMON, k=165)
        names = self._chance.choices(NAMES, k=4)
        return (
            f'{{"id": {int(token[:6], 16)}, "reference": "{token}", "name": "{names[0]} {names[1]}"'
            f', "address": {{"street": "{names[2]}", "city": "{names[3]}"}}, "lines": ['
            f'{{"sku": "sku-{int(token[:3], 16)}", "text": "the {" ".join(words[:45])}"}}, '
            f'{{"sku": "sku-{int(token[3:6], 16)}", "text": "{" ".join(words[45:105])}"}}], '
            f'"note": "{" ".join(words[105:])}"}}'
        )


EVENT = """{"request": {"time": "%s", "verb": "%s", "uri": "https://%s%s?%s", "ip_address": "%s",
"api_version": "1", "headers": {"accept": "application/json, text/plain, */*",
"accept-encoding": "gzip, deflate, br", "accept-language": "en-GB,en;q=0.9",
"user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36",
"authorization": "Bearer ********", "x-request-id": "%s", "content-type": "application/json",
"cookie": "session=********; theme=********", "x-session": "%s"}, "body": %s},
"response": {"time": "%s", "status": %d, "headers": {"content-type": "application/json",
"content-length": "%d", "cache-control": "no-store", "vary": "Accept-Encoding, Origin",
"strict-transport-security": "max-age=63072000", "x-content-type-options": "nosniff",
"server": "gunicorn"}, "body": %s}, "user_id": "%s", "company_id": "company-%d",
"session_token": "%s", "transaction_id": "%s", "direction": "Incoming", "weight": 1,
"metadata": {"apilog": {"route": "%s", "duration_ms": %.3f, "exception": "%s", "app": "shop",
"release": "4.2.1", "server_name": "web-3.internal.shop.example", "process": 4711, "masked":
["request.headers.cookie", "request.headers.authorization"]}}}""".replace("\n", " ")


def timed_id(time: int, bits: str) -> str:
    """Return a UUID of version 7 (RFC 9562): the milliseconds of *time*, and chance."""
    moment = f"{time // 1_000:012x}"
    return f"{moment[:8]}-{moment[8:]}-7{bits[13:16]}-a{bits[17:20]}-{bits[20:32]}"


def random_id(_time: int, bits: str) -> str:
    """Return a UUID of version 4."""
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:32]}"


def written(time: int) -> str:
    """Return a time as events have it."""
    moment = datetime.fromtimestamp(time // 1_000 / 1_000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time // 1_000 % 1_000:03d}Z"


def main() -> None:
    """Print some events."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=3)
    parser.add_argument("--random-ids", action="store_true", help="UUIDs of version 4, not 7")
    given = parser.parse_args()
    now = int(datetime.now(timezone.utc).timestamp()) * 1_000_000
    calls = Traffic(given.events, begin=now - 60_000_000, end=now, random_ids=given.random_ids)
    for call in calls:
        sys.stdout.write(call.event.decode() + "\n")


if __name__ == "__main__":
    main()

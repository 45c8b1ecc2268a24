"""What masking costs: a share of the worker's time, and whether hostile input makes it more.

Prints two Markdown tables. The first: CPU of the worker for one event with a 10 KB JSON body that
holds no secret, another one each time, until it is delivered to a local endpoint, with masking and
without; both take turns in small rounds, and medians are compared. The second: seconds for hostile
text of two sizes, for every masker; linear ones take four times as long for four times as much.

    python benchmarks/masking.py [--rounds 25]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import sink

import apilog
from apilog import graphql_tokens, secret_values
from apilog.capture import Exchange, RequestHead
from apilog.destinations import Collector
from apilog.mask_record import Record
from apilog.masking import Masking

EVENTS = 100
SMALL, LARGE = 250_000, 1_000_000

DICE = random.Random(7)
WORDS = [
    "".join(
        DICE.choice("bcdfghlmnprstvw") + DICE.choice("aeiou") for _ in range(DICE.randint(1, 5))
    )
    for _ in range(600)
]


def prose(count: int) -> str:
    """Return so many words."""
    return " ".join(DICE.choice(WORDS) for _ in range(count))


def product(number: int) -> dict[str, Any]:
    """Return a row as a shop's API has them."""
    return {
        "id": 1000 + number,
        "name": prose(3),
        "description": prose(18),
        "price": DICE.randint(100, 99_999) / 100,
        "in_stock": DICE.random() < 0.9,
        "tags": [prose(1) for _ in range(3)],
        "dimensions": {"width": DICE.randint(1, 900), "height": DICE.randint(1, 900)},
    }


def order(number: int) -> dict[str, Any]:
    """Return a row with what detectors have to look at twice: ids, times, addresses, colons."""
    return {
        "id": str(uuid.UUID(int=DICE.getrandbits(128), version=4)),
        "created_at": f"2026-11-{number % 28 + 1:02d}T03:{number % 60:02d}:07Z",
        "customer": {"name": prose(2).title(), "email": f"{prose(1)}@example.com"},
        "note": f"{prose(6)}: {prose(8)}",
        "url": f"https://shop.example/orders/{number}",
    }


ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "10 KB JSON of products": product,
    "10 KB JSON with ids, times and addresses": order,
}


def head(source: object) -> RequestHead:
    """Return the head of a request, as a browser's script sends it through a proxy."""
    lines = [
        ("Host", "shop.example"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("Accept", "application/json, text/plain, */*"),
        ("Accept-Language", "en-US,en;q=0.5"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Referer", "https://shop.example/rows"),
        ("Connection", "keep-alive"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
    ]
    return RequestHead("GET", "https", "shop.example", "/rows", "page=2", "203.0.113.7", lines)


def exchange(body: bytes) -> Exchange:
    """Return a call that has ended, and answered with *body*."""
    made = Exchange(None, head, request_limit=1 << 20, response_limit=1 << 20)
    headers = [
        ("Date", "Sat, 21 Nov 2026 03:14:15 GMT"),
        ("Server", "uvicorn"),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "max-age=0, private"),
        ("Vary", "Accept-Encoding"),
        ("X-Request-Id", str(uuid.UUID(int=DICE.getrandbits(128), version=4))),
    ]
    made.respond(200, headers)
    made.body_sent(body)
    made.finish()
    return made


def worker_time(client: apilog.Client, bodies: list[bytes]) -> float:
    """Return microseconds of CPU an event, from the queue until delivered."""
    made = [exchange(body) for body in bodies]
    began = time.process_time()
    for each in made:
        client.submit(each)
    if not client.flush(60):
        raise SystemExit("events were not delivered in time")
    return (time.process_time() - began) / len(bodies) * 1e6


def shares(rounds: int) -> None:
    """Print what masking adds to the worker's time."""
    print("| body | without masking | with masking | added |\n|---|---:|---:|---:|")
    masked = Masking.apply
    variants = {"without": lambda self, document, record=None: Record(), "with": masked}
    with sink.running() as port, apilog.Client(Collector(f"http://127.0.0.1:{port}")) as client:
        for name, row in ROWS.items():
            trees = [
                [row(EVENTS * each + number) for number in range(37)] for each in range(EVENTS)
            ]
            bodies = [json.dumps(tree, separators=(",", ":")).encode() for tree in trees]
            spent: dict[str, list[float]] = {variant: [] for variant in variants}
            for _ in range(rounds + 1):
                for variant, apply in variants.items():
                    Masking.apply = apply  # type: ignore[method-assign, assignment]
                    spent[variant].append(worker_time(client, bodies))
            without, with_ = (statistics.median(times[1:]) for times in spent.values())
            added = (with_ / without - 1) * 100
            print(f"| {name} | {without:.0f} µs | {with_:.0f} µs | {added:.0f} % |", flush=True)
    Masking.apply = masked  # type: ignore[method-assign]


def repeated(piece: str) -> Callable[[int], str]:
    """Return what makes text of a size out of *piece*."""
    return lambda size: (piece * (size // len(piece) + 1))[:size]


HOSTILE = {
    "text/plain": [
        *("4", "4 ", "4111 ", "eyJ", "eyJhbGciOi.", "Bearer ", "AKIA", "sk_live_", "a=", "a: "),
        *(
            "-----BEGIN PRIVATE KEY-----",
            "password",
            "password=",
            '"a":',
            '\\"',
            "'",
            "://",
            "http://",
        ),
        *("http://a?x=", "--password ", "=", ":", "{", "[", "\n", "\n\n{", "x" * 40 + " "),
    ],
    "application/x-www-form-urlencoded": [
        "a=1&",
        "&",
        "=",
        ";",
        "a;",
        "%25",
        "password=x&",
        "a=%22",
    ],
    "application/x-ndjson": ["{}\n", "[\n", "{\n", '"a"\n'],
    "text/event-stream": ["data: {\n", "data:\n", "data: a\n\n", ":\r"],
    "application/xml": ["<a>", "<a", "<!--", "<![CDATA[", "&#", '<a b="', "]]>"],
    "text/html": ["<a>", "<a ", "<!--", "<script>", "&#", '<a b="', "<a b='x'", "</a"],
    "text/csv": ["a,", '"', '""', "password,\n", ",\n"],
    "application/graphql": ["{a(", '"', '"""', "{", "#\n", "$a ", "query{a(b:"],
}


def seconds(masker: Callable[[str], Any], text: str) -> float:
    """Return how long *masker* takes for *text*."""
    began = time.perf_counter()
    masker(text)
    return time.perf_counter() - began


def growth() -> None:
    """Print how the time for hostile text grows with its size."""
    print(
        f"\n| masker | hostile text | {SMALL:,} B | {LARGE:,} B | ratio |\n|---|---|---:|---:|---:|"
    )
    masking = Masking()
    worst = 0.0

    def apply(text: str, content_type: str) -> None:
        headers = {"Content-Type": content_type}
        masking.apply({"request": {"headers": headers, "body": text, "uri": "http://h/"}})

    rows: list[tuple[str, str, Callable[[str], Any]]] = [
        (content_type, piece, lambda text, kind=content_type: apply(text, kind))
        for content_type, pieces in HOSTILE.items()
        for piece in pieces
    ]
    rows += [
        ("an address", piece, lambda text: masking.apply({"request": {"uri": text}}))
        for piece in ("http://h/a?b=", "/", "?a=", "a@", "//", "#", "%2F", "x/y-1/")
    ]
    rows += [("detectors", piece, secret_values.find) for piece in ("4", "eyJ", "a1B2", "-")]
    rows += [
        ("is it GraphQL", piece, graphql_tokens.looks_like) for piece in (",", "#\n", "query ")
    ]
    for name, piece, masker in rows:
        make = repeated(piece)
        small, large = make(SMALL), make(LARGE)
        masker(small[:1000])
        short = min(seconds(masker, small) for _ in range(2))
        long = seconds(masker, large)
        ratio = long / max(short, 1e-6)
        worst = max(worst, ratio if long > 0.02 else 0.0)
        print(
            f"| {name} | `{piece[:24]!r}` | {short:.3f} s | {long:.3f} s | {ratio:.1f} |",
            flush=True,
        )
    print(f"\nworst ratio of those that take more than 20 ms: {worst:.1f} (linear is 4)")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=25, help="rounds of each variant (25)")
    arguments = parser.parse_args()
    shares(arguments.rounds)
    growth()


if __name__ == "__main__":
    main()

"""What is meant to eat the collector's memory, against a real process."""

from __future__ import annotations

import gzip
import json
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import brotli
import httpx
import pytest
from backports import zstd

MIB = 1024 * 1024
ALLOWED = 128 * MIB
PATIENCE = 240.0

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from /proc"
)


def peak(pid: int) -> int:
    """Return the most memory that a process ever had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1_024
    raise AssertionError("no VmHWM")


def event(**request: Any) -> dict[str, Any]:
    """Return an event that is stored once: pages of a large database would count as memory."""
    found = {"time": "2026-11-20T21:06:10Z", "uri": "http://shop.test/", "verb": "GET"}
    return {"request": {**found, **request}, "transaction_id": str(len(str(request)))}


@pytest.fixture
def bounded(serving: Callable[..., Any]) -> Callable[..., Any]:
    """Run a collector for the length of a ``with`` block, which must not make it large."""

    @contextmanager
    def bounded() -> Iterator[Any]:
        with serving("--keep", "36500d") as collector:
            batch = [event() for _ in range(500)]
            for _ in range(3):
                assert collector.http.post("/v1/events/batch", json=batch).status_code == 201
            before = peak(collector.process.pid)
            yield collector
            grown = peak(collector.process.pid) - before
            assert grown < ALLOWED, f"{grown / MIB:.0f} MiB more"
            assert collector.http.post("/v1/events", json=event()).status_code == 201

    return bounded


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def gzipped_twice(data: bytes) -> bytes:
    for _ in range(2):
        data = gzip.compress(data)
    return data


def batch_of(element: bytes, count: int) -> bytes:
    return b"[" + b",".join([element] * count) + b"]"


HUGE = 200 * MIB
WIDE = "\U0001f600" + "x" * 7_900_000
DIGITS = random.Random(1).choices(range(10), k=1_500)
BOMBS = [
    pytest.param("gzip", lambda: gzip.compress(b" " * HUGE, 9), 413, id="gzip of spaces"),
    pytest.param("deflate", lambda: zlib.compress(b"[" * HUGE, 9), 400, id="deflate of brackets"),
    pytest.param("br", lambda: brotli.compress(b" " * HUGE, quality=5), 413, id="brotli"),
    pytest.param("zstd", lambda: zstd.compress(b" " * HUGE), 413, id="zstd"),
    pytest.param("gzip", lambda: gzipped_twice(b" " * HUGE), 400, id="gzip in gzip"),
    pytest.param("", lambda: nested(8_000_000), 400, id="16 MB of nesting"),
    pytest.param("", lambda: b"[" + b"1" * 12 * MIB + b"]", 413, id="a number of 12 MB"),
    pytest.param("", lambda: b"[" + b"{}," * 5_000_000 + b"{}]", 400, id="5 million objects"),
    pytest.param(
        "",
        lambda: b"[{" + b",".join(b'"%d":0' % key for key in range(1_000_000)) + b"}]",
        413,
        id="a million keys",
    ),
    pytest.param(
        "gzip",
        lambda: gzip.compress(batch_of(json.dumps(event(body=WIDE)).encode(), 8), 1),
        413,
        id="8 events of 8 MB with a wide character",
    ),
    pytest.param(
        "gzip",
        lambda: gzip.compress(batch_of(json.dumps(event(body=DIGITS)).encode(), 2_500), 1),
        201,
        id="almost 4 million values",
    ),
    pytest.param(
        "gzip",
        lambda: gzip.compress(batch_of(json.dumps(event(body=DIGITS)).encode(), 9_999), 1),
        413,
        id="15 million values",
    ),
    pytest.param("", lambda: b'["' + b'\\"' * 7 * MIB, 413, id="7 million escaped quotes"),
    pytest.param("", lambda: b'"' + b"\\u0000" * 1_300_000 + b'"', 400, id="a text of NULs"),
]  # fmt: skip


@pytest.mark.parametrize(("coding", "made", "status"), BOMBS)
def test_a_bomb_is_refused_and_takes_little_memory(
    bounded: Callable[..., Any], coding: str, made: Callable[[], bytes], status: int
) -> None:
    body = made()
    headers = {"Content-Encoding": coding} if coding else {}
    with bounded() as collector:
        answer = collector.http.post(
            "/v1/events/batch", content=body, headers=headers, timeout=PATIENCE
        )
        assert answer.status_code == status, answer.text


@pytest.mark.long
def test_many_large_bodies_at_once_take_little_memory(bounded: Callable[..., Any]) -> None:
    """Those for whom there is no room are asked to come again, and are not lost."""
    large = json.dumps([event(body="x" * 900_000) for _ in range(12)]).encode()
    with bounded() as collector:

        def post(_: int) -> int:
            with httpx.Client(base_url=collector.url, trust_env=False, timeout=PATIENCE) as http:
                return http.post("/v1/events/batch", content=large).status_code

        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(post, range(32)))
        assert set(statuses) <= {201, 503}
        assert statuses.count(201) >= 8


@pytest.mark.long
def test_many_bodies_that_inflate_by_far_take_little_memory(bounded: Callable[..., Any]) -> None:
    noise = [random.Random(each).randbytes(2_000).hex() for each in range(6)]
    large = json.dumps([event(body=noise[each % 6]) for each in range(9_000)]).encode()
    body = gzip.compress(large, 1)
    assert len(large) > 36_000_000
    with bounded() as collector:

        def post(_: int) -> int:
            with httpx.Client(base_url=collector.url, trust_env=False, timeout=PATIENCE) as http:
                headers = {"Content-Encoding": "gzip"}
                return http.post("/v1/events/batch", content=body, headers=headers).status_code

        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(post, range(4)))
        assert set(statuses) <= {201, 503}
        assert 201 in statuses


@pytest.mark.long
def test_bodies_that_never_end_take_little_memory(bounded: Callable[..., Any]) -> None:
    with bounded() as collector:
        address = urlsplit(collector.url)
        assert address.hostname is not None
        held = []
        for _ in range(20):
            sock = socket.create_connection((address.hostname, address.port), PATIENCE)
            sock.sendall(
                b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 16777216\r\n\r\n"
            )
            sock.settimeout(5)
            held.append(sock)
        feeders = [threading.Thread(target=fed, args=(sock,)) for sock in held]
        for feeder in feeders:
            feeder.start()
        for feeder in feeders:
            feeder.join(PATIENCE)
        for sock in held:
            sock.close()
        deadline = time.monotonic() + PATIENCE
        while collector.http.post("/v1/events", json=event()).status_code != 201:
            assert time.monotonic() < deadline


def fed(sock: socket.socket) -> None:
    """Send all of a body but its end, as far as somebody reads it."""
    try:
        for _ in range(255):
            sock.sendall(b"x" * 65_536)
    except OSError:
        pass

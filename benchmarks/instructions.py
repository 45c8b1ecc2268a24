"""How many instructions a call costs: on the request path, and on the worker.

    python benchmarks/instructions.py [--update]

Counted by callgrind (https://valgrind.org), which counts the same each time, whatever else the
machine does. So that builds of Python can be compared, the unit is a turn of a reference: the usual
work of an interpreter. Prints a Markdown table; `--update` keeps it in `instructions.json`, from
which a test allows a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

KEPT = Path(__file__).with_suffix(".json")
PATIENCE = 600.0
WARM = 60
EVENTS = 200
"""So many before anything is counted, and so many that are."""

MARK = "getppid"
"""A function of the C library that nobody else calls: each call ends a part."""

WORDS = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike".split()
SUMMARY = re.compile(r"^summary: (\d+)$", re.MULTILINE)
NUMBER = re.compile("[0-9]+")


def prose(begin: int, count: int) -> str:
    """Return some words, other ones for each beginning."""
    return " ".join(WORDS[(begin * 7 + each * each) % len(WORDS)] for each in range(count))


REQUEST = orjson.dumps(
    {"items": [{"sku": f"A-{n}", "count": n, "note": prose(n, 7)} for n in range(25)]}
)
ANSWERS = [
    orjson.dumps(
        {
            "rows": [
                {"id": n, "name": f"name {n}", "text": prose(n + more, 16), "ok": True}
                for n in range(75)
            ]
        }
    )
    for more in range(7)
]
SMALL = b'{"items":[{"id":1,"name":"teapot"}],"next":null}'


def reference(turns: int) -> None:
    """Do what interpreters do: call, look up, build, match, encode."""
    for _ in range(turns):
        made = {f"key-{each}": [each, str(each), None] for each in range(20)}
        read = orjson.loads(orjson.dumps(made))
        found = [NUMBER.sub("#", name).upper() for name, each in read.items() if len(each) == 3]
        assert len(found) == 20


class Sink:
    """A destination that no event comes to while we count."""

    def send(self, batch: list[bytes]) -> None:
        """Take a batch."""


class Calls:
    """Calls of one kind, through the middleware, and what the worker would be given of them."""

    def __init__(self, *, large: bool, wsgi: bool = False) -> None:
        import apilog

        self._large = large
        client = apilog.Client(Sink(), flush_interval=3_600, batch_size=10_000)
        client.set_hook("identify_user", lambda *_: "ada")
        self._kept: list[Any] = []
        submit = client.submit

        def keep(exchange: Any) -> None:
            if not exchange.submitted:
                self._kept.append(exchange)
            submit(exchange)

        client.submit = keep  # type: ignore[method-assign]
        self._client = client
        self._call = self._wsgi() if wsgi else self._asgi()

    def make(self, count: int) -> None:
        """Send calls through the middleware."""
        self._kept.clear()
        self._call(count)

    def encode(self) -> None:
        """Make events of the calls made last."""
        for exchange in self._kept:
            assert self._client._encoder.encode(exchange)  # noqa: SLF001 - what the worker calls

    def _asgi(self) -> Callable[[int], None]:
        from apilog.asgi import ApiLogMiddleware

        async def app(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            body = self._answer()
            length = b"%d" % len(body)
            lines = [(b"content-type", b"application/json"), (b"content-length", length)]
            await send({"type": "http.response.start", "status": 200, "headers": lines})
            await send({"type": "http.response.body", "body": body})

        middleware = ApiLogMiddleware(app, client=self._client)
        body = REQUEST if self._large else b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(_message: Any) -> None:
            pass

        async def all_of(count: int) -> None:
            for number in range(count):
                await middleware(self._scope(number), receive, send)

        loop = asyncio.new_event_loop()
        return lambda count: loop.run_until_complete(all_of(count))

    def _wsgi(self) -> Callable[[int], None]:
        from apilog.wsgi import ApiLogMiddleware

        def app(_environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [self._answer()]

        middleware = ApiLogMiddleware(app, client=self._client)

        def all_of(count: int) -> None:
            for number in range(count):
                answer = middleware(self._environ(number), lambda *_: lambda _: None)
                for _ in answer:
                    pass
                answer.close()  # type: ignore[attr-defined]

        return all_of

    def _answer(self) -> bytes:
        return ANSWERS[len(self._kept) % len(ANSWERS)] if self._large else SMALL

    def _scope(self, number: int) -> dict[str, Any]:
        headers = [
            (b"host", b"shop.example"),
            (b"accept", b"application/json"),
            (b"user-agent", b"python-httpx/0.28.1"),
            (b"authorization", b"Bearer abc"),
            (b"x-request-id", b"%024xdeadbeef" % (number * 7_919)),
        ]
        if self._large:
            headers.append((b"content-type", b"application/json"))
            headers.append((b"content-length", b"%d" % len(REQUEST)))
        return {
            "type": "http",
            "http_version": "1.1",
            "method": "POST" if self._large else "GET",
            "scheme": "http",
            "path": f"/items/{number}",
            "raw_path": b"/items/%d" % number,
            "query_string": b"page=2",
            "root_path": "",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50_000),
            "headers": headers,
        }

    def _environ(self, number: int) -> dict[str, Any]:
        return {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"/items/{number}",
            "QUERY_STRING": "page=2",
            "SERVER_NAME": "shop.example",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "shop.example",
            "HTTP_ACCEPT": "application/json",
            "HTTP_AUTHORIZATION": "Bearer abc",
            "wsgi.url_scheme": "http",
        }


def parts() -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what is counted, warm: its name, and what does it `EVENTS` times."""
    yield "reference", lambda: reference(EVENTS)
    small, wsgi, large = Calls(large=False), Calls(large=False, wsgi=True), Calls(large=True)
    for calls in (small, wsgi, large):
        calls.make(WARM)
        calls.encode()
    yield "ASGI request, 50 B out", lambda: small.make(EVENTS)
    yield "WSGI request, 50 B out", lambda: wsgi.make(EVENTS)
    yield "worker, GET, 50 B out", small.encode
    yield "ASGI request, 2 KB in, 10 KB out", lambda: large.make(EVENTS)
    yield "worker, 2 KB in, 10 KB out", large.encode


def run_parts() -> list[str]:
    """Do all parts, with a mark before and after each; return their names."""
    gc.disable()
    names = []
    for name, work in parts():
        os.getppid()
        work()
        os.getppid()
        names.append(name)
    return names


def is_possible() -> bool:
    """Return whether there is a callgrind here."""
    return shutil.which("valgrind") is not None


def measured() -> dict[str, float]:
    """Return what each part costs an event, in turns of the reference."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        command = ["valgrind", "--tool=callgrind", f"--dump-before={MARK}"]
        command += [f"--callgrind-out-file={output}", sys.executable, __file__, "--inside"]
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        names = json.loads(done.stdout)
        # Dump 1 ends where the first part begins, dump 2 where it ends, and so on.
        ends = [output.with_name(f"out.{2 * number + 2}") for number in range(len(names))]
        counts = [_counted(end) for end in ends]
    found = dict(zip(names, counts, strict=True))
    turn = found.pop("reference")
    return {name: round(count / turn, 3) for name, count in found.items()}


def _counted(dump: Path) -> int:
    found = SUMMARY.search(dump.read_text(encoding="ascii", errors="replace"))
    assert found is not None, dump
    return int(found[1])


def main() -> None:
    """Count, print, and keep the counts if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--update", action="store_true", help="keep what was counted")
    parser.add_argument("--inside", action="store_true", help="do what is counted, under callgrind")
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(run_parts()), flush=True)
        os._exit(0)  # what was not sent need not be
    if not is_possible():
        raise SystemExit("there is no valgrind here: on Debian, apt-get install valgrind")
    found, kept = measured(), json.loads(KEPT.read_text()) if KEPT.exists() else {}
    print("| what a call costs, in turns of the reference | counted | kept |\n|---|---:|---:|")
    for name, count in found.items():
        print(f"| {name} | {count:.3f} | {kept.get(name, 0):.3f} |")
    if given.update:
        KEPT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Files and addresses: nothing but the viewer's own files, whatever an address spells."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from apilog.collector import assets

CORPUS = [
    "/assets/../app.py",
    "/assets/..%2fapp.py",
    "/assets/%2e%2e/app.py",
    "/assets/%2e%2e%2fapp.py",
    "/assets/..%5capp.py",
    "/assets/..%c0%afapp.py",
    "/assets/....//app.py",
    "/assets//etc/passwd",
    "/assets/%2fetc%2fpasswd",
    "/assets/index.html%00.js",
    "/assets/",
    "/assets",
    "/assets/.",
    "/static/index.html",
    "/index.html",
    "/viewer-token",
    "/apilog-data/viewer-token",
    "/assets/../../../viewer-token",
    "//etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/file:///etc/passwd",
]


@pytest.mark.parametrize("path", CORPUS)
def test_no_address_leads_out_of_the_viewers_files(collected: Any, path: str) -> None:
    collector = collected().log_in()
    request = httpx.Request("GET", "http://localhost/")
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = collector.send(request)
    assert answer.status_code in (401, 404)
    assert b"root:" not in answer.content


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/calls/a/b",
        "/compare",
        "/endpoints",
        "/users",
        "/users/x",
        "/companies",
        "/sessions",
        "/companies/x",
        "/sessions/x",
        "/health",
        "/login",
    ],
)
def test_every_page_is_a_page_of_the_gate_too(path: str) -> None:
    assert assets.is_page(path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/events",
        "/api/send",
        "/log",
        "/log/",
        "/view/calls",
        "/collect/event",
        "/healthz/x",
        "/users.json",
        "/loginx",
        "/v1/users",
        "/api/events",
        "/x/assets/y",
        "",
    ],
)
def test_nothing_else_is(path: str) -> None:
    assert not assets.is_page(path)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Make a built viewer, small enough to be looked at."""
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "assets/app-1.js", "assets/app-1.css", "assets/notes.txt"):
        path = tmp_path / name
        path.write_bytes(name.encode() * 100)
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.with_name(path.name + ".br").write_bytes(b"brotli of " + name.encode())
    return tmp_path


def ask(built: Path, path: str, **headers: str) -> httpx.Response:
    import asyncio

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=assets.routes(built)))
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
            http.stream("GET", path, headers=headers) as answer,
        ):
            raw = b"".join([each async for each in answer.aiter_raw()])
            return httpx.Response(
                answer.status_code, headers=answer.headers, extensions={"raw": raw}
            )

    return asyncio.run(call())


@pytest.mark.parametrize(
    ("wanted", "coding"),
    [
        ("br, gzip", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.0,gzip;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("identity", None),
        ("", None),
        ("deflate", None),
    ],
)
def test_a_file_comes_in_a_coding_that_is_wanted(
    built: Path, wanted: str, coding: str | None
) -> None:
    answer = ask(built, "/assets/app-1.js", **{"Accept-Encoding": wanted})
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = b"assets/app-1.js" * 100
    raw = answer.extensions["raw"]
    expected = {None: plain, "gzip": gzip.compress(plain, mtime=0)}
    assert raw == expected.get(coding, b"brotli of assets/app-1.js")


def test_the_page_is_the_same_at_every_address(built: Path) -> None:
    for path in ("/", "/calls/x", "/login"):
        answer = ask(built, path, **{"Accept-Encoding": "identity"})
        assert answer.extensions["raw"] == b"index.html" * 100
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["app-1.js.gz", "app-1.js.br", "notes.txt", "nothing.js"])
def test_only_the_files_themselves_are_served(built: Path, name: str) -> None:
    assert ask(built, f"/assets/{name}").status_code == 404


def test_without_the_viewer_there_is_a_sentence(tmp_path: Path) -> None:
    answer = ask(tmp_path / "nothing", "/")
    assert answer.status_code == 404

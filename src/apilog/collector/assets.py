"""The viewer's built files: read once, served from memory by their names and no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from apilog.collector.codings import accepted
from apilog.collector.keys import KEY

if TYPE_CHECKING:
    from starlette.requests import Request

STATIC: Final = Path(__file__).with_name("static")
PREFIX: Final = "/assets/"

PAGES: Final = (
    "/",
    f"/calls/{KEY}",
    "/compare",
    "/endpoints",
    "/users",
    f"/users/{KEY}",
    "/companies",
    f"/companies/{KEY}",
    "/sessions",
    f"/sessions/{KEY}",
    "/health",
    "/login",
)
"""Addresses of the viewer: all are the same page, whose script shows what the address names."""

_IS_PAGE: Final = re.compile(
    r"/|/(calls|users|companies|sessions)/.*|"
    r"/(compare|endpoints|users|companies|sessions|health|login|healthz|favicon\.ico)|/assets/.*",
    re.DOTALL,
)
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_CODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
"""In the order in which we like them: the smaller one first."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, and what it is in each coding that it was compressed with."""

    content: bytes
    coded: Mapping[str, bytes]
    media_type: str


def is_page(path: str) -> bool:
    """Tell whether *path* is the viewer's, and without any data."""
    return _IS_PAGE.fullmatch(path) is not None


def routes(directory: Path = STATIC) -> list[Route]:
    """Return the routes of the pages and of the files in *directory*, built by Vite."""
    index = _asset(directory / "index.html")
    files = {
        each.name: asset
        for each in sorted((directory / "assets").glob("*"))
        if each.suffix in _MEDIA_TYPES and (asset := _asset(each)) is not None
    }

    async def page(request: Request) -> Response:
        return _answer(request, index, "no-cache")

    async def file(request: Request) -> Response:
        return _answer(request, files.get(request.path_params["name"]), _IMMUTABLE)

    return [*(Route(each, page) for each in PAGES), Route(f"{PREFIX}{{name}}", file)]


def _asset(path: Path) -> Asset | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    coded = {}
    for coding, suffix in _CODINGS:
        beside = path.with_name(path.name + suffix)
        if beside.is_file():
            coded[coding] = beside.read_bytes()
    return Asset(content, coded, _MEDIA_TYPES[path.suffix])


def _answer(request: Request, asset: Asset | None, kept: str) -> Response:
    if asset is None:
        return JSONResponse({"error": "there is no such file of the viewer"}, 404)
    # Not as a media type, to which some versions of Starlette add a charset.
    headers = {
        "Content-Type": asset.media_type,
        "Cache-Control": kept,
        "Vary": "Accept-Encoding",
    }
    content = asset.content
    wanted = accepted(request.headers.get("accept-encoding", ""))
    for coding, coded in asset.coded.items():
        if coding in wanted:
            headers["Content-Encoding"] = coding
            content = coded
            break
    return Response(content, headers=headers)

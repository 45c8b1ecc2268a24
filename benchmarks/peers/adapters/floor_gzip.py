"""The floor written by hand, with zlib's gzip or with zstd."""

from __future__ import annotations

from urllib.parse import urlsplit

from floor import ASGIFloor, Floor, WSGIFloor

from adapters import Recorded, bare


def recorded(framework: str, url: str, coding: str = "gzip") -> Recorded:
    """Return *framework*'s app on the floor."""
    place = urlsplit(url)
    floor = Floor(place.hostname or "", place.port or 0, coding)
    around = ASGIFloor if framework == "fastapi" else WSGIFloor
    return Recorded(app=around(bare.recorded(framework, url).app, floor), flush=floor.wake)

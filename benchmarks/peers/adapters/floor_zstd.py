"""The floor written by hand, with zstd."""

from __future__ import annotations

from adapters import Recorded, floor_gzip


def recorded(framework: str, url: str) -> Recorded:
    """Return *framework*'s app on the floor."""
    return floor_gzip.recorded(framework, url, "zstd")

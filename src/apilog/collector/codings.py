"""Codings of contents, as whoever asks takes them (RFC 9110, section 12.5.3)."""

from __future__ import annotations

import re


def accepted(header: str) -> frozenset[str]:
    """Return the codings that an Accept-Encoding header names, but for those it rules out."""
    named = (each.partition(";") for each in header.lower().split(","))
    return frozenset(
        coding.strip()
        for coding, _, weight in named
        if not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    )

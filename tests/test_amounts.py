"""Times to keep, moments and sizes, as people type them."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta, timezone

import pytest

from apilog.amounts import byte_count, moment, span

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
MIDNIGHT = 1_795_219_200_000_000
"""The beginning of that day, in microseconds."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("12h", timedelta(hours=12)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_length_of_time(text: str, expected: timedelta) -> None:
    assert span(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("512", 512),
        ("500MB", 500_000_000),
        ("2GB", 2_000_000_000),
        ("2gb", 2_000_000_000),
        ("2 GB", 2_000_000_000),
        ("1.5GiB", 1_610_612_736),
        ("64k", 64_000),
        ("64KiB", 65_536),
        ("1TB", 1_000_000_000_000),
    ],
)
def test_a_size(text: str, expected: int) -> None:
    assert byte_count(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21", MIDNIGHT),
        ("2026-11-21T00:00", MIDNIGHT),
        ("2026-11-21 00:00:00", MIDNIGHT),
        ("2026-11-21T00:00:00Z", MIDNIGHT),
        ("2026-11-21t00:00:00z", MIDNIGHT),
        ("2026-11-21T02:00:00+02:00", MIDNIGHT),
        ("2026-11-21T00:00:00.5", MIDNIGHT + 500_000),
        ("2026-11-21T00:00:00.1234567Z", MIDNIGHT + 123_456),
        ("12h", MIDNIGHT),
        ("-12h", MIDNIGHT),
        ("999999w", 0),
        ("1969-01-01", 0),
    ],
)
def test_a_moment(text: str, expected: int) -> None:
    assert moment(text, now=NOW) == expected


@pytest.mark.parametrize("text", ["", "7", "d", "7 d", "1.5h", "\u0667d", "7d ", "7days", "-"])
def test_what_is_no_length_of_time_is_shown(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no length of time; write 30m"):
        span(text)


@pytest.mark.parametrize("text", ["", "much", "-1", "1e9", "2XB", "\u0662GB", "1.GB", "GB"])
def test_what_is_no_size_is_shown(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no size; write 500MB or 2GB"):
        byte_count(text)


@pytest.mark.parametrize("text", ["", "then", "2026-13-01", "2026-11-21T25:00", "12:00"])
def test_what_is_no_moment_is_shown(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no moment; write 2026-11-20"):
        moment(text)

"""Quantiles from a histogram of durations, within 7 % of the exact ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from apilog.collector.store.schema import BUCKETS_A_DOUBLING, NO_DURATION


class Quantiles(NamedTuple):
    """Durations in microseconds that 50, 95 and 99 % of the calls did not exceed, or None."""

    p50: int | None
    p95: int | None
    p99: int | None


def quantiles(histogram: Mapping[int, int]) -> Quantiles:
    """Return the quantiles of a histogram: how many calls fell into which bucket.

    The quantile of *n* calls is the duration with rank ``ceil(n * part)``; what is returned is the
    middle of its bucket, at most 5 % away where durations are not of a few microseconds only.
    """
    known = sorted((bucket, n) for bucket, n in histogram.items() if bucket != NO_DURATION)
    total = sum(n for _, n in known)
    if total == 0:
        return Quantiles(None, None, None)
    return Quantiles(*(_ranked(known, -(-total * part // 100)) for part in (50, 95, 99)))


def _ranked(known: list[tuple[int, int]], rank: int) -> int:
    for bucket, n in known:
        rank -= n
        if rank <= 0:
            return middle(bucket)
    raise AssertionError("a rank is at most the number of calls")


def middle(bucket: int) -> int:
    """Return the duration in the middle of a bucket, as a factor: that of 0 and 1 is 1."""
    return round(2 ** ((bucket + 0.5) / BUCKETS_A_DOUBLING))

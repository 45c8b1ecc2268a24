"""Charts: what happened in each step of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from apilog.collector.query import Query
from apilog.collector.store.counting import Part, Tally, parts
from apilog.collector.store.days import Days
from apilog.collector.store.deadline import Deadline
from apilog.collector.store.protocol import Point
from apilog.collector.store.quantiles import quantiles
from apilog.collector.store.spans import rolls_for


def _timed(part: Part, step: int) -> Iterator[tuple[Any, ...]]:
    """Return a time within each step, and what was counted there."""
    span = part.span
    if span.rolled:
        # The steps of the table itself need no sorting, those wanted would.
        return part.tallies(f"step * {span.size:d}", by="step")
    # From the first step of the part on, for SQLite rounds towards 0.
    first = span.low // step * step
    return part.tallies(f"(time - {first:d}) / {step:d} * {step:d} + {first:d}")


def series(days: Days, query: Query, deadline: Deadline, step: int) -> list[Point]:
    """Return a chart in steps of so many microseconds; empty steps are left out.

    Raises:
        ValueError: the step is not 1 or more.
        StoreBusy: it takes too long.
    """
    if step < 1:
        raise ValueError(f"a step has at least 1 microsecond, not {step}")
    steps: dict[int, Tally] = defaultdict(Tally)
    with closing(parts(days, query, deadline, rolls_for(step))) as found:
        for part in found:
            for time, bucket, count, clients, servers in _timed(part, step):
                steps[time // step * step].add(bucket, count, clients, servers)
    return [
        Point(time, tally.count, tally.clients, tally.servers, *quantiles(tally.histogram))
        for time, tally in sorted(steps.items())
    ]

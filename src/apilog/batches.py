"""Batches: events divided so that a destination takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from apilog.delivery import Limits


def batches(
    events: Iterable[bytes], limits: Limits, too_large: Callable[[], object]
) -> Iterator[tuple[bytes, ...]]:
    """Divide *events* into batches within *limits*, brackets and all, in their order.

    *too_large* is called for each event that fits into none.
    """
    largest = limits.largest_event
    batch: list[bytes] = []
    size = 1
    for event in events:
        if len(event) > largest:
            too_large()
            continue
        if batch and size + len(event) + 1 > limits.batch_bytes:
            yield tuple(batch)
            batch, size = [], 1
        batch.append(event)
        size += len(event) + 1
    if batch:
        yield tuple(batch)

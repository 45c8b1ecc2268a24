"""Encoding many exchanges in a row, beside an app that wants the interpreter, too."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from apilog.capture import Exchange
from apilog.complaints import Complaints
from apilog.delivery import Dropped, Encoder
from apilog.ledger import Ledger

SLICE = 0.001
"""Seconds that the worker computes before it lets waiting requests have the interpreter."""

REST = 0.00005
"""Seconds that it lets them have it."""


def encoded(
    exchanges: Iterable[Exchange], encoder: Encoder, ledger: Ledger, complaints: Complaints
) -> Iterator[tuple[Exchange, bytes | None]]:
    """Encode each exchange on its own, and rest between slices of work.

    One that gives no event is settled.
    """
    began = time.perf_counter()
    for exchange in exchanges:
        event = None
        try:
            event = encoder.encode(exchange)
        except Dropped as outcome:
            ledger.settle(1, outcome.reason)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is this event's
            complaints.complain("encode_failed", "an event was not encoded", error)
            ledger.settle(1, "encode_failed")
        yield exchange, event
        if time.perf_counter() - began > SLICE:
            time.sleep(REST)
            began = time.perf_counter()

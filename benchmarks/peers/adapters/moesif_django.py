"""Moesif's middleware for Django, which can be told to send.

It sends 25 events each two seconds, whatever waits. The rounds cannot wait for that, so they call
the same job themselves.
"""

from __future__ import annotations

from typing import Any

from moesifdjango.middleware import moesif_middleware

_made: list[Middleware] = []


class Middleware(moesif_middleware):  # type: ignore[misc] # it comes without types
    """The middleware, known to `flush`."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        _made.append(self)


def flush() -> None:
    """Send what waits, in batches of the size that is set."""
    for each in _made:
        while not each.mo_events_queue.empty():
            each.job_scheduler.batch_events(
                each.api_client, each.mo_events_queue, each.DEBUG, each.event_batch_size
            )

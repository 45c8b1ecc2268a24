"""The errors of apilog, cut by what the reader should do.

ApiLogError
├── ConfigError          fix the named setting; raised while the app is being set up, never later
└── DeliveryError        raised by a destination, handled by the pipeline, never seen by the app
    ├── RetryLater       keep the batch, send the same bytes again after a pause
    ├── Partly           some events arrived; send some of the others again, give up the rest
    └── Rejected         do not send this batch again as it is; `why` says what to do instead:
                             "refused"    the content: look for the events that are at fault
                             "too_large"  send less at once
                             "closed"     not the events: keep them until key or address are right
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Why: TypeAlias = Literal["refused", "too_large", "closed"]


class ApiLogError(Exception):
    """Base class of everything apilog raises."""


class ConfigError(ApiLogError, ValueError):
    """Report a setting that cannot work: names the setting, the value and the fix."""


class DeliveryError(ApiLogError):
    """Report a batch that did not arrive."""


class RetryLater(DeliveryError):
    """Ask for the same batch again, after *after* seconds if the endpoint said so.

    *status* is that of the HTTP answer, if there was one: a batch that is answered with 5xx again
    and again, while others pass, may be at fault itself.
    """

    def __init__(
        self, message: str, *, after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.after = after
        self.status = status


class Partly(DeliveryError):
    """Say that some events of the batch arrived, and what is to be done about the others.

    Args:
        message: what happened, without values: it is logged.
        retry: positions in the batch of events to send again, and after how many seconds, if the
            endpoint said so. Where each says 0 and others arrived, they are sent again at once.
        rejected: positions of those that it will never take, and what it said about them.

    All others were delivered. A position in both is sent again.
    """

    def __init__(
        self,
        message: str,
        *,
        retry: Mapping[int, float | None] | None = None,
        rejected: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.retry = dict(retry or {})
        self.rejected = dict(rejected or {})


class Rejected(DeliveryError):
    """Say that the endpoint will never take this batch as it is, and *why*."""

    def __init__(self, message: str, *, why: Why = "refused") -> None:
        super().__init__(message)
        self.why = why

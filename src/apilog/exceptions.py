"""The errors of apilog, cut by what the reader should do.

ApiLogError
├── ConfigError          fix the named setting; raised while the app is being set up, never later
└── DeliveryError        raised by a destination, handled by the pipeline, never seen by the app
    ├── RetryLater       keep the batch, send the same bytes again after a pause
    └── Rejected         this batch will never be accepted; do not send it again
"""

from __future__ import annotations


class ApiLogError(Exception):
    """Base class of everything apilog raises."""


class ConfigError(ApiLogError, ValueError):
    """Report a setting that cannot work: names the setting, the value and the fix."""


class DeliveryError(ApiLogError):
    """Report a batch that did not arrive."""


class RetryLater(DeliveryError):
    """Ask for the same batch again, after *after* seconds if the endpoint said so."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Rejected(DeliveryError):
    """Say that the endpoint will never take this batch."""

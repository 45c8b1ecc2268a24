"""The error of a recording that cannot be read."""

from __future__ import annotations

from apilog.exceptions import ApiLogError


class RecordingError(ApiLogError, ValueError):
    """Report a file without calls that can be read; says what was tried, and quotes nothing."""


class NotHttp(RecordingError):
    """Report an entry of a HAR file that is no call over HTTP: browsers log more than those."""

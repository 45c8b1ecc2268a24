"""What an endpoint says about its limits, in the headers of its answers.

``Retry-After`` is RFC 9110 section 10.2.3. ``RateLimit-*`` is the IETF's draft
(draft-ietf-httpapi-ratelimit-headers-03), ``X-RateLimit-*`` what everybody used before it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime

LONGEST = 300.0
"""Seconds that an endpoint may ask us to wait; after these it is asked again, whatever it said."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE]\+?[0-9]{1,2})?")
_MILLISECONDS = 1e12
_SECONDS = 1e9
"""A reset above these is a moment since 1970, in these units: no endpoint asks for 30 years."""

_PRESSED = frozenset({429, 503})
"""Answers that say "too much", to which a reset belongs."""

_NO_DATE = (TypeError, ValueError, IndexError, OverflowError)


def wanted_pause(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait before the next try after a failed one, or None if not told.

    From 0 to `LONGEST`, to be measured on the monotonic clock. *headers* has names in lower case,
    or does not care.
    """
    asked = retry_after(headers)
    if asked is None and (status in _PRESSED or remaining(headers) == 0):
        asked = reset_after(headers)
    if asked is None and status in _PRESSED:
        asked = _sentry(headers)
    return asked


def rest(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait after an answer that used up the last of what was allowed."""
    if remaining(headers) != 0:
        return 0.0
    return reset_after(headers) or retry_after(headers) or 0.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, from 0 to `LONGEST`, or None.

    A date counts from the answer's own ``Date``, because clocks differ. Fractions and exponents,
    which the standard does not know, are understood: who sends them means them.
    """
    text = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(text):
        return _bounded(float(text))
    try:
        return _bounded(_seconds(text) - _now(headers))
    except _NO_DATE:
        return None


def reset_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the limit is lifted, from 0 to `LONGEST`, or None if not told."""
    resets = _numbers(headers, "reset")
    if not resets:
        return None
    reset = max(resets)
    if reset > _MILLISECONDS:
        return _bounded(reset / 1000 - _now(headers))
    if reset > _SECONDS:
        return _bounded(reset - _now(headers))
    return _bounded(reset)


def remaining(headers: Mapping[str, str]) -> float | None:
    """Return how many more requests are welcome before the reset, or None if not told."""
    return min(_numbers(headers, "remaining"), default=None)


def limit(headers: Mapping[str, str]) -> float | None:
    """Return how many requests are welcome from one reset to the next, or None if not told."""
    return min(_numbers(headers, "limit"), default=None)


def _numbers(headers: Mapping[str, str], what: str) -> list[float]:
    """Return what both generations of headers say; several limits stand behind commas."""
    texts = [headers.get(f"{prefix}ratelimit-{what}", "") for prefix in ("", "x-")]
    items = [item.partition(";")[0].strip() for text in texts for item in text.split(",")]
    return [float(item) for item in items if _NUMBER.fullmatch(item)]


def _sentry(headers: Mapping[str, str]) -> float | None:
    """Return what ``X-Sentry-Rate-Limits`` asks for: ``60:error:key, 2700:default:organization``.

    https://develop.sentry.dev/sdk/expected-features/rate-limiting/
    """
    items = headers.get("x-sentry-rate-limits", "").split(",")
    told = [item.partition(":")[0].strip() for item in items]
    seconds = [float(each) for each in told if _NUMBER.fullmatch(each)]
    return _bounded(max(seconds)) if seconds else None


def _bounded(seconds: float) -> float:
    return min(LONGEST, max(0.0, seconds))


def _now(headers: Mapping[str, str]) -> float:
    """Return what the endpoint's clock says."""
    try:
        return _seconds(headers.get("date", ""))
    except _NO_DATE:
        return time.time()


def _seconds(http_date: str) -> float:
    """Return *http_date* in seconds since the epoch; one without a zone is in UTC (RFC 9110)."""
    date = parsedate_to_datetime(http_date)
    return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()

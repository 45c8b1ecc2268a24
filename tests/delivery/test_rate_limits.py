"""What endpoints say about their limits, and what is made of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog import Rejected, RetryLater
from apilog.destinations._http import HttpTransport
from apilog.rate_limits import limit, remaining, reset_after, rest, retry_after, wanted_pause

DATE = "Sat, 21 Nov 2026 08:00:00 GMT"
MOMENT = 1_795_248_000
"""The same moment in seconds since 1970."""


@pytest.fixture
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# Retry-After


@pytest.mark.usefixtures("far_from_greenwich")
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="not there"),
        pytest.param({"retry-after": ""}, None, id="empty"),
        pytest.param({"retry-after": "120"}, 120, id="seconds"),
        pytest.param({"retry-after": " 120 "}, 120, id="seconds with spaces"),
        pytest.param({"retry-after": "0"}, 0, id="at once"),
        pytest.param({"retry-after": "1.5"}, 1.5, id="a fraction"),
        pytest.param({"retry-after": "300"}, 300, id="the longest"),
        pytest.param({"retry-after": "301"}, 300, id="longer than the longest"),
        pytest.param({"retry-after": "1000000000"}, 300, id="thirty years"),
        pytest.param({"retry-after": "1e9"}, 300, id="thirty years with an exponent"),
        pytest.param({"retry-after": "1e99"}, 300, id="longer than the universe"),
        pytest.param({"retry-after": "-5"}, 0, id="negative"),
        pytest.param({"retry-after": "9" * 400}, None, id="more than a number can be"),
        pytest.param({"retry-after": "1e400"}, None, id="an exponent beyond all"),
        pytest.param({"retry-after": "soon"}, None, id="garbage"),
        pytest.param({"retry-after": "inf"}, None, id="infinity"),
        pytest.param({"retry-after": "nan"}, None, id="not a number"),
        pytest.param({"retry-after": "1_000"}, None, id="a number as Python writes it"),
        pytest.param({"retry-after": "१२"}, None, id="digits of another script"),
        pytest.param(
            {"retry-after": "Sat, 21 Nov 2026 08:01:30 GMT", "date": DATE}, 90, id="a date"
        ),
        pytest.param(
            {"retry-after": "Saturday, 21-Nov-26 08:01:30 GMT", "date": DATE},
            90,
            id="a date as in RFC 850",
        ),
        pytest.param(
            {"retry-after": "Sat Nov 21 08:01:30 2026", "date": DATE}, 90, id="a date as in asctime"
        ),
        pytest.param(
            {"retry-after": "Sat, 21 Nov 2026 07:59:00 GMT", "date": DATE}, 0, id="a past date"
        ),
        pytest.param(
            {"retry-after": "Tue, 21 Nov 2028 07:59:00 GMT", "date": DATE},
            300,
            id="a date in two years",
        ),
        pytest.param(
            {"retry-after": "Sat, 99 Nov 2026 07:59:00 GMT", "date": DATE}, None, id="no date"
        ),
        pytest.param(
            {"retry-after": "Wed, 01 Jan 1000 00:00:00 GMT", "date": "garbage"},
            0,
            id="a past date and no clock",
        ),
    ],
)
def test_what_retry_after_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_without_a_date_header_counts_from_our_clock() -> None:
    for date in ({}, {"date": "yesterday"}):
        seconds = retry_after({"retry-after": formatdate(time.time() + 100, usegmt=True), **date})
        assert seconds is not None
        assert 90 < seconds <= 100


# Resets


@pytest.mark.usefixtures("far_from_greenwich")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("30", 30, id="seconds from now"),
        pytest.param("0", 0, id="now"),
        pytest.param("-1", 0, id="before now"),
        pytest.param("999999999", 300, id="seconds from now, thirty years of them"),
        pytest.param(str(MOMENT + 45), 45, id="a moment in seconds"),
        pytest.param(f"{MOMENT + 45}.25", 45.25, id="a moment with a fraction"),
        pytest.param(str(MOMENT - 45), 0, id="a past moment"),
        pytest.param(str((MOMENT + 45) * 1000), 45, id="a moment in milliseconds"),
        pytest.param(str((MOMENT - 45) * 1000), 0, id="a past moment in milliseconds"),
        pytest.param(str(MOMENT + 9_000), 300, id="a moment far away"),
        pytest.param("12, 40;w=60", 40, id="the later one of two limits"),
        pytest.param("", None, id="empty"),
        pytest.param("tomorrow", None, id="garbage"),
    ],
)
@pytest.mark.parametrize("name", ["x-ratelimit-reset", "ratelimit-reset"])
def test_when_a_limit_is_lifted(name: str, value: str, seconds: float | None) -> None:
    assert reset_after({name: value, "date": DATE}) == seconds


@pytest.mark.parametrize(
    ("headers", "left", "whole"),
    [
        pytest.param({}, None, None, id="nothing said"),
        pytest.param({"x-ratelimit-remaining": "7", "x-ratelimit-limit": "10"}, 7, 10, id="old"),
        pytest.param({"ratelimit-remaining": "0", "ratelimit-limit": "10"}, 0, 10, id="new"),
        pytest.param(
            {"ratelimit-remaining": "9", "x-ratelimit-remaining": "3"}, 3, None, id="both, the less"
        ),
        pytest.param({"ratelimit-limit": "100, 10;w=1"}, None, 10, id="two windows, the smaller"),
        pytest.param({"ratelimit-remaining": "some"}, None, None, id="garbage"),
    ],
)
def test_how_much_is_left_of_a_limit(
    headers: dict[str, str], left: float | None, whole: float | None
) -> None:
    assert (remaining(headers), limit(headers)) == (left, whole)


# What is made of them


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        pytest.param(429, {"x-ratelimit-reset": "20"}, 20, id="a reset belongs to too many"),
        pytest.param(503, {"x-ratelimit-reset": "20"}, 20, id="and to out of service"),
        pytest.param(500, {"x-ratelimit-reset": "20"}, None, id="not to a bug"),
        pytest.param(
            500,
            {"x-ratelimit-reset": "20", "x-ratelimit-remaining": "0"},
            20,
            id="unless nothing is left",
        ),
        pytest.param(
            429, {"retry-after": "3", "x-ratelimit-reset": "20"}, 3, id="a plain word comes first"
        ),
        pytest.param(
            429, {"retry-after": "soon", "x-ratelimit-reset": "20"}, 20, id="unless it is none"
        ),
        pytest.param(408, {"retry-after": "3"}, 3, id="any failure may name a time"),
        pytest.param(429, {}, None, id="nothing said"),
        pytest.param(
            429,
            {"x-sentry-rate-limits": "60:error:key, 90::organization"},
            90,
            id="Sentry's words, the longest",
        ),
        pytest.param(429, {"x-sentry-rate-limits": "soon:error"}, None, id="Sentry's, but no time"),
        pytest.param(500, {"x-sentry-rate-limits": "60:error:key"}, None, id="Sentry's, of a bug"),
    ],
)
def test_the_pause_that_a_failure_asks_for(
    status: int, headers: dict[str, str], pause: float | None
) -> None:
    assert wanted_pause(status, headers) == pause


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "20"}, 20, id="used up"),
        pytest.param({"ratelimit-remaining": "0", "retry-after": "7"}, 7, id="in other words"),
        pytest.param({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "20"}, 0, id="one left"),
        pytest.param({"x-ratelimit-reset": "20"}, 0, id="nobody knows how many are left"),
        pytest.param({"x-ratelimit-remaining": "0"}, 0, id="nobody knows until when"),
    ],
)
def test_the_rest_after_an_answer(headers: dict[str, str], seconds: float) -> None:
    assert rest(headers) == seconds


@given(
    st.sampled_from(["retry-after", "x-ratelimit-reset", "ratelimit-remaining", "date"]),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-reset", "ratelimit-remaining", "date"]),
        st.text(st.characters(max_codepoint=255)) | st.from_regex(r"[-+0-9.eE, ;]{0,30}"),
    ),
)
def test_no_header_is_too_strange(name: str, headers: dict[str, str]) -> None:
    headers = {name: "", **headers}
    asked = wanted_pause(429, headers)
    assert asked is None or 0 <= asked <= 300
    assert 0 <= rest(headers) <= 300


# On the wire


def _post(transport: HttpTransport) -> float | None:
    """Post; return None if that was taken, else the pause that is asked for."""
    try:
        transport.post("/v1/events/batch", [b"[{}]"])
    except RetryLater as trouble:
        return trouble.after
    return None


SPENT = {"X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "5"}


@pytest.mark.parametrize("status", [200, 201, 400, 413])
def test_after_the_last_allowed_post_the_network_is_left_alone(
    endpoint: Any, answer: Any, status: int
) -> None:
    transport = HttpTransport(endpoint.url, {})
    endpoint.script.append(answer(status, {**SPENT, "X-RateLimit-Reset": "100"}))
    with suppress(Rejected):
        assert _post(transport) is None
    left = _post(transport)
    assert left is not None
    assert 0 < left <= 100
    assert len(endpoint.received) == 1, "a resting transport sends nothing"
    transport.close()


def test_the_rest_ends_with_the_reset(endpoint: Any, answer: Any, until: Any) -> None:
    transport = HttpTransport(endpoint.url, {})
    endpoint.script.append(answer(201, {**SPENT, "X-RateLimit-Reset": "0.2"}))
    assert _post(transport) is None
    until(lambda: _post(transport) is None)
    assert len(endpoint.received) == 2
    transport.close()


def test_a_wait_that_a_failure_asks_for_is_the_callers_and_not_the_transports(
    endpoint: Any, answer: Any
) -> None:
    """The caller waits, and a closing one may try at once."""
    transport = HttpTransport(endpoint.url, {})
    endpoint.script.append(answer(429, {**SPENT, "X-RateLimit-Reset": "100"}))
    assert _post(transport) == 100
    assert _post(transport) is None
    assert len(endpoint.received) == 2
    transport.close()

"""When a call happened: a time for people, an id that sorts by it."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog.moments import timestamp, unique_id

SECONDS = st.floats(0, 4_000_000_000)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0, "1970-01-01T00:00:00.000Z", id="the epoch"),
        pytest.param(0.9999, "1970-01-01T00:00:00.999Z", id="nearly a second"),
        pytest.param(1_767_225_599.5, "2025-12-31T23:59:59.500Z", id="nearly a year"),
        pytest.param(1_709_164_800.25, "2024-02-29T00:00:00.250Z", id="a leap day"),
    ],
)
def test_times_are_utc_with_milliseconds(seconds: float, expected: str) -> None:
    assert timestamp(seconds) == expected


@given(st.lists(SECONDS, min_size=1))
def test_a_time_can_be_read_back_to_the_millisecond(moments: list[float]) -> None:
    for seconds in moments:
        text = timestamp(seconds)
        assert len(text) == 24
        read = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        assert abs(read.timestamp() - seconds) <= 0.001 + 1e-6


@given(SECONDS)
def test_an_id_is_a_uuid_of_version_seven_with_the_time_in_front(seconds: float) -> None:
    text = unique_id(seconds)
    uuid = UUID(text)
    assert str(uuid) == text
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
    assert uuid.int >> 80 == int(seconds * 1000)


def test_ids_of_one_moment_are_all_different_and_sort_by_time() -> None:
    assert len({unique_id(1.0) for _ in range(10_000)}) == 10_000
    assert unique_id(1.0) < unique_id(1.5) < unique_id(2.0) < unique_id(2_000_000_000.0)

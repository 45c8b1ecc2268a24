"""How ids and durations are stored."""

from __future__ import annotations

from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from apilog.collector.store.schema import (
    LAST_BUCKET,
    NO_ANSWER,
    NO_DURATION,
    NO_STATUS,
    bucket_of,
    packed,
    rolled_status,
    unpacked,
)

IDS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=60),
    st.text("0123456789abcdef-", min_size=12, max_size=18),
    st.uuids().map(str),
    st.uuids().map(lambda found: str(found).upper()),
    st.uuids().map(lambda found: found.hex),
)


@given(IDS)
@example("x" * 15)
@example("ffffffff-ffff-ffff-ffff-ffffffffffff")
def test_an_id_comes_out_letter_by_letter(identifier: str) -> None:
    assert unpacked(packed(identifier)) == identifier


@given(IDS, IDS)
@example("x" * 15, "x" * 15 + "\0")
def test_different_ids_are_stored_differently(one: str, other: str) -> None:
    assert (packed(one) == packed(other)) == (one == other)


@given(st.uuids())
def test_a_uuid_takes_16_bytes(identifier: UUID) -> None:
    assert packed(str(identifier)) == identifier.bytes


@given(st.integers(2, 2**50))
def test_a_bucket_holds_durations_within_nine_percent(duration: int) -> None:
    bucket = bucket_of(duration)
    assert 2 ** (bucket / 8) * 0.999999 <= duration <= 2 ** ((bucket + 1) / 8) * 1.000001


def test_buckets_have_ends() -> None:
    assert bucket_of(None) == NO_DURATION
    assert bucket_of(0) == bucket_of(1) == 0
    assert bucket_of(2**63 - 1) == LAST_BUCKET


def test_roll_ups_tell_a_missing_status_from_a_missing_answer() -> None:
    assert rolled_status(None, error=False) == NO_STATUS
    assert rolled_status(None, error=True) == NO_ANSWER
    assert rolled_status(404, error=True) == 404

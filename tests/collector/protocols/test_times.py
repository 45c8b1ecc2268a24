"""Times as senders write them: the usual spelling is read faster, and no differently."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apilog.collector.protocols.moments import microseconds

USUAL = "2026-11-21T10:11:12.345Z"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
CHANGES = st.lists(st.tuples(st.integers(0, 22), st.sampled_from("0123456789-+:., TtZz\u0663")))


@given(st.integers(0, 250_000_000_000_000))
def test_the_usual_spelling_is_exact_to_the_millisecond(thousandths: int) -> None:
    moment = EPOCH + timedelta(milliseconds=thousandths)
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert microseconds(text) == thousandths * 1_000


@given(CHANGES)
@example([(16, "+")])  # a zone where the seconds are
@example([(10, "8")])
@example([(22, "\u0663")])  # a digit, but not of ASCII
@example([(17, "6"), (18, "0")])  # a leap second
def test_what_looks_usual_is_what_another_spelling_of_it_is(
    changes: list[tuple[int, str]],
) -> None:
    letters = list(USUAL)
    for place, letter in changes:
        letters[place] = letter
    text = "".join(letters)
    assert microseconds(text) == microseconds(text[:-1] + "+00:00")


@pytest.mark.parametrize("text", ["2026-11-21T10:11:12.Z345", "2026-13-21T10:11:12.345Z", "Z" * 24])
def test_what_is_no_time_is_none(text: str) -> None:
    assert microseconds(text) is None

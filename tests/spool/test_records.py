"""The reader of segments: it takes every whole record, and nothing else."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spool_kit.damage import KINDS

from apilog.spool.findings import End, Findings, examine
from apilog.spool.records import (
    HEADER_BYTES,
    MAGIC,
    WINDOW,
    Damage,
    Kind,
    Record,
    Window,
    encoded,
    scan,
)

CONTENTS = st.lists(
    (st.binary(max_size=200) | st.just(MAGIC * 3) | st.just(b"x" * 5000)).map(
        lambda each: each + b"."
    )
)
"""None ends like a record begins, or the loss of its end could be made good by the next one."""


def reading(content: bytes) -> Window:
    return Window(lambda size, offset: content[offset : offset + size], len(content))


def records_in(content: bytes) -> list[Record]:
    return [item for item in scan(reading(content)) if isinstance(item, Record)]


def written(contents: list[bytes]) -> list[bytes]:
    return [encoded(n, Kind.EVENT, 0, content) for n, content in enumerate(contents, 1)]


def test_a_record_has_the_form_that_is_promised() -> None:
    record = encoded(7, Kind.EVENT, 3, b"{}")
    assert record[:4] == MAGIC
    assert record[4:8] == (10).to_bytes(4, "little")
    assert record[12:20] == (7).to_bytes(8, "little")
    assert record[20:24] == b"\x01\0\0\0"
    assert record[24:32] == (3).to_bytes(8, "little")
    assert record[32:] == b"{}"
    assert HEADER_BYTES == 24


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_no_text_can_look_like_the_beginning_of_a_record(text: str) -> None:
    assert not {MAGIC[0], MAGIC[3]} & {*text.encode()}


@given(CONTENTS)
def test_what_was_written_is_read(contents: list[bytes]) -> None:
    assert [each.content for each in records_in(b"".join(written(contents)))] == contents


def test_records_are_read_across_the_borders_of_what_is_in_memory() -> None:
    contents = [
        bytes([n]) * size for n, size in enumerate((10, WINDOW, 3 * WINDOW, WINDOW - 33, 1))
    ]
    assert [each.content for each in records_in(b"".join(written(contents)))] == contents


@given(CONTENTS.filter(bool), st.sampled_from(sorted(KINDS)), st.integers(0, 1 << 32))
def test_damage_costs_the_records_that_it_touches_and_no_other(
    contents: list[bytes], kind: str, seed: int
) -> None:
    whole = written(contents)
    left, begin, end = KINDS[kind](b"".join(whole), Random(seed))
    found = [each.content for each in records_in(left)]
    offset, spared = 0, []
    for record, content in zip(whole, contents, strict=True):
        touched = offset < end and begin < offset + len(record)
        inside = offset < begin < offset + len(record)  # where something was put in
        if not (touched or inside):
            spared.append(content)
        offset += len(record)
    assert set(found) <= set(contents)
    rest = iter(found)
    assert all(content in rest for content in spared)


@given(CONTENTS, st.binary(max_size=300))
def test_anything_after_the_records_is_damage_and_costs_none(
    contents: list[bytes], rubbish: bytes
) -> None:
    items = list(scan(reading(b"".join(written(contents)) + rubbish)))
    assert [item.content for item in items if isinstance(item, Record)] == contents
    assert any(isinstance(item, Damage) for item in items) == bool(rubbish)


@given(
    st.binary(max_size=2000) | st.lists(st.sampled_from([MAGIC, b"\0", b"\xff" * 7])).map(b"".join)
)
def test_nothing_is_found_in_what_was_never_written(rubbish: bytes) -> None:
    assert records_in(rubbish) == []


@pytest.mark.parametrize("size", [0, 100, WINDOW, 5 * WINDOW])
def test_an_interrupted_write_is_told_from_damage_at_every_length(size: int) -> None:
    first, last = written([b"first", b"x" * size])
    for cut in {1, 3, 4, 12, 24, 31, len(last) // 2, len(last) - 1}:
        *_, end = scan(reading(first + last[:cut]))
        assert isinstance(end, Damage)
        assert end.torn
        assert end.offset == len(first)
    *_, end = scan(reading(first + last[:-1] + bytes([last[-1] ^ 1])))
    assert isinstance(end, Damage)
    assert not end.torn


def segment(*records: tuple[Kind, int, bytes]) -> bytes:
    first = encoded(1, Kind.HEAD, 1)
    return first + b"".join(encoded(n, *each) for n, each in enumerate(records, 2))


def findings(content: bytes, acknowledged: int = 0) -> Findings:
    return examine(reading(content), acknowledged)


def test_a_call_that_began_and_did_not_end_counts_as_aborted() -> None:
    content = segment(
        (Kind.START, 2, b"gone"),
        (Kind.START, 3, b"answered"),
        (Kind.EVENT, 3, b"answer"),
        (Kind.START, 5, b"skipped"),
        (Kind.CANCEL, 5, b""),
    )
    found = findings(content)
    contents = [reading(content).record_at(offset).content for offset in found.index]  # type: ignore[union-attr]
    assert (found.aborted, found.events, found.end) == (1, 1, End.OPEN)
    assert contents == [b"gone", b"answer"]


def test_a_sealed_segment_has_no_aborted_calls_because_the_next_one_has_them() -> None:
    found = findings(segment((Kind.START, 2, b"carried over"), (Kind.SEAL, 2, b"")))
    assert (found.aborted, found.end, list(found.index)) == (0, End.SEALED, [])


def test_what_was_open_at_a_damaged_end_is_not_guessed() -> None:
    content = segment((Kind.START, 2, b"perhaps"), (Kind.SEAL, 2, b""))
    found = findings(content[:-1] + b"\xff")
    assert (found.aborted, found.end, found.lost) == (0, End.DAMAGED, 1)


def test_an_aborted_call_counts_though_later_events_are_settled() -> None:
    content = segment((Kind.START, 2, b"began"), (Kind.EVENT, 0, b"settled"))
    found = findings(content, acknowledged=len(content))
    assert (found.aborted, found.events, found.acknowledged) == (1, 0, 1)


def test_the_sequence_tells_how_many_events_a_hole_cost() -> None:
    events = [(Kind.EVENT, 0, b"x" * 100)] * 10
    content = segment(*events)
    begin, size = len(segment(*events[:3])), 4 * 132
    assert findings(content[:begin] + bytes(size) + content[begin + size :]).lost == 4
    assert findings(content[:begin] + content[begin + size :]).lost == 4


def test_damage_in_what_is_settled_costs_nothing() -> None:
    events = [(Kind.EVENT, 0, b"x" * 100)] * 10
    content = segment(*events)
    half = len(segment(*events[:5]))
    found = findings(content[:200] + b"\0" + content[201:], acknowledged=half)
    assert (found.lost, found.events) == (0, 5)
    assert found.damages


def test_a_newer_version_is_recognised_and_not_read() -> None:
    found = findings(encoded(1, Kind.HEAD, 2, b"who knows") + b"anything")
    assert found.is_newer
    assert not found.damages


def test_kinds_of_records_that_nobody_knows_yet_are_skipped() -> None:
    found = findings(segment((Kind.CLOCK, 0, b"later"), (Kind.EVENT, 0, b"event")))
    assert (found.events, found.lost) == (1, 0)

"""What is given up when a spool is full, and in which order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spool_kit.faults import FaultyFiles
from spool_kit.reports import Reports, drained

from apilog.spool import Spool, SpoolError
from apilog.spool.shedding import STEPS, lighter

NewSpool = Callable[..., Spool]


def event(status: int | None = 200, *, aborted: bool = False, size: int = 10, **more: Any) -> bytes:
    document: dict[str, Any] = {
        "request": {"verb": "POST", "body": {"asked": "x" * size}, "transfer_encoding": "json"},
        "response": {"status": status, "body": "y" * size, "transfer_encoding": "base64"},
        "metadata": {"mine": 1, "apilog": {"route": "/é"}},
        **more,
    }
    if status is None:
        del document["response"]
    if aborted:
        document["metadata"]["apilog"]["aborted"] = True
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def bodies(content: bytes | None) -> str:
    """Return what is left of an event, in words."""
    if content is None:
        return "gone"
    document = json.loads(content)
    own = document["metadata"]["apilog"]
    left = []
    for side in ("request", "response"):
        message = document.get(side, {})
        has_body = "body" in message
        assert has_body == ("transfer_encoding" in message)
        assert (own.get(f"{side}_body_omitted") == "spool_full") != has_body or side not in document
        left += [side] if has_body else []
    assert document["metadata"]["mine"] == 1
    assert own["route"] == "/é"
    return " ".join(left) or "head"


@pytest.mark.parametrize(
    ("content", "after"),
    [
        pytest.param(event(200), ["request", "head", "gone", "gone", "gone"], id="a success"),
        pytest.param(event(302), ["request", "head", "gone", "gone", "gone"], id="a redirect"),
        pytest.param(
            event(404),
            ["request response", "response", "response", "head", "gone"],
            id="a mistake of the client",
        ),
        pytest.param(
            event(500),
            ["request response", "response", "response", "head", "gone"],
            id="a mistake of the server",
        ),
        pytest.param(
            event(200, aborted=True),
            ["request response", "response", "response", "head", "gone"],
            id="a call that was aborted",
        ),
        pytest.param(
            event(None), ["request", "head", "head", "head", "gone"], id="a call without an answer"
        ),
    ],
)
def test_each_step_gives_up_a_little_more(content: bytes, after: list[str]) -> None:
    assert [bodies(lighter(content, step)) for step in range(1, STEPS + 1)] == after


@pytest.mark.parametrize("content", [b"", b"not json", b"[1]", b'"text"', b"{" * 100_000, b"\xff"])
def test_what_cannot_be_read_is_kept_to_the_end(content: bytes) -> None:
    assert [lighter(content, step) for step in range(1, STEPS)] == [content] * (STEPS - 1)
    assert lighter(content, STEPS) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": None},
        {"metadata": []},
        {"metadata": {"apilog": 3}},
        {"request": None},
        {"response": "?"},
        {"response": {"status": "200", "body": 1}},
        {"request": {"body": "\ud800"}, "response": {"status": 200, "body": 0}, "x": "\ud800"},
    ],
    ids=repr,
)
def test_odd_events_stay_valid(odd: dict[str, Any]) -> None:
    content = json.dumps(json.loads(event()) | odd).encode()
    for step in range(1, STEPS):
        left = lighter(content, step)
        assert left is None or isinstance(json.loads(left), dict)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda x: st.dictionaries(
            st.sampled_from(["request", "response", "metadata", "apilog", "body", "status", "x"]), x
        ),
    )
)
def test_lighter_never_fails(document: Any) -> None:
    content = json.dumps(document).encode()
    for step in range(1, STEPS + 1):
        lighter(content, step)


def filled(spool: Spool, count: int, size: int = 1000) -> None:
    for number in range(count):
        status = 500 if number % 10 == 0 else 200
        spool.append(event(status, size=size, transaction_id=str(number)))


def total(place: Path) -> int:
    return sum(path.stat().st_size for path in place.glob("*.*"))


def test_bodies_go_before_events_and_failures_last(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool(max_bytes=1 << 20)
    filled(spool, 700)
    assert spool.pending == 700
    assert reports["body_shed"] > 100
    assert not reports["spool_full"]
    filled(spool, 4000)
    assert reports["spool_full"] > 100
    assert total(place) <= 1.1 * (1 << 20)
    left = [json.loads(each) for each in drained(spool, max_events=100)]
    assert len(left) == 4700 - reports["spool_full"]
    statuses = Counter(each["response"]["status"] for each in left)
    assert statuses[500] == 470


def test_at_last_even_failures_go_and_the_youngest_stay(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    spool = new_spool(max_bytes=64 << 10)
    for number in range(2000):
        spool.append(event(500, size=100, transaction_id=str(number)))
    assert total(place) <= 1.2 * (64 << 10)
    left = [int(json.loads(each)["transaction_id"]) for each in drained(spool)]
    assert len(left) == 2000 - reports["spool_full"]
    assert 1999 in left


def test_sync_makes_room_before_that_is_urgent(new_spool: NewSpool, reports: Reports) -> None:
    spool = new_spool(max_bytes=1 << 20)
    while not spool._writer.is_tight:
        spool.append(event(size=1000))
    assert not reports
    spool.sync()
    assert reports["body_shed"]
    assert not reports["spool_full"]


def test_the_parcel_that_is_out_is_left_alone(new_spool: NewSpool, reports: Reports) -> None:
    spool = new_spool(max_bytes=1 << 20)
    filled(spool, 50)
    parcel = spool.next(10, 1 << 20)
    assert parcel is not None
    filled(spool, 2000)
    spool.sync()
    waiting = spool.pending
    spool.settle(parcel)
    assert spool.pending == waiting - 10
    assert len(drained(spool)) == waiting - 10
    assert reports["body_shed"]


def test_what_was_adopted_is_given_up_as_well(
    place: Path, new_spool: NewSpool, reports: Reports
) -> None:
    dead = new_spool(max_bytes=1 << 20)
    filled(dead, 300)
    dead.close()
    spool = new_spool(max_bytes=300 << 10)
    assert spool.adopt() == 300
    spool.append(b"{}")
    filled(spool, 100)
    assert reports["body_shed"]
    assert total(place) <= 1.2 * (300 << 10)
    assert len(drained(spool)) == 401 - reports["spool_full"]


def test_a_spool_that_others_filled_takes_nothing(place: Path, new_spool: NewSpool) -> None:
    files = FaultyFiles()
    other = new_spool(max_bytes=1 << 20)
    filled(other, 300)
    spool = new_spool(max_bytes=300 << 10, files=files)
    with pytest.raises(SpoolError) as caught:
        spool.append(b"{}")
    assert caught.value.reason == spool.degraded == "disk_full"
    assert drained(other)
    other.close()
    files.elapsed += 1
    spool.append(b"{}")


def test_no_room_to_write_again_gives_nothing_up(new_spool: NewSpool, reports: Reports) -> None:
    files = FaultyFiles()
    spool = new_spool(max_bytes=1 << 20, files=files)
    filled(spool, 200)
    spool.roll()
    files.fail(["rename"], 28)
    spool._shelf.shed()
    spool._writer.is_tight = True
    spool.sync()
    files.mend()
    assert not reports
    assert len(drained(spool)) == 200

"""Profiles and refusals."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from apilog.collector.call import Profile, Refusal
from apilog.collector.store import register


def a_profile(document: Any, *, time: int = 10, key: str = "ada", kind: str = "user") -> Profile:
    return Profile(kind=kind, id=key, time=time, document=json.dumps(document).encode())


def a_refusal(number: int, **changes: Any) -> Refusal:
    values: dict[str, Any] = {
        "time": number,
        "source": "moesif",
        "path": "/v1/events",
        "status": 400,
        "reason": f"number {number}",
        "content": b"\x00\xff{",
    }
    return Refusal(**{**values, **changes})


def document(store: Any, kind: str = "user", key: str = "ada") -> Any:
    profile = store.profile(kind, key)
    return None if profile is None else (profile.time, json.loads(profile.document))


def test_fields_of_a_later_profile_replace_those_of_an_earlier_one(opened: Any) -> None:
    store = opened()
    store.describe(
        [
            a_profile({"name": "Ada", "metadata": {"plan": "free", "seats": 3}}),
            a_profile({"metadata": {"plan": "gold"}, "email": "ada@shop.test"}, time=20),
        ]
    )
    expected = {"name": "Ada", "metadata": {"plan": "gold"}, "email": "ada@shop.test"}
    assert document(store) == (20, expected)


def test_a_profile_that_comes_late_adds_only_what_is_not_known(opened: Any) -> None:
    store = opened()
    store.describe([a_profile({"name": "Ada L."}, time=20)])
    store.describe([a_profile({"name": "Ada", "since": 1843}, time=10)])
    assert document(store) == (20, {"name": "Ada L.", "since": 1843})


def test_profiles_of_different_kinds_are_different(opened: Any) -> None:
    store = opened()
    kinds = ("user", "company", "subscription")
    store.describe([a_profile({"kind": kind}, key="one", kind=kind) for kind in kinds])
    for kind in kinds:
        assert document(store, kind, "one") == (10, {"kind": kind})
    assert store.profile("user", "two") is None


def test_what_was_said_once_is_kept_as_it_was_said(opened: Any) -> None:
    sent = b'{"n": 123456789012345678901234567890, "x": 1.10, "name": "\\u0041da \xc3\xa9"}'
    store = opened()
    store.describe([Profile(kind="user", id="ada", time=1, document=sent)])
    assert store.profile("user", "ada").document == sent
    store.describe([a_profile({"y": 1}, time=2)])
    assert document(store)[1]["n"] == 123456789012345678901234567890


def test_a_profile_does_not_grow_without_end(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MOST_PROFILE_BYTES", 1_000)
    store = opened()
    store.describe([a_profile({"a": "x" * 600})])
    store.describe([a_profile({"b": "y" * 600}, time=11)])
    assert document(store) == (11, {"b": "y" * 600})


def test_the_profiles_spoken_of_last_are_kept(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "MOST_PROFILES", 3)
    store = opened()
    store.describe([a_profile({}, time=time, key=str(time)) for time in (5, 1, 4, 2, 3)])
    store.retain()
    assert [key for key in "12345" if store.profile("user", key)] == ["3", "4", "5"]


def test_the_newest_thousand_refusals_are_kept(opened: Any) -> None:
    store = opened()
    store.refuse([a_refusal(number) for number in range(700)])
    store.refuse([a_refusal(number) for number in range(700, 1_300)])
    found = store.refusals(2_000)
    assert [refusal.time for refusal in found] == list(range(1_299, 299, -1))
    assert found[0] == a_refusal(1_299)
    assert store.refusals(2) == found[:2]
    store.refuse([a_refusal(number) for number in range(5_000)])
    assert [refusal.time for refusal in store.refusals(2_000)] == list(range(4_999, 3_999, -1))


def test_many_threads_may_speak_of_one_profile(opened: Any) -> None:
    store = opened()
    threads = [
        threading.Thread(target=store.describe, args=([a_profile({f"field {n}": n})],))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert document(store) == (10, {f"field {n}": n for n in range(8)})


def test_a_folder_without_a_register_is_read_as_empty(opened: Any, tmp_path: Any) -> None:
    opened().close()
    (tmp_path / "data" / "store.db").unlink()
    store = opened(writable=False)
    assert store.refusals(10) == []
    assert store.profile("user", "ada") is None

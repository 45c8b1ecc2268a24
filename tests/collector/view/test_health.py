"""The health page's numbers, and purging through the viewer."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from apilog._version import __version__
from apilog.collector.store.protocol import StoreBusy
from apilog.collector.view.pool import Pool


def test_a_collector_that_has_seen_nothing_says_so(collected: Any) -> None:
    said = collected(search=False).log_in().get("/view/health").json()
    assert said["store"].pop("bytes") > 0
    assert said == {
        "senders": 0,
        "accounts": {"captured": 0, "delivered": 0, "spooled": 0, "quarantined": 0},
        "dropped": {},
        "refusals": [],
        "store": {"calls": 0, "oldest": None, "newest": None, "search": False},
        "version": __version__,
        "ingest": {"received": 0, "stored": 0, "duplicates": 0, "refused": 0},
    }


def test_what_senders_lost_is_summed_up(collected: Any) -> None:
    collector = collected().log_in()
    for sender, lost in (("a", 1), ("b", 2), ("a", 3)):
        account = {"sender": sender, "captured": 10, "dropped": {"queue_full": lost}}
        headers: dict[str, str] = {}
        answer = collector.request("POST", "/v1/losses", json=account, headers=headers)
        assert answer.status_code == 201
    said = collector.get("/view/health").json()
    assert (said["senders"], said["accounts"]["captured"]) == (2, 20)
    assert said["dropped"] == {"queue_full": 5}


def test_what_was_stored_and_what_was_not_is_counted(
    collected: Any, an_event: Any, eventually: Any
) -> None:
    collector = collected().log_in()
    event = an_event()
    for _ in range(2):
        assert collector.request("POST", "/v1/events", json=event).status_code == 201
    assert collector.request("POST", "/v1/events", json={"request": 7}).status_code == 400
    said = collector.get("/view/health").json()
    assert said["ingest"] == {"received": 2, "stored": 1, "duplicates": 1, "refused": 1}
    assert said["store"]["calls"] == 1
    assert abs(said["store"]["newest"] - time.time() * 1_000) < 60_000
    (refusal,) = eventually(lambda: collector.get("/view/health").json()["refusals"])
    assert (refusal["source"], refusal["path"], refusal["status"]) == ("moesif", "/v1/events", 400)
    assert refusal["reason"]
    assert json.loads(refusal["content"]) == {"request": 7}


def test_the_same_is_told_to_prometheus(collected: Any, an_event: Any) -> None:
    collector = collected()
    event = an_event()
    for _ in range(2):
        assert collector.request("POST", "/v1/events", json=event).status_code == 201
    assert collector.request("POST", "/v1/events", json={"request": 7}).status_code == 400
    answer = collector.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert int(told.pop("apilog_collector_disk_bytes")) > 0
    assert told == {
        "apilog_collector_received_total": "2",
        "apilog_collector_stored_total": "1",
        "apilog_collector_duplicates_total": "1",
        "apilog_collector_refused_total": "1",
        "apilog_collector_calls": "1",
    }
    assert [line for line in lines if line.startswith("# TYPE apilog_collector_calls")] == [
        "# TYPE apilog_collector_calls gauge"
    ]


def test_a_user_is_removed_with_the_profile(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    add(collector, {"user": "ada"}, {"user": "ada"}, {"user": "bob"})
    collector.request("POST", "/v1/users", json={"user_id": "ada"})
    answer = collector.post("/view/purge", json={"user": "ada"})
    assert answer.json() == {"removed": 2}
    assert [row["user"] for row in collector.get("/view/calls").json()["rows"]] == ["bob"]
    assert collector.get("/view/profiles/user/ada").status_code == 404


def test_what_is_before_a_moment_is_removed(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    now = time.time_ns() // 1_000
    keys = add(collector, {"time": now - 2_000_000}, {"time": now})
    answer = collector.post("/view/purge", json={"before": now / 1_000 - 1_000})
    assert answer.json() == {"removed": 1}
    assert [row["id"] for row in collector.get("/view/calls").json()["rows"]] == keys[1:]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"user": ""},
        {"user": 7},
        {"user": None},
        {"user": "ada", "before": 1},
        {"before": "1"},
        {"before": True},
        {"before": -1},
        {"before": 1e300},
        {"befor": 1},
        {"user": "ada", "x": 1},
    ],
    ids=str,
)
def test_what_is_to_be_removed_must_be_plain(collected: Any, add: Any, said: object) -> None:
    collector = collected().log_in()
    add(collector, {"user": "ada"})
    answer = collector.post("/view/purge", json=said)
    assert answer.status_code == 400
    assert collector.store.size().calls == 1


def test_of_too_many_questions_at_once_some_are_told_to_come_again(collected: Any) -> None:
    import asyncio

    go_on = threading.Event()

    async def ask() -> list[object]:
        pool = Pool(threads=2, waiting=3)
        asked = [asyncio.create_task(pool.ask(go_on.wait)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(StoreBusy):
            await pool.ask(go_on.wait)
        go_on.set()
        answers: list[object] = await asyncio.gather(*asked)
        assert await pool.ask(lambda: 7) == 7
        pool.close()
        return answers

    assert asyncio.run(ask()) == [True] * 5

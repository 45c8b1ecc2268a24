"""The list of calls, and one call with those around it."""

from __future__ import annotations

import time
from typing import Any

import pytest

NOW = time.time_ns() // 1_000_000 * 1_000 - 60_000_000
SECOND = 1_000_000


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["rows"]]


def test_a_row_has_every_field_in_milliseconds(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    (key,) = add(
        collector,
        {
            "time": NOW + 123,
            "query": "a=1",
            "user": "ada",
            "company": "acme",
            "session": "s1",
            "ip": "192.0.2.1",
            "trace": "t1",
            "request_size": 7,
            "response_size": 8,
            "error": "KeyError",
            "duration": 1_234,
        },
    )
    (row,) = collector.get("/view/calls").json()["rows"]
    assert row.pop("received") > NOW / 1_000
    assert row == {
        "id": key,
        "time": NOW / 1_000 + 0.123,
        "source": "moesif",
        "method": "GET",
        "host": "shop.test",
        "route": "/items/{id}",
        "path": "/items/7",
        "query": "a=1",
        "status": 200,
        "duration": 1.234,
        "user": "ada",
        "company": "acme",
        "session": "s1",
        "ip": "192.0.2.1",
        "trace": "t1",
        "request_size": 7,
        "response_size": 8,
        "error": "KeyError",
    }


def test_what_is_not_known_is_null_or_empty(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    add(collector, {"status": None, "duration": None, "route": "", "host": ""})
    (row,) = collector.get("/view/calls").json()["rows"]
    nothing = {name for name, value in row.items() if value is None}
    assert nothing == {"status", "duration", "request_size", "response_size"}
    assert (row["route"], row["user"], row["error"]) == ("", "", "")


def test_the_list_goes_on_where_it_ended(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    keys = add(collector, *({"time": NOW + number} for number in range(7)))
    found, place = [], ""
    while place is not None:
        answer = collector.get("/view/calls", params={"limit": 3, "place": place})
        found += ids(answer)
        place = answer.json()["next"]
    assert found == keys[::-1]


def test_filter_and_time_range_hold_together(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    calls = [{"time": NOW + at * SECOND, "status": 500 if at % 2 else 200} for at in range(6)]
    keys = add(collector, *calls)
    asked = {
        "q": "status:5xx",
        "from": str((NOW + SECOND) / 1_000),
        "to": str((NOW + 5 * SECOND) / 1_000),
    }
    assert ids(collector.get("/view/calls", params=asked)) == [keys[3], keys[1]]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("limit=0", "limit must be a whole number from 1 to 200"),
        ("limit=201", "limit must be a whole number from 1 to 200"),
        ("limit=x", "limit must be a whole number from 1 to 200"),
        ("limit=%D9%A3", "limit must be a whole number from 1 to 200"),
        ("limit=99999999999999999999999", "limit must be a whole number from 1 to 200"),
        ("from=x", "from must be a number of milliseconds since 1970"),
        ("from=-1", "from must be a number of milliseconds since 1970"),
        ("to=1e9", "to must be a number of milliseconds since 1970"),
        ("to=NaN", "to must be a number of milliseconds since 1970"),
        ("to=999999999999999", "to must be a number of milliseconds since 1970"),
        ("place=x", "there is no such place in the list"),
        ("place=%00", "there is no such place in the list"),
    ],
)
def test_a_wrong_parameter_is_named(collected: Any, asked: str, error: str) -> None:
    answer = collected().log_in().get(f"/view/calls?{asked}")
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_wrong_filter_says_where_and_what_instead(collected: Any) -> None:
    answer = collected().log_in().get("/view/calls", params={"q": "ok stat:5xx"})
    assert answer.status_code == 400
    said = answer.json()
    assert said["at"] == 3
    assert said["error"].endswith("did you mean 'status'?")


def test_one_call_comes_whole(collected: Any, an_event: Any) -> None:
    collector = collected().log_in()
    event = an_event(future={"field": [1, None, "ü"]}, user_id="ada")
    assert collector.post("/v1/events", json=event).status_code == 201
    key = event["transaction_id"]
    said = collector.get(f"/view/calls/{key}").json()
    assert said["event"] == event
    assert (said["row"]["id"], said["row"]["user"]) == (key, "ada")


@pytest.mark.parametrize("key", ["nothing", "a/b", "..%2f..%2fetc%2fpasswd", "%00", "%27", "ü"])
def test_there_is_no_call_of_another_id(collected: Any, key: str) -> None:
    answer = collected().log_in().get(f"/view/calls/{key}")
    assert answer.status_code == 404


def test_an_id_may_be_any_text(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    for key in ("a/b/c", "?x#y", "100%", "ü 'quoted'", "../x"):
        add(collector, {"id": key})
        from urllib.parse import quote

        said = collector.get(f"/view/calls/{quote(key, safe='')}")
        assert said.status_code == 200, key
        assert said.json()["row"]["id"] == key


def test_the_session_around_a_call_is_shown_oldest_first(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    keys = add(
        collector, *({"time": NOW + at * SECOND, "session": "s1", "user": "ada"} for at in range(5))
    )
    add(collector, {"time": NOW + SECOND, "session": "s2", "user": "ada"})
    said = collector.get(f"/view/calls/{keys[2]}").json()
    assert [row["id"] for row in said["session"]] == keys
    assert (said["previous"], said["next"]) == (keys[1], keys[3])
    first, last = (collector.get(f"/view/calls/{keys[at]}").json() for at in (0, 4))
    assert (first["previous"], first["next"]) == (None, keys[1])
    assert (last["previous"], last["next"]) == (keys[3], None)


def test_without_a_session_the_users_calls_are_neighbours(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    keys = add(collector, *({"time": NOW + at * SECOND, "user": "ada"} for at in range(3)))
    alone = add(collector, {"time": NOW})[0]
    said = collector.get(f"/view/calls/{keys[1]}").json()
    assert (said["previous"], said["next"]) == (keys[0], keys[2])
    said = collector.get(f"/view/calls/{alone}").json()
    assert (said["session"], said["previous"], said["next"]) == ([], None, None)


@pytest.mark.parametrize("gap", [1, 1_000, SECOND // 50, SECOND, 3_600 * SECOND])
def test_of_a_long_session_the_nearest_are_shown(collected: Any, add: Any, gap: int) -> None:
    collector = collected().log_in()
    count = 120 if gap == 3_600 * SECOND else 400
    start = NOW - count * gap
    keys = add(collector, *({"time": start + at * gap, "session": "s1"} for at in range(count)))
    for at in (60, count // 2, count - 30):
        said = collector.get(f"/view/calls/{keys[at]}").json()
        assert (said["previous"], said["next"]) == (keys[at - 1], keys[at + 1])
        assert [row["id"] for row in said["session"]] == keys[at - 25 : at + 25]


def test_calls_of_one_moment_are_each_others_neighbours(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    keys = add(collector, *({"time": NOW, "session": "s1"} for _ in range(3)))
    seen, key = [], keys[0]
    order = [row["id"] for row in collector.get("/view/calls").json()["rows"]][::-1]
    key = order[0]
    while key is not None:
        seen.append(key)
        key = collector.get(f"/view/calls/{key}").json()["next"]
    assert seen == order


@pytest.mark.parametrize("taken", ["gzip", "identity", "gzip;q=0"])
def test_a_long_list_is_compressed_for_who_takes_that(collected: Any, add: Any, taken: str) -> None:
    collector = collected().log_in()
    add(collector, *({"path": f"/items/{number}"} for number in range(100)))
    headers = {"Accept-Encoding": taken}
    answer = collector.get("/view/calls", headers=headers)
    assert answer.headers.get("content-encoding") == ("gzip" if taken == "gzip" else None)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert len(ids(answer)) == 100
    assert "content-encoding" not in collector.get("/view/calls?limit=1", headers=headers).headers

"""Charts, endpoints, values, subjects, profiles: the numbers of the overviews."""

from __future__ import annotations

import time
from typing import Any

import pytest

MINUTE = 60_000_000
NOW = time.time_ns() // 1_000 // MINUTE * MINUTE - 5 * MINUTE
"""Five minutes ago, at the beginning of a minute."""


def milliseconds(moment: int) -> str:
    return str(moment / 1_000)


def series(collector: Any, **asked: Any) -> Any:
    answer = collector.get("/view/series", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_chart_has_a_point_for_every_step(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    statuses = [200, 200, 404, 500]
    add(collector, *({"time": NOW + at, "status": each} for at, each in enumerate(statuses)))
    add(collector, {"time": NOW + 2 * MINUTE, "status": None, "error": "aborted"})
    asked = {"from": milliseconds(NOW), "to": milliseconds(NOW + 3 * MINUTE), "step": "60000"}
    said = series(collector, **asked)
    assert (said["step"], said["from"], said["to"]) == (
        60_000,
        NOW / 1_000,
        (NOW + 3 * MINUTE) / 1_000,
    )
    assert [each["time"] for each in said["points"]] == [
        (NOW + at * MINUTE) / 1_000 for at in range(3)
    ]
    counts = [(p["count"], p["client_errors"], p["server_errors"]) for p in said["points"]]
    assert counts == [(4, 1, 1), (0, 0, 0), (1, 0, 1)]
    assert said["points"][1]["p95"] is None
    assert said["points"][0]["p50"] == pytest.approx(12, rel=0.07)


@pytest.mark.parametrize("step", [1, 60, 900, 86_400])
def test_a_chart_counts_what_the_list_of_the_same_time_holds(
    collected: Any, add: Any, step: int
) -> None:
    collector = collected().log_in()
    add(collector, *({"time": NOW + at * 20_000_000} for at in range(6)))
    asked = {"from": milliseconds(NOW + 30_000_000), "to": milliseconds(NOW + 90_000_000)}
    rows = collector.get("/view/calls", params=asked).json()["rows"]
    said = series(collector, **asked, step=step * 1_000)
    assert sum(each["count"] for each in said["points"]) == len(rows) == 3
    assert said["points"][0]["time"] == (NOW + 30_000_000) // (step * 1_000_000) * step * 1_000


@pytest.mark.parametrize(
    ("span", "step"),
    [
        (1_000, 1_000),
        (60_000, 1_000),
        (239_000, 1_000),
        (240_000, 5_000),
        (3_600_000, 60_000),
        (4 * 3_600_000, 300_000),
        (86_400_000, 900_000),
        (7 * 86_400_000, 3_600_000),
        (30 * 86_400_000, 21_600_000),
        (200 * 86_400_000, 86_400_000),
    ],
)
def test_the_step_is_the_shortest_that_gives_240_points(
    collected: Any, span: int, step: int
) -> None:
    until = NOW // 1_000
    said = series(collected().log_in(), **{"from": until - span, "to": until})
    assert said["step"] == step
    assert 1 <= len(said["points"]) <= 240


def test_a_chart_without_a_range_begins_with_the_oldest_call(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    add(collector, {"time": NOW})
    said = series(collector)
    assert sum(each["count"] for each in said["points"]) == 1
    assert said["from"] <= NOW / 1_000 < said["from"] + said["step"]


def test_a_chart_of_nothing_is_empty(collected: Any) -> None:
    assert sum(each["count"] for each in series(collected().log_in())["points"]) == 0


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("step=7", "step must be one of 1000, 5000, "),
        ("step=-1", "step must be a whole number"),
        ("from=2000&to=1000", "from must be before to"),
        ("from=1000&to=1000", "from must be before to"),
        ("from=0&to=86400000&step=1000", "a chart has at most 2000 steps"),
        ("q=no:such", "There is no field 'no'"),
    ],
)
def test_a_chart_that_cannot_be_is_refused(collected: Any, asked: str, error: str) -> None:
    answer = collected().log_in().get(f"/view/series?{asked}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)


def test_endpoints_come_the_busiest_first(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    add(
        collector,
        {"route": "/a", "time": NOW},
        {"route": "/b", "time": NOW, "method": "POST", "status": 404},
        {"route": "/b", "time": NOW + 1, "method": "POST", "status": 500},
    )
    said = collector.get("/view/endpoints").json()["endpoints"]
    busiest = said[0]
    assert [each["route"] for each in said] == ["/b", "/a"]
    assert (busiest["method"], busiest["count"]) == ("POST", 2)
    assert (busiest["client_errors"], busiest["server_errors"]) == (1, 1)
    assert busiest["last"] == NOW / 1_000 + 0.001
    one = collector.get("/view/endpoints?limit=1").json()["endpoints"]
    assert [each["route"] for each in one] == ["/b"]


def test_values_complete_a_beginning(collected: Any, add: Any) -> None:
    collector = collected().log_in()
    add(collector, {"user": "ada"}, {"user": "ada"}, {"user": "adam"}, {"user": "bob"}, {})
    said = collector.get("/view/values?field=user&beginning=ad").json()
    assert said == {"values": [{"value": "ada", "count": 2}, {"value": "adam", "count": 1}]}


@pytest.mark.parametrize("field", ["", "body", "user; DROP TABLE call", "place", "is"])
def test_only_fields_have_values(collected: Any, field: str) -> None:
    answer = collected().log_in().get("/view/values", params={"field": field})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("field must be one of: ")


@pytest.mark.parametrize("field", ["user", "company", "session"])
def test_subjects_are_those_who_called_most(collected: Any, add: Any, field: str) -> None:
    collector = collected().log_in()
    add(
        collector,
        {field: "x", "time": NOW},
        {field: "x", "time": NOW + 1_000, "status": 404},
        {field: "y", "time": NOW},
        {},
    )
    said = collector.get(f"/view/subjects/{field}").json()["subjects"]
    assert said[0] == {
        "id": "x",
        "count": 2,
        "errors": 1,
        "first": NOW / 1_000,
        "last": NOW / 1_000 + 1,
    }
    assert [each["id"] for each in said] == ["x", "y"]


def test_there_are_three_kinds_of_subjects(collected: Any) -> None:
    assert collected().log_in().get("/view/subjects/ip").status_code == 404


def test_a_profile_is_what_was_said(collected: Any) -> None:
    collector = collected().log_in()
    said = {"user_id": "ada/1", "metadata": {"email": "***"}}
    assert collector.post("/v1/users", json=said).status_code == 201
    found = collector.get("/view/profiles/user/ada%2F1").json()
    assert (found["id"], found["document"]) == ("ada/1", said)
    assert abs(found["time"] - time.time() * 1_000) < 60_000
    for missing in ("user/bob", "company/ada%2F1", "nobody/ada%2F1"):
        assert collector.get(f"/view/profiles/{missing}").status_code == 404


def test_a_filter_is_explained_while_it_is_typed(collected: Any) -> None:
    collector = collected().log_in()
    said = collector.get("/view/filter", params={"q": "-status:5xx items"}).json()
    assert said["ok"] is True
    assert said["conditions"][0] == {"field": "status", "text": "5xx", "negated": True}
    wrong = collector.get("/view/filter", params={"q": 'body:"open'}).json()
    assert (wrong["ok"], wrong["at"]) == (False, 5)
    assert wrong["error"]


class Busy:
    """A store whose answers take too long."""

    def __init__(self, store: Any, error: Exception) -> None:
        self._store = store
        self._error = error

    def page(self, *_: object, **__: object) -> None:
        raise self._error

    series = endpoints = values = subjects = size = page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize(
    "path",
    [
        "/view/calls",
        "/view/series",
        "/view/endpoints",
        "/view/values?field=user",
        "/view/subjects/user",
        "/view/health",
        "/view/export?format=csv",
    ],
)
def test_a_question_that_takes_too_long_is_503_and_soon_possible_again(
    collected: Any, path: str
) -> None:
    from apilog.collector.store.protocol import StoreBusy, StoreUnavailable

    store = collected("store").store
    busy = collected(store=Busy(store, StoreBusy("it would take too long"))).log_in()
    answer = busy.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json() == {"error": "it would take too long"}
    broken = collected("2", store=Busy(store, StoreUnavailable("disk I/O error"))).log_in()
    answer = broken.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")

"""JSON for programs."""

from __future__ import annotations

from typing import Any

import pytest


def ids(response: Any) -> list[int]:
    return [row["id"] for row in response.json()["events"]]


def test_events_come_whole_and_oldest_first(client: Any, an_event: Any) -> None:
    batch = [an_event(user_id="a"), an_event(user_id="b")]
    client.post("/v1/events/batch", json=batch)
    response = client.get("/api/events")
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {
        "events": [{"id": 1, "event": batch[0]}, {"id": 2, "event": batch[1]}]
    }


def test_a_reader_goes_on_after_the_last_id_it_got(client: Any, an_event: Any) -> None:
    client.post("/v1/events/batch", json=[an_event() for _ in range(5)])
    assert ids(client.get("/api/events?limit=2")) == [1, 2]
    assert ids(client.get("/api/events?after=2&limit=2")) == [3, 4]
    assert ids(client.get("/api/events?after=4&limit=2")) == [5]
    assert ids(client.get("/api/events?after=5")) == []


def test_an_answer_ends_early_where_events_are_large(client: Any, an_event: Any) -> None:
    for _ in range(4):
        client.post("/v1/events", json=an_event(large="x" * 9_000_000))
    assert ids(client.get("/api/events")) == [1, 2]
    assert ids(client.get("/api/events?after=2")) == [3, 4]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        pytest.param("limit=1001", "limit must be a whole number from 0 to 1000", id="too many"),
        pytest.param("limit=x", "limit must be a whole number from 0 to 1000", id="a word"),
        pytest.param(
            "after=-1", "after must be a whole number from 0 to 9223372036854775807", id="negative"
        ),
        pytest.param(
            "after=9223372036854775808",
            "after must be a whole number from 0 to 9223372036854775807",
            id="larger than any id",
        ),
    ],
)
def test_a_wrong_parameter_is_named(client: Any, query: str, error: str) -> None:
    response = client.get(f"/api/events?{query}")
    assert (response.status_code, response.json()) == (400, {"error": error})


def test_the_collector_tells_that_it_is_healthy(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}

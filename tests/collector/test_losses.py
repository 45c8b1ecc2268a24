"""What senders say they lost, and who believes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apilog.collector import SQLiteStore, create_app


@pytest.fixture
def client() -> Iterator[Any]:
    import anyio

    store = SQLiteStore(":memory:")

    class Caller:
        def request(self, verb: str, path: str, **more: Any) -> httpx.Response:
            async def call() -> httpx.Response:
                transport = httpx.ASGITransport(self.app)
                async with httpx.AsyncClient(
                    transport=transport, base_url="http://127.0.0.1"
                ) as caller:
                    return await caller.request(verb, path, **more)

            return anyio.run(call)

        app = create_app(store)

    yield Caller()
    store.close()


def report(client: Any, **said: Any) -> httpx.Response:
    answer: httpx.Response = client.request("POST", "/v1/losses", json=said)
    return answer


def test_the_last_word_of_each_sender_counts(client: Any) -> None:
    assert report(client, sender="a", captured=5, dropped={"queue_full": 2}).status_code == 201
    assert report(client, sender="a", captured=9, dropped={"queue_full": 3}).status_code == 201
    assert report(client, sender="b", captured=1, dropped={"<b>": 1}).status_code == 201
    total = client.request("GET", "/api/losses").json()
    assert (total["senders"], total["captured"]) == (2, 10)
    assert total["dropped"] == {"queue_full": 3, "<b>": 1}
    page = client.request("GET", "/").text
    assert "Senders left out or lost: &lt;b&gt; 1, queue_full 3." in page


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"sender": 1},
        {"sender": "a", "dropped": []},
        {"sender": "a", "dropped": {"x": -1}},
        {"sender": "a", "dropped": {"x": True}},
        {"sender": "a", "captured": "many"},
        {"sender": "a", "dropped": {str(number): 1 for number in range(101)}},
    ],
)
def test_what_is_no_account_is_refused(client: Any, said: dict[str, Any]) -> None:
    assert report(client, **said).status_code == 400
    assert client.request("GET", "/api/losses").json()["senders"] == 0


def test_pages_cannot_report(client: Any) -> None:
    answer = client.request("POST", "/v1/losses", json={}, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403


def test_of_too_many_senders_the_silent_are_forgotten(client: Any) -> None:
    from apilog.collector.losses import MAX_SENDERS, Losses

    losses = Losses()
    for number in range(MAX_SENDERS + 5):
        losses.take({"sender": str(number), "dropped": {"x": 1}})
    assert losses.total()["senders"] == MAX_SENDERS

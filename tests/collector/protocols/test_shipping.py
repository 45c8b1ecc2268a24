"""From an app through each destination into a real ``apilog serve``, and out of its viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from apilog import Client
from apilog.destinations import CollectEvent, Collector, Logimoni, Moesif, Swetrix, Umami
from apilog.wsgi import ApiLogMiddleware

WEBSITE = "c8861a92-8899-418e-af74-c8bab41c9766"
PROJECT = "aUn1quEid-3x"
PATIENCE = 30.0

Serving = Callable[..., Any]


def call(client: Client, path: str, status: str = "200 OK") -> None:
    """Make a call of a small WSGI app that *client* records."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(status, [("Content-Type", "application/json")])
        return [b'{"teapot":"blue"}']

    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": "x=1"}
    setup_testing_defaults(environ)
    response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    assert b"".join(response) == b'{"teapot":"blue"}'
    getattr(response, "close", lambda: None)()


DESTINATIONS = [
    pytest.param(lambda url: Collector(url), "moesif", id="the collector's own"),
    pytest.param(lambda url: Moesif("some-application-id", base_url=url), "moesif", id="Moesif"),
    pytest.param(lambda url: Umami(WEBSITE, base_url=url), "umami", id="Umami"),
    pytest.param(
        lambda url: Umami(WEBSITE, base_url=url, batch_items=1), "umami", id="Umami, one by one"
    ),
    pytest.param(lambda url: Swetrix(PROJECT, base_url=url), "swetrix", id="Swetrix"),
    pytest.param(
        lambda url: Swetrix(PROJECT, base_url=url, kind="pageview", heartbeat=True),
        "swetrix",
        id="Swetrix, page views",
    ),
    pytest.param(
        lambda url: Logimoni("u-secret", "p-secret", category="Calls", base_url=url),
        "logimoni",
        id="Logimoni",
    ),
    pytest.param(lambda url: CollectEvent(url), "collect", id="/collect/event"),
]


@pytest.mark.parametrize(("destination", "source"), DESTINATIONS)
def test_every_call_arrives_through(
    serving: Serving, destination: Callable[[str], Any], source: str
) -> None:
    with serving() as collector:
        with Client(destination(collector.url), identify_user=lambda *_: "ada") as client:
            for number in range(25):
                call(client, f"/items/{number}", "503 Busy" if number % 5 == 0 else "200 OK")
            assert client.flush(PATIENCE)
            stats = client.stats()
        rows = collector.rows(limit=200)
    assert (stats.captured, stats.delivered, dict(stats.dropped)) == (25, 25, {})
    assert len(rows) == 25
    assert {row["source"] for row in rows} == {source}
    assert {row["method"] for row in rows} == {"GET"}
    assert sorted(row["status"] for row in rows) == [200] * 20 + [503] * 5
    assert all(row["duration"] is not None for row in rows)
    if source == "logimoni":  # a line of text: the route is all it tells of the place
        assert {row["route"] for row in rows} == {"/items/{id}"}
    else:
        assert {row["path"] for row in rows} == {f"/items/{number}" for number in range(25)}
        assert {row["user"] for row in rows} == {"ada"}


def test_a_call_that_is_shipped_to_several_systems_is_one(serving: Serving) -> None:
    with serving() as collector:
        url = collector.url
        destinations = [
            Collector(url),
            Moesif("some-application-id", base_url=url),
            Umami(WEBSITE, base_url=url),
            Swetrix(PROJECT, base_url=url),
            CollectEvent(url),
        ]
        with Client(destinations) as client:
            for number in range(10):
                call(client, f"/items/{number}", "500 Oops")
            assert client.flush(PATIENCE)
            assert client.stats().delivered == 50
        rows = collector.rows(limit=200)
        with collector.viewer() as viewer:
            counts = viewer.get("/view/health").json()["ingest"]
    assert len(rows) == 10
    assert (counts["stored"], counts["refused"]) == (10, 0)
    assert counts["received"] == counts["stored"] + counts["duplicates"] >= 50


def test_updates_arrive_at_the_collector(serving: Serving) -> None:
    with serving() as collector, Client(collector.url) as client:
        assert client.update_user(
            {"user_id": "ada", "company_id": "acme", "metadata": {"plan": "pro"}}, wait=PATIENCE
        )
        assert client.update_company(
            {"company_id": "acme", "company_domain": "acme.test"}, wait=PATIENCE
        )
        assert client.update_subscription(
            {"subscription_id": "s1", "company_id": "acme", "status": "active"}, wait=PATIENCE
        )
        assert client.track_action(
            {"action_name": "Sign up", "request": {"uri": "https://shop.test/welcome"}},
            wait=PATIENCE,
        )
        assert client.stats().delivered == 4
        with collector.viewer() as viewer:
            user = viewer.get("/view/profiles/user/ada").json()["document"]
            company = viewer.get("/view/profiles/company/acme").json()["document"]
            subscription = viewer.get("/view/profiles/subscription/s1").json()["document"]
        (action,) = collector.rows()
    assert (user["company_id"], user["metadata"]) == ("acme", {"plan": "pro"})
    assert company["company_domain"] == "acme.test"
    assert subscription["status"] == "active"
    assert (action["method"], action["route"]) == ("ACTION", "Sign up")


def test_moesifs_rules_and_sampling_let_everything_through(serving: Serving) -> None:
    with serving() as collector:
        destination = Moesif("some-application-id", base_url=collector.url, governance=True)
        with Client(destination) as client:
            for number in range(20):
                call(client, f"/items/{number}")
            assert client.flush(PATIENCE)
        assert len(collector.rows()) == 20


def test_a_sender_with_the_collectors_token_is_let_in_and_others_keep_their_calls(
    serving: Serving,
) -> None:
    with serving("--token", "open-sesame-0123456789") as collector:
        right = Moesif("open-sesame-0123456789", base_url=collector.url)
        with Client(right) as client:
            call(client, "/right")
            assert client.flush(PATIENCE)
        wrong = Moesif("close-sesame-0123456789", base_url=collector.url)
        with Client(wrong, shutdown_timeout=0.1) as client:
            call(client, "/wrong")
            assert not client.flush(1)
            assert client.stats().delivered == 0
        assert [row["path"] for row in collector.rows()] == ["/right"]

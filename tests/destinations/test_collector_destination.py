"""From an app to the real collector, a process of its own, and back out of its JSON API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from apilog import Client
from apilog.destinations import Collector

Serve = Callable[..., Any]
Call = Callable[..., None]


def test_what_an_app_records_is_what_the_collector_stores(serve: Serve, call: Call) -> None:
    with serve() as collector:
        with Client(collector.url, identify_user=lambda *_: "u1") as client:
            for number in range(120):
                call(client, f"/items/{number}")
            assert client.flush(20)
        stored = collector.events()
    uris = [event["request"]["uri"] for event in stored]
    assert uris == [f"http://127.0.0.1/items/{number}" for number in range(120)]
    assert {event["user_id"] for event in stored} == {"u1"}
    assert {event["response"]["status"] for event in stored} == {201}
    assert stored[0]["response"]["body"] == {"ok": True}
    assert len({event["transaction_id"] for event in stored}) == 120
    stats = client.stats()
    assert (stats.captured, stats.delivered, stats.dropped) == (120, 120, {})


def test_a_batch_that_is_sent_twice_is_stored_once(
    serve: Serve, an_event: Callable[..., bytes]
) -> None:
    with serve() as served:
        collector = Collector(served.url)
        for _ in range(2):
            collector.send([an_event()])
        collector.close()
        assert len(served.events()) == 1


def test_the_collector_speaks_moesifs_protocol_too(serve: Serve, call: Call) -> None:
    with serve() as collector:
        url = collector.url.replace("http://", "moesif://some-application-id@") + "?insecure=1"
        with Client(url) as client:
            call(client)
        assert len(collector.events()) == 1


def test_a_collector_that_starts_late_and_restarts_gets_everything(
    serve: Serve, call: Call
) -> None:
    with serve() as collector:
        port = urlsplit(collector.url).port
    with Client(
        f"http://127.0.0.1:{port}", batch_size=5, flush_interval=0.05, shutdown_timeout=30
    ) as client:
        for number in range(10):
            call(client, f"/before/{number}")
        with serve(port) as collector:
            assert client.flush(30)
            assert len(collector.events()) == 10
        for number in range(10):
            call(client, f"/between/{number}")
        with serve(port) as collector:
            assert client.flush(30)
            stored = [urlsplit(event["request"]["uri"]).path for event in collector.events()]
    assert stored == [f"/{when}/{n}" for when in ("before", "between") for n in range(10)]
    stats = client.stats()
    assert (stats.captured, stats.delivered, stats.dropped) == (20, 20, {})


def test_a_large_event_arrives(serve: Serve, call: Call) -> None:
    with serve() as collector:
        with Client(collector.url, max_body_bytes=900_000) as client:
            call(client, answer=b"x" * 800_000, content_type="text/plain")
        (event,) = collector.events()
    assert len(event["response"]["body"]) == 800_000

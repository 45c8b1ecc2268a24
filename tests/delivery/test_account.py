"""What an operator learns: the account as text, one line about losses, a report, the switches."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import setup_testing_defaults

import pytest

from apilog import Client, Stats
from apilog.complaints import Complaints
from apilog.destinations import Collector
from apilog.exceptions import Rejected
from apilog.losses import Losses
from apilog.metrics import prometheus
from apilog.wsgi import ApiLogMiddleware

New = Callable[..., Any]
Call = Callable[..., None]

LONG = 3600
PATIENCE = 20.0


def test_the_account_is_text_for_prometheus() -> None:
    stats = Stats(
        captured=12,
        queued=1,
        delivered=7,
        spooled=2,
        dropped={"queue_full": 2, 'odd "\\\n': 1},
        retries=3,
        faults={"hook_failed:skip": 1},
    )
    lines = prometheus(stats).splitlines()
    assert "# TYPE apilog_captured_total counter" in lines
    assert "apilog_captured_total 12" in lines
    assert "# TYPE apilog_spooled gauge" in lines
    assert "apilog_spooled 2" in lines
    assert 'apilog_dropped_total{reason="queue_full"} 2' in lines
    assert r'apilog_dropped_total{reason="odd \"\\\n"} 1' in lines
    assert 'apilog_faults_total{kind="hook_failed:skip"} 1' in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_a_client_tells_its_metrics(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, flush_interval=LONG)
    call(client)
    assert client.flush(10)
    assert "apilog_delivered_total 1\n" in client.metrics()


def test_losses_that_nobody_spoke_of_are_one_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, apilog_log: Any, destination: Any
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    dropped: dict[str, int] = {"sampled_out": 9, "rejected": 5}
    losses = Losses(destination, lambda: Stats(dropped=dict(dropped)), Complaints())
    for seconds, count in ((0, 0), (1, 3), (2, 5), (30, 6), (62, 7), (63, 7), (200, 7)):
        clock[0] = 1000.0 + seconds
        dropped["queue_full"] = count
        losses.look()
    assert [record.getMessage() for record in apilog_log.records] == [
        "apilog: 3 events were lost: queue_full 3",
        "apilog: 4 events were lost: queue_full 4",
    ]


def test_a_collector_learns_what_was_lost(
    endpoint: Any, answer: New, new_client: New, call: Call
) -> None:
    client = new_client(
        Collector(endpoint.url), batch_size=1, queue_events=1, flush_interval=0.01, skip=skip
    )
    call(client, "/skip")
    assert client.flush(10)
    assert [request.path for request in endpoint.received] == []  # nobody lost anything
    endpoint.default = answer(503)
    for number in range(5):
        call(client, f"/{number}")
    endpoint.wait_for(lambda: len(endpoint.received) >= 1)
    assert client.stats().dropped["queue_full"] >= 2
    endpoint.default = answer(201)
    endpoint.wait_for(lambda: any(request.path == "/v1/losses" for request in endpoint.received))


def skip(request: Any, _: object) -> bool:
    return bool(request["PATH_INFO"] == "/skip")


def test_a_destination_that_wants_no_report_gets_none(
    new_client: New, destination: Any, call: Call
) -> None:
    client = new_client(destination, flush_interval=LONG)
    call(client)
    assert client.flush(10)
    destination.script.append(Rejected("400"))
    call(client)
    assert client.flush(10)
    assert client.stats().faults.keys() == {"rejected"}


@pytest.mark.parametrize("switch", ["pause", "file"])
def test_a_switch_stops_recording_without_a_restart(
    new_client: New, destination: Any, call: Call, tmp_path: Path, switch: str
) -> None:
    file = tmp_path / "pause"
    client = new_client(destination, flush_interval=LONG, pause_file=file)
    call(client, "/before")
    turn_off: Callable[[], object] = client.pause if switch == "pause" else file.touch
    turn_on: Callable[[], object] = client.resume if switch == "pause" else file.unlink
    turn_off()
    expected = 1 if switch == "pause" else None
    if expected is None:  # a file is looked for once a second
        wait_until_paused(client, call, paused=True)
    count = client.stats().captured
    call(client, "/paused")
    assert client.stats().captured == count
    turn_on()
    wait_until_paused(client, call, paused=False)
    assert client.flush(10)
    assert "/paused" not in destination.paths
    assert destination.paths[0] == "/before"


def wait_until_paused(client: Client, call: Call, *, paused: bool) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        before = client.stats().captured
        call(client, "/probe")
        if (client.stats().captured == before) is paused:
            return
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_environment_switches_everything_off(
    monkeypatch: pytest.MonkeyPatch, destination: Any, call: Call
) -> None:
    monkeypatch.setitem(os.environ, "APILOG_ENABLED", "0")
    with Client(destination) as client:
        call(client)
        assert client.stats() == Stats()


def test_an_app_that_is_its_own_endpoint_does_not_record_that(
    new_client: New, destination: Any
) -> None:
    client = new_client(destination, flush_interval=LONG)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("201 Created", [("Content-Type", "text/plain")])
        return [b"thanks"]

    environ: dict[str, Any] = {"PATH_INFO": "/v1/events/batch", "HTTP_USER_AGENT": "apilog/0.1.0"}
    setup_testing_defaults(environ)
    response: Any = ApiLogMiddleware(app, client=client)(environ, lambda *_: lambda _: None)
    assert b"".join(response) == b"thanks"
    response.close()
    assert client.flush(10)
    assert (destination.batches, client.stats().dropped) == ([], {"self_traffic": 1})


@pytest.mark.parametrize("durability", [None, "worker", "request"])
def test_an_app_that_is_its_own_collector_gets_every_call_once_and_no_more(
    new_client: New, call: Call, tmp_path: Path, durability: str | None
) -> None:
    """A delivery that made an event would make a delivery, and so on for ever."""
    paths: list[str] = []
    posts = 0

    def collector(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        nonlocal posts
        posts += 1
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        events = json.loads(gzip.decompress(body))
        paths.extend(event["request"]["uri"].rpartition("/")[2] for event in events)
        start_response("201 Created", [("Content-Length", "0")])
        return [b""]

    server = make_server("127.0.0.1", 0, lambda *_: [], handler_class=Quiet)
    spooled = {"spool": tmp_path / "spool", "durability": durability} if durability else {}
    url = f"http://127.0.0.1:{server.server_port}"
    client = new_client(Collector(url), flush_interval=0.01, **spooled)
    server.set_app(ApiLogMiddleware(collector, client=client))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        for number in range(1_000):
            call(client, f"/{number}")
        assert client.flush(PATIENCE)
        assert client.flush(PATIENCE), "and whatever that made"
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
    assert client.flush(PATIENCE), "nothing is left that wants an endpoint"
    assert sorted(map(int, paths)) == list(range(1_000))
    stats = client.stats()
    assert stats.dropped == {"self_traffic": posts}
    assert (stats.captured, stats.delivered) == (1_000 + posts, 1_000)


class Quiet(WSGIRequestHandler):
    """Log no request."""

    def log_message(self, *_: Any) -> None:
        pass

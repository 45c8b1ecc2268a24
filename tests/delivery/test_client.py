"""The client: whom it takes as a destination, and how it behaves when that one is in trouble."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from apilog import Client, ConfigError, Stats
from apilog.destinations import Collector, Console, File, Memory, Moesif
from apilog.wsgi import ApiLogMiddleware

New = Callable[..., Any]
Call = Callable[..., None]
LONG = 3600.0
SECRET = "eyJhcHAiOiIxOTg6MTI0In0.secret-application-id"


@pytest.fixture(autouse=True)
def _no_destination_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APILOG_DESTINATION", raising=False)


# Destinations


class WithoutSend:
    def __repr__(self) -> str:
        return f"<WithoutSend {SECRET}>"


@dataclass
class SendIsNoMethod:
    send: str = SECRET


class AsyncSend:
    async def send(self, batch: Any) -> None: ...


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        pytest.param(None, "destination is missing", id="nothing"),
        pytest.param([], "destination is missing", id="an empty list"),
        pytest.param((), "destination is missing", id="an empty tuple"),
        pytest.param("", "unknown scheme", id="an empty text"),
        pytest.param(SECRET, "unknown scheme", id="an application id alone"),
        pytest.param(f"moesif://{SECRET}", "no application id", id="no host"),
        pytest.param("moesif://api.moesif.net", "no application id", id="no application id"),
        pytest.param(f"moesif:{SECRET}", "no application id", id="no slashes"),
        pytest.param(f"ftp://{SECRET}@host", "unknown scheme", id="an unknown scheme"),
        pytest.param(["memory:", f"ftp://{SECRET}@host"], "unknown scheme", id="one of two"),
        pytest.param(WithoutSend(), "WithoutSend", id="no send"),
        pytest.param(SendIsNoMethod(), "SendIsNoMethod", id="a send that is no method"),
        pytest.param(AsyncSend(), "async", id="a send that nobody would await"),
        pytest.param(Moesif, "the class Moesif", id="a class"),
        pytest.param([Memory], "the class Memory", id="a class in a list"),
        pytest.param({"application_id": SECRET}, "class dict", id="a dict"),
        pytest.param(b"memory:", "class bytes", id="bytes"),
        pytest.param(5, "class int", id="a number"),
        pytest.param([None], "NoneType", id="None in a list"),
        pytest.param([["memory:"]], "class list", id="a list in a list"),
    ],
)
def test_what_cannot_be_a_destination_is_a_setting_to_fix(destination: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Client(destination)
    message = str(caught.value)
    assert words in message
    assert "destination" in message
    assert "secret" not in message
    assert "secret" not in repr(caught.value.__cause__)


@pytest.mark.parametrize("text", ["nonsense", "memory: nonsense", f"moesif://{SECRET}"])
def test_what_the_environment_names_is_checked_too(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", text)
    with pytest.raises(ConfigError, match="destination") as caught:
        Client()
    assert "secret" not in str(caught.value)


def test_a_missing_destination_names_both_ways_to_give_one() -> None:
    with pytest.raises(ConfigError, match=r"destination='http://.*APILOG_DESTINATION"):
        Client()


def test_an_empty_environment_variable_is_a_missing_destination(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", "  ")
    with pytest.raises(ConfigError, match="missing"):
        Client()


def test_a_client_that_is_switched_off_needs_no_destination(call: Call) -> None:
    client = Client(enabled=False)
    call(client)
    assert client.flush(0)
    assert client.close(0)
    assert client.stats() == Stats()


def test_the_environment_may_name_several_destinations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, call: Call
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", f"file://{tmp_path}/a.ndjson file://{tmp_path}/b")
    with Client() as client:
        call(client)
    assert (tmp_path / "a.ndjson").read_bytes() == (tmp_path / "b").read_bytes() != b""


def test_code_beats_the_environment(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", "nonsense")
    memory = Memory()
    with Client(memory) as client:
        call(client)
    assert len(memory.events) == 1


@pytest.mark.parametrize(
    "destination",
    [
        "memory:",
        "console:",
        "http://127.0.0.1:9",
        f"moesif://{SECRET}@127.0.0.1:9?insecure=1",
        Memory(),
        Console(),
        Collector("http://127.0.0.1:9"),
        ["memory:", Memory()],
        ("memory:",),
    ],
)
def test_urls_objects_and_sequences_of_them_are_destinations(destination: Any) -> None:
    assert Client(destination).stats() == Stats()


# Real endpoints in trouble


def hang(endpoint: Any) -> Any:
    return endpoint.hang


def refuse(endpoint: Any) -> Any:
    endpoint.stop()


def garbage(endpoint: Any) -> Any:
    def behave(connection: Any) -> None:
        connection.read()
        connection.send(b"\x00\xff garbage \r\n\r\n")

    return behave


def reset(_endpoint: Any) -> Any:
    return lambda connection: connection.reset()


@pytest.fixture(
    params=[hang, refuse, garbage, reset, "500"],
    ids=lambda each: str(getattr(each, "__name__", each)),
)
def troubled(request: pytest.FixtureRequest, endpoint: Any, answer: New) -> Iterator[Any]:
    """An endpoint that takes nothing until ``recover()``."""
    trouble = answer(500) if request.param == "500" else request.param(endpoint)
    working = endpoint.default
    endpoint.default = trouble or working

    def recover() -> None:
        endpoint.default = working
        endpoint.release()
        if request.param is refuse:
            endpoint.start()

    endpoint.recover = recover
    return endpoint


def test_an_endpoint_in_trouble_at_the_start_blocks_nothing_and_later_gets_everything(
    troubled: Any, new_client: New, call: Call
) -> None:
    client = new_client(Collector(troubled.url), batch_size=5, flush_interval=0.05)
    for number in range(20):
        call(client, f"/{number}")
    stats = client.stats()
    assert (stats.captured, stats.delivered, stats.dropped) == (20, 0, {})
    troubled.recover()
    troubled.wait_for(lambda: len(troubled.paths) >= 20)
    assert client.flush(10)
    assert list(dict.fromkeys(troubled.paths)) == [f"/{number}" for number in range(20)]
    stats = client.stats()
    assert (stats.delivered, stats.queued, stats.dropped) == (20, 0, {})


def test_an_outage_costs_bounded_memory_and_the_oldest_events(
    troubled: Any, new_client: New, call: Call
) -> None:
    client = new_client(Collector(troubled.url), batch_size=5, queue_events=20, flush_interval=0.01)
    for number in range(300):
        call(client, f"/{number}")
    stats = client.stats()
    assert stats.captured == 300
    assert stats.queued <= 20 + 5
    assert stats.dropped == {"queue_full": 300 - stats.queued}
    troubled.recover()
    troubled.wait_for(lambda: "/299" in troubled.paths)
    assert [f"/{number}" for number in range(280, 300)] == troubled.paths[-20:]


def test_an_endpoint_that_falls_over_while_it_works_loses_nothing(
    endpoint: Any, answer: New, new_client: New, call: Call
) -> None:
    client = new_client(Collector(endpoint.url), batch_size=1, flush_interval=0.01)
    endpoint.script.extend(
        [answer(201), answer(503), lambda connection: connection.reset(), answer(201)]
    )
    for number in range(5):
        call(client, f"/{number}")
    assert client.flush(20)
    assert endpoint.paths == [f"/{number}" for number in range(5)]
    assert client.stats().retries == 1  # a kept connection that broke is tried anew at once


def test_a_retry_sends_the_same_event_with_the_same_id(
    endpoint: Any, answer: New, new_client: New, call: Call
) -> None:
    client = new_client(
        Moesif(SECRET, base_url=endpoint.url, remote_sampling=False), flush_interval=LONG
    )
    endpoint.script.extend([answer(500), answer(429)])
    call(client)
    assert client.flush(20)
    bodies = [each.text for each in endpoint.received]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert json.loads(bodies[0])[0]["transaction_id"]


def test_a_refused_batch_does_not_stop_later_ones(
    endpoint: Any, answer: New, new_client: New, call: Call
) -> None:
    client = new_client(Collector(endpoint.url), batch_size=1, flush_interval=LONG)
    endpoint.script.extend([answer(201), answer(400), answer(201), answer(422)])
    for number in range(5):
        call(client, f"/{number}")
    assert client.flush(20)
    assert endpoint.paths == ["/0", "/2", "/4"]
    assert client.stats().dropped == {"rejected": 2}


def test_two_endpoints_get_the_same_events_and_one_may_hang(
    new_endpoint: New, new_client: New, call: Call
) -> None:
    hanging, working = new_endpoint(), new_endpoint()
    hanging.default = hanging.hang
    client = new_client(
        [Collector(hanging.url), Moesif("id", base_url=working.url)], flush_interval=0.01
    )
    call(client, "/1")
    hanging.wait_for(lambda: len(hanging.received) == 1)
    call(client, "/2")
    working.wait_for(lambda: len(working.events) == 2)
    assert working.paths == ["/1", "/2"]
    assert hanging.received[0].events == working.events[:1]


def test_close_ends_in_time_though_the_endpoint_hangs(
    endpoint: Any, new_client: New, call: Call
) -> None:
    endpoint.default = endpoint.hang
    client = new_client(Collector(endpoint.url), batch_size=2, flush_interval=LONG)
    for _ in range(5):
        call(client)
    endpoint.wait_for(lambda: endpoint.begun == 1)
    began = time.monotonic()
    assert not client.close(0.3)
    assert time.monotonic() - began < 2.3
    assert client.stats().dropped == {"shutdown": 5}


def test_shutdown_timeout_is_the_default_of_flush_and_close(
    endpoint: Any, new_client: New, call: Call
) -> None:
    endpoint.default = endpoint.hang
    client = new_client(Collector(endpoint.url), shutdown_timeout=0.2, flush_interval=LONG)
    call(client)
    began = time.monotonic()
    assert not client.flush()
    assert not client.close()
    assert 0.4 <= time.monotonic() - began < 4


# Manners


def test_only_our_own_logger_speaks_and_never_of_the_key(
    endpoint: Any, answer: New, new_client: New, call: Call, apilog_log: Any
) -> None:
    endpoint.script.extend([answer(503), answer(400)])
    client = new_client(Moesif(SECRET, base_url=endpoint.url, remote_sampling=False), batch_size=1)
    for _ in range(3):
        call(client)
    assert client.flush(20)
    assert {record.name for record in apilog_log.records} == {"apilog"}
    said = [record.getMessage() for record in apilog_log.records]
    assert sum("503 from" in each for each in said) == 1
    assert sum("400 from" in each for each in said) == 1
    assert "secret" not in apilog_log.text
    assert not logging.getLogger("apilog").handlers
    assert logging.getLogger("apilog").level == logging.NOTSET


def test_a_trouble_that_lasts_is_logged_once_a_minute(
    new_client: New, destination: Any, call: Call, apilog_log: Any
) -> None:
    destination.script.extend(ValueError(SECRET) for _ in range(50))
    client = new_client(destination, batch_size=1)
    for _ in range(50):
        call(client)
    assert client.flush(20)
    assert len(apilog_log.records) == 1
    assert "ValueError" in apilog_log.text
    assert "secret" not in apilog_log.text
    assert client.stats().faults == {"destination_failed": 50}


def test_a_log_handler_that_raises_reaches_neither_app_nor_worker(
    new_client: New, destination: Any, call: Call
) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("the disk of the log is full")

    handler = Broken()
    logging.getLogger("apilog").addHandler(handler)
    try:
        destination.script.append(ValueError())
        client = new_client(
            destination,
            batch_size=1,
            identify_user=lambda *_: 1 / 0,
            skip=lambda environ, _: "skip" in environ["PATH_INFO"] or environ["PATH_INFO"] == 7,
        )
        for path in ("/lost", "/arrives"):
            call(client, path)
        assert client.flush(10)
    finally:
        logging.getLogger("apilog").removeHandler(handler)
    assert destination.paths == ["/arrives"]


def test_the_account_has_the_promised_fields(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, flush_interval=LONG)
    call(client)
    assert client.stats() == Stats(captured=1, queued=1)
    assert client.flush(10)
    assert client.stats() == Stats(captured=1, delivered=1)


def test_a_middleware_that_is_collected_loses_no_event(destination: Any) -> None:
    import gc

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"x"]

    middleware: Any = ApiLogMiddleware(app, destination=destination, flush_interval=0.05)
    response = middleware({"REQUEST_METHOD": "GET"}, lambda *_: lambda _: None)
    list(response)
    response.close()
    del middleware, response
    gc.collect()
    destination.wait_for(lambda: len(destination.events) == 1)


def test_two_clients_may_share_a_destination(endpoint: Any, new_client: New, call: Call) -> None:
    moesif = Moesif("id", base_url=endpoint.url)
    first, second = new_client(moesif), new_client(moesif)
    call(first, "/1")
    assert first.close(10)
    call(second, "/2")
    assert second.close(10)
    assert endpoint.paths == ["/1", "/2"]


def test_a_file_url_is_a_destination_that_arrives(tmp_path: Any, call: Call) -> None:
    path = tmp_path / "events.ndjson"
    with Client(f"file://{path}") as client:
        call(client)
    assert json.loads(path.read_text())["request"]["verb"] == "GET"
    assert repr(File(path)) == f"<File {path}>"


def test_flush_from_several_threads_at_once(new_client: New, destination: Any, call: Call) -> None:
    client = new_client(destination, flush_interval=LONG)
    answers: list[bool] = []

    def work() -> None:
        for _ in range(20):
            call(client)
            answers.append(client.flush(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [True] * 80
    assert client.stats().delivered == 80

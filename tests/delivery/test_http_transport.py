"""What every answer, and every way not to answer, of a real endpoint leads to."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from apilog import ConfigError, DeliveryError, Rejected, RetryLater
from apilog.destinations import _http
from apilog.destinations._http import HttpTransport, verdict
from apilog.exceptions import Partly

Answer = Callable[..., Any]
New = Callable[..., Any]


@pytest.fixture
def transport(endpoint: Any) -> Any:
    transport = HttpTransport(endpoint.url, {"X-Key": "k"}, timeout=10)
    yield transport
    transport.close()


@pytest.fixture
def hasty(endpoint: Any) -> Any:
    """A transport that gives up soon."""
    transport = HttpTransport(endpoint.url, {}, timeout=0.4)
    yield transport
    transport.close()


def outcome(transport: HttpTransport) -> DeliveryError | None:
    """Post once, and return what was raised."""
    try:
        transport.post("/v1/events/batch", [b"[{}]"])
    except DeliveryError as error:
        return error
    return None


# Verdicts


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_success_is_an_arrival(
    endpoint: Any, transport: HttpTransport, answer: Answer, status: int
) -> None:
    endpoint.script.append(answer(status))
    assert outcome(transport) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 599])
def test_an_endpoint_in_trouble_is_asked_again(
    endpoint: Any, transport: HttpTransport, answer: Answer, status: int
) -> None:
    endpoint.script.append(answer(status, {"Retry-After": "7"}))
    trouble = outcome(transport)
    assert isinstance(trouble, RetryLater)
    assert trouble.after == 7
    assert str(status) in str(trouble)


@pytest.mark.parametrize(
    ("why", "statuses"),
    [
        pytest.param("refused", [400, 406, 409, 411, 422, 451], id="the content"),
        pytest.param("too_large", [413], id="the size"),
        pytest.param("closed", [401, 402, 403, 404, 405, 407, 410, 415], id="key or address"),
        pytest.param("closed", [300, 301, 302, 303, 304, 307, 308], id="a redirect"),
    ],
)
def test_a_refusal_says_what_is_at_fault(
    endpoint: Any, transport: HttpTransport, answer: Answer, why: str, statuses: list[int]
) -> None:
    for status in statuses:
        endpoint.script.append(answer(status, {"Retry-After": "7"}))
        refusal = outcome(transport)
        assert isinstance(refusal, Rejected)
        assert refusal.why == why
        assert (why == "closed") == (";" in str(refusal)), "there is something to look at"
        assert str(status) in str(refusal)


@pytest.mark.parametrize(
    ("status", "after"), [(429, None), (500, None), (503, None), (408, None), (599, None)]
)
def test_an_answer_of_trouble_carries_its_status(
    endpoint: Any, transport: HttpTransport, answer: Answer, status: int, after: None
) -> None:
    endpoint.script.append(answer(status))
    trouble = outcome(transport)
    assert isinstance(trouble, RetryLater)
    assert (trouble.status, trouble.after) == (status, after)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_closed_door_and_never_followed(
    endpoint: Any, transport: HttpTransport, answer: Answer, new_endpoint: New, status: int
) -> None:
    """It would carry the key to another host."""
    elsewhere = new_endpoint()
    endpoint.script.append(answer(status, {"Location": f"{elsewhere.url}/v1/events/batch"}))
    assert isinstance(outcome(transport), Rejected)
    assert elsewhere.connections == 0
    assert len(endpoint.received) == 1


# Faults


def garbage(connection: Any) -> None:
    connection.read()
    connection.send(b"\x00\xffSSH-2.0-not-http\r\n\r\n")


def reset_before_reading(connection: Any) -> None:
    connection.reset()


def reset_in_the_request(connection: Any) -> None:
    connection.socket.recv(10)
    connection.reset()


def reset_after_the_request(connection: Any) -> None:
    connection.read()
    connection.reset()


def end_after_the_request(connection: Any) -> None:
    connection.read()


def reset_in_the_answer(connection: Any) -> None:
    connection.read()
    connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf of it")
    connection.reset()


def end_in_the_head(connection: Any) -> None:
    connection.read()
    connection.send(b"HTTP/1.1 201 Crea")


def a_head_without_end(connection: Any) -> None:
    connection.read()
    connection.send(b"HTTP/1.1 201 Created\r\n")
    while True:
        connection.send(b"X-More: " + b"x" * 8_000 + b"\r\n")


def lying_length(connection: Any) -> None:
    connection.read()
    connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: many\r\n\r\n")


def early_hints_without_end(connection: Any) -> None:
    connection.read()
    while True:
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


FAULTS = [
    garbage,
    reset_before_reading,
    reset_in_the_request,
    reset_after_the_request,
    end_after_the_request,
    reset_in_the_answer,
    end_in_the_head,
    a_head_without_end,
    lying_length,
    early_hints_without_end,
]


@pytest.mark.parametrize("fault", FAULTS, ids=[each.__name__.replace("_", " ") for each in FAULTS])
def test_after_a_fault_the_same_batch_arrives(endpoint: Any, hasty: Any, fault: Any) -> None:
    endpoint.script.append(fault)
    trouble = outcome(hasty)
    assert isinstance(trouble, RetryLater)
    assert (trouble.after, trouble.status) == (None, None)
    assert outcome(hasty) is None
    assert [each.text for each in endpoint.received if each.answered] == [b"[{}]"]


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        pytest.param(b"", b"H", id="a head, byte by byte"),
        pytest.param(b"HTTP/1.1 201 OK\r\n", b"X: y\r\n", id="a head, line by line"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="nothing but go on"),
        pytest.param(b"HTTP/1.1 201 OK\r\nContent-Length: 9999\r\n\r\n", b"x", id="a body"),
        pytest.param(
            b"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"
        ),
    ],
)
def test_an_answer_that_trickles_is_given_up(
    endpoint: Any, hasty: Any, first: bytes, piece: bytes
) -> None:
    endpoint.script.append(endpoint.trickle(first, piece))
    began = time.monotonic()
    assert isinstance(outcome(hasty), RetryLater)
    assert time.monotonic() - began < 5
    assert outcome(hasty) is None


def test_an_endpoint_that_hangs_is_given_up(endpoint: Any, hasty: Any) -> None:
    endpoint.script.append(endpoint.hang)
    assert isinstance(outcome(hasty), RetryLater)
    assert outcome(hasty) is None


def test_an_endpoint_that_reads_nothing_is_given_up(hasty: Any, endpoint: Any) -> None:
    endpoint.script.append(lambda _connection: threading.Event().wait(2))
    with pytest.raises(RetryLater):
        hasty.post("/v1/events/batch", [_incompressible(20_000_000)])


def test_an_endpoint_that_reads_ever_so_slowly_is_given_up(hasty: Any, endpoint: Any) -> None:
    """Every single write makes some way: only all of them together take too long."""
    taken: list[int] = []

    def sip(connection: Any) -> None:
        while not connection.endpoint.is_released_within(0.02):
            taken.append(len(connection.socket.recv(16_384)))

    endpoint.script.append(sip)
    began = time.monotonic()
    with pytest.raises(RetryLater):
        hasty.post("/v1/events/batch", [_incompressible(20_000_000)])
    assert time.monotonic() - began < 5
    assert len(taken) > 3
    assert outcome(hasty) is None


def test_an_endpoint_that_takes_no_connection_is_given_up(no_proxies: pytest.MonkeyPatch) -> None:
    """Its queue of connections is full: whoever comes is not even refused."""
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        transport = HttpTransport(f"http://127.0.0.1:{full.getsockname()[1]}", {}, timeout=0.3)
        trouble = outcome(transport)
        assert isinstance(trouble, RetryLater)
        assert "Timeout" in str(trouble)
        transport.close()


def _incompressible(size: int) -> bytes:
    import random

    return random.Random(1).randbytes(size)


def test_a_refused_connection_is_tried_again(endpoint: Any, transport: HttpTransport) -> None:
    endpoint.stop()
    trouble = outcome(transport)
    assert isinstance(trouble, RetryLater)
    assert "ConnectError" in str(trouble)
    endpoint.start()
    assert outcome(transport) is None


def test_a_name_that_does_not_exist_is_tried_again() -> None:
    assert isinstance(outcome(HttpTransport("http://collector.invalid", {})), RetryLater)


def test_a_name_that_cannot_exist_is_tried_again() -> None:
    """The resolver fails over it in a way of its own, and it may be the proxy's to resolve."""
    assert isinstance(outcome(HttpTransport(f"http://{'a' * 64}.invalid", {})), RetryLater)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The resolver, which can be made slow, and knows ``collector.test``."""
    resolver = SimpleNamespace(seconds=0.0, addresses=["127.0.0.1"], asked=0)
    really = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if host != "collector.test":
            return really(host, port, *args, **more)
        resolver.asked += 1
        time.sleep(resolver.seconds)
        return [each for name in resolver.addresses for each in really(name, port, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return resolver


def test_a_resolver_slower_than_the_deadline_is_the_last_thing_waited_for(
    endpoint: Any, resolver: Any, no_proxies: Any
) -> None:
    """Python cannot interrupt it; what comes after it has no time left."""
    resolver.seconds = 0.4
    url = endpoint.url.replace("127.0.0.1", "collector.test")
    transport = HttpTransport(url, {}, timeout=0.2)
    assert isinstance(outcome(transport), RetryLater)
    assert resolver.asked == 1
    resolver.seconds = 0.0
    assert outcome(transport) is None
    assert (resolver.asked, endpoint.connections) == (2, 1), "the first try met nobody"
    transport.close()


def test_every_address_of_a_name_is_tried(endpoint: Any, resolver: Any, no_proxies: Any) -> None:
    """Nothing listens at the first one."""
    resolver.addresses = ["127.0.0.2", "127.0.0.1"]
    transport = HttpTransport(endpoint.url.replace("127.0.0.1", "collector.test"), {})
    assert outcome(transport) is None
    assert endpoint.received[0].headers["host"].startswith("collector.test:")
    transport.close()


def test_a_huge_answer_is_read_in_part_and_counts_by_its_status(
    endpoint: Any, transport: HttpTransport, answer: Answer
) -> None:
    sent: list[int] = []

    def huge(status: int) -> Callable[[Any], None]:
        def behave(connection: Any) -> None:
            connection.read()
            connection.send(b"HTTP/1.1 %d x\r\nContent-Length: 100000000000\r\n\r\n" % status)
            sent.append(0)
            while True:
                connection.send(b"x" * 65_536)
                sent[-1] += 65_536

        return behave

    for status, expected in ((201, type(None)), (503, RetryLater), (400, Rejected)):
        endpoint.script.append(huge(status))
        assert isinstance(outcome(transport), expected)
    assert outcome(transport) is None
    assert max(sent) < 50_000_000


def test_a_compressed_answer_is_not_expanded(
    endpoint: Any, transport: HttpTransport, answer: Answer
) -> None:
    endpoint.script.append(answer(201, {"Content-Encoding": "gzip"}, b"not gzip at all"))
    assert outcome(transport) is None


# Answers that say more than a status


def _for_each_event(answer: Any) -> DeliveryError | None:
    """Read ``{"results": [{"status": 201}, ...]}``, one for each event; else as usual."""
    if answer.status != 207:
        return verdict(answer)
    statuses = [result["status"] for result in json.loads(answer.body)["results"]]
    return Partly(
        "207",
        retry={place: None for place, each in enumerate(statuses) if each == 503},
        rejected={place: "bad" for place, each in enumerate(statuses) if each == 400},
    )


def test_a_destination_can_read_what_an_answer_says_about_each_event(
    endpoint: Any, answer: Answer
) -> None:
    transport = HttpTransport(endpoint.url, {}, outcome=_for_each_event)
    results = {"results": [{"status": 201}, {"status": 503}, {"status": 400}]}
    endpoint.script.append(answer(207, {}, json.dumps(results).encode()))
    endpoint.script.append(answer(422))
    some = outcome(transport)
    assert isinstance(some, Partly)
    assert (some.retry, some.rejected) == ({1: None}, {2: "bad"})
    assert isinstance(outcome(transport), Rejected)
    assert outcome(transport) is None
    transport.close()


def test_an_outcome_sees_status_headers_and_a_bounded_body_as_it_was_sent(
    endpoint: Any, answer: Answer
) -> None:
    seen: list[Any] = []
    transport = HttpTransport(endpoint.url, {}, outcome=lambda each: seen.append(each))
    bomb = gzip.compress(b"x" * 10_000_000)
    endpoint.script.append(answer(200, {"Content-Encoding": "gzip", "X-More": "m"}, bomb))
    endpoint.script.append(answer(207, {}, b"y" * 70_000))
    assert outcome(transport) is outcome(transport) is None
    compressed, large = seen
    assert (compressed.status, compressed.headers["x-more"], compressed.body) == (200, "m", bomb)
    assert (large.status, large.body) == (207, b"y" * 65_536)
    assert compressed.host == "127.0.0.1"
    transport.close()


# Connections


def test_one_connection_serves_many_batches(endpoint: Any, transport: HttpTransport) -> None:
    for _ in range(5):
        assert outcome(transport) is None
    assert endpoint.connections == 1


def test_a_connection_that_the_endpoint_closed_is_replaced(
    endpoint: Any, transport: HttpTransport
) -> None:
    assert outcome(transport) is None
    endpoint.stop()
    endpoint.start()
    assert outcome(transport) is None
    assert endpoint.connections == 2


SILENT_ENDS = [reset_before_reading, reset_after_the_request, end_after_the_request]


@pytest.mark.parametrize(
    "fault", SILENT_ENDS, ids=[each.__name__.replace("_", " ") for each in SILENT_ENDS]
)
def test_a_connection_closed_for_being_idle_as_a_request_comes_costs_no_pause(
    endpoint: Any, transport: HttpTransport, answer: Answer, fault: Any
) -> None:
    """The endpoint's timeout and our request cross each other: the request is sent once more."""
    endpoint.script.extend([answer(201), fault, answer(201)])
    assert outcome(transport) is None
    assert outcome(transport) is None
    assert endpoint.connections == 2
    assert endpoint.begun == 3, "the fault happened"
    assert [each.text for each in endpoint.received if each.answered] == [b"[{}]"] * 2


def test_the_second_try_over_a_fresh_connection_is_the_last_one(
    endpoint: Any, transport: HttpTransport, answer: Answer
) -> None:
    faults = [end_after_the_request, end_after_the_request]
    endpoint.script.extend([answer(201), *faults, answer(201)])
    assert outcome(transport) is None
    assert isinstance(outcome(transport), RetryLater)
    assert endpoint.begun == 3
    assert endpoint.connections == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(end_in_the_head, id="an answer that began"),
        pytest.param(reset_in_the_answer, id="an answer that broke off"),
        pytest.param(garbage, id="an answer that is none"),
    ],
)
def test_a_kept_connection_that_began_to_answer_is_no_idle_one(
    endpoint: Any, transport: HttpTransport, answer: Answer, fault: Any
) -> None:
    endpoint.script.extend([answer(201), fault])
    assert outcome(transport) is None
    assert isinstance(outcome(transport), RetryLater)
    assert endpoint.begun == 2


def test_a_kept_connection_that_hangs_is_no_idle_one(
    endpoint: Any, hasty: Any, answer: Answer
) -> None:
    endpoint.script.extend([answer(201), endpoint.hang])
    assert outcome(hasty) is None
    assert isinstance(outcome(hasty), RetryLater)
    assert endpoint.begun == 2


def test_a_closed_transport_can_be_used_again(endpoint: Any, transport: HttpTransport) -> None:
    """Two clients may share a destination, and one of them closes first."""
    assert outcome(transport) is None
    transport.close()
    transport.close()
    assert outcome(transport) is None
    assert endpoint.connections == 2


def test_cookies_of_the_endpoint_are_not_kept(
    endpoint: Any, transport: HttpTransport, answer: Answer
) -> None:
    endpoint.script.append(answer(201, {"Set-Cookie": "tracking=1"}))
    for _ in range(2):
        assert outcome(transport) is None
    assert "cookie" not in endpoint.received[1].headers


def test_a_request_names_its_sender_and_its_form(endpoint: Any, transport: HttpTransport) -> None:
    transport.post("/v1/events/batch", [b"[{}]"])
    (request,) = endpoint.received
    assert (request.verb, request.path) == ("POST", "/v1/events/batch")
    assert request.headers["user-agent"].startswith("apilog/")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-length"] == str(len(request.body))
    assert request.headers["host"] == endpoint.url.removeprefix("http://")
    assert request.headers["x-key"] == "k"
    assert request.text == b"[{}]"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "/v1/x"), ("/", "/v1/x"), ("/collector", "/collector/v1/x"), ("/a/b/", "/a/b/v1/x")],
)
def test_a_path_of_the_base_url_is_kept(endpoint: Any, path: str, expected: str) -> None:
    transport = HttpTransport(endpoint.url + path, {})
    transport.post("/v1/x", [b"[]"])
    transport.close()
    assert endpoint.received[0].path == expected


# Proxies


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_a_proxy_of_the_environment_is_used(endpoint: Any, no_proxies: pytest.MonkeyPatch) -> None:
    for proxy in (endpoint.url, endpoint.url.removeprefix("http://")):
        no_proxies.setenv("http_proxy", proxy)
        transport = HttpTransport("http://collector.test", {})
        assert outcome(transport) is None
        transport.close()
    assert {each.path for each in endpoint.received} == {"http://collector.test/v1/events/batch"}


def test_no_proxy_is_honoured_and_loopback_never_has_one(
    endpoint: Any, new_endpoint: New, no_proxies: pytest.MonkeyPatch
) -> None:
    proxy = new_endpoint()
    no_proxies.setenv("http_proxy", proxy.url)
    transport = HttpTransport(endpoint.url, {})
    assert outcome(transport) is None
    transport.close()
    no_proxies.setenv("no_proxy", "collector.invalid")
    assert isinstance(outcome(HttpTransport("http://collector.invalid", {})), RetryLater)
    assert proxy.connections == 0


def test_a_proxy_that_cannot_be_one_is_a_setting_to_fix(no_proxies: pytest.MonkeyPatch) -> None:
    no_proxies.setenv("http_proxy", "gopher://secret@proxy.test")
    with pytest.raises(ConfigError, match="HTTP_PROXY") as caught:
        HttpTransport("http://collector.test", {})
    assert "secret" not in str(caught.value)


# Base URLs


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.moesif.net",
        "ftp://api.moesif.net",
        "http://",
        "http:///path",
        "http://[::1",
        "http://host:port",
        "http://user:secret@host",
        "http://host?key=secret",
        "http://host#secret",
        "http://ho\x00st",
        None,
        7,
    ],
)
def test_a_base_url_that_cannot_work_is_a_setting_to_fix(url: Any) -> None:
    with pytest.raises(ConfigError, match="base_url") as caught:
        HttpTransport(url, {})
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


# Manners


def test_nothing_but_our_own_logger_speaks(
    endpoint: Any, transport: HttpTransport, caplog: pytest.LogCaptureFixture
) -> None:
    """A host that logs at INFO must not find a line for every batch."""
    caplog.set_level(logging.INFO)
    assert outcome(transport) is None
    assert caplog.records == []


def test_the_bounds_are_the_documented_ones() -> None:
    assert (_http.CONNECT_TIMEOUT, _http.TIMEOUT) == (3.0, 10.0)
    assert HttpTransport("http://127.0.0.1:9", {})._timeout == _http.TIMEOUT

"""What every answer, and every way not to answer, of a real endpoint leads to."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog import ConfigError, DeliveryError, Rejected, RetryLater
from apilog.destinations import _http
from apilog.destinations._http import HttpTransport, retry_after

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


@pytest.mark.parametrize("status", [300, 304, 400, 401, 402, 403, 404, 405, 410, 413, 422, 451])
def test_a_refusal_is_final(
    endpoint: Any, transport: HttpTransport, answer: Answer, status: int
) -> None:
    endpoint.script.append(answer(status, {"Retry-After": "7"}))
    refusal = outcome(transport)
    assert isinstance(refusal, Rejected)
    assert str(status) in str(refusal)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_refusal_and_never_followed(
    endpoint: Any, transport: HttpTransport, answer: Answer, new_endpoint: New, status: int
) -> None:
    elsewhere = new_endpoint()
    endpoint.script.append(answer(status, {"Location": f"{elsewhere.url}/v1/events/batch"}))
    assert isinstance(outcome(transport), Rejected)
    assert elsewhere.connections == 0
    assert len(endpoint.received) == 1


DATE = "Sat, 21 Nov 2026 08:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="not there"),
        pytest.param({"retry-after": ""}, None, id="empty"),
        pytest.param({"retry-after": "120"}, 120, id="seconds"),
        pytest.param({"retry-after": " 120 "}, 120, id="seconds with spaces"),
        pytest.param({"retry-after": "0"}, 0, id="at once"),
        pytest.param({"retry-after": "1000000000"}, 1e9, id="thirty years"),
        pytest.param({"retry-after": "1e9"}, None, id="an exponent"),
        pytest.param({"retry-after": "9" * 400}, None, id="more than a number can be"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "1.5"}, None, id="a fraction"),
        pytest.param({"retry-after": "soon"}, None, id="garbage"),
        pytest.param({"retry-after": "inf"}, None, id="infinity"),
        pytest.param(
            {"retry-after": "Sat, 21 Nov 2026 08:01:30 GMT", "date": DATE}, 90, id="a date"
        ),
        pytest.param(
            {"retry-after": "Saturday, 21-Nov-26 08:01:30 GMT", "date": DATE},
            90,
            id="a date as in RFC 850",
        ),
        pytest.param(
            {"retry-after": "Sat Nov 21 08:01:30 2026", "date": DATE}, 90, id="a date as in asctime"
        ),
        pytest.param(
            {"retry-after": "Sat, 21 Nov 2026 07:59:00 GMT", "date": DATE}, 0, id="a past date"
        ),
        pytest.param(
            {"retry-after": "Sat, 99 Nov 2026 07:59:00 GMT", "date": DATE}, None, id="no date"
        ),
        pytest.param(
            {"retry-after": "Wed, 01 Jan 1000 00:00:00 GMT", "date": "garbage"},
            0,
            id="a past date and no clock",
        ),
    ],
)
def test_what_retry_after_asks_for(
    headers: dict[str, str], seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert retry_after(headers) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_date_without_a_date_header_counts_from_our_clock() -> None:
    for date in ({}, {"date": "yesterday"}):
        seconds = retry_after({"retry-after": formatdate(time.time() + 100, usegmt=True), **date})
        assert seconds is not None
        assert 90 < seconds <= 100


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_no_retry_after_is_too_strange(text: str, date: str) -> None:
    seconds = retry_after({"retry-after": text, "date": date})
    assert seconds is None or seconds >= 0


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
    assert trouble.after is None
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
    outcomes = [outcome(transport) for _ in range(2)]
    assert outcomes[-1] is None
    assert endpoint.connections == 2


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


# TLS


def test_a_certificate_nobody_signed_is_not_trusted(endpoint: Any) -> None:
    transport = HttpTransport(endpoint.url.replace("http:", "https:"), {}, timeout=0.3)
    assert isinstance(outcome(transport), RetryLater)
    assert endpoint.received == []


def test_a_handshake_that_hangs_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        transport = HttpTransport(url, {}, timeout=0.3)
        assert isinstance(outcome(transport), RetryLater)


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

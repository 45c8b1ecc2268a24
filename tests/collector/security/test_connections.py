"""Real sockets: those who are slow, many, or silent keep nobody else out."""

from __future__ import annotations

import json
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from apilog.collector.connections import BoundedProtocol
from apilog.collector.server import Certificate, Server

PATIENCE = 20


class Impatient(BoundedProtocol):
    header_seconds = 0.3
    body_seconds = 0.3
    answer_seconds = 0.3


@contextmanager
def connected(address: tuple[str, int], *sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(address, PATIENCE) as connection:
        for each in sent:
            connection.sendall(each)
        yield connection


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the other side ends the connection."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found


def drip(connection: socket.socket, text: bytes) -> None:
    """Send *text* byte by byte, until the other side has enough."""
    for each in text:
        readable, _, _ = select.select([connection], [], [], 0.02)
        if readable:
            return
        try:
            connection.sendall(bytes([each]))
        except OSError:
            return


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing at all"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A:", id="half of the headers"),
    ],
)
def test_headers_that_do_not_come_are_given_up(listening: Any, text: bytes) -> None:
    with connected(listening(Impatient).address, text) as connection:
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Content-Security-Policy: default-src 'none'" in answer


def test_headers_that_come_byte_by_byte_are_given_up(listening: Any) -> None:
    with connected(listening(Impatient).address) as connection:
        drip(connection, b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 1_000)
        assert everything(connection).startswith(b"HTTP/1.1 408 ")


def test_the_second_request_of_a_connection_has_a_deadline_too(listening: Any) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(listening(Impatient).address, request) as connection:
        answer = b""
        while not answer.endswith(b'{"status":"ok"}'):
            part = connection.recv(65_536)
            assert part
            answer += part
        drip(connection, b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 1_000)
        assert b"HTTP/1.1 408 " in everything(connection)


def test_a_body_that_comes_byte_by_byte_is_given_up(listening: Any) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    served = listening(Impatient)
    with connected(served.address, head) as connection:
        drip(connection, b" " * 1_000)
        assert everything(connection).startswith(b"HTTP/1.1 408 ")
    assert served.collected.store.size().calls == 0


def test_a_sender_in_time_is_not_given_up(listening: Any, an_event: Any) -> None:
    served = listening(Impatient)
    with httpx.Client(base_url=served.url, trust_env=False) as http:
        for _ in range(20):
            assert http.post("/v1/events", json=an_event()).status_code == 201
    assert served.collected.store.size().calls == 20


def test_two_hundred_silent_connections_keep_no_sender_out(listening: Any, an_event: Any) -> None:
    served = listening()
    with ExitStack() as stack:
        silent = [
            stack.enter_context(connected(served.address, b"GET / HTTP/1.1\r\nX-A:"))
            for _ in range(200)
        ]
        with httpx.Client(base_url=served.url, trust_env=False) as http:
            for _ in range(5):
                assert http.post("/v1/events", json=an_event()).status_code == 201
        readable, _, _ = select.select(silent, [], [], 0)
        assert len(readable) >= 200 - BoundedProtocol.max_connections


def test_an_answer_in_pieces_waits_for_nothing(listening: Any) -> None:
    """Nagle's algorithm would hold a second piece back until the client acknowledges the first."""
    found: list[int] = []

    class Looking(BoundedProtocol):
        def connection_made(self, transport: Any) -> None:
            known = transport.get_extra_info("socket")
            found.append(known.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super().connection_made(transport)

    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connected(listening(Looking).address, request) as connection:
        everything(connection)
    assert found
    assert all(found)


class ImpatientServer(Server):
    handshake_seconds = 0.3


def test_a_tls_handshake_that_does_not_come_is_given_up(listening: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    path = tmp_path / "cert.pem"
    path.write_bytes(authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
    served = listening(server_type=ImpatientServer, certificate=Certificate(str(path), None))
    with connected(served.address, b"\x16\x03\x01") as connection:
        assert everything(connection) == b""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with httpx.Client(verify=context, trust_env=False) as http:
        url = f"https://localhost:{served.address[1]}/healthz"
        assert http.get(url).status_code == 200


class Few(BoundedProtocol):
    max_connections = 2


def test_where_all_connections_are_at_work_one_more_is_told_to_come_again(listening: Any) -> None:
    served = listening(Few)
    head = (
        b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(2):
            at_work = stack.enter_context(connected(served.address, head))
            assert at_work.recv(100).startswith(b"HTTP/1.1 100 ")
        with connected(served.address) as one_more:
            answer = everything(one_more)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer


def test_a_reader_that_takes_nothing_is_dropped(listening: Any, add: Any) -> None:
    served = listening(Impatient)
    big = json.dumps({"body": "x" * 400_000}).encode()
    for _ in range(30):
        add(served.collected, {"event": big})
    cookie = "; ".join(f"{name}={value}" for name, value in logged_in(served).items())
    request = (
        f"GET /view/export?format=ndjson HTTP/1.1\r\nHost: {served.address[0]}:{served.address[1]}"
        f"\r\nCookie: {cookie}\r\n\r\n"
    )
    with connected(served.address) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sendall(request.encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        poll = select.poll()
        poll.register(connection, select.POLLERR | select.POLLHUP)
        assert poll.poll(PATIENCE * 1_000), "it still waits for the reader"
    assert httpx.get(f"{served.url}/healthz", trust_env=False).status_code == 200


def logged_in(served: Any) -> dict[str, str]:
    token = (served.collected.directory / "viewer-token").read_text().strip()
    headers = {"X-Apilog-CSRF": "1"}
    answer = httpx.post(
        f"{served.url}/view/login", json={"token": token}, headers=headers, trust_env=False
    )
    assert answer.status_code == 204
    return dict(answer.cookies)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", id="TLS on a plain port"),
        pytest.param(b"GET\r\n\r\n", id="no request"),
        pytest.param(b"GET / HTTP/1.1\r\n bad\r\n\r\n", id="no header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            id="two lengths",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 300_000, id="endless headers"),
    ],
)
def test_what_is_no_request_is_refused_with_all_headers(listening: Any, text: bytes) -> None:
    served = listening(Impatient)
    with socket.create_connection(served.address, PATIENCE) as connection:
        with suppress(OSError):
            connection.sendall(text)
        answer = everything(connection)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 ", b"HTTP/1.1 431 ")) or not answer
    if answer:
        assert b"content-security-policy: default-src 'none'" in answer.lower()
    assert httpx.get(f"{served.url}/healthz", trust_env=False).status_code == 200


def test_it_serves_while_many_come_and_go(listening: Any) -> None:
    served = listening()
    failures: list[object] = []

    def come_and_go() -> None:
        try:
            for _ in range(20):
                with connected(served.address, b"GET /healthz HTTP/1.1\r\n"):
                    pass
                answer = httpx.get(f"{served.url}/healthz", trust_env=False)
                assert answer.status_code == 200
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    assert not failures

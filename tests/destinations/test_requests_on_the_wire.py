"""Small requests, of which there is one for each event: how they leave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from apilog import RetryLater
from apilog.destinations._http import HttpTransport

PATIENCE = 20.0
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


class Listener:
    """A port; what came in the first read of each request is in *reads*."""

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.sizes: list[int] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except OSError:
            return
        with peer:
            peer.settimeout(PATIENCE)
            while first := peer.recv(1 << 20):
                self.reads.append(first)
                head, _, body = first.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0] or b"0")
                while len(body) < length:
                    body += peer.recv(1 << 20)
                self.sizes.append(len(body))
                peer.sendall(ANSWER)

    def close(self) -> None:
        self._socket.close()
        self._thread.join(PATIENCE)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def transport(listener: Listener) -> Iterator[HttpTransport]:
    transport = HttpTransport(listener.url, {}, compress=False)
    yield transport
    transport.close()


def test_head_and_body_of_a_small_request_leave_together(
    listener: Listener, transport: HttpTransport
) -> None:
    for _ in range(20):
        transport.post("/log/custom", [b'{"ev":', b'"x"}'])
    assert len(listener.reads) == 20
    assert all(each.startswith(b"POST /log/custom HTTP/1.1\r\n") for each in listener.reads)
    assert all(each.endswith(b'\r\n\r\n{"ev":"x"}') for each in listener.reads)


@pytest.mark.parametrize("size", [0, 1, 15_000, 16_000, 16_384, 16_385, 65_536, 65_537, 3_000_000])
def test_a_body_of_any_size_arrives_whole(
    listener: Listener, transport: HttpTransport, size: int
) -> None:
    for _ in range(2):
        transport.post("/x", [b"x" * size])
    assert listener.sizes == [size, size]


def test_a_request_without_a_body_leaves_at_once(
    listener: Listener, transport: HttpTransport
) -> None:
    assert transport.get("/v1/config").status == 201
    assert listener.reads[0].startswith(b"GET /v1/config HTTP/1.1\r\n")


def test_a_longer_rest_that_another_thread_was_told_of_is_kept(
    new_server: Callable[[], object],
) -> None:
    from servers.plain import Reply, Server

    server = new_server()
    assert isinstance(server, Server)
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}
    late = threading.Event()
    second = threading.Event()

    def outcome(answer: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            second.set()
            assert late.wait(PATIENCE)

    server.prepared.extend([Reply(201), Reply(201, headers=used_up)])
    transport = HttpTransport(server.url, {}, compress=False, outcome=outcome)  # type: ignore[arg-type]
    slow = threading.Thread(target=transport.post, args=("/x", [b"{}"]))
    slow.start()
    assert second.wait(PATIENCE)
    transport.post("/x", [b"{}"])
    late.set()
    slow.join(PATIENCE)
    with pytest.raises(RetryLater, match="rate limit") as caught:
        transport.post("/x", [b"{}"])
    transport.close()
    assert caught.value.after is not None
    assert caught.value.after > 50


@pytest.fixture
def new_server() -> Iterator[Callable[[], object]]:
    from contextlib import ExitStack

    from servers.plain import Server

    with ExitStack() as stack:

        def make() -> Server:
            server = Server()
            stack.enter_context(server.running())
            return server

        yield make

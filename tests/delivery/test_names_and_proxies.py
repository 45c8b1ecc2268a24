"""Names that do not resolve, or not yet, and proxies: trouble of the shipping thread alone."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from apilog.asgi import ApiLogMiddleware
from apilog.destinations import Collector
from apilog.destinations._http import HttpTransport
from apilog.exceptions import RetryLater

New = Callable[..., Any]
Call = Callable[..., None]

PATIENCE = 20.0
NAME = "collector.test"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


class Resolver:
    """The system's resolver, which knows `NAME` while it works, and says so when it gets to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.works = True
        self.askers: Counter[str] = Counter()
        """How often each thread asked, by its name."""
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self._really = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.resolve)

    def resolve(self, host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != NAME:
            return self._really(host, port, *arguments, **options)
        self.askers[threading.current_thread().name] += 1
        self.entered.set()
        self.gate.wait(PATIENCE)
        if not self.works:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._really("127.0.0.1", port, *arguments, **options)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver(monkeypatch)
    yield resolver
    resolver.gate.set()


def named(endpoint: Any) -> str:
    """Return the address of *endpoint* by its name."""
    return str(endpoint.url.replace("127.0.0.1", NAME))


SPOOLS = [
    pytest.param(None, id="no spool"),
    pytest.param("worker", id="worker durability"),
    pytest.param("request", id="request durability"),
]


@pytest.fixture
def options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Return the options of a client with a spool or without one."""
    spool = {"spool": str(tmp_path / "spool"), "durability": request.param}
    return {"flush_interval": 0.02, **(spool if request.param else {})}


def make_asgi_call(client: Any, path: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        pass

    headers = [(b"host", b"127.0.0.1")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    asyncio.run(ApiLogMiddleware(app, client=client)(scope, receive, send))


# Names


@pytest.mark.parametrize("options", SPOOLS, indirect=True)
def test_only_the_shipping_thread_waits_for_the_resolver(
    new_client: New, endpoint: Any, resolver: Resolver, call: Call, options: dict[str, Any]
) -> None:
    resolver.gate.clear()
    client = new_client(named(endpoint), **options)
    assert not resolver.askers, "to make a client asks nobody"
    call(client, "/0")
    assert resolver.entered.wait(PATIENCE)
    for number in range(1, 50):
        (make_asgi_call if number % 2 else call)(client, f"/{number}")
    assert not client.flush(0), "all calls are answered, and the resolver has not said a word"
    assert endpoint.connections == 0
    resolver.gate.set()
    assert client.flush(PATIENCE)
    assert sorted(endpoint.paths) == sorted(f"/{number}" for number in range(50))
    shipping = "apilog-shipper" if "spool" in options else "apilog-worker"
    assert set(resolver.askers) == {shipping}


@pytest.mark.parametrize("options", SPOOLS, indirect=True)
def test_what_a_name_without_an_address_keeps_back_is_delivered_when_it_has_one(
    new_client: New,
    endpoint: Any,
    resolver: Resolver,
    call: Call,
    options: dict[str, Any],
    balanced: New,
    until: New,
    apilog_log: Any,
) -> None:
    resolver.works = False
    client = new_client(named(endpoint), **options)
    for number in range(5):
        call(client, f"/{number}")
    until(lambda: client.stats().retries >= 2)
    stats = client.stats()
    assert (stats.captured, stats.delivered, stats.dropped) == (5, 0, {})
    assert balanced(stats)
    resolver.works = True
    assert client.flush(PATIENCE)
    assert sorted(endpoint.paths) == [f"/{number}" for number in range(5)]
    assert balanced(client.stats())


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_closing_does_not_wait_for_the_resolver_and_leaves_everything_in_the_spool(
    new_client: New,
    endpoint: Any,
    resolver: Resolver,
    call: Call,
    tmp_path: Path,
    durability: str,
    balanced: New,
    until: New,
) -> None:
    spool = {"spool": str(tmp_path / "spool"), "flush_interval": 0.02}
    resolver.gate.clear()
    client = new_client(named(endpoint), durability=durability, shutdown_timeout=0.2, **spool)
    call(client, "/0")
    assert resolver.entered.wait(PATIENCE)
    for number in range(1, 5):
        call(client, f"/{number}")
    assert client.close(), "nothing is lost"
    assert not resolver.gate.is_set(), "it came back though the resolver did not"
    stats = client.stats()
    assert (stats.spooled, stats.dropped, balanced(stats)) == (5, {}, True)
    resolver.gate.set()
    later = new_client(named(endpoint), **spool)
    call(later, "/later")
    until(lambda: len(set(endpoint.paths)) == 6)
    assert set(endpoint.paths) == {*(f"/{number}" for number in range(5)), "/later"}


ENDING = """
import os
import socket
import threading
import time
from pathlib import Path

entered = threading.Event()
really = socket.getaddrinfo


def getaddrinfo(host, *arguments, **options):
    if host != "collector.test":
        return really(host, *arguments, **options)
    if sys.argv[4] == "works":
        return really("127.0.0.1", *arguments, **options)
    Path("askers").open("a").write(threading.current_thread().name + "\\n")
    entered.set()
    time.sleep(30)


socket.getaddrinfo = getaddrinfo

from apilog import Client

client = Client(
    sys.argv[1],
    spool=sys.argv[2],
    durability=sys.argv[3],
    shutdown_timeout=0.3,
    flush_interval=0.02,
)
for number in range(5):
    call(client, f"/{number}/{sys.argv[4]}")
if sys.argv[4] == "hangs":
    assert entered.wait(20)
    print(client.stats().captured)
else:
    client.flush(10)
"""

STARTING = 10.0
"""Seconds that an interpreter may take to begin and end on a busy machine; a third of the hang."""


@pytest.mark.parametrize("durability", ["worker", "request"])
def test_the_end_of_a_process_does_not_wait_for_the_resolver(
    run: New, endpoint: Any, tmp_path: Path, durability: str
) -> None:
    """Its `getaddrinfo` sleeps for 30 seconds; the next process delivers what it left."""
    arguments = named(endpoint), str(tmp_path / "spool"), durability
    ended = run(ENDING, *arguments, "hangs")
    assert (ended.code, ended.stdout, ended.stderr) == (0, "5\n", "")
    assert ended.seconds < STARTING
    assert set((tmp_path / "askers").read_text().split()) == {"apilog-shipper"}
    assert endpoint.paths == []
    ended = run(ENDING, *arguments, "works")
    assert (ended.code, ended.stderr) == (0, "")
    both = {f"/{number}/{how}" for number in range(5) for how in ("hangs", "works")}
    assert sorted(endpoint.paths) == sorted(both)


# Proxies


def outcome(url: str) -> RetryLater | None:
    """Return what became of a batch, sent over a transport of its own."""
    transport = HttpTransport(url, {"X-Key": "the key"}, timeout=5)
    try:
        transport.post("/v1/events/batch", [b"[]"])
    except RetryLater as error:
        return error
    finally:
        transport.close()
    return None


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_is_found_by(
    variable: str, endpoint: Any, resolver: Resolver, no_proxies: pytest.MonkeyPatch
) -> None:
    """And the name is the proxy's to resolve."""
    no_proxies.setenv(variable, endpoint.url)
    assert outcome(f"http://{NAME}") is None
    assert [each.path for each in endpoint.received] == [f"http://{NAME}/v1/events/batch"]
    assert not resolver.askers


@pytest.mark.parametrize(
    ("exceptions", "is_direct"),
    [
        pytest.param(NAME, True, id="the name"),
        pytest.param("test", True, id="its domain"),
        pytest.param(".test", True, id="its domain with a dot"),
        pytest.param("elsewhere.example, collector.test", True, id="several"),
        pytest.param("*", True, id="everything"),
        pytest.param("lector.test", False, id="the end of its name"),
        pytest.param("elsewhere.example", False, id="another one"),
        pytest.param("", False, id="nothing"),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_no_proxy_names(
    variable: str,
    exceptions: str,
    is_direct: bool,
    endpoint: Any,
    new_endpoint: New,
    resolver: Resolver,
    no_proxies: pytest.MonkeyPatch,
) -> None:
    proxy = new_endpoint()
    no_proxies.setenv("http_proxy", proxy.url)
    no_proxies.setenv(variable, exceptions)
    assert outcome(named(endpoint)) is None
    assert (endpoint.connections, proxy.connections) == ((1, 0) if is_direct else (0, 1))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.2",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "logs.localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
@pytest.mark.parametrize("exceptions", ["", "elsewhere.example"])
def test_loopback_has_no_proxy(
    host: str, exceptions: str, new_endpoint: New, no_proxies: pytest.MonkeyPatch
) -> None:
    """What it sees of a collector beside the app would be sent to another machine."""
    proxy = new_endpoint()
    for variable in ("http_proxy", "all_proxy"):
        no_proxies.setenv(variable, proxy.url)
    no_proxies.setenv("no_proxy", exceptions)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert isinstance(outcome(f"http://{host}:{port}"), RetryLater)
    assert proxy.connections == 0


class Tunnel:
    """A proxy for HTTPS: it connects to where *leads* says, whatever name it is asked for."""

    def __init__(self, leads: int) -> None:
        self.heads: list[str] = []
        self._leads = leads
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.heads.append(head.decode())
        server = socket.create_connection(("127.0.0.1", self._leads))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                other.sendall(data)
        except OSError:
            pass
        finally:
            one.close()
            other.close()


@pytest.fixture
def secure_endpoint(
    tmp_path: Path, no_proxies: pytest.MonkeyPatch
) -> Iterator[tuple[int, list[bytes]]]:
    """Serve HTTPS for `NAME`; give the port and the requests."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    no_proxies.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) as peer:
                    request = peer.recv(65_536)
                    head, _, body = request.partition(b"\r\n\r\n")
                    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
                    while len(body) < length:
                        body += peer.recv(65_536)
                    received.append(head)
                    peer.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], received


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_https_goes_through_a_tunnel_that_sees_nothing_but_the_name(
    variable: str,
    secure_endpoint: tuple[int, list[bytes]],
    resolver: Resolver,
    no_proxies: pytest.MonkeyPatch,
) -> None:
    port, received = secure_endpoint
    tunnel = Tunnel(port)
    try:
        no_proxies.setenv(variable, tunnel.url.replace("http://", "http://user:word@"))
        no_proxies.setenv("http_proxy", "http://127.0.0.1:9")
        assert outcome(f"https://{NAME}") is None
    finally:
        tunnel.close()
    (head,) = tunnel.heads
    assert head.startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\n")
    assert "Basic dXNlcjp3b3Jk" in head
    assert "the key" not in head
    (request,) = received
    assert b"the key" in request
    assert b"proxy-authorization" not in request.lower()
    assert not resolver.askers


def test_https_has_no_use_for_the_proxy_of_http(
    secure_endpoint: tuple[int, list[bytes]],
    resolver: Resolver,
    new_endpoint: New,
    no_proxies: pytest.MonkeyPatch,
) -> None:
    port, received = secure_endpoint
    proxy = new_endpoint()
    no_proxies.setenv("http_proxy", proxy.url)
    assert outcome(f"https://{NAME}:{port}") is None
    assert (len(received), proxy.connections) == (1, 0)


@pytest.mark.parametrize("host", ["localhost.example", "notlocalhost", "128.0.0.1"])
def test_what_only_looks_like_loopback_has_a_proxy(
    host: str, endpoint: Any, no_proxies: pytest.MonkeyPatch
) -> None:
    no_proxies.setenv("http_proxy", endpoint.url)
    assert outcome(f"http://{host}") is None
    assert endpoint.connections == 1


@pytest.mark.parametrize("options", SPOOLS, indirect=True)
def test_events_wait_while_the_proxy_is_down(
    endpoint: Any,
    resolver: Resolver,
    new_client: New,
    call: Call,
    until: New,
    no_proxies: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    no_proxies.setenv("http_proxy", endpoint.url)
    endpoint.stop()
    client = new_client(Collector(f"http://{NAME}"), **options)
    call(client, "/")
    until(lambda: client.stats().retries >= 1)
    endpoint.start()
    assert client.flush(PATIENCE)
    assert [json.loads(each.text)[0]["request"]["verb"] for each in endpoint.received] == ["GET"]
    assert client.stats().delivered == 1

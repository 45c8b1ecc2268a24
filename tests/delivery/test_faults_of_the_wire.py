"""Faults between us and the endpoint, as a client with a spool meets them: nothing is lost."""

from __future__ import annotations

import json
import random
import socket
import ssl
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from harness import faults
from harness.lives import PATIENCE
from harness.sink import Sink, Wire
from harness.stage import Stage

from apilog import Client, DeliveryError, Stats
from apilog.destinations import Collector, Moesif
from apilog.destinations._http import Answer, HttpTransport, verdict
from apilog.exceptions import Partly

New = Callable[..., Any]
Call = Callable[..., None]
Balanced = Callable[[Stats], bool]
Until = Callable[[Callable[[], bool]], None]

LONG = 3600
KEY = "the-key-of-the-application"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def new_client(spool: Path) -> Iterator[New]:
    """Make clients with a spool."""
    with ExitStack() as stack:

        def make(destination: Any, **options: Any) -> Client:
            client = Client(destination, **{"spool": str(spool), "flush_interval": 0.05, **options})
            stack.callback(client.close, 0)
            return client

        yield make


def on_disk(folder: Path, pattern: str = "*.seg") -> bytes:
    return b"".join(each.read_bytes() for each in folder.rglob(pattern))


def lines(log: Any, words: str) -> list[str]:
    return [record.message for record in log.records if words in record.message]


class Hasty:
    """A destination over the real transport, which gives up soon; may read what answers say."""

    def __init__(self, url: str, outcome: Any = None, *, timeout: float = 0.5) -> None:
        self.transport = HttpTransport(url, {"X-Key": KEY}, timeout=timeout, outcome=outcome)
        self.close = self.transport.close

    def send(self, batch: Sequence[bytes]) -> None:
        self.transport.post("/v1/events/batch", [b"[", b",".join(batch), b"]"])


# Answers that speak of each event


def outcome_of_each(answer: Answer) -> DeliveryError | None:
    """Read one word for each event: "ok", "retry" or "drop"."""
    if not answer.body:
        return verdict(answer)
    words = json.loads(answer.body)
    return Partly(
        str(answer.status),
        retry={place: None for place, word in enumerate(words) if word == "retry"},
        rejected={place: "dropped" for place, word in enumerate(words) if word == "drop"},
    )


@pytest.mark.parametrize("status", [200, 201, 207])
def test_of_what_an_answer_divides_the_wanted_comes_again_and_the_unwanted_is_quarantined(
    status: int,
    endpoint: Any,
    answer: New,
    new_client: New,
    call: Call,
    spool: Path,
    balanced: Balanced,
) -> None:
    words = ["ok", "retry", "drop", "ok", "retry"]
    endpoint.script.append(answer(status, {}, json.dumps(words).encode()))
    client = new_client(
        Hasty(endpoint.url, outcome_of_each, timeout=10), batch_size=5, flush_interval=LONG
    )
    for number in range(5):
        call(client, f"/{number}")
    endpoint.wait_for(lambda: endpoint.received)  # a flush may divide what is not encoded yet
    assert client.flush(10)
    first, second = ([each["request"]["uri"][-1] for each in r.events] for r in endpoint.received)
    assert (first, second) == (list("01234"), list("14"))
    stats = client.stats()
    assert (stats.delivered, stats.quarantined, stats.spooled) == (4, 1, 0)
    assert (stats.dropped, balanced(stats)) == ({}, True)
    kept = [json.loads(line) for line in on_disk(spool, "*.ndjson").splitlines()]
    assert [line["event"]["request"]["uri"][-1] for line in kept] == ["2"]


# Closed doors


CLOSED = [401, 403, 404, 405, 415, 301, 302, 307, 308]


@pytest.mark.parametrize("status", CLOSED)
def test_a_closed_door_keeps_everything_and_opens_without_a_restart(
    status: int,
    endpoint: Any,
    answer: New,
    new_endpoint: New,
    new_client: New,
    call: Call,
    spool: Path,
    balanced: Balanced,
    until: Until,
    apilog_log: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pause is shortened here; that it is a minute is shown elsewhere."""
    monkeypatch.setattr("apilog.courier.LONGEST_PAUSE", 0.05)
    elsewhere = new_endpoint()
    endpoint.default = answer(status, {"Location": f"{elsewhere.url}/v1/events/batch"})
    client = new_client(Moesif(KEY, base_url=endpoint.url))
    for number in range(4):
        call(client, f"/{number}")
        endpoint.wait_for(lambda tries=number + 1: len(endpoint.received) >= tries)
    until(lambda: client.stats().spooled == 4)
    assert all(b"/%d" % number in on_disk(spool) for number in range(4))
    stats = client.stats()
    assert (stats.dropped, stats.quarantined, balanced(stats)) == ({}, 0, True)
    [said] = lines(apilog_log, "takes nothing")
    assert str(status) in said
    assert KEY not in said
    endpoint.default = answer(201)
    endpoint.wait_for(lambda: len(endpoint.events) == 4)
    assert endpoint.paths == ["/0", "/1", "/2", "/3"]
    assert endpoint.received[0].headers["x-moesif-application-id"] == KEY
    assert elsewhere.connections == 0, "the key would have gone there"
    assert len(lines(apilog_log, "takes nothing")) == 1


@pytest.mark.long
def test_a_closed_door_is_knocked_at_once_a_minute(
    new_endpoint: New, answer: New, call: Call, tmp_path: Path
) -> None:
    knocks: dict[int, list[float]] = {status: [] for status in CLOSED}

    def knocked(status: int, then: Any) -> Callable[[Any], Any]:
        def behave(connection: Any) -> Any:
            knocks[status].append(time.monotonic())
            return then(connection)

        return behave

    with ExitStack() as stack:
        endpoints = {}
        for status in CLOSED:
            endpoint = endpoints[status] = new_endpoint()
            endpoint.script.append(knocked(status, answer(status, {"Location": "/elsewhere"})))
            endpoint.default = knocked(status, answer(201))
            client = Client(
                Collector(endpoint.url), spool=str(tmp_path / f"{status}"), flush_interval=0.05
            )
            stack.callback(client.close, 0)
            call(client, "/kept")
        for status, endpoint in endpoints.items():
            endpoint.wait_for(lambda each=endpoint: each.paths == ["/kept"], timeout=75)
            refused, taken = knocks[status]
            assert taken - refused >= 59.9


# Connections that break


def reset_before_it_reads(connection: Any) -> None:
    connection.reset()


def reset_amid_the_body(connection: Any) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.socket.recv(16_384)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
    assert len(body) < int(fields[b"content-length"]), "there is more to come"
    connection.endpoint.amid = fields[b"x-apilog-batch-id"].decode()
    connection.reset()


def reset_after_the_body(connection: Any) -> None:
    connection.read()
    connection.endpoint.note(connection, None)
    connection.reset()


def store_and_say_nothing(connection: Any) -> None:
    connection.read()


BREAKS = [reset_before_it_reads, reset_amid_the_body, reset_after_the_body, store_and_say_nothing]


@pytest.mark.parametrize("fault", BREAKS, ids=[each.__name__.replace("_", " ") for each in BREAKS])
def test_a_batch_whose_connection_breaks_comes_again_under_its_own_id(
    fault: Any, endpoint: Any, new_client: New, call: Call, balanced: Balanced
) -> None:
    text = random.Random(1).randbytes(60_000).hex().encode()  # more than one read of the endpoint
    endpoint.amid = None
    endpoint.script.append(fault)
    client = new_client(Collector(endpoint.url), flush_interval=LONG)
    for number in range(5):
        call(client, f"/{number}", text)
    assert client.flush(10)
    assert endpoint.begun == 2, "the fault happened"
    batches = [each.headers["x-apilog-batch-id"] for each in endpoint.received]
    assert len({*batches, endpoint.amid} - {None}) == 1
    events = [event for each in endpoint.received for event in each.events]
    assert len({event["transaction_id"] for event in events}) == 5
    assert endpoint.paths == [f"/{number}" for number in range(5)]
    stats = client.stats()
    assert (stats.delivered, stats.retries, balanced(stats)) == (5, 1, True)


# Answers without measure


GIBIBYTE = 1 << 30
MEASURED = """
import sys
from apilog import Client
from apilog.destinations import Collector


def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024


client = Client(Collector(sys.argv[1]), spool="spool", flush_interval=0.05)
call(client, "/first")
assert client.flush(20)
before = peak()
for number in range(int(sys.argv[2])):
    call(client, f"/{number}")
    assert client.flush(30)
stats = client.stats()
print(peak() - before, stats.delivered, stats.retries)
"""


def bomb() -> bytes:
    """Return a gibibyte of zeros as gzip, but for the checksum behind them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    first, again = (packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * ((GIBIBYTE >> 20) - 1) + packer.flush()


class Flood:
    """Answers a request with *head* and then *piece* again and again, up to a gibibyte."""

    def __init__(self, head: bytes, piece: bytes) -> None:
        self.head = head
        self.piece = piece
        self.sent = -1

    def __call__(self, connection: Any) -> None:
        connection.read()
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self.sent = 0
        connection.send(self.head)
        while self.sent < GIBIBYTE:
            connection.send(self.piece)
            self.sent += len(self.piece)


CHUNK = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
TROUBLE = b"HTTP/1.1 503 Busy\r\n"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_an_answer_without_measure_is_cut_off_and_costs_no_memory(endpoint: Any, run: New) -> None:
    length = b"Content-Length: %d\r\n\r\n" % GIBIBYTE
    zipped = b"Content-Encoding: gzip\r\n"
    packed = bomb()
    assert len(packed) < 2 << 20
    again = {
        "one header": Flood(b"HTTP/1.1 201 OK\r\nX-Long: ", b"x" * 65_536),
        "headers": Flood(b"HTTP/1.1 201 OK\r\n", b"X-More: " + b"x" * 8_000 + b"\r\n"),
        "body": Flood(TROUBLE + length, b"x" * 65_536),
        "chunks": Flood(TROUBLE + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK),
        "no http": Flood(b"", b"\xff" * 65_536),
    }
    taken = {
        "body": Flood(b"HTTP/1.1 201 OK\r\n" + length, b"x" * 65_536),
        "bomb": Flood(b"HTTP/1.1 201 OK\r\n" + zipped + length, packed),
    }
    endpoint.script.append(endpoint.default)
    for flood in again.values():
        endpoint.script.extend([flood, endpoint.default])
    endpoint.script.extend(taken.values())
    calls = len(again) + len(taken)
    ended = run(MEASURED, endpoint.url, str(calls))
    assert ended.code == 0, ended.stderr
    grown, delivered, retries = map(int, ended.stdout.split())
    assert (delivered, retries) == (calls + 1, len(again))
    assert grown < 16 << 20
    sent = {name: flood.sent for name, flood in {**again, **taken}.items()}
    assert min(sent.values()) >= 0, "every flood came"
    assert max(sent.values()) < 8 << 20, "what the buffers of two sockets hold, and no more"


# Hosts that cannot prove who they are


NOW = datetime.now(timezone.utc)


class Host:
    """A TLS server that stores batches, with a *context* that can be changed; None: it hangs."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.plain: list[bytes] = []
        self.read = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                peer.settimeout(PATIENCE)
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            self.plain.append(peer.recv(1_000, socket.MSG_PEEK))
            if self.context is None:
                self._over.wait(PATIENCE)
                return
            with self.context.wrap_socket(peer, server_side=True) as stream:
                while data := stream.recv(65_536):
                    self.read += data
                    head, mark, body = self.read.rpartition(b"POST ")[2].partition(b"\r\n\r\n")
                    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
                    if mark and len(body) == int(fields[b"content-length"]):
                        stream.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def authority() -> Any:
    return pytest.importorskip("trustme", reason="certificates are made by trustme").CA()


def context_of(certificate: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def expired(authority: Any) -> ssl.SSLContext:
    dates = {"not_before": NOW - timedelta(9), "not_after": NOW - timedelta(1)}
    return context_of(authority.issue_cert("127.0.0.1", **dates))


def of_another_host(authority: Any) -> ssl.SSLContext:
    return context_of(authority.issue_cert("shop.example"))


def signed_by_nobody_known(authority: Any) -> ssl.SSLContext:
    return context_of(type(authority)().issue_cert("127.0.0.1"))


def of_tls_1_0_only(authority: Any) -> ssl.SSLContext:
    context = context_of(authority.issue_cert("127.0.0.1"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def that_never_answers(authority: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        pytest.param(expired, "the TLS certificate is expired", id="expired"),
        pytest.param(of_another_host, "is for another address", id="of another host"),
        pytest.param(signed_by_nobody_known, "an unknown authority", id="signed by nobody known"),
        pytest.param(of_tls_1_0_only, "TLS failed (", id="of TLS 1.0 only"),
        pytest.param(that_never_answers, "the TLS handshake did not end", id="that never answers"),
    ],
)
def test_events_stay_on_disk_until_the_host_proves_to_be_itself(
    host: Callable[[Any], Any],
    reason: str,
    authority: Any,
    tmp_path: Path,
    spool: Path,
    new_client: New,
    call: Call,
    until: Until,
    apilog_log: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    server = Host(host(authority))
    try:
        client = new_client(Hasty(server.url))
        call(client, "/kept")
        until(lambda: bool(lines(apilog_log, "delivery failed")))
        assert client.stats().spooled == 1
        assert b"/kept" in on_disk(spool)
        [said] = lines(apilog_log, "delivery failed")
        assert reason in said
        assert KEY not in said
        assert {first[:1] for first in server.plain} == {b"\x16"}, "nothing but a TLS handshake"
        assert server.read == b""
        server.context = context_of(authority.issue_cert("127.0.0.1"))
        assert client.flush(20)
        assert client.stats().delivered == 1
        assert KEY.encode() in server.read
        assert all(first[:1] == b"\x16" for first in server.plain)
    finally:
        server.close()


# Endpoints that come and go, or are slow


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(2.0, id="two seconds"),
        pytest.param(120.0, id="minutes", marks=pytest.mark.long),
    ],
)
def test_an_endpoint_that_flaps_is_not_stormed(seconds: float, stage: Stage) -> None:
    """Every half second it stops to work, or works again."""
    batch = 50
    life = stage.start(
        "uvicorn", **stage.durable(batch_size=batch, flush_interval=0.5, shutdown_timeout=2.0)
    )
    began = time.monotonic()
    with stage.load(rate=300.0):
        stage.wait_for_answers(1, life)
        beat, end = threading.Event(), time.monotonic() + seconds
        works = True
        while time.monotonic() < end or not works:
            works = not works
            if works:
                stage.sink.behave()
            else:
                stage.sink.misbehave(faults.status(503))
            beat.wait(0.5)  # the beat is the fault
    stage.drain(seconds=2 * PATIENCE)
    intervals = (time.monotonic() - began) / 0.5
    report = stage.check()
    stage.probe()
    struck = stage.sink.faulted["503"]
    posts = sum(post.path.endswith("/events/batch") for post in stage.sink.posts)
    print(f"\n{posts} posts for {report.delivered} events, {struck} of them answered with 503")
    assert struck >= 1
    unfilled = intervals if seconds < 10 else 0  # in a short time, those at an interval's end
    assert posts <= report.delivered / batch * 1.5 + struck + unfilled
    assert report.duplicate == 0


SLOW = """
import os, sys, time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from apilog import Client
from apilog.destinations import Collector


def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024


def descriptors():
    return len(os.listdir("/proc/self/fd"))


endpoint, seconds = sys.argv[1], float(sys.argv[2])
ask = build_opener(ProxyHandler({})).open
client = Client(Collector(endpoint), spool="spool", durability="request")
call(client, "/first")
client.flush(30)
ask(endpoint + "/slow")
before, opened = peak(), descriptors()
began = time.monotonic()
count = 1
while (passed := time.monotonic() - began) < seconds:
    if count > passed * 4_000:
        time.sleep(0.001)
        continue
    call(client, f"/{count}")
    count += 1
stats = client.stats()
segments = sum(each.stat().st_size for each in Path("spool").glob("*.seg"))
print(count, stats.delivered, stats.spooled, segments, peak() - before, descriptors() - opened)
ask(endpoint + "/fast")
assert client.flush(30), client.stats()
assert client.stats().dropped == {}, client.stats()
print(client.stats().delivered)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(
    "seconds",
    [pytest.param(1.0, id="a second"), pytest.param(12.0, id="longer", marks=pytest.mark.long)],
)
def test_what_a_slow_endpoint_does_not_take_waits_on_disk_and_not_in_memory(
    seconds: float, endpoint: Any, answer: New, run: New
) -> None:
    """It takes two seconds for a batch, while up to 4,000 events come each second."""
    fast = threading.Event()
    fast.set()

    def behave(connection: Any) -> int:
        connection.read()
        path = connection.request.path
        if path in ("/slow", "/fast"):
            getattr(fast, {"/slow": "clear", "/fast": "set"}[path])()
        else:
            fast.wait(2.0)
        connection.endpoint.note(connection, 201)
        connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        return 201

    endpoint.default = behave
    ended = run(SLOW, endpoint.url, str(seconds))
    assert ended.code == 0, ended.stderr
    print(ended.stdout)
    count, delivered, spooled, size, grown, opened, *later = map(int, ended.stdout.split())
    assert count > 500 * seconds
    assert spooled == count - delivered, "all that waits is on disk"
    assert spooled > count // 2, "the endpoint was slow"
    assert size > spooled * 300
    assert grown <= 64 << 20
    assert opened <= 8
    assert later == [count]
    assert len({event["transaction_id"] for event in endpoint.events}) == count


# A crowd of processes


class Crowd:
    """A sink that takes its time for each batch, and counts how many are posted at once."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._time = threading.Event()

    def __call__(self, sink: Sink, wire: Wire) -> bool:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            post = sink.read(wire)
            self._time.wait(0.02)
            sink.struck("crowd")
            return sink.accept(wire, post)
        finally:
            with self._lock:
                self._now -= 1


def processes(stage: Stage) -> set[int]:
    """Return the processes that answered a call."""
    return {stage.oracle.answer(claim)[1] for claim in stage.oracle.missing}


@pytest.mark.parametrize(
    "workers",
    [pytest.param(4, id="four"), pytest.param(32, id="thirty-two", marks=pytest.mark.long)],
)
def test_when_an_endpoint_is_back_the_processes_of_a_spool_come_one_after_the_other(
    workers: int, stage: Stage
) -> None:
    stage.sink.misbehave(faults.status(503))
    life = stage.start(
        "gunicorn sync",
        settings={"workers": workers, "timeout": 120},
        **stage.durable(shutdown_timeout=5.0),
    )
    with stage.load(threads=8, rate=200.0):
        stage.until(lambda: len(processes(stage)) == workers)
        stage.wait_for_answers(200, life, within=2 * PATIENCE)
        assert stage.sink.wait_for(lambda: stage.sink.faulted["503"] >= 3, PATIENCE)
    waiting = stage.oracle.outstanding
    crowd = Crowd()
    stage.sink.misbehave(crowd)
    asked = stage.sink.faulted["503"]
    stage.drain(seconds=2 * PATIENCE)
    stage.sink.behave()
    stage.check()
    stage.probe()
    print(f"\n{asked} posts in the outage, {waiting} events waited, {crowd.most} posts at once")
    assert waiting >= 200, "there was an outage"
    assert stage.sink.faulted["crowd"] >= 2
    assert crowd.most <= 2
    assert asked <= 3 + workers, "one of them asks for all"

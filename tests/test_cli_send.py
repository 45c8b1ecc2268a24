"""``apilog send``: a test event, and in words what became of it."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from http_kit import Handler, Listener, serving

from apilog import Event, cli
from apilog.destinations import _http
from apilog.exceptions import Partly
from apilog.trial import sample_event, tried

HALF_A_MINUTE = 30
KEY = "c4n4ry-application-id"
WEBSITE = "c8861a92-8899-418e-af74-c8bab41c9766"


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Send = Callable[..., Answer]


@pytest.fixture(autouse=True)
def no_options_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APILOG_")]:
        monkeypatch.delenv(name)


@dataclass
class Endpoint:
    """A server that answers everything in one way, and keeps what it is told."""

    port: int
    status: int = 201
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    posts: list[Any] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    hold: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it."""

    def __post_init__(self) -> None:
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def moesif(self) -> str:
        return f"moesif://{KEY}@127.0.0.1:{self.port}?insecure=1"

    @property
    def umami(self) -> str:
        return f"umami://{WEBSITE}@127.0.0.1:{self.port}?insecure=1"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    class Answering(Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            gzipped = self.headers["Content-Encoding"] == "gzip"
            endpoint.posts.append(json.loads(gzip.decompress(body) if gzipped else body))
            endpoint.agents.append(self.headers["User-Agent"])
            endpoint.asked.set()
            endpoint.hold.wait(HALF_A_MINUTE)
            self.send_response(endpoint.status)
            for name, value in endpoint.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(endpoint.body)))
            self.end_headers()
            self.wfile.write(endpoint.body)

    with serving(Listener(Answering)) as server:
        endpoint = Endpoint(server.server_port)
        yield endpoint


@pytest.fixture
def send(capfd: pytest.CaptureFixture[str]) -> Iterator[Send]:
    """Run the command in this process; whatever it says, no key is in it."""

    def run(*arguments: str) -> Answer:
        code = cli.main(["send", *arguments])
        answer = Answer(code, *capfd.readouterr())
        assert KEY not in answer.out + answer.err
        return answer

    yield run
    assert _http.witnesses == []


# Delivered


def test_a_test_event_is_delivered_and_says_that_it_is_one(send: Send, endpoint: Endpoint) -> None:
    endpoint.body = b'{"stored": 1}'
    answer = send(endpoint.url)
    ((raw,),) = endpoint.posts
    event = Event.from_document(raw)
    assert event.request.uri.startswith("https://shop.example/apilog/test")
    assert event.request.headers["User-Agent"].startswith("apilog/")
    assert event.metadata["test"] is True
    assert event.metadata["apilog"]["route"] == "/apilog/test"  # type: ignore[index,call-overload]
    assert event.response is not None
    assert event.response.time > event.request.time
    assert (answer.code, answer.err) == (0, "")
    first, requests, said = answer.out.splitlines()
    assert first.startswith("delivered: 1 event (")
    assert f" to {endpoint.url} in " in first
    assert requests.startswith("  requests: 1, ")
    assert said == '  answer: 201, 13 B: {"stored": 1}'


def test_the_finding_comes_as_json(send: Send, endpoint: Endpoint) -> None:
    answer = send(endpoint.moesif, "--json", "--count", "3")
    said = json.loads(answer.out)
    assert (answer.code, said["outcome"], said["destination"]) == (
        0,
        "delivered",
        f"moesif://…@127.0.0.1:{endpoint.port}",
    )
    assert (said["events"], said["delivered"]) == (3, 3)
    (reply,) = said["answers"]
    assert reply["status"] == 201
    assert 0 < reply["sent"] < said["event_bytes"]
    assert len({each["transaction_id"] for each in endpoint.posts[0]}) == 3


def test_the_environment_may_name_the_destination(
    send: Send, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", endpoint.moesif)
    assert send().code == 0
    assert len(endpoint.posts) == 1


def test_an_analytics_service_is_told_of_a_call_by_no_robot(send: Send, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.body = 200, b'{"cache":"c","sessionId":"s","visitId":"v"}'
    assert send(endpoint.umami).code == 0
    assert endpoint.posts[0]["payload"]["name"] == "POST /apilog/test"
    assert endpoint.agents[0].startswith("Mozilla/5.0 (")


def test_many_events_go_in_batches_that_the_destination_takes(
    send: Send, endpoint: Endpoint
) -> None:
    body = '{"size": 20, "processed": 20, "errors": 0, "details": [], "cache": "c"}'
    endpoint.status, endpoint.body = 200, body.encode()
    answer = send(endpoint.umami, "--count", "40")
    assert [len(post) for post in endpoint.posts] == [20, 20]
    assert answer.out.startswith("delivered: 40 events (")
    assert "requests: 2, " in answer.out


def test_a_file_takes_it(send: Send, tmp_path: Path) -> None:
    path = tmp_path / "calls"
    assert send(path.as_uri()).out.startswith(f"delivered: 1 event (636 B) to file:{path} in ")
    assert Event.from_json(path.read_bytes()).metadata["test"] is True


# An event of one's own


@pytest.mark.parametrize("source", ["a file", "standard input"])
def test_an_event_of_ones_own_is_masked_and_sent(
    source: str, send: Send, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {
        "request": {"uri": "http://h/?token=s3cr3t", "verb": "GET", "body": {"password": "s3cr3t"}},
        "transaction_id": "0198c5e0-0000-7000-8000-000000000001",
    }
    path = tmp_path / "event.json"
    path.write_text(json.dumps(own, indent=2))
    if source == "a file":
        assert send(endpoint.url, "--event", str(path)).code == 0
    else:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        assert send(endpoint.url, "--event", "-").code == 0
    ((sent,),) = endpoint.posts
    assert "s3cr3t" not in json.dumps(sent)
    assert sent["transaction_id"] == own["transaction_id"]
    assert send(endpoint.url, "--event", str(path), "--count", "2").code == 0
    assert len({each["transaction_id"] for each in endpoint.posts[1]}) == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "no such file", id="a file that is not there"),
        pytest.param("s3cr3t", "it is no JSON; --event takes one event", id="text"),
        pytest.param('{"s3cr3t": 1}', "it is no event", id="another object"),
    ],
)
def test_what_is_no_event_is_not_sent(
    content: str | None, problem: str, send: Send, endpoint: Endpoint, tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_text(content)
    answer = send(endpoint.url, "--event", str(path))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"apilog: {path}: ")
    assert problem in answer.err
    assert "s3cr3t" not in answer.err
    assert endpoint.posts == []


# Refused


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        pytest.param(401, "it does not take the key", id="a wrong key"),
        pytest.param(402, "it is suspended, or over its plan", id="an unpaid account"),
        pytest.param(403, "look at the rights of the key", id="a key that may not write"),
        pytest.param(404, "check host and path", id="a wrong path"),
        pytest.param(400, "is it an API that speaks Moesif's protocol?", id="another API"),
        pytest.param(413, "it takes less than 636 B at once", id="a small limit"),
        pytest.param(302, "name the final URL", id="a redirect"),
    ],
)
def test_a_refusal_is_explained_with_what_would_mend_it(
    status: int, fix: str, send: Send, endpoint: Endpoint
) -> None:
    endpoint.status = status
    endpoint.body = f'{{"no": "{KEY}", "why": "\x1b[31mred"}}'.encode()
    endpoint.headers = {"Location": "http://elsewhere.test/"}
    answer = send(endpoint.moesif)
    assert (answer.code, answer.err) == (1, "")
    host = f"moesif://\u2026@127.0.0.1:{endpoint.port}"
    assert answer.out.startswith(f"refused: {host}: answered {status}")
    assert fix in answer.out.splitlines()[-1]
    assert answer.out.splitlines()[-1].startswith("  to mend: ")
    assert '{"no": "***", "why": "\\x1b[31mred"}' in answer.out


def test_being_taken_for_a_robot_is_no_success(send: Send, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.body = 200, b'{"beep":"boop"}'
    answer = send(endpoint.umami, "--json")
    said = json.loads(answer.out)
    assert (answer.code, said["outcome"], said["delivered"]) == (1, "refused", 0)
    assert "bot" in said["found"]
    assert WEBSITE not in answer.out


def test_a_long_answer_is_cut(send: Send, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.body = 400, b"<p>\n" * 30_000
    (said,) = [line for line in send(endpoint.url).out.splitlines() if "  answer: " in line]
    assert said.endswith("<p> ...")
    assert len(said) < 400


# Later


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        pytest.param(503, "the server has trouble of its own", id="server trouble"),
        pytest.param(429, "it wants fewer requests", id="too many requests"),
    ],
)
def test_an_answer_that_asks_for_patience_is_explained(
    status: int, fix: str, send: Send, endpoint: Endpoint
) -> None:
    endpoint.status, endpoint.headers = status, {"Retry-After": "17"}
    answer = send(endpoint.moesif)
    assert answer.code == 1
    assert f": answered {status}, and wants 17 s of patience\n" in answer.out
    assert answer.out.startswith("later: ")
    assert fix in answer.out
    assert len(endpoint.posts) == 1


def test_it_is_said_that_nothing_listens(send: Send) -> None:
    answer = send("moesif://k@127.0.0.1:9?insecure=1")
    assert answer.code == 1
    assert answer.out == (
        "later: moesif://\u2026@127.0.0.1:9: 127.0.0.1:9 takes no connection: connection refused\n"
        "  to mend: is the server running, is the port right, does a firewall stand between?\n"
    )


def test_the_reason_of_a_certificate_is_given(send: Send) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serving(Listener(BaseHTTPRequestHandler)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        answer = send(f"https://{server.address}")
    assert answer.code == 1
    assert "the TLS certificate is signed by an unknown authority" in answer.out
    assert "SSL_CERT_FILE" in answer.out


def test_a_disk_that_is_full_is_named(send: Send) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    answer = send("file:///dev/full")
    assert answer.code == 1
    assert answer.out.startswith("later: file:/dev/full: cannot write /dev/full: ")


def test_of_a_key_in_the_path_nothing_is_shown(send: Send, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.body = 404, f"Cannot POST /hooks/{KEY}/v1/events/batch".encode()
    answer = send(f"{endpoint.url}/hooks/{KEY}")
    assert "answer: 404, 56 B: Cannot POST /***/v1/events/batch\n" in answer.out


def test_a_web_page_is_no_success(send: Send, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.body = 200, b"\n<!doctype html><h1>It works!</h1>"
    answer = send(endpoint.url)
    assert answer.code == 1
    assert answer.out.startswith(f"doubtful: {endpoint.url}: answered with a web page")
    assert "  to mend: check host and path" in answer.out


@pytest.mark.parametrize(
    ("status", "body", "found", "fix"),
    [
        pytest.param(
            400,
            b'{"error": {"status": 400, "message": "Website not found."}}',
            "answered 400: Website not found. Is the website id right?",
            "see what it says",
            id="an unknown website",
        ),
        pytest.param(
            200,
            b"{}",
            "answered 200, but not Umami's",
            "is the address right?",
            id="another service",
        ),
    ],
)
def test_a_destination_that_knows_its_service_explains_it(
    status: int, body: bytes, found: str, fix: str, send: Send, endpoint: Endpoint
) -> None:
    endpoint.status, endpoint.body = status, body
    answer = send(endpoint.umami)
    assert answer.code == 1
    assert f": {found}\n" in answer.out
    assert answer.out.endswith(f"  to mend: {fix}\n")


def test_that_no_tls_is_spoken_is_said(send: Send, endpoint: Endpoint) -> None:
    answer = send(endpoint.url.replace("http:", "https:"))
    assert answer.code == 1
    assert "gave no answer: TLS failed (" in answer.out
    assert "where no TLS is spoken, it is http://, or ?insecure=1" in answer.out


def test_that_tls_may_be_wanted_is_said(send: Send) -> None:
    """A server that speaks TLS breaks a plain request off."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def break_off() -> None:
            with suppress(OSError):  # the end of the test
                while True:
                    listener.accept()[0].close()

        thread = threading.Thread(target=break_off, daemon=True)
        thread.start()
        answer = send(f"http://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(HALF_A_MINUTE)
    assert answer.code == 1
    assert "perhaps it speaks TLS there: try https://" in answer.out


def test_what_had_no_turn_is_sent_at_once() -> None:
    """A destination that sends one request an event gives an account before it goes on."""
    taken: list[bytes] = []

    class Slow:
        def send(self, batch: Sequence[bytes]) -> None:
            taken.extend(batch[:2])
            if len(batch) > 2:
                raise Partly("slow", retry=dict.fromkeys(range(2, len(batch)), 0.0))

    events = [sample_event(1.7e9 + number) for number in range(7)]
    finding = tried(Slow(), "slow:", events)
    assert (finding.outcome, finding.delivered) == ("delivered", 7)
    assert taken == events


def test_some_that_are_refused_are_counted() -> None:
    class Picky:
        def send(self, batch: Sequence[bytes]) -> None:
            raise Partly("no", retry={0: None}, rejected={1: "too old"})

    finding = tried(Picky(), "picky:", [sample_event(1.7e9)] * 5)
    assert (finding.outcome, finding.delivered, finding.found) == ("partly", 3, "too old")


INTERRUPTIBLE = """
import signal
import sys

from apilog.cli import main

# What a shell runs in the background ignores this signal, and so does all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


def test_an_interruption_leaves_no_traceback(endpoint: Endpoint) -> None:
    endpoint.hold.clear()
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "send", endpoint.moesif],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        assert endpoint.asked.wait(HALF_A_MINUTE)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HALF_A_MINUTE)
    endpoint.hold.set()
    assert (process.returncode, err) == (130, "apilog: interrupted\n")


# What cannot work


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param([], "no destination", id="nothing"),
        pytest.param(["nowhere"], "unknown scheme", id="no URL"),
        pytest.param([f"moesif://{KEY}:x@h"], "a ':' or '#'", id="a key that needs quoting"),
        pytest.param(["memory:"], "gone with this process", id="memory"),
    ],
)
def test_a_destination_that_cannot_work_is_named(
    arguments: list[str], problem: str, send: Send
) -> None:
    answer = send(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert problem in answer.err


def test_of_several_destinations_one_has_to_be_chosen(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APILOG_DESTINATION", f"console: moesif://{KEY}@h")
    answer = send()
    assert (answer.code, answer.out) == (2, "")
    assert "APILOG_DESTINATION names 2 destinations" in answer.err


@pytest.mark.parametrize("count", ["0", "-1", "10001", "many"])
def test_a_count_that_cannot_work_is_refused(count: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["send", "console:", f"--count={count}"])
    assert "is not a number from 1 to 10000" in capfd.readouterr().err

"""``apilog ship``: what is in a spool arrives, without any app, or stays where it is."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from http_kit import Handler, Listener, serving

from apilog import cli, shipment
from apilog.exceptions import Rejected
from apilog.spool import Spool
from apilog.spool.records import VERSION, Kind, encoded

HALF_A_MINUTE = 30


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Ship = Callable[..., Answer]
Store = Callable[..., Spool]


@pytest.fixture(autouse=True)
def no_options_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("APILOG_")]:
        monkeypatch.delenv(name)


class Endpoint(Listener):
    """An endpoint that refuses batches with poison, and can be told to answer otherwise."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.posts = 0
        self.taken: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.changed = threading.Condition()
        super().__init__(_Handler)

    def answer(self, events: list[dict[str, Any]]) -> int:
        with self.changed:
            self.posts += 1
            self.changed.notify_all()
        self.gate.wait(HALF_A_MINUTE)
        with self.changed:
            if self.status is not None:
                return self.status
            if any(each.get("poison") for each in events):
                return 400
            self.taken += [each["id"] for each in events]
            self.changed.notify_all()
            return 201

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, HALF_A_MINUTE), self.posts


class _Handler(Handler):
    server: Endpoint

    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.answer(json.loads(body))
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint()) as server:
        yield server
        server.gate.set()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    """Store events in a spool, and leave it as a process does that ends, or keep it as it is."""
    living: list[Spool] = []

    def store(*numbers: int, alive: bool = False, into: Path = directory, **more: Any) -> Spool:
        spool = Spool(into, report=lambda *_: None)
        for number in numbers:
            spool.append(json.dumps({"id": number, **more}).encode())
        if alive:
            living.append(spool)
        else:
            spool.close()
        return spool

    yield store
    for spool in living:
        spool.close()


@pytest.fixture
def ship(directory: Path, capfd: pytest.CaptureFixture[str]) -> Ship:
    """Run the command in this process."""

    def run(*options: str, path: Path = directory) -> Answer:
        code = cli.main(["ship", str(path), *options])
        return Answer(code, *capfd.readouterr())

    return run


def segments(directory: Path) -> list[str]:
    return [each.name for each in directory.glob("*.seg")]


# Everything arrives


def test_everything_that_has_no_owner_is_delivered(
    ship: Ship, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    store(1, 2, 3)
    store(4, 5)
    answer = ship("--to", endpoint.url, "--once")
    assert answer == (0, "delivered 5, quarantined 0, lost 0, left 0\n", "")
    assert endpoint.taken == [1, 2, 3, 4, 5]
    assert segments(directory) == []


def test_many_segments_are_all_delivered(ship: Ship, store: Store, endpoint: Endpoint) -> None:
    for number in range(30):
        store(number)
    assert ship("--to", endpoint.url, "--once").out.startswith("delivered 30, ")
    assert endpoint.taken == list(range(30))


def test_a_spool_without_events_is_done_at_once(
    ship: Ship, store: Store, endpoint: Endpoint
) -> None:
    store()
    directory_is_made = store(1)
    assert directory_is_made.pending >= 0
    ship("--to", endpoint.url, "--once")
    answer = ship("--to", endpoint.url, "--once")
    assert answer == (0, "delivered 0, quarantined 0, lost 0, left 0\n", "")
    assert endpoint.posts == 1


def test_the_destination_may_come_from_the_environment(
    ship: Ship, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(1)
    monkeypatch.setenv("APILOG_DESTINATION", (tmp_path / "calls").as_uri())
    assert ship("--once").code == 0
    assert json.loads((tmp_path / "calls").read_text()) == {"id": 1}


def test_the_size_of_a_batch_is_that_of_the_app(
    ship: Ship, store: Store, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(*range(10))
    monkeypatch.setenv("APILOG_BATCH_SIZE", "4")
    monkeypatch.setenv("APILOG_FLUSH_INTERVAL", "no matter")
    assert ship("--to", endpoint.url, "--once").code == 0
    assert endpoint.posts == 3


def test_quiet_says_nothing_when_there_is_nothing_to_mend(
    ship: Ship, store: Store, endpoint: Endpoint
) -> None:
    store(1)
    assert ship("--to", endpoint.url, "--once", "--quiet") == (0, "", "")
    store(2, poison=True)
    store(3)
    assert ship("--to", endpoint.url, "--once", "--quiet").out.startswith("delivered 1, ")


# What does not arrive


def test_what_the_endpoint_refuses_is_kept_in_quarantine(
    ship: Ship, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    spool = store(1, 2, alive=True)
    spool.append(b'{"id": 3, "poison": true}')
    spool.append(b'{"id": 4}')
    spool.close()
    answer = ship("--to", endpoint.url, "--once")
    assert answer.code == 1
    assert answer.out == "delivered 3, quarantined 1, lost 0, left 0\n"
    assert sorted(endpoint.taken) == [1, 2, 4]
    (kept,) = (directory / "quarantine").iterdir()
    assert '"id": 3' in kept.read_text()
    assert ship("--to", endpoint.url, "--once").code == 0


def test_damage_is_counted_and_the_rest_delivered(
    ship: Ship, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    store(*range(10))
    (path,) = directory.glob("*.seg")
    content = bytearray(path.read_bytes())
    place = content.index(b'"id": 4')
    content[place] ^= 1
    path.write_bytes(content)
    answer = ship("--to", endpoint.url, "--once")
    assert answer.code == 1
    assert answer.out == "delivered 9, quarantined 0, lost 1 (corrupt 1), left 0\n"
    assert endpoint.taken == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_a_wrong_key_leaves_everything_where_it_is(
    ship: Ship, store: Store, endpoint: Endpoint
) -> None:
    store(1, 2)
    endpoint.status = 401
    answer = ship("--to", endpoint.url, "--once")
    assert (answer.code, answer.out) == (1, "delivered 0, quarantined 0, lost 0, left 2\n")
    assert endpoint.posts <= 2
    endpoint.status = None
    assert ship("--to", endpoint.url, "--once").out.startswith("delivered 2, ")


def test_an_endpoint_that_asks_for_more_patience_is_left_for_later(
    ship: Ship, store: Store, endpoint: Endpoint
) -> None:
    store(1, 2)
    endpoint.status, endpoint.headers = 503, {"Retry-After": "60"}
    answer = ship("--to", endpoint.url, "--once")
    assert (answer.code, answer.out) == (1, "delivered 0, quarantined 0, lost 0, left 2\n")


def test_an_endpoint_that_is_down_is_tried_for_some_seconds(
    ship: Ship, store: Store, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipment, "ENDURANCE", 1.0)
    for number in range(20):
        store(number)
    endpoint.status = 503
    answer = ship("--to", endpoint.url, "--once")
    assert (answer.code, answer.out) == (1, "delivered 0, quarantined 0, lost 0, left 20\n")
    assert 1 <= endpoint.posts <= 40


def test_segments_of_living_processes_stay_theirs(
    ship: Ship, store: Store, endpoint: Endpoint
) -> None:
    owner = store(1, 2, alive=True)
    store(3)
    answer = ship("--to", endpoint.url, "--once")
    assert answer == (
        0,
        "delivered 1, quarantined 0, lost 0, left 0; 1 segment belongs to living processes\n",
        "",
    )
    assert owner.pending == 2
    owner.close()
    assert ship("--to", endpoint.url, "--once").out.startswith("delivered 2, ")


def test_what_a_writer_lets_go_is_delivered_while_it_lives(
    ship: Ship, store: Store, endpoint: Endpoint
) -> None:
    owner = store(alive=True)
    owner.write_only = True
    owner.append(b'{"id": 1}')
    owner.roll()
    owner.append(b'{"id": 2}')
    assert ship("--to", endpoint.url, "--once").out.startswith("delivered 1, ")
    assert endpoint.taken == [1]


def test_spools_of_other_destinations_are_named(
    ship: Ship, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    store(1)
    store(2, into=directory / "destination-2")
    (directory / "destination-x").mkdir()
    answer = ship("--to", endpoint.url, "--once")
    assert answer.code == 0
    assert answer.err == (
        f"apilog: {directory / 'destination-2'} holds the events of another destination:"
        " ship it as well, with a --to of its own\n"
    )
    assert endpoint.taken == [1]
    assert ship("--to", endpoint.url, "--once", path=directory / "destination-2").code == 0
    assert endpoint.taken == [1, 2]


def test_while_another_process_ships_nothing_is_sent(
    ship: Ship, store: Store, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipment, "ENDURANCE", 0.2)
    other = store(1, alive=True)
    assert other.next(10, 1000) is not None
    store(2)
    answer = ship("--to", endpoint.url, "--once")
    assert answer.code == 1
    assert "left 1; 1 segment belongs to living processes" in answer.out
    assert "another process ships this spool" in answer.out
    assert endpoint.posts == 0


def test_segments_of_a_newer_apilog_are_left_alone(
    ship: Ship, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    store(1)
    newer = encoded(1, Kind.HEAD, VERSION + 1)
    (directory / "newer.seg").write_bytes(newer)
    answer = ship("--to", endpoint.url, "--once")
    assert answer.code == 1
    assert answer.out == (
        "delivered 1, quarantined 0, lost 0, left 0; 1 segment of a newer apilog left alone\n"
    )
    assert (directory / "newer.seg").read_bytes() == newer


# What the user can mend


def test_a_directory_that_is_not_there_cannot_be_shipped(ship: Ship, endpoint: Endpoint) -> None:
    answer = ship("--to", endpoint.url, "--once")
    assert (answer.code, answer.out) == (2, "")
    assert "no such file or directory" in answer.err


@pytest.mark.parametrize("kind", ["open to all", "a link", "a file"])
def test_an_unsafe_directory_cannot_be_shipped(
    ship: Ship, store: Store, endpoint: Endpoint, directory: Path, tmp_path: Path, kind: str
) -> None:
    store(1)
    path = directory
    if kind == "open to all":
        directory.chmod(0o777)
    elif kind == "a link":
        path = tmp_path / "link"
        path.symlink_to(directory)
    else:
        path = next(directory.glob("*.seg"))
    answer = ship("--to", endpoint.url, "--once", path=path)
    assert (answer.code, answer.out) == (2, "")
    assert str(path) in answer.err
    assert endpoint.posts == 0


@pytest.mark.parametrize(
    ("options", "variable", "message"),
    [
        pytest.param((), "", "give one with --to URL", id="no destination"),
        pytest.param((), "file:///a file:///b", "names 2 destinations", id="one too many"),
        pytest.param(("--to", "ftp://x"), "", "unknown scheme", id="an unknown scheme"),
        pytest.param(("--to", "moesif://x"), "", "no application id", id="a missing key"),
        pytest.param(("--to", "memory:"), "", "would be gone", id="memory"),
    ],
)
def test_a_destination_that_cannot_work_changes_nothing(
    ship: Ship,
    store: Store,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    variable: str,
    message: str,
) -> None:
    store(1)
    before = segments(directory)
    monkeypatch.setenv("APILOG_DESTINATION", variable)
    answer = ship("--once", *options)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert segments(directory) == before


def test_an_interval_is_a_number(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("x", "0", "nan", "1e9"):
        with pytest.raises(SystemExit) as ended:
            cli.main(["ship", "x", "--interval", text])
        assert ended.value.code == 2
        assert "is not a number from 0.05 to 3600" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["ship", "spool", "doctor"])
def test_every_command_explains_itself(command: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert "Exit code: 0" in " ".join(capfd.readouterr().out.split())


# As a process of its own

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Python with these arguments."""
    made: list[subprocess.Popen[str]] = []
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        made.append(process)
        return process

    yield start
    for process in made:
        process.kill()
        process.communicate(timeout=HALF_A_MINUTE)


KILLED = """
import os, signal, sys
from wsgiref.util import setup_testing_defaults
from apilog.wsgi import ApiLogMiddleware

def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

app = ApiLogMiddleware(app, destination="http://127.0.0.1:1", spool=sys.argv[1],
                       durability="request")
for number in range(20):
    environ = {"PATH_INFO": f"/{number}"}
    setup_testing_defaults(environ)
    response = app(environ, lambda *_: lambda _: None)
    list(response)
    response.close()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_app_left_is_delivered(start: Start, directory: Path, tmp_path: Path) -> None:
    app = start("-c", KILLED, str(directory))
    app.communicate(timeout=HALF_A_MINUTE)
    assert app.returncode == -signal.SIGKILL
    calls = tmp_path / "calls.ndjson"
    ship = start("-m", "apilog", "ship", str(directory), "--to", calls.as_uri(), "--once")
    out, err = ship.communicate(timeout=HALF_A_MINUTE)
    assert (ship.returncode, out) == (0, "delivered 20, quarantined 0, lost 0, left 0\n"), err
    uris = [json.loads(line)["request"]["uri"] for line in calls.read_text().splitlines()]
    assert sorted(uris) == sorted(f"http://127.0.0.1/{number}" for number in range(20))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_goes_on_until_a_signal(
    start: Start, store: Store, endpoint: Endpoint, directory: Path, number: signal.Signals
) -> None:
    store(1)
    process = start(
        "-m", "apilog", "ship", str(directory), "--to", endpoint.url, "--interval", "0.05"
    )
    endpoint.wait_for(lambda: endpoint.taken == [1])
    store(2)
    endpoint.wait_for(lambda: endpoint.taken == [1, 2])
    process.send_signal(number)
    out, err = process.communicate(timeout=HALF_A_MINUTE)
    assert process.returncode == 0
    assert out == "delivered 2, quarantined 0, lost 0, left 0\n"
    assert err == f"apilog: shipping {directory} to {endpoint.url}\n"


def test_a_directory_that_is_made_again_is_found(
    start: Start, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    store(1)
    start("-m", "apilog", "ship", str(directory), "--to", endpoint.url, "--interval", "0.05")
    endpoint.wait_for(lambda: endpoint.taken == [1])
    directory.rename(directory.with_name("gone"))
    store(2)
    endpoint.wait_for(lambda: endpoint.taken == [1, 2])


def test_a_signal_lets_the_request_in_flight_end_and_leaves_the_rest(
    start: Start, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    endpoint.gate.clear()
    store(1, 2)
    store(3)
    process = start("-m", "apilog", "ship", str(directory), "--to", endpoint.url)
    endpoint.wait_for(lambda: endpoint.posts == 1)
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    endpoint.gate.set()
    out, err = process.communicate(timeout=HALF_A_MINUTE)
    assert (process.returncode, out) == (0, "delivered 2, quarantined 0, lost 0, left 1\n"), err
    assert endpoint.taken == [1, 2]


def test_a_signal_ends_the_wait_for_an_endpoint_that_is_closed(
    start: Start, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    store(1)
    endpoint.status = 401
    process = start("-m", "apilog", "ship", str(directory), "--to", endpoint.url)
    endpoint.wait_for(lambda: endpoint.posts == 1)
    guard = threading.Timer(HALF_A_MINUTE, process.kill)
    guard.start()
    assert process.stderr is not None
    while line := process.stderr.readline():
        if "the endpoint takes nothing" in line:
            break
    process.terminate()
    out, _ = process.communicate(timeout=HALF_A_MINUTE)
    guard.cancel()
    assert line
    assert (process.returncode, out) == (0, "delivered 0, quarantined 0, lost 0, left 1\n")
    assert endpoint.posts <= 2


def test_requests_begin_no_more_some_time_after_a_signal(
    directory: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipment, "FAREWELL", 0.0)
    store(*range(8))

    class Choosy:
        """Refuses every batch, and stops its own shipment with the third one."""

        posts = 0

        def send(self, batch: Sequence[bytes]) -> None:
            self.posts += 1
            if self.posts == 3:
                shipping.stop()
            raise Rejected("422 from nobody")

    choosy = Choosy()
    shipping = shipment.Shipment(directory, choosy, once=False, interval=1.0, batch_size=100)
    tally = shipping.run()
    assert choosy.posts == 3
    assert (tally.delivered, tally.quarantined, tally.left) == (0, 0, 8)


def test_a_destination_that_fails_costs_no_event(
    directory: Path, store: Store, ship: Ship, endpoint: Endpoint
) -> None:
    class Broken:
        def send(self, batch: Sequence[bytes]) -> None:
            raise ZeroDivisionError

    store(1, 2)
    tally = shipment.Shipment(directory, Broken(), once=True, interval=1.0, batch_size=100).run()
    assert (tally.quarantined, tally.left, dict(tally.lost)) == (2, 0, {})
    kept = "".join(path.read_text() for path in (directory / "quarantine").iterdir())
    assert kept.count("destination_failed") == 2


def test_a_second_signal_ends_it_at_once_and_loses_nothing(
    start: Start, store: Store, endpoint: Endpoint, directory: Path, ship: Ship
) -> None:
    endpoint.gate.clear()
    store(1)
    process = start("-m", "apilog", "ship", str(directory), "--to", endpoint.url)
    endpoint.wait_for(lambda: endpoint.posts == 1)
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.terminate()
    process.communicate(timeout=HALF_A_MINUTE)
    assert process.returncode == -signal.SIGTERM
    endpoint.gate.set()
    assert ship("--to", endpoint.url, "--once").out.startswith("delivered 1, ")


def test_a_shipper_that_is_killed_loses_nothing(
    start: Start, store: Store, endpoint: Endpoint, directory: Path, ship: Ship
) -> None:
    endpoint.gate.clear()
    store(*range(50))
    process = start("-m", "apilog", "ship", str(directory), "--to", endpoint.url)
    endpoint.wait_for(lambda: endpoint.posts == 1)
    process.kill()
    process.communicate(timeout=HALF_A_MINUTE)
    endpoint.gate.set()
    assert ship("--to", endpoint.url, "--once").out.startswith("delivered 50, ")
    assert set(endpoint.taken) == set(range(50))


def test_two_shippers_deliver_everything_once(
    start: Start, store: Store, endpoint: Endpoint, directory: Path
) -> None:
    for number in range(24):
        store(number)
    both = [
        start("-m", "apilog", "ship", str(directory), "--to", endpoint.url, "--once")
        for _ in range(2)
    ]
    results = [process.communicate(timeout=HALF_A_MINUTE) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert sorted(endpoint.taken) == list(range(24))

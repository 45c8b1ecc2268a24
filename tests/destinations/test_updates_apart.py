"""Trouble with updates holds up no event, costs no update, and changes no order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers.moesif import Moesif as Server
from servers.plain import Reply

from apilog import Client, cli
from apilog.destinations import Moesif
from apilog.spool import Spool

KEY = "eyJhcHAiOiIxOTg6MTI0Iiwib3JnIjoiODg6MjEwIn0.an-application-id"
PATIENCE = 20.0
USERS = "/v1/users/batch"
USER = b'{"$users":{"user_id":"u1"}}'
EVENT = (
    b'{"request":{"time":"2026-11-20T21:06:10.700Z","uri":"http://shop.test/","verb":"GET",'
    b'"headers":{}},"response":{"time":"2026-11-20T21:06:10.712Z","status":200,"headers":{}}}'
)
STEPS = 5
CALLS = 12

Call = Callable[..., None]
Trouble = Callable[[Server], None]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.checks_age = False
    with server.running():
        try:
            yield server
        finally:
            mend(server)


@pytest.fixture(params=["memory", "spool", "a spool that requests write"])
def client(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Client]:
    options: dict[str, object] = {}
    if request.param != "memory":
        options["spool"] = str(tmp_path / "spool")
        options["durability"] = "worker" if request.param == "spool" else "request"
    moesif = Moesif(KEY, base_url=server.url, remote_sampling=False)
    with Client(moesif, flush_interval=0.05, **options) as client:
        yield client


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that takes nothing is asked again each minute; nobody waits for that here."""
    monkeypatch.setattr("apilog.courier.LONGEST_PAUSE", 0.05)
    monkeypatch.setattr("apilog.standstill.LONGEST_PAUSE", 0.05)


def hang(server: Server) -> None:
    server.gates[USERS] = threading.Event()


def answer(status: int) -> Trouble:
    def answer(server: Server) -> None:
        server.failing[USERS] = Reply(status)

    return answer


def mend(server: Server) -> None:
    server.failing.clear()
    gate = server.gates.pop(USERS, None)
    if gate is not None:
        gate.set()


def is_balanced(client: Client) -> bool:
    stats = client.stats()
    places = stats.queued + stats.delivered + stats.spooled + stats.quarantined
    return stats.captured == places + sum(stats.dropped.values())


TROUBLES = {
    "hangs": hang,
    "is down (503)": answer(503),
    "fails (500)": answer(500),
    "wants another key (401)": answer(401),
    "refuses everything (400)": answer(400),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_events_go_on_and_updates_wait_until_the_endpoint_takes_them(
    server: Server, client: Client, call: Call, trouble: Trouble
) -> None:
    trouble(server)
    for step in range(STEPS):
        assert client.update_users(
            {"user_id": user, "metadata": {"step": step, f"at-{step}": True}} for user in "ab"
        )
    server.wait_for(lambda: server.held[USERS] + server.posts[USERS] > 0)
    for number in range(CALLS):
        call(client, f"/{number}")
        server.wait_for(lambda: len(server.events) == number + 1)  # noqa: B023 - called at once
        assert is_balanced(client)
    stats = client.stats()
    assert stats.queued + stats.spooled >= 2 * STEPS
    assert not stats.dropped
    assert not server.profiles["users"]

    mend(server)
    assert client.flush(PATIENCE)
    whole = {"step": STEPS - 1, **{f"at-{step}": True for step in range(STEPS)}}
    for user in "ab":
        assert server.profiles["users"][user]["metadata"] == whole
    stats = client.stats()
    assert stats.captured == stats.delivered == CALLS + 2 * STEPS
    assert is_balanced(client)


def test_updates_that_wait_keep_within_the_bounds_of_memory(server: Server) -> None:
    hang(server)
    moesif = Moesif(KEY, base_url=server.url, remote_sampling=False)
    with Client(moesif, queue_bytes=1 << 20, batch_size=1, shutdown_timeout=0.1) as client:
        for number in range(20):
            client.update_user({"user_id": f"u{number}", "metadata": {"long": "x y " * 25_000}})
        stats = client.stats()
        assert stats.queued <= 6
        assert stats.dropped["queue_full"] == 20 - stats.queued
        assert is_balanced(client)
        mend(server)


def test_what_a_dead_process_told_goes_before_what_this_one_tells(
    server: Server, tmp_path: Path
) -> None:
    """The first to be offered is refused; the next must not pass it by, it is about the same."""
    left = Spool(tmp_path / "spool" / "updates", report=lambda *_: None)
    (tmp_path / "spool").mkdir(mode=0o700)
    left.append(b'{"$users":{"user_id":"u1","metadata":{"step":1,"first":true}}}')
    left.close()
    server.failing[USERS] = Reply(400)
    moesif = Moesif(KEY, base_url=server.url, remote_sampling=False)
    with Client(moesif, spool=str(tmp_path / "spool"), batch_size=1) as client:
        client.update_user({"user_id": "u1", "metadata": {"step": 2}})
        server.wait_for(lambda: server.posts[USERS] >= 3)
        mend(server)
        assert client.flush(PATIENCE)
        server.wait_for(lambda: "first" in server.profiles["users"]["u1"]["metadata"])
    assert server.profiles["users"]["u1"]["metadata"] == {"step": 2, "first": True}


def test_an_app_that_tells_nothing_has_no_thread_and_no_directory_for_it(
    server: Server, client: Client, call: Call, tmp_path: Path
) -> None:
    before = set(threading.enumerate())
    client.wake()
    call(client)
    assert client.flush(PATIENCE)
    ours = [each.name for each in set(threading.enumerate()) - before if "apilog" in each.name]
    assert "apilog-worker" in ours
    assert len(ours) == len(set(ours))
    assert not (tmp_path / "spool" / "updates").exists()


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A spool that a process left, with a call in it and a user beside it."""
    place = tmp_path / "spool"
    for directory, item in ((place, EVENT), (place / "updates", USER)):
        spool = Spool(directory, report=lambda *_: None)
        spool.append(item)
        spool.close()
    return place


def ship(place: Path, url: str) -> int:
    return cli.main(["ship", str(place), "--to", url, "--once"])


def test_updates_are_shipped_with_the_events(
    server: Server, left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ship(left, f"moesif://{KEY}@{server.url.partition('//')[2]}?insecure=1") == 0
    assert capsys.readouterr().out == "delivered 2, quarantined 0, lost 0, left 0\n"
    assert len(server.events) == 1
    assert set(server.profiles["users"]) == {"u1"}


def test_updates_that_are_down_keep_no_event_from_being_shipped(
    server: Server,
    left: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apilog.shipment.ENDURANCE", 0.1)
    answer(503)(server)
    url = f"moesif://{KEY}@{server.url.partition('//')[2]}?insecure=1"
    assert ship(left, url) == 1
    assert capsys.readouterr().out == "delivered 1, quarantined 0, lost 0, left 1\n"
    assert len(server.events) == 1
    mend(server)
    assert ship(left, url) == 0
    assert set(server.profiles["users"]) == {"u1"}


def test_a_destination_that_takes_no_updates_leaves_them_and_says_so(
    left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ship(left, f"file://{tmp_path / 'events.ndjson'}") == 0
    said = capsys.readouterr()
    assert said.out == "delivered 1, quarantined 0, lost 0, left 0\n"
    assert f"{left / 'updates'} holds updates of users and the like" in said.err
    assert list((left / "updates").glob("*.seg"))


def test_whoever_looks_at_a_spool_is_told_of_the_updates_beside_it(
    left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["spool", str(left)]) == 0
    assert f"for updates of users and the like: {left / 'updates'}" in capsys.readouterr().out


def test_updates_of_a_second_destination_have_a_place_of_their_own(
    server: Server, tmp_path: Path
) -> None:
    """Told before there ever was a call, when none of the directories is there."""
    answer(503)(server)
    both = [Moesif(KEY, base_url=server.url, remote_sampling=False) for _ in range(2)]
    spool = tmp_path / "spool"
    with Client(both, spool=str(spool), shutdown_timeout=0.1) as client:
        client.update_user({"user_id": "u1"})
        server.wait_for(lambda: server.posts[USERS] >= 2)
        assert client.stats().spooled == 2
    for place in ("updates", "destination-2-updates"):
        assert b"$users" in b"".join(each.read_bytes() for each in (spool / place).glob("*.seg"))

"""Users, companies, subscriptions and actions: told by the client, taken by a strict Moesif."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import EXCHANGES, METADATA, USERS, suffer
from servers.moesif import Moesif as Server
from servers.plain import Reply

from apilog import Client, Rejected, RetryLater
from apilog.destinations import Collector, File, Memory, Moesif
from apilog.exceptions import Partly

KEY = "eyJhcHAiOiIxOTg6MTI0Iiwib3JnIjoiODg6MjEwIn0.an-application-id"
PATIENCE = 20.0

USER = b'{"$users":{"user_id":"u1"}}'
NOBODY = b'{"$users":{"metadata":{}}}'
COMPANY = b'{"$companies":{"company_id":"acme"}}'


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.checks_age = False
    with server.running():
        yield server


@pytest.fixture
def moesif(server: Server) -> Iterator[Moesif]:
    moesif = Moesif(KEY, base_url=server.url, remote_sampling=False)
    yield moesif
    moesif.close()


@pytest.fixture(params=["memory", "spool"])
def client(request: pytest.FixtureRequest, moesif: Moesif, tmp_path: Path) -> Iterator[Client]:
    """A client with and without a disk."""
    spool = {"spool": str(tmp_path / "spool")} if request.param == "spool" else {}
    with Client(moesif, **spool) as client:
        yield client


@pytest.fixture
def client_in_memory(moesif: Moesif) -> Iterator[Client]:
    with Client(moesif) as client:
        yield client


def is_balanced(client: Client) -> bool:
    stats = client.stats()
    places = stats.queued + stats.delivered + stats.spooled + stats.quarantined
    return stats.captured == places + sum(stats.dropped.values())


TOLD = {
    "a user": (
        lambda client: client.update_user(
            {"user_id": "u1", "company_id": "acme", "metadata": {"plan": "pro", "seats": 4}}
        ),
        ("users", "u1"),
    ),
    "users": (
        lambda client: client.update_users([{"user_id": "u1"}, {"user_id": "u2"}]),
        ("users", "u2"),
    ),
    "a company": (
        lambda client: client.update_company({"company_id": "acme", "company_domain": "acme.test"}),
        ("companies", "acme"),
    ),
    "companies": (
        lambda client: client.update_companies({"company_id": each} for each in ("acme", "bell")),
        ("companies", "bell"),
    ),
    "a subscription": (
        lambda client: client.update_subscription(
            {"subscription_id": "s1", "company_id": "acme", "status": "active"}
        ),
        ("subscriptions", "s1"),
    ),
    "subscriptions": (
        lambda client: client.update_subscriptions(
            {"subscription_id": each, "company_id": "acme", "status": "trialing"}
            for each in ("s1", "s2")
        ),
        ("subscriptions", "s2"),
    ),
}


@pytest.mark.parametrize(("tell", "where"), TOLD.values(), ids=TOLD.keys())
def test_what_is_told_arrives_and_is_counted(
    server: Server, client: Client, tell: Callable[[Client], bool], where: tuple[str, str]
) -> None:
    assert tell(client)
    assert client.flush(PATIENCE)
    kind, name = where
    assert name in server.profiles[kind]
    assert set(server.posts) == {f"/v1/{kind}/batch"}
    assert client.stats().delivered == len(server.profiles[kind])
    assert not server.refusals
    assert is_balanced(client)


@pytest.mark.parametrize("many", [False, True], ids=["one", "several"])
def test_actions_get_the_time_and_the_id_that_they_need(
    server: Server, client: Client, many: bool
) -> None:
    given = {
        "action_name": "Clicked Sign Up",
        "user_id": "u1",
        "request": {"uri": "https://acme.test/pricing"},
        "metadata": {"button_label": "Get Started"},
    }
    assert client.track_actions([given, given]) if many else client.track_action(given)
    assert client.flush(PATIENCE)
    assert len(server.actions) == 1 + many  # each has an id of its own
    for action in server.actions:
        assert action["request"]["time"].endswith("Z")
        assert action["metadata"] == {"button_label": "Get Started"}
    assert given["request"] == {"uri": "https://acme.test/pricing"}  # the app's stays as it was
    assert set(server.posts) == {"/v1/actions/batch"}


def test_a_call_that_waits_returns_once_the_update_is_there(server: Server, client: Client) -> None:
    assert client.update_user({"user_id": "u1"}, wait=PATIENCE)
    assert "u1" in server.profiles["users"]


def test_a_call_that_waits_says_when_the_time_was_not_enough(
    server: Server, client: Client
) -> None:
    server.failing["/v1/users/batch"] = Reply(503)
    assert not client.update_user({"user_id": "u1"}, wait=0.05)
    server.failing.clear()


def test_updates_are_masked_like_events(server: Server, client: Client) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
    client.update_user(
        {
            "user_id": "u1",
            "session_token": token,
            "metadata": {"password": "hunter2", "note": f"Bearer {token}", "plan": "pro"},
        }
    )
    client.track_action(
        {
            "action_name": "Bought",
            "request": {"uri": "https://acme.test/?api_key=hunter2&page=2"},
            "metadata": {"card": "4111 1111 1111 1111"},
        }
    )
    assert client.flush(PATIENCE)
    said = json.dumps([server.profiles, server.actions])
    for secret in (token, "hunter2", "4111 1111"):
        assert secret not in said
    assert server.profiles["users"]["u1"]["metadata"]["plan"] == "pro"
    assert "page=2" in server.actions[0]["request"]["uri"]


def test_nothing_unmasked_reaches_the_disk(server: Server, tmp_path: Path) -> None:
    server.failing["/v1/users/batch"] = Reply(503)
    moesif = Moesif(KEY, base_url=server.url, remote_sampling=False)
    with Client(moesif, spool=str(tmp_path / "spool"), shutdown_timeout=0.2) as client:
        client.update_user({"user_id": "u1", "metadata": {"password": "hunter2", "plan": "pro"}})
        client.flush(0.3)
    stored = b"".join(
        path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file()
    )
    assert b"$users" in stored
    assert b"hunter2" not in stored


BAD: dict[str, tuple[str, Any, str]] = {
    "a user without an id": ("update_user", {"metadata": {}}, "user_id"),
    "a user with an empty id": ("update_user", {"user_id": ""}, "user_id"),
    "None": ("update_user", None, "mapping"),
    "a text": ("update_company", "acme", "mapping"),
    "a company without an id": ("update_company", {"company_domain": "acme.test"}, "company_id"),
    "a subscription without a company": (
        "update_subscription", {"subscription_id": "s", "status": "active"}, "company_id",
    ),
    "a subscription in a state that there is not": (
        "update_subscription",
        {"subscription_id": "s", "company_id": "c", "status": "fine"},
        "status",
    ),
    "a status of another type": (
        "update_subscription",
        {"subscription_id": "s", "company_id": "c", "status": ["active"]},
        "status",
    ),
    "an action without a name": (
        "track_action", {"request": {"uri": "https://a.test"}}, "action_name",
    ),
    "an action without a request": ("track_action", {"action_name": "x"}, "request"),
    "an action whose request is a text": (
        "track_action", {"action_name": "x", "request": "y"}, "request",
    ),
    "several, but given alone": ("update_users", {"user_id": "u1"}, "mapping"),
    "several that are none": ("update_users", 17, "TypeError"),
    "an id that is an object": ("update_user", {"user_id": {"a": 1}}, "user_id"),
    "metadata that is a text": ("update_user", {"user_id": "u1", "metadata": "x"}, "metadata"),
    "more than an event may weigh": (
        "update_user", {"user_id": "u1", "metadata": {"long": "x y " * 400_000}}, "bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("method", "given", "named"), BAD.values(), ids=BAD.keys())
def test_a_bad_update_is_logged_and_counted_and_never_raised(
    server: Server,
    client_in_memory: Client,
    caplog: pytest.LogCaptureFixture,
    method: str,
    given: Any,
    named: str,
) -> None:
    assert getattr(client_in_memory, method)(given) is False
    assert client_in_memory.flush(PATIENCE)
    assert client_in_memory.stats().faults["bad_update"] >= 1
    assert client_in_memory.stats().captured == 0
    assert named in caplog.text
    assert not server.posts


def test_a_bad_one_among_several_does_not_keep_the_others(server: Server, client: Client) -> None:
    assert not client.update_users([{"user_id": "u1"}, {}, {"user_id": "u2"}])
    assert client.flush(PATIENCE)
    assert set(server.profiles["users"]) == {"u1", "u2"}
    assert client.stats().faults["bad_update"] == 1


def test_an_iterable_that_fails_does_not_reach_the_app(server: Server, client: Client) -> None:
    def users() -> Iterator[dict[str, str]]:
        yield {"user_id": "u1"}
        raise LookupError("the database is gone")

    assert not client.update_users(users())
    assert client.flush(PATIENCE)
    assert set(server.profiles["users"]) == {"u1"}
    assert client.stats().faults["bad_update"] == 1


def test_ids_may_be_numbers(server: Server, client: Client) -> None:
    assert client.update_user({"user_id": 7, "company_id": 8})
    assert client.flush(PATIENCE)
    assert server.profiles["users"] == {"7": {"user_id": "7", "company_id": "8"}}
    assert not server.refusals


def test_what_the_app_changes_later_changes_nothing(server: Server, client: Client) -> None:
    user = {"user_id": "u1", "metadata": {"plan": "pro"}}
    client.update_user(user)
    user["metadata"] = {"plan": "free"}
    assert client.flush(PATIENCE)
    assert server.profiles["users"]["u1"]["metadata"] == {"plan": "pro"}


def test_events_and_updates_travel_together_and_are_posted_apart(
    server: Server, client: Client, call: Callable[..., None]
) -> None:
    call(client, "/1")
    client.update_user({"user_id": "u1"})
    call(client, "/2")
    client.update_company({"company_id": "acme"})
    assert client.flush(PATIENCE)
    assert len(server.events) == 2
    assert client.stats().delivered == 4
    assert set(server.posts) == {"/v1/events/batch", "/v1/users/batch", "/v1/companies/batch"}


def test_only_destinations_that_have_updates_get_them(
    server: Server, moesif: Moesif, tmp_path: Path, call: Callable[..., None]
) -> None:
    memory, file = Memory(), tmp_path / "events.ndjson"
    with Client([memory, moesif, File(file)]) as client:
        call(client)
        assert client.update_user({"user_id": "u1"}, wait=PATIENCE)
        assert client.flush(PATIENCE)
        assert len(memory.events) == len(file.read_text().splitlines()) == len(server.events) == 1
        assert "u1" in server.profiles["users"]
        assert client.stats().captured == client.stats().delivered == 4


def test_without_a_destination_for_them_updates_are_counted_and_not_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Client(Memory()) as client:
        assert not client.update_user({"user_id": "u1"})
        assert client.stats().faults == {"bad_update": 1}
        assert client.stats().captured == 0
    assert "users: one was not taken: no destination takes them" in caplog.text


def test_a_client_that_is_off_takes_none(server: Server, moesif: Moesif) -> None:
    with Client(moesif, enabled=False) as client:
        assert not client.update_user({"user_id": "u1"})
        assert client.stats().captured == 0


def test_what_comes_after_the_end_is_counted_as_closed(server: Server, moesif: Moesif) -> None:
    client = Client(moesif)
    client.close()
    client.update_user({"user_id": "u1"})
    assert client.stats().dropped == {"closed": 1}


def test_a_filter_is_about_calls_and_lets_updates_pass(
    server: Server, call: Callable[..., None]
) -> None:
    moesif = Moesif(KEY, base_url=server.url, remote_sampling=False, only="/shop/*", sample_rate=0)
    with Client(moesif) as client:
        call(client, "/health")
        assert client.update_user({"user_id": "u1"}, wait=PATIENCE)
        assert client.stats().dropped == {"filtered": 1}
    assert "u1" in server.profiles["users"]


def test_an_apps_own_tests_send_no_updates(
    server: Server, client: Client, captured_events: Any, call: Callable[..., None]
) -> None:
    assert client.update_user({"user_id": "u1"})
    call(client)
    assert len(captured_events) == 1
    assert client.flush(PATIENCE)
    assert not server.requests


def test_the_one_at_fault_is_found_and_all_others_arrive(
    server: Server, client: Client, call: Callable[..., None], an_event: Callable[..., bytes]
) -> None:
    """The server refuses what our own check lets pass: a user agent that is no text."""
    agent: list[Any] = ["curl"] * 5 + [17] + ["curl"] * 2
    for number in range(8):
        call(client, f"/{number}")
        client.update_user({"user_id": f"u{number}", "user_agent_string": agent[number]})
        client.update_company({"company_id": f"c{number}"})
    assert client.flush(PATIENCE)
    assert len(server.events) == 8
    assert len(server.profiles["companies"]) == 8
    assert set(server.profiles["users"]) == {f"u{number}" for number in range(8)} - {"u5"}
    stats = client.stats()
    assert stats.delivered == 23
    assert stats.quarantined + stats.dropped.get("rejected", 0) == 1
    assert server.duplicates == 0
    assert is_balanced(client)


def test_the_search_goes_on_at_the_end_of_the_process(server: Server, moesif: Moesif) -> None:
    """A share that was refused waits for nothing, so that the last try is not the end of it."""
    client = Client(moesif, flush_interval=3600)
    agent: list[Any] = ["curl"] * 5 + [17] + ["curl"] * 2
    for number in range(8):
        client.update_company({"company_id": f"c{number}"})
        client.update_user({"user_id": f"u{number}", "user_agent_string": agent[number]})
    client.close(PATIENCE)
    assert len(server.profiles["companies"]) == 8
    assert len(server.profiles["users"]) == 7
    assert client.stats().dropped == {"rejected": 1}


def test_a_server_without_a_place_for_updates_still_gets_the_events(
    server: Server, client: Client, call: Callable[..., None]
) -> None:
    server.missing.add("/v1/subscriptions/batch")
    for _ in range(3):
        call(client)
        client.update_subscription(
            {"subscription_id": "s1", "company_id": "acme", "status": "active"}
        )
        assert client.flush(PATIENCE)
    assert len(server.events) == 3
    stats = client.stats()
    assert stats.delivered == 3
    assert stats.quarantined + stats.dropped.get("rejected", 0) == 3
    assert is_balanced(client)


def test_nothing_arrived_is_the_answer_itself(server: Server, moesif: Moesif) -> None:
    server.failing["/v1/users/batch"] = Reply(503, headers={"Retry-After": "7"})
    with pytest.raises(RetryLater) as later:
        moesif.send([USER, COMPANY])
    assert (later.value.after, later.value.status) == (7, 503)
    server.failing.clear()
    with pytest.raises(Rejected):
        moesif.send([NOBODY])


def test_what_arrived_before_a_failure_is_not_sent_again(
    server: Server, moesif: Moesif, an_event: Callable[..., bytes]
) -> None:
    server.failing["/v1/users/batch"] = Reply(503, headers={"Retry-After": "7"})
    with pytest.raises(Partly) as partly:
        moesif.send([USER, an_event(), COMPANY, USER])
    assert partly.value.retry == {0: 7, 3: 7, 2: None}
    assert not partly.value.rejected
    assert len(server.events) == 1
    assert not server.profiles["companies"]  # the endpoint is down: it is not asked again


def test_what_was_refused_does_not_keep_the_others(
    server: Server, moesif: Moesif, an_event: Callable[..., bytes]
) -> None:
    with pytest.raises(Partly) as partly:
        moesif.send([an_event(), NOBODY, USER, COMPANY])
    assert partly.value.retry == {1: 0.0, 2: 0.0}
    assert len(server.events) == 1
    assert set(server.profiles["companies"]) == {"acme"}


def test_a_wrong_key_is_no_fault_of_the_updates(server: Server) -> None:
    moesif = Moesif("short", base_url=server.url, remote_sampling=False)
    with pytest.raises(Rejected) as rejected:
        moesif.send([USER, COMPANY])
    assert rejected.value.why == "closed"
    moesif.close()


def test_updates_of_a_kind_that_nobody_knows_are_refused_alone(
    server: Server, moesif: Moesif, an_event: Callable[..., bytes]
) -> None:
    """A newer apilog may have left them in the spool."""
    with pytest.raises(Partly) as partly:
        moesif.send([an_event(), b'{"$planets":{"id":"mars"}}', USER])
    assert set(partly.value.rejected) == {1}
    assert not partly.value.retry
    assert "u1" in server.profiles["users"]


def test_a_collector_takes_updates_besides_the_events(
    endpoint: Any, an_event: Callable[..., bytes]
) -> None:
    collector = Collector(endpoint.url)
    collector.send([USER, an_event()])
    collector.close()
    paths = [request.path for request in endpoint.requests]
    assert paths == ["/v1/events/batch", "/v1/users/batch"]
    assert [len(request.events) for request in endpoint.requests] == [1, 1]


def test_threads_may_tell_at_the_same_time(server: Server, client: Client) -> None:
    def tell(number: int) -> None:
        for each in range(25):
            client.update_user({"user_id": f"{number}-{each}"})

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert client.flush(PATIENCE)
    assert len(server.profiles["users"]) == client.stats().delivered == 100


def test_a_forked_child_tells_its_own(server: Server, client: Client) -> None:
    assert client.update_user({"user_id": "parent"}, wait=PATIENCE)
    child = os.fork()
    if not child:
        told = client.update_user({"user_id": "child"}, wait=PATIENCE)
        os._exit(0 if told and client.stats().captured == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert set(server.profiles["users"]) == {"parent", "child"}
    assert client.stats().captured == 1


KILLED = """
import sys
import time
from apilog import Client
from apilog.destinations import Moesif
from apilog.spool import SpoolError
from apilog.spool.inspect import survey

client = Client(
    Moesif(sys.argv[1], base_url=sys.argv[2], remote_sampling=False),
    spool=sys.argv[3], flush_interval=3600,
)
for number in range(50):
    client.update_user({"user_id": f"u{number}"})
def stored():  # by what is on the disk: the account knows of an event before it is written
    try:
        return sum(each.events for each in survey(sys.argv[3] + "/updates").segments)
    except SpoolError:
        return 0
while stored() < 50:
    time.sleep(0.001)
print("stored", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_loses_no_update_that_is_in_the_spool(
    server: Server, moesif: Moesif, tmp_path: Path
) -> None:
    spool = str(tmp_path / "spool")
    paths = os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, KEY, server.url, spool],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "stored\n"
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
        watchdog.cancel()
    assert not server.profiles["users"]
    with Client(moesif, spool=spool, flush_interval=0.05) as client:
        client.wake()
        server.wait_for(lambda: len(server.profiles["users"]) == 50)
    assert not server.refusals


def test_a_thousand_hostile_calls_are_taken_or_counted(server: Server, moesif: Moesif) -> None:
    stats = suffer(moesif)
    assert len(server.events) == stats.delivered
    assert stats.delivered + stats.dropped.get("rejected", 0) == EXCHANGES
    causes = {refusal.rpartition(": ")[2] for refusal in server.refusals}
    assert causes <= {"request.uri", "not absolute", "too many parameters"}


def test_hostile_updates_are_taken_or_counted(server: Server, moesif: Moesif) -> None:
    told = 0
    with Client(moesif, queue_bytes=1 << 30) as client:
        for user in USERS:
            for metadata in METADATA:
                told += client.update_user({"user_id": user, "metadata": metadata})
                told += client.update_company({"company_id": user, "metadata": metadata})
        assert client.flush(PATIENCE)
        stats = client.stats()
    assert stats.captured == stats.delivered == told
    assert stats.faults.get("bad_update", 0) == 2 * len(USERS) * len(METADATA) - told
    assert not server.refusals

"""The harness itself: an oracle that misses a planted loss proves nothing about anybody."""

from __future__ import annotations

import json
import signal
import socket
from typing import Any

import httpx
import pytest
from harness import faults
from harness.oracle import Oracle
from harness.payload import ID_HEADER, answer_of, question_of
from harness.stage import Stage


def event_of(claim: int, **changes: Any) -> dict[str, Any]:
    """Return the event that must arrive for *claim*."""
    return {
        "transaction_id": f"t{claim}",
        "request": {
            "uri": f"http://shop.example/claims/{claim}",
            "verb": "POST",
            "headers": {ID_HEADER: str(claim)},
            "body": json.loads(question_of(claim)),
        },
        "response": {"status": 200, "body": json.loads(answer_of(claim))},
        **changes,
    }


@pytest.fixture
def oracle() -> Oracle:
    """Return an oracle with three claims, two of which were answered."""
    oracle = Oracle()
    for claim in (oracle.claim(), oracle.claim(), oracle.claim()):
        if claim < 3:
            oracle.begun(claim)
            oracle.responded(claim)
    return oracle


def test_what_arrives_as_it_must_is_delivered(oracle: Oracle) -> None:
    oracle.receive([event_of(1), event_of(2)])
    report = oracle.report()
    assert (report.claimed, report.responded, report.delivered) == (3, 2, 2)
    for trouble in (
        "missing",
        "silent",
        "spurious",
        "corrupted",
        "duplicate",
        "doubled",
        "aborted",
    ):
        assert not getattr(report, trouble), trouble


def test_a_planted_loss_is_seen(oracle: Oracle) -> None:
    oracle.receive([event_of(2)])
    assert oracle.report().missing == {1}
    assert not oracle.wait_for(lambda: oracle.outstanding == 0, 0)


def test_a_call_that_is_answered_in_part_may_not_vanish(oracle: Oracle) -> None:
    oracle.begun(3)
    oracle.receive([event_of(1), event_of(2)])
    assert oracle.report().silent == {3}
    oracle.receive([event_of(3, response=None, metadata={"apilog": {"aborted": True}})])
    report = oracle.report()
    assert (report.silent, report.aborted, report.corrupted) == (frozenset(), 1, ())


def test_a_planted_duplicate_is_seen(oracle: Oracle) -> None:
    oracle.receive([event_of(1), event_of(1)])
    report = oracle.report()
    assert (report.duplicate, report.doubled) == (1, frozenset())


def test_a_call_with_two_transaction_ids_is_no_mere_duplicate(oracle: Oracle) -> None:
    oracle.receive([event_of(1), event_of(1, transaction_id="another")])
    report = oracle.report()
    assert (report.duplicate, report.doubled) == (0, {1})


@pytest.mark.parametrize(
    "uri", ["http://shop.example/claims/4", "http://shop.example/claims/0", "http://shop.example/"]
)
def test_an_event_that_nobody_claimed_is_spurious(oracle: Oracle, uri: str) -> None:
    event = event_of(1)
    event["request"]["uri"] = uri
    oracle.receive([event])
    report = oracle.report()
    assert len(report.spurious) == 1
    assert report.delivered == 0


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"response": {"status": 200, "body": None}}, id="no answer"),
        pytest.param({"response": {"status": 200, "body": {"claim": 1}}}, id="half an answer"),
        pytest.param({"response": {"status": 500, "body": {}}}, id="another status"),
        pytest.param({"transaction_id": None}, id="no transaction id"),
        pytest.param({"metadata": {"apilog": {"aborted": True}}}, id="aborted although answered"),
    ],
)
def test_a_planted_corruption_is_seen(oracle: Oracle, changes: dict[str, Any]) -> None:
    oracle.receive([event_of(1, **changes)])
    assert len(oracle.report().corrupted) == 1


def test_the_payload_of_another_id_is_a_corruption(oracle: Oracle) -> None:
    other = event_of(2)
    other["request"]["uri"] = event_of(1)["request"]["uri"]
    oracle.receive([other])
    assert oracle.report().corrupted == ("claim 1: id header, request body, response body",)


SERVERS = ["uvicorn", "gunicorn threads", "gunicorn sync"]


@pytest.mark.parametrize("server", SERVERS)
def test_without_faults_everything_arrives_once(stage: Stage, server: str) -> None:
    """Also: what the app answers in this suite is nothing that masking would touch."""
    life = stage.start(server)
    with stage.load(threads=2, rate=400) as load:
        assert stage.oracle.wait_for(lambda: stage.oracle.answered >= 120, 20)
    assert load.cut_off == 0
    stage.drain()
    report = stage.check()
    assert report.delivered == report.claimed
    assert report.duplicate == 0
    stage.probe()
    assert stage.stats()["captured"] == stage.oracle.answered
    life.stop()
    assert life.code in (0, -signal.SIGTERM)


@pytest.mark.parametrize("server", SERVERS)
def test_a_life_that_is_killed_in_memory_loses_calls_and_the_oracle_sees_it(
    stage: Stage, server: str
) -> None:
    life = stage.start(server, flush_interval=60)
    stage.call(5)
    life.kill()
    assert life.code == -signal.SIGKILL
    stage.start(server)
    stage.probe()
    assert stage.oracle.report().missing == {1, 2, 3, 4, 5}
    with pytest.raises(AssertionError, match="5: "):
        stage.check()


def test_a_call_that_is_cut_off_by_a_kill_is_not_taken_for_answered(stage: Stage) -> None:
    life = stage.start("uvicorn")
    with stage.load(threads=4) as load:
        assert stage.oracle.wait_for(lambda: stage.oracle.answered >= 50, 20)
        life.kill()
        before = stage.oracle.answered
        stage.start("uvicorn")
        assert stage.oracle.wait_for(lambda: stage.oracle.answered >= before + 20, 20)
    assert load.cut_off >= 1
    report = stage.oracle.report()
    assert report.responded + load.cut_off == report.claimed


def post(url: str, claims: list[int], timeout: float = 20.0) -> int | str:
    """Return the status of a batch of events, or the name of the error."""
    batch = [event_of(claim) for claim in claims]
    try:
        with httpx.Client(timeout=timeout, trust_env=False) as client:
            return client.post(f"{url}/v1/events/batch", json=batch).status_code
    except httpx.HTTPError as error:
        return type(error).__name__


BROKEN_OFF = {"ReadError", "WriteError", "RemoteProtocolError"}
"""What a client sees of a reset: the last one where a failed write had swallowed the error."""


@pytest.mark.parametrize(
    ("fault", "name", "seen", "stored"),
    [
        pytest.param(faults.status(500), "500", {500}, 0, id="500"),
        pytest.param(faults.status(429, Retry_After="1"), "429", {429}, 0, id="429"),
        pytest.param(faults.redirect("http://127.0.0.1:1/"), "307", {307}, 0, id="redirect"),
        pytest.param(faults.too_large(10), "413", {413}, 0, id="too large"),
        pytest.param(faults.too_large(1_000_000), "", {201}, 2, id="small enough"),
        pytest.param(faults.poison([2]), "400", {400}, 0, id="poison"),
        pytest.param(faults.poison([3]), "", {201}, 2, id="poison elsewhere"),
        pytest.param(faults.hang, "hang", {"ReadTimeout"}, 0, id="hang"),
        pytest.param(faults.lose_ack, "lost ack", {"RemoteProtocolError"}, 2, id="lost ack"),
        pytest.param(faults.reset_before, "reset", BROKEN_OFF, 0, id="reset"),
        pytest.param(faults.reset_amid, "reset", BROKEN_OFF, 0, id="reset amid"),
        pytest.param(faults.reset_after, "reset", BROKEN_OFF, 0, id="reset after"),
        pytest.param(faults.garbage, "garbage", {"RemoteProtocolError"}, 0, id="garbage"),
    ],
)
def test_the_sink_plays_its_faults_and_counts_them(
    stage: Stage, fault: Any, name: str, seen: set[int | str], stored: int
) -> None:
    for _ in range(2):
        stage.oracle.claim()
    stage.sink.misbehave(fault)
    timeout = 0.5 if "ReadTimeout" in seen else 20.0
    assert post(stage.sink.url, [1, 2], timeout) in seen
    assert dict(stage.sink.faulted) == ({name: 1} if name else {})
    assert stage.oracle.report().delivered == stored
    stage.sink.behave()
    assert post(stage.sink.url, [1, 2]) == 201
    report = stage.oracle.report()
    assert (report.delivered, report.duplicate) == (2, stored)


def test_a_sink_that_trickles_keeps_its_client_busy_until_it_behaves(stage: Stage) -> None:
    stage.sink.misbehave(faults.trickle)
    with socket.create_connection(("127.0.0.1", stage.sink.port), 10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]")
        answer = b""
        while b"..." not in answer:
            answer += client.recv(100)
        stage.sink.behave()
        while client.recv(100):
            pass
    assert stage.sink.faulted["trickle"] == 1


def test_a_sink_that_refuses_comes_back_on_its_port(stage: Stage) -> None:
    stage.oracle.claim()
    assert post(stage.sink.url, [1]) == 201
    stage.sink.refuse()
    assert post(stage.sink.url, [1]) == "ConnectError"
    stage.sink.behave()
    assert post(stage.sink.url, [1]) == 201


def test_a_fault_with_a_number_of_times_ends_by_itself(stage: Stage) -> None:
    stage.oracle.claim()
    stage.sink.misbehave(faults.in_turn(faults.status(500), faults.lose_ack), times=3)
    assert [post(stage.sink.url, [1]) for _ in range(4)] == [500, "RemoteProtocolError", 201, 201]

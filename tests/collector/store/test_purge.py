"""Purging: what is removed is in no byte of any file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apilog.collector.call import Call, Profile, Refusal
from apilog.collector.store import database, payloads
from apilog.collector.store.protocol import StoreBusy
from apilog.collector.store.removal import is_unclean
from apilog.collector.store.schema import day_of

ACall = Callable[..., Call]
DAY = 86_400_000_000
EVE = "eve.canary"
CANARIES = [b"canary", b"anary", b"c4n4ry"]
"""The second is what is left of the first where an index has its beginning in common."""


def bytes_of(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()))


def found(directory: Path, needles: list[bytes]) -> list[bytes]:
    content = bytes_of(directory).lower()
    return [needle for needle in needles if needle in content]


def telling(a_call: ACall, number: int, **changes: Any) -> Call:
    """Return a call that has a canary wherever a text may stand."""
    canary = f"canary{number}"
    body = json.dumps({"name": f"c4n4ry{number}", "note": f"the {canary} sang"})
    values: dict[str, Any] = {
        "id": f"id-{canary}",
        "user": EVE,
        "company": f"company-{canary}",
        "session": f"session-{canary}",
        "route": f"/users/{canary}",
        "path": f"/users/{canary}",
        "query": f"q={canary}",
        "host": f"{canary}.test",
        "ip": f"{canary}",
        "trace": f"trace-{canary}",
        "error": f"Error{canary}",
        "method": f"M{canary}",
        "event": f'{{"response":{{"body":{body}}}}}'.encode(),
        "text": body,
    }
    return a_call(**{**values, **changes})


def innocent(a_call: ACall, number: int, **changes: Any) -> Call:
    values: dict[str, Any] = {
        "id": f"innocent {number}",
        "event": b'{"response":{"body":{"name":"Ada","number":%d}}}' % number,
        "text": f"Ada sings of teapot{number}",
    }
    return a_call(**{**values, **changes})


@pytest.mark.parametrize("search", [True, False], ids=["with an index", "without one"])
def test_a_purged_user_is_in_no_byte_of_any_file(
    opened: Any, a_call: ACall, now: int, tmp_path: Path, search: bool
) -> None:
    store = opened(search=search)
    for start in range(0, 400, 40):
        store.add(
            [
                maker(a_call, number, time=now - number % 3 * DAY)
                for number in range(start, start + 40)
                for maker in (telling, innocent)
            ]
        )
    said = b'{"canary":["' + b"canary " * 300 + b'"]}'
    store.describe([Profile(kind="user", id=EVE, time=4, document=said)])
    store.describe([profile(EVE), profile("ada")])
    store.describe([Profile(kind="user", id=EVE, time=6, document=b'{"canary":0}')])
    store.refuse([refusal(b'{"user_id":"eve.canary"}'), refusal(b'{"user_id":"ada"}')])
    assert found(tmp_path / "data", CANARIES[:1]) == CANARIES[:1]

    assert store.purge(user=EVE) == 400
    assert found(tmp_path / "data", [*CANARIES, EVE.encode()]) == []

    assert store.size().calls == 400
    assert store.profile("user", EVE) is None
    assert store.profile("user", "ada") is not None
    assert [one.content for one in store.refusals(9)] == [b'{"user_id":"ada"}']
    assert store.purge(user=EVE) == 0
    agrees(store, search=search)
    assert store.add([innocent(a_call, 3), telling(a_call, 1)]) == 1
    store.close()
    assert found(tmp_path / "data", CANARIES[:1]) == CANARIES[:1]


def profile(user: str) -> Profile:
    return Profile(kind="user", id=user, time=5, document=json.dumps({"name": user}).encode())


def refusal(content: bytes, time: int = 5) -> Refusal:
    return Refusal(
        time=time, source="moesif", path="/v1/events", status=400, reason="no", content=content
    )


def agrees(store: Any, *, search: bool) -> None:
    """See that everything a day's file counts is what it holds."""
    for number in store._days.numbers():
        with store._days.reading(number) as day:
            (calls,) = day.db.execute("SELECT count(*) FROM call").fetchone()
            queries = [
                "SELECT count(*) FROM payload",
                "SELECT calls FROM tally",
                "SELECT coalesce(sum(n), 0) FROM roll5",
                "SELECT coalesce(sum(n), 0) FROM roll60",
                "SELECT count(*) FROM call JOIN dim ON dim.id = route",
                *(["SELECT count(*) FROM words('sings')"] if search else []),
            ]
            for query in queries:
                assert day.db.execute(query).fetchone() == (calls,), query
            assert day.db.execute("SELECT count(*) FROM roll5 WHERE n <= 0").fetchone() == (0,)
            for (seq,) in day.db.execute("SELECT seq FROM call").fetchall():
                assert day.payload(seq) is not None
            assert day.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_is_before_a_time_is_in_no_byte_of_any_file(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened()
    store.add([telling(a_call, n, user="ada", time=now - 1 - n * DAY // 20) for n in range(60)])
    store.add([innocent(a_call, n, time=now + n) for n in range(60)])
    store.describe([profile("ada")])
    store.refuse([refusal(b"canary"), refusal(b"later", time=now)])
    assert store.purge(before=now) == 60
    assert found(tmp_path / "data", CANARIES) == []
    assert store.size().calls == 60
    assert store._days.numbers() == [day_of(now)]
    assert [one.content for one in store.refusals(9)] == [b"later"]
    assert store.profile("user", "ada") is None
    agrees(store, search=True)


def test_the_dictionary_forgets_what_it_learned_of_a_purged_user(
    opened: Any, a_call: ACall, now: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "LEARN_AT", 600)
    store = opened()
    secret = b"c4n4ry of all that eve ever said to anybody in her life"
    calls = []
    for number in range(2_000):
        filling = b'{"number":%d,"filling":"%s"}' % (number, b"abc%d" % (number % 50) * 20)
        hers = number % 2 == 0 and number < 1_000
        event = b'{"secret":"%s"}' % secret + filling if hers else filling
        calls.append(a_call(id=str(number), user=EVE if hers else "ada", event=event, text=""))
    for start in range(0, 2_000, 200):
        store.add(calls[start : start + 200])
    with store._days.reading(day_of(now)) as day:
        (content,) = day.db.execute("SELECT content FROM dictionary").fetchone()
    assert secret[-20:] in content  # or else this would test nothing
    assert store.purge(user=EVE) == 500
    assert found(tmp_path / "data", [b"c4n4ry", secret[-20:]]) == []
    with store._days.reading(day_of(now)) as day:
        (learned,) = day.db.execute("SELECT content FROM dictionary").fetchone()
        assert learned != content
        rows = day.db.execute("SELECT seq, id FROM call").fetchall()
        events = {key[1:].decode(): day.payload(seq)[0] for seq, key in rows}
    assert events == {call.id: call.event for call in calls if call.user == "ada"}
    # A few that are left are too few to learn from.
    assert store.purge(user="ada") == 1_500
    with store._days.reading(day_of(now)) as day:
        assert day.db.execute("SELECT count(*) FROM dictionary").fetchone() == (0,)
        assert day.db.execute("SELECT count(*) FROM sample").fetchone() == (0,)
    assert store.add([innocent(a_call, 1)]) == 1


def test_a_purge_that_a_reader_holds_up_is_finished_by_the_next(
    opened: Any, a_call: ACall, now: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    store = opened()
    store.add([telling(a_call, 1), innocent(a_call, 1)])
    with store._days.reading(day_of(now)) as day:
        assert day.db.execute("SELECT count(*) FROM call").fetchone() == (2,)
        with pytest.raises(StoreBusy, match="ask again"):
            store.purge(user=EVE)
    assert store.size().calls == 1
    assert is_unclean(store._days.writer(day_of(now)).db)
    assert store.purge(user=EVE) == 0
    assert found(tmp_path / "data", CANARIES) == []


def test_a_purge_that_a_kill_interrupted_is_finished_by_retention(
    opened: Any, a_call: ACall, now: int, tmp_path: Path
) -> None:
    store = opened()
    store.add([telling(a_call, 1), innocent(a_call, 1)])
    writer = store._days.writer(day_of(now))
    with database.transaction(writer.db):
        writer.db.execute("INSERT INTO meta VALUES ('unclean', 1)")
        writer.db.execute("DELETE FROM payload WHERE seq = 1")
        writer.db.execute("DELETE FROM call WHERE seq = 1")
    assert found(tmp_path / "data", CANARIES[:1]) == CANARIES[:1]
    store.retain()
    assert not is_unclean(store._days.writer(day_of(now)).db)


def test_calls_come_in_while_others_are_purged(opened: Any, a_call: ACall, now: int) -> None:
    store = opened()
    store.add([telling(a_call, n, time=now - n % 3 * DAY) for n in range(300)])
    errors: list[Exception] = []

    def add(part: int) -> None:
        try:
            for number in range(20):
                store.add([innocent(a_call, part * 100 + number)])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=add, args=(part,)) for part in range(3)]
    for thread in threads:
        thread.start()
    assert store.purge(user=EVE) == 300
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert store.size().calls == 60
    agrees(store, search=True)


@pytest.mark.parametrize(
    "what", [{}, {"user": ""}, {"user": "ada", "before": 1}], ids=["nothing", "nobody", "both"]
)
def test_a_purge_says_what_it_is_to_remove(opened: Any, what: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either a user, or what is before a time"):
        opened().purge(**what)


def test_who_is_purged_is_compared_letter_by_letter(opened: Any, a_call: ACall) -> None:
    users = ["eve", "Eve", "eve ", "ev%", "e_e", "' OR 1=1 --", "eve\0", "é", "e\u0301"]
    store = opened()
    for user in users:
        store.add([a_call(id=user, user=user)])
    for left, user in enumerate(users):
        assert store.size().calls == len(users) - left
        assert store.purge(user=user) == 1

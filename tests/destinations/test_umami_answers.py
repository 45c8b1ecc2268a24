"""What Umami's answers mean, down to the event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from servers.plain import Reply
from servers.umami import DOMAIN, WEBSITE, Refused, failed, invalid
from servers.umami import Umami as Server

from apilog import Client, Rejected, RetryLater
from apilog.destinations import Umami
from apilog.exceptions import DeliveryError, Partly

PATIENCE = 30.0
OTHER = "c8861a92-8899-418e-af74-c8bab41c9767"
STORED = {"cache": "e30.e30.e30", "sessionId": WEBSITE, "visitId": WEBSITE}


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server("3.1.0")
    with server.running():
        yield server


@pytest.fixture
def umami(server: Server) -> Iterator[Umami]:
    umami = Umami(WEBSITE, base_url=server.url, hostname=DOMAIN)
    yield umami
    umami.close()


def batch_answer(*details: dict[str, Any], size: int = 3, cache: str | None = "e30") -> Reply:
    answer: dict[str, Any] = {
        "size": size,
        "processed": size - len(details),
        "errors": len(details),
        "details": list(details),
    }
    return Reply(200, answer if cache is None else {**answer, "cache": cache})


def detail(index: Any, refused: Refused) -> dict[str, Any]:
    return {"index": index, "response": refused.reply.document}


def outcome(
    umami: Umami, server: Server, events: list[bytes], reply: Reply
) -> DeliveryError | None:
    server.prepared.append(reply)
    try:
        umami.send(events)
    except DeliveryError as error:
        return error
    return None


UNKNOWN = Refused(400, message="Website not found.", code="bad-request")
NEXT_UNKNOWN = Refused(400, message="Tracking source not found.", code="bad-request")
TOO_BIG = invalid("name", "Too big: expected string to have <=50 characters")
OFFLINE = Refused(
    500,
    message="Server error",
    errorObject={"name": "PrismaClientKnownRequestError", "code": "P1001"},
)
LOST = Refused(
    500,
    message="Server error",
    errorObject={"name": "PrismaClientKnownRequestError", "code": "P1017"},
)
BUSY = Refused(429, message="Too many requests", code="too-many-requests")
FORBIDDEN = Refused(403, message="Forbidden", code="forbidden")
WRONG_HOST = invalid("hostname", "Hostname does not match")


@pytest.mark.parametrize(
    ("reply", "rejected", "retry"),
    [
        pytest.param(batch_answer(), {}, set(), id="all is stored"),
        pytest.param(
            batch_answer(detail(1, TOO_BIG)), {1: "400 (name)"}, set(), id="one is refused"
        ),
        pytest.param(
            batch_answer(detail(2, failed("x"))),
            {2: "500, perhaps stored in part"},
            set(),
            id="the database refuses one",
        ),
        pytest.param(
            batch_answer(detail(0, BUSY), detail(1, TOO_BIG)),
            {1: "400 (name)"},
            {0},
            id="one is too much for now",
        ),
        pytest.param(batch_answer(detail(0, OFFLINE)), {}, {0}, id="the database was away for one"),
        pytest.param(
            batch_answer(detail(0, LOST)),
            {0: "500, perhaps stored in part"},
            set(),
            id="the connection to the database broke off over one",
        ),
        pytest.param(
            batch_answer(cache=None),
            dict.fromkeys(range(3), "taken for a bot"),
            set(),
            id="all are bots",
        ),
        pytest.param(
            batch_answer(detail(1, TOO_BIG), cache=None),
            {0: "taken for a bot", 1: "400 (name)", 2: "taken for a bot"},
            set(),
            id="bots and one that is refused",
        ),
        pytest.param(
            Reply(200, body=b'{"size":3,"processed":1,"errors":2,"details":[{"index"'),
            dict.fromkeys(range(3), "the answer could not be read"),
            set(),
            id="an answer that breaks off",
        ),
        pytest.param(
            batch_answer(detail(7, TOO_BIG), detail("1", TOO_BIG), {"index": 2, "response": "no"}),
            {
                0: "the answer could not be read",
                1: "the answer could not be read",
                2: "an error without a word",
            },
            set(),
            id="details that make no sense",
        ),
    ],
)
def test_each_event_of_a_batch_has_a_fate_of_its_own(
    server: Server,
    umami: Umami,
    an_event: Callable[..., bytes],
    reply: Reply,
    rejected: dict[int, str],
    retry: set[int],
) -> None:
    error = outcome(umami, server, [an_event()] * 3, reply)
    if not rejected and not retry:
        assert error is None
    else:
        assert isinstance(error, Partly)
        assert error.rejected == rejected
        assert set(error.retry) == retry


def test_a_long_answer_is_read_to_its_end(
    server: Server, umami: Umami, an_event: Callable[..., bytes]
) -> None:
    """Umami sends the stack of each failure along."""
    refused = failed("x" * 7_000)
    reply = batch_answer(*(detail(number, refused) for number in range(20)), size=21)
    error = outcome(umami, server, [an_event()] * 21, reply)
    assert isinstance(error, Partly)
    assert error.rejected == dict.fromkeys(range(20), "500, perhaps stored in part")


def test_what_is_no_event_is_refused_beside_what_umami_refuses(
    server: Server, umami: Umami, an_event: Callable[..., bytes]
) -> None:
    events = [b"{}", an_event(), b'{"$actions":{}}', an_event()]
    error = outcome(umami, server, events, batch_answer(detail(1, TOO_BIG), size=2))
    assert isinstance(error, Partly)
    assert error.rejected == {0: "not an event", 2: "not an event", 3: "400 (name)"}
    assert error.retry == {}


def test_nothing_is_sent_where_nothing_is_an_event(server: Server, umami: Umami) -> None:
    with pytest.raises(Partly) as caught:
        umami.send([b"{}", b"[]", b"null", b'{"request":1}', b"\xff"])
    assert caught.value.rejected == dict.fromkeys(range(5), "not an event")
    assert server.requests == []


def test_an_event_that_makes_no_sense_costs_no_other(
    server: Server, umami: Umami, an_event: Callable[..., bytes]
) -> None:
    odd = [
        b'{"request":{"time":5,"uri":"/","verb":"GET"}}',
        b'{"request":{"time":"","uri":7,"verb":"GET"}}',
        b'{"request":{"time":"","uri":"/","verb":"GET"},"response":{"time":"","status":"secret"}}',
        b'{"request":{"time":"","uri":"/","verb":"GET"},"session_token":"secret\\ud800"}',
    ]
    with pytest.raises(Partly) as caught:
        umami.send([*odd, an_event()])
    assert set(caught.value.rejected) == {0, 1, 2, 3}
    assert "secret" not in str(caught.value) + str(caught.value.rejected)
    assert len(server.stored) == 1


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        pytest.param(Reply(200, {"beep": "boop"}), "taken for a bot", id="a bot"),
        pytest.param(TOO_BIG.reply, "400 (name)", id="a limit"),
        pytest.param(failed("x").reply, "500, perhaps stored in part", id="the database refuses"),
        pytest.param(Reply(400, body=b"no"), "400", id="a 400 without a word"),
    ],
)
def test_an_event_alone_that_is_refused_is_not_repeated(
    server: Server, umami: Umami, an_event: Callable[..., bytes], reply: Reply, why: str
) -> None:
    error = outcome(umami, server, [an_event()], reply)
    assert isinstance(error, Partly)
    assert error.rejected == {0: why}
    assert error.retry == {}
    assert why in str(error)


@pytest.mark.parametrize(
    ("count", "reply", "words"),
    [
        pytest.param(1, UNKNOWN.reply, "website id", id="an unknown website"),
        pytest.param(1, NEXT_UNKNOWN.reply, "website id", id="an unknown website, in new words"),
        pytest.param(
            3, batch_answer(*(detail(n, UNKNOWN) for n in range(3)), cache=None), "website id",
            id="an unknown website, for each of a batch",
        ),
        pytest.param(1, WRONG_HOST.reply, "hostname", id="the domain of another website"),
        pytest.param(1, FORBIDDEN.reply, "IGNORE_IP", id="an ignored address"),
        pytest.param(1, Reply(204), "IGNORE_IP", id="an ignored address, without a word"),
        pytest.param(
            3, batch_answer(*(detail(n, FORBIDDEN) for n in range(3)), cache=None), "IGNORE_IP",
            id="an ignored address, for each of a batch",
        ),
        pytest.param(3, Reply(403, body=b"<html>"), "403", id="a firewall"),
        pytest.param(3, Reply(404, body=b"<html>"), "address", id="another path"),
        pytest.param(3, Reply(200, body=b"<html>"), "address", id="a page"),
        pytest.param(3, Reply(200, {"ok": True}), "address", id="another API"),
        pytest.param(3, Reply(200), "address", id="an empty answer"),
        pytest.param(1, Reply(308, headers={"Location": "/"}), "redirects", id="a redirect"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_settings_costs_no_event(
    server: Server,
    umami: Umami,
    an_event: Callable[..., bytes],
    count: int,
    reply: Reply,
    words: str,
) -> None:
    error = outcome(umami, server, [an_event()] * count, reply)
    assert isinstance(error, Rejected)
    assert error.why == "closed"
    assert words in str(error)
    assert WEBSITE not in str(error)


def test_an_ignored_client_is_no_matter_of_settings(
    server: Server, an_event: Callable[..., bytes]
) -> None:
    umami = Umami(WEBSITE, base_url=server.url, forward_client_ip="full")
    error = outcome(umami, server, [an_event()], FORBIDDEN.reply)
    umami.close()
    assert isinstance(error, Partly)
    assert "IGNORE_IP" in error.rejected[0]


def test_a_host_of_the_calls_own_is_no_matter_of_settings(
    server: Server, an_event: Callable[..., bytes]
) -> None:
    """Whoever calls with a foreign host must not stop the others."""
    umami = Umami(WEBSITE, base_url=server.url)
    error = outcome(umami, server, [an_event()], WRONG_HOST.reply)
    umami.close()
    assert isinstance(error, Partly)
    assert error.rejected == {0: "400 (hostname); set hostname to the website's domain"}


@pytest.mark.parametrize(
    ("count", "reply", "after"),
    [
        pytest.param(3, Reply(429, headers={"Retry-After": "60"}), 60, id="a limit"),
        pytest.param(1, Reply(429, BUSY.reply.document, {"Retry-After": "7"}), 7, id="for one"),
        pytest.param(3, Reply(502, body=b"<html>"), None, id="a proxy without Umami"),
        pytest.param(1, Reply(503, body=b"<html>"), None, id="a proxy without Umami, for one"),
        pytest.param(3, failed("x").reply, None, id="a failure of the whole batch"),
        pytest.param(1, OFFLINE.reply, None, id="a database that is away"),
        pytest.param(
            2, batch_answer(detail(0, OFFLINE), detail(1, OFFLINE), size=2, cache=None), None,
            id="a database that is away, for each of a batch",
        ),
    ],
)  # fmt: skip
def test_what_passes_is_waited_for(
    server: Server,
    umami: Umami,
    an_event: Callable[..., bytes],
    count: int,
    reply: Reply,
    after: float | None,
) -> None:
    error = outcome(umami, server, [an_event()] * count, reply)
    assert isinstance(error, RetryLater)
    assert error.after == after


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(413, body=b"<html>"), id="by a proxy"),
        pytest.param(
            Refused(400, message="Bad request", errors=["Too big: expected array"]).reply,
            id="by Umami",
        ),
    ],
)  # fmt: skip
def test_a_batch_that_is_found_too_long_is_to_be_shorter(
    server: Server, umami: Umami, an_event: Callable[..., bytes], reply: Reply
) -> None:
    error = outcome(umami, server, [an_event()] * 3, reply)
    assert isinstance(error, Rejected)
    assert error.why == "too_large"


def test_a_batch_refused_for_no_known_reason_is_divided(
    server: Server, umami: Umami, an_event: Callable[..., bytes]
) -> None:
    reply = Refused(400, message="Bad request", errors=[]).reply
    error = outcome(umami, server, [an_event()] * 3, reply)
    assert isinstance(error, Rejected)
    assert error.why == "refused"


def test_a_body_above_a_megabyte_is_not_even_sent(
    server: Server, an_event: Callable[..., bytes]
) -> None:
    properties = {f"k{number}": "\N{FIRE}" * 250 for number in range(30)}
    umami = Umami(WEBSITE, base_url=server.url, batch_items=500, properties=lambda _: properties)
    with pytest.raises(Rejected) as caught:
        umami.send([an_event()] * 40)
    umami.close()
    assert caught.value.why == "too_large"
    assert server.requests == []


def test_a_server_that_takes_fewer_items_is_learned_from(call: Callable[..., None]) -> None:
    server = Server("next")
    with server.running():
        umami = Umami(WEBSITE, base_url=server.url, hostname=DOMAIN, batch_items=500)
        with Client(
            umami, flush_interval=60, batch_size=1_000, shutdown_timeout=PATIENCE
        ) as client:
            for _ in range(500):
                call(client)
    assert client.stats().dropped == {}
    assert len(server.stored) == 500
    refused = [asked for asked in server.requests if len(asked.document) > 20]
    assert 0 < len(refused) < 10


def test_one_event_that_the_database_refuses_costs_no_other(
    server: Server, call: Callable[..., None]
) -> None:
    """The row of the refused one is stored half; it must not come again."""

    class Trap(Umami):
        """Sends what ours never sends."""

        def _item(self, text: bytes) -> dict[str, Any]:
            item: Any = super()._item(text)
            if "/poison" in item["payload"]["url"]:
                item["payload"]["data"]["n"] = 10**15
            return dict(item)

    with Client(Trap(WEBSITE, base_url=server.url), shutdown_timeout=PATIENCE) as client:
        for path in ("/a", "/poison", "/b"):
            call(client, path)
    stats = client.stats()
    assert (stats.delivered, stats.dropped) == (2, {"rejected": 1})
    assert len(server.halves) == 1
    assert {item["payload"]["url"] for item in server.stored} == {"/a", "/b"}


def test_bots_are_counted(server: Server, call: Callable[..., None]) -> None:
    umami = Umami(WEBSITE, base_url=server.url, fields=lambda _: {"userAgent": "curl/8.0"})
    with Client(umami, shutdown_timeout=PATIENCE) as client:
        for _ in range(30):
            call(client)
    stats = client.stats()
    assert (stats.delivered, stats.dropped) == (0, {"rejected": 30})
    assert len(server.bots) == 30


def test_an_unknown_website_costs_nothing_while_the_client_lives(
    server: Server, call: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(Umami(OTHER, base_url=server.url), flush_interval=0.01)
    for _ in range(30):
        call(client)
    assert not client.flush(0.5)
    stats = client.stats()
    assert (stats.queued, stats.dropped) == (30, {})
    assert stats.faults["endpoint_closed"] >= 1
    assert "Is the website id right?" in caplog.text
    assert OTHER not in caplog.text
    server.websites[OTHER] = DOMAIN
    assert client.close(PATIENCE)
    assert client.stats().delivered == 30


def test_a_limit_is_waited_for_and_nothing_is_lost(
    server: Server, call: Callable[..., None]
) -> None:
    server.prepared.append(Reply(429, BUSY.reply.document, {"Retry-After": "0.1"}))
    with Client(Umami(WEBSITE, base_url=server.url), shutdown_timeout=PATIENCE) as client:
        for _ in range(5):
            call(client)
        assert client.flush(PATIENCE)
    stats = client.stats()
    assert (stats.delivered, stats.dropped, stats.retries) == (5, {}, 1)


def test_a_limit_of_items_a_minute_is_kept_and_nothing_is_lost(call: Callable[..., None]) -> None:
    """A minute is a second here; and no answer is asked for before its time."""
    server = Server("next", items_a_window=40, window=1.0)
    with server.running():
        umami = Umami(WEBSITE, base_url=server.url, hostname=DOMAIN)
        with Client(umami, flush_interval=60, shutdown_timeout=PATIENCE) as client:
            for number in range(100):
                call(client, f"/items/{number}")
            assert client.flush(PATIENCE)
        stats = client.stats()
    assert (stats.delivered, stats.dropped) == (100, {})
    assert len(server.stored) == 100
    assert 1 <= server.too_many == stats.retries <= 2

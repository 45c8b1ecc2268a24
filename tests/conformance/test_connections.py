"""What one connection can do to a server: keep-alive, pipelining, 100-continue, hanging up."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from conformance_kit.scenario import (
    DJANGO_ASGI,
    DJANGO_WSGI,
    FASTAPI,
    FLASK,
    RAW_ASGI,
    RAW_WSGI,
    SERVERS,
    Scenario,
)
from conformance_kit.table import ON_SOCKETS_ONLY, TABLE
from conformance_kit.versions import LEAVING_IS_NOT_HEARD
from conformance_kit.wire import (
    Server,
    Side,
    head_of,
    leave,
    new_case,
    read_all,
    read_until,
    request_of,
    without_date,
)

KEEP_ALIVE = ("uvicorn", "gunicorn")

EVERYWHERE = [
    pytest.param(server, mounting, id=f"{mounting} over {server}")
    for server, mountings in SERVERS.items()
    for mounting in mountings
]
LASTING = [each for each in EVERYWHERE if each.values[0] in KEEP_ALIVE]

ServerCalled = Callable[[str], Server]


def a(name: str) -> Scenario:
    return ON_SOCKETS_ONLY[name]


def _both(server: Server, mounting: str, talk: Callable[[Side, str], Any]) -> tuple[str, Any]:
    """Have the same talk with both sides; return the case and what both were heard to say."""
    bare, wrapped = server.sides[mounting]
    case = new_case()
    expected = talk(bare, case)
    assert talk(wrapped, case) == expected
    return case, expected


@pytest.mark.parametrize(("name", "mounting"), LASTING)
def test_two_requests_share_a_connection(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    def talk(side: Side, case: str) -> bytes:
        with side.connect() as connection:
            connection.sendall(request_of(a("the first of two"), case, close=False))
            first = read_until(connection, b"first")
            connection.sendall(request_of(a("the second of two"), case))
            return without_date(first + read_all(connection))

    server = server_called(name)
    case, heard = _both(server, mounting, talk)
    assert heard.count(b"HTTP/1.1 200") == 2
    assert [_body(event) for event in server.events(case, 2)] == ["first", "one two three"]


@pytest.mark.parametrize(("name", "mounting"), LASTING)
def test_two_requests_come_at_once(name: str, mounting: str, server_called: ServerCalled) -> None:
    def talk(side: Side, case: str) -> bytes:
        with side.connect() as connection:
            connection.sendall(
                request_of(a("the first of two"), case, close=False)
                + request_of(a("the second of two"), case)
            )
            return without_date(read_all(connection))

    server = server_called(name)
    case, heard = _both(server, mounting, talk)
    assert heard.count(b"HTTP/1.1 200") == 2
    assert [_body(event) for event in server.events(case, 2)] == ["first", "one two three"]


@pytest.mark.parametrize(
    ("name", "mounting"), [each for each in LASTING if each.values[1] in (RAW_WSGI, RAW_ASGI)]
)
def test_nobody_asks_for_a_body_that_the_app_does_not_read(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    """``Expect: 100-continue``: the server answers 100 only if somebody reads."""
    scenario = a("an upload nobody reads")

    def talk(side: Side, case: str) -> bytes:
        more = (("Content-Length", "5"), ("Expect", "100-continue"))
        with side.connect() as connection:
            connection.sendall(head_of(scenario, case, *more, ("Connection", "close")))
            return without_date(read_all(connection))

    server = server_called(name)
    case, heard = _both(server, mounting, talk)
    assert b" 413 " in heard.splitlines()[0] or name == "gunicorn"  # which asks for it first
    [event] = server.events(case)
    assert event["response"]["status"] == 413
    assert event["metadata"]["apilog"]["request_body_omitted"] == "not_read"


@pytest.mark.parametrize(("name", "mounting"), LASTING)
def test_a_body_that_the_app_reads_is_asked_for(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    scenario = a("an upload that is read")

    def talk(side: Side, case: str) -> bytes:
        more = (("Content-Length", "5"), ("Content-Type", "text/plain"))
        more += (("Expect", "100-continue"), ("Connection", "close"))
        with side.connect() as connection:
            connection.sendall(head_of(scenario, case, *more))
            first = read_until(connection, b"100 Continue\r\n\r\n")
            connection.sendall(b"hello")
            return without_date(first + read_all(connection))

    server = server_called(name)
    case, heard = _both(server, mounting, talk)
    assert heard.count(b"HTTP/1.1 ") == 2
    [event] = server.events(case)
    assert event["request"]["body"] == "hello"


LISTENERS = {
    RAW_ASGI: "a lasting stream that listens",
    **dict.fromkeys((RAW_WSGI, FLASK, DJANGO_WSGI, FASTAPI, DJANGO_ASGI), "a lasting stream"),
}


@pytest.mark.parametrize(
    ("name", "mounting"),
    [each for each in EVERYWHERE if each.values[1] not in LEAVING_IS_NOT_HEARD],
)
def test_a_client_hangs_up_in_the_middle(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    scenario = a(LISTENERS[mounting])

    def talk(side: Side, case: str) -> bytes:
        with side.connect() as connection:
            connection.sendall(request_of(scenario, case))
            head, _, _ = read_until(connection, b"data: 3\n\n").partition(b"\r\n\r\n")
            leave(connection)
            return without_date(head)

    server = server_called(name)
    case, _ = _both(server, mounting, talk)
    [event] = server.events(case)
    assert event["response"]["status"] == 200
    assert event["response"]["body"].startswith("data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n")
    own = event["metadata"]["apilog"]
    assert own["aborted"] is True
    assert own["response_body_omitted"] == "incomplete"
    assert "exception" not in own


@pytest.mark.parametrize(
    ("name", "mounting"), [each for each in LASTING if each.values[1] in (RAW_WSGI, RAW_ASGI)]
)
def test_a_client_hangs_up_in_the_middle_of_an_upload(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    scenario = a("an upload that is read")

    def talk(side: Side, case: str) -> None:
        with side.connect() as connection:
            more = (("Content-Length", "50"), ("Content-Type", "text/plain"))
            connection.sendall(head_of(scenario, case, *more) + b"only a part\nof it")
            leave(connection)

    server = server_called(name)
    case, _ = _both(server, mounting, talk)
    events = server.events(case)
    assert len(events) <= 1  # a server may have seen the hang-up before it called the app
    for event in events:
        assert "body" not in event["request"] or event["request"]["body"] == "only a part\n"
        assert event["metadata"]["apilog"]["request_body_omitted"] in ("incomplete", "not_read")


@pytest.mark.parametrize("mounting", [RAW_WSGI, FLASK, DJANGO_WSGI])
def test_gunicorn_still_sends_files_by_its_short_cut(
    mounting: str, server_called: ServerCalled
) -> None:
    scenario = next(each for each in TABLE if each.id == "a file in the server's wrapper")
    if mounting != RAW_WSGI:
        scenario = next(each for each in TABLE if each.id == "a file of 100 KB")
    server = server_called("gunicorn")
    counts = [server.ask(ask="facts")["sendfile"]]
    for side in server.sides[mounting]:
        assert re.match(rb"HTTP/1.1 200", side.call(request_of(scenario, new_case())))
        counts.append(server.ask(ask="facts")["sendfile"])
    assert [later - earlier for earlier, later in pairwise(counts)] == [1, 1]


def _body(event: dict[str, Any]) -> Any:
    return event["response"]["body"]

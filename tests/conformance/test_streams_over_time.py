"""What long answers cost over real servers: the first byte comes as soon, and nothing piles up."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from conformance_kit.scenario import DJANGO_ASGI, RAW_ASGI, RAW_WSGI, SERVERS, Scenario
from conformance_kit.table import ON_SOCKETS_ONLY
from conformance_kit.wire import (
    Server,
    Side,
    head_of,
    leave,
    new_case,
    read_until,
    request_of,
    time_to,
)

TRIES = 7
FIRST_BYTE_SECONDS = 0.050
"""How much later the first byte of a slow stream may come, wrapped."""

MEMORY_BYTES = 32 * 1024 * 1024
"""How much more memory a stream of 200 MB may cost, wrapped."""

MB_200 = 200 * 1024 * 1024

readable = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a process"
)

ServerCalled = Callable[[str], Server]

EVERYWHERE = [
    pytest.param(server, mounting, id=f"{mounting} over {server}")
    for server, mountings in SERVERS.items()
    for mounting in mountings
]
RAW_ONLY = [each for each in EVERYWHERE if each.values[1] in (RAW_WSGI, RAW_ASGI)]
FRAMEWORKS = [each for each in EVERYWHERE if each not in RAW_ONLY]


def _first_byte(side: Side) -> float:
    """Return the seconds until a stream of four seconds sends its first line."""
    with side.connect() as connection:
        connection.sendall(request_of(ON_SOCKETS_ONLY["a lasting stream"], new_case()))
        seconds = time_to(connection, b"data: 0\n")
        leave(connection)
    return seconds


@pytest.mark.parametrize(("name", "mounting"), EVERYWHERE)
def test_the_first_byte_comes_as_soon(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    bare, wrapped = server_called(name).sides[mounting]
    pairs = [(_first_byte(bare), _first_byte(wrapped)) for _ in range(TRIES)]
    late = statistics.median(after - before for before, after in pairs)
    assert late < FIRST_BYTE_SECONDS


def _download(side: Side, scenario: Scenario, case: str) -> None:
    with side.connect() as connection:
        connection.sendall(request_of(scenario, case))
        size = 0
        while piece := connection.recv(1 << 20):
            size += len(piece)
    assert size > MB_200


def _upload(side: Side, scenario: Scenario, case: str) -> None:
    with side.connect() as connection:
        more = (("Content-Length", str(MB_200)), ("Connection", "close"))
        connection.sendall(head_of(scenario, case, *more))
        piece = bytes(1 << 20)
        for _ in range(MB_200 // len(piece)):
            connection.sendall(piece)
        read_until(connection, str(MB_200).encode())


def _peak(server: Server, side: Side, talk: Callable[..., None], name: str) -> tuple[int, str]:
    """Return what a call added to the server's memory at its peak, and the call's name."""
    case = new_case()
    before = server.ask(ask="memory", forget=True)
    before = server.ask(ask="memory", forget=False)
    talk(side, ON_SOCKETS_ONLY[name], case)
    return server.ask(ask="memory", forget=False) - before, case


def _compare(server: Server, mounting: str, talk: Callable[..., None], name: str) -> str:
    bare, wrapped = server.sides[mounting]
    _peak(server, bare, talk, name)  # the first time costs what every time shares
    costs_bare, _ = _peak(server, bare, talk, name)
    costs_wrapped, case = _peak(server, wrapped, talk, name)
    assert costs_wrapped - costs_bare <= MEMORY_BYTES
    return case


@readable
@pytest.mark.parametrize(("name", "mounting"), RAW_ONLY)
def test_200_mb_to_the_client_cost_no_memory(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    server = server_called(name)
    case = _compare(server, mounting, _download, "200 MB to the client")
    [event] = server.events(case)
    assert event["metadata"]["apilog"]["response_size"] == MB_200


@readable
@pytest.mark.parametrize(("name", "mounting"), RAW_ONLY)
def test_200_mb_from_the_client_cost_no_memory(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    server = server_called(name)
    case = _compare(server, mounting, _upload, "200 MB from the client")
    [event] = server.events(case)
    assert event["metadata"]["apilog"]["request_size"] == MB_200


@readable
@pytest.mark.long
@pytest.mark.parametrize(("name", "mounting"), FRAMEWORKS)
def test_200_mb_of_a_framework_cost_no_memory(
    name: str, mounting: str, server_called: ServerCalled
) -> None:
    server = server_called(name)
    case = _compare(server, mounting, _download, "200 MB to the client")
    [event] = server.events(case)
    assert event["metadata"]["apilog"]["response_size"] == MB_200
    assert mounting != DJANGO_ASGI or event["metadata"]["apilog"]["chunks"] == 3_200

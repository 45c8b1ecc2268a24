"""The same scenarios over real servers: the bytes on the wire are the same, wrapped or bare."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conformance_kit.judge import complaint
from conformance_kit.scenario import SERVERS, Scenario
from conformance_kit.table import TABLE
from conformance_kit.wire import Server, new_case, observed, request_of

import apilog

ON_THE_WIRE = frozenset({"chunks", "response size", "response headers"})
"""Servers cut and count by their own rules, and add headers."""


@pytest.fixture
def server(request: pytest.FixtureRequest, server_called: Callable[[str], Server]) -> Server:
    return server_called(request.param)


@pytest.mark.parametrize(
    ("server", "mounting", "scenario"),
    [
        pytest.param(server, mounting, scenario, id=f"{scenario.id} on {mounting} over {server}")
        for server, mountings in SERVERS.items()
        for mounting in mountings
        for scenario in TABLE
        if mounting in scenario.mountings and server in scenario.servers
    ],
    indirect=["server"],
)
def test_the_client_reads_the_same_and_the_event_tells_it(
    server: Server, mounting: str, scenario: Scenario
) -> None:
    bare, wrapped = server.sides[mounting]
    case = new_case()
    request = request_of(scenario, case)
    expected = bare.call(request)
    assert wrapped.call(request) == expected
    events = server.events(case)
    assert len(events) == 1
    event = apilog.Event.from_document(events[0])
    skipped = ON_THE_WIRE | ({"response body"} if scenario.request.verb == "HEAD" else set())
    told = complaint(event, scenario, observed(expected), mounting, passed_over=skipped)
    assert told == ""

"""Every scenario once more, with events that are on disk before the last byte goes out.

That changes nothing for the app and its server. Of the call less can be told: nothing of what
happens after the last byte, and no body of a response whose client gets none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from conformance_kit.judge import complaint
from conformance_kit.mountings import Pair, pair_of
from conformance_kit.observation import difference
from conformance_kit.scenario import ALL, Scenario
from conformance_kit.table import BEHAVIOURS, TABLE

TOLD_TOO_LATE: Mapping[str, Mapping[str, Any]] = {
    "an exception in close": {},
    "KeyboardInterrupt in close": {},
    "HEAD answered with a body": {"response": (None, None), "response_size": 0, "chunks": 1},
}
"""What the events of these rows have to say instead."""


@pytest.fixture(scope="module")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    spool = tmp_path_factory.mktemp("spool")
    with pair_of(request.param, BEHAVIOURS, spool=spool, durability="request") as pair:
        yield pair


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
@pytest.mark.parametrize(
    ("pair", "scenario"),
    [
        pytest.param(mounting, scenario, id=f"{scenario.id} on {mounting}")
        for mounting in ALL
        for scenario in TABLE
        if mounting in scenario.mountings
    ],
    indirect=["pair"],
)
def test_the_server_sees_the_same_and_the_event_tells_it(pair: Pair, scenario: Scenario) -> None:
    bare = pair.call(pair.bare, scenario)
    assert pair.take_events() == []
    wrapped = pair.call(pair.wrapped, scenario)
    assert difference(bare, wrapped) is None
    scenario = replace(scenario, event=TOLD_TOO_LATE.get(scenario.id, scenario.event))
    events = pair.take_events()
    assert len(events) == scenario.event.get("events", 1)
    for event in events:
        assert complaint(event, scenario, bare, pair.mounting) == ""


def test_every_row_that_is_told_otherwise_is_in_the_table() -> None:
    assert set(TOLD_TOO_LATE) <= {scenario.id for scenario in TABLE}

"""Every scenario on every mounting: the server sees the same, wrapped or bare."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance_kit.judge import complaint
from conformance_kit.mountings import Pair, pair_of
from conformance_kit.observation import difference
from conformance_kit.scenario import ALL, Scenario
from conformance_kit.table import BEHAVIOURS, TABLE


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with pair_of(request.param, BEHAVIOURS) as pair:
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
    events = pair.take_events()
    assert len(events) == scenario.event.get("events", 1)
    for event in events:
        assert complaint(event, scenario, bare, pair.mounting) == ""

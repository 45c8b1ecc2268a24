"""Events kept in memory."""

from __future__ import annotations

import json
from collections.abc import Callable

from apilog import Client, Event
from apilog.destinations import Memory

AnEvent = Callable[..., bytes]


def test_events_come_out_as_they_went_in(an_event: AnEvent) -> None:
    memory = Memory()
    memory.send([an_event(weight=1), an_event(weight=2)])
    memory.send([an_event(weight=3)])
    assert memory.raw == [an_event(weight=each) for each in (1, 2, 3)]
    assert [event.weight for event in memory.events] == [1, 2, 3]
    assert memory.events[0] == Event.from_document(json.loads(an_event(weight=1)))


def test_only_the_newest_are_kept(an_event: AnEvent) -> None:
    memory = Memory(size=2)
    memory.send([an_event(weight=number) for number in range(5)])
    assert [event.weight for event in memory.events] == [3, 4]


def test_it_can_be_cleared(an_event: AnEvent) -> None:
    memory = Memory()
    memory.send([an_event()])
    memory.clear()
    assert memory.events == memory.raw == []


def test_what_it_shows_is_a_copy(an_event: AnEvent) -> None:
    memory = Memory()
    memory.send([an_event()])
    memory.raw.clear()
    memory.events.clear()
    assert len(memory.raw) == len(memory.events) == 1


def test_an_app_can_be_asked_what_it_recorded(call: Callable[..., None]) -> None:
    memory = Memory()
    with Client(memory) as client:
        for number in range(3):
            call(client, f"/{number}")
        assert client.flush(10)
        assert [event.request.uri[-2:] for event in memory.events] == ["/0", "/1", "/2"]

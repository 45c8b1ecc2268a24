"""The event: a frozen value, and the document it travels as."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apilog import codec
from apilog.events import Event, EventRequest, EventResponse

TEXT = st.text(max_size=10)
MAYBE = st.none() | TEXT
HEADERS = st.dictionaries(TEXT, TEXT, max_size=3)
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXT, BODIES, max_size=3)

EVENTS = st.builds(
    Event,
    request=st.builds(
        EventRequest,
        time=TEXT,
        uri=TEXT,
        verb=TEXT,
        headers=HEADERS,
        api_version=MAYBE,
        ip_address=MAYBE,
        body=BODIES,
        transfer_encoding=MAYBE,
    ),
    response=st.none()
    | st.builds(
        EventResponse,
        time=TEXT,
        status=st.integers(100, 599),
        headers=HEADERS,
        body=BODIES,
        ip_address=MAYBE,
        transfer_encoding=MAYBE,
    ),
    user_id=MAYBE,
    company_id=MAYBE,
    subscription_id=MAYBE,
    session_token=MAYBE,
    metadata=OBJECTS,
    tags=MAYBE,
    direction=TEXT,
    weight=st.integers(0, 1_000_000),
    transaction_id=MAYBE,
    blocked_by=MAYBE,
    trace_id=MAYBE,
    span=st.none() | OBJECTS,
)

REQUEST = EventRequest(time="2026-01-01T00:00:00.000Z", uri="https://h/", verb="GET")


@given(EVENTS)
def test_an_event_survives_its_document_and_its_json(event: Event) -> None:
    assert Event.from_document(event.document()) == event
    assert Event.from_json(codec.dumps(event.document())) == event


@given(EVENTS)
def test_a_document_holds_nothing_that_is_not_set(event: Event) -> None:
    document: Any = event.document()
    assert None not in document.values()
    assert None not in document["request"].values()


def test_the_document_has_the_names_of_the_event_api() -> None:
    event = Event(request=REQUEST, response=EventResponse(time="t", status=204), user_id="u")
    assert event.document() == {
        "request": {
            "time": "2026-01-01T00:00:00.000Z",
            "uri": "https://h/",
            "verb": "GET",
            "headers": {},
        },
        "response": {"time": "t", "status": 204, "headers": {}},
        "user_id": "u",
        "metadata": {},
        "direction": "Incoming",
        "weight": 1,
    }


def test_an_event_is_changed_by_replacing_its_parts() -> None:
    event = Event(request=REQUEST)
    changed = replace(event, user_id="u", request=replace(event.request, body={"a": 1}))
    assert (changed.user_id, changed.request.body) == ("u", {"a": 1})
    assert (event.user_id, event.request.body) == (None, None)
    with pytest.raises(FrozenInstanceError):
        event.user_id = "u"  # type: ignore[misc]


def test_fields_of_a_newer_sender_are_passed_over() -> None:
    document: Any = Event(request=REQUEST).document()
    document["invented"] = document["request"]["invented"] = 1
    assert Event.from_document(document) == Event(request=REQUEST)


@pytest.mark.parametrize(
    "document", [{}, {"request": {}}, {"request": {"time": "t"}}, {"request": None}]
)
def test_an_event_without_its_request_is_none(document: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Event.from_document(document)

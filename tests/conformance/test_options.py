"""Whatever the client is told to do, and whatever fails in it: the app's answers stay the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from conformance_kit import apps_raw_asgi, apps_raw_wsgi
from conformance_kit.asgi_driver import call_asgi
from conformance_kit.mountings import OPTIONS, PATIENCE_SECONDS
from conformance_kit.observation import difference
from conformance_kit.scenario import RAW_ASGI, RAW_WSGI, Scenario
from conformance_kit.table import BEHAVIOURS, TABLE
from conformance_kit.wsgi_driver import call_wsgi

import apilog
from apilog.destinations import Memory


def fails(*_: object) -> Any:
    raise LookupError("a hook's own trouble")


def leaves(*_: object) -> Any:
    raise SystemExit("a hook wants to go")


class Failing:
    """A destination with a bug."""

    def send(self, batch: Sequence[bytes]) -> None:
        raise LookupError("no such place")


class Refusing:
    """A destination that takes nothing."""

    def send(self, batch: Sequence[bytes]) -> None:
        raise apilog.Rejected("401 wrong key")


class Hanging:
    """A destination that does not come back before the test is over."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def send(self, batch: Sequence[bytes]) -> None:
        self.over.wait(PATIENCE_SECONDS)


CASES = [
    pytest.param(Memory, {"enabled": False}, id="switched off"),
    pytest.param(Memory, {"sample_rate": 0.0}, id="sampled out"),
    pytest.param(Memory, {"exclude_paths": ["/*"]}, id="left out by path"),
    pytest.param(Memory, {"skip": lambda *_: True}, id="skipped"),
    pytest.param(
        Memory,
        {"capture_request_body": False, "capture_response_body": False},
        id="without bodies",
    ),
    pytest.param(Memory, {"max_body_bytes": 1}, id="bodies of one byte"),
    pytest.param(
        Memory,
        {"identify_user": fails, "get_metadata": fails, "skip": fails, "mask_event": fails},
        id="hooks that raise",
    ),
    pytest.param(
        Memory, {"identify_user": leaves, "mask_event": leaves}, id="hooks that raise SystemExit"
    ),
    pytest.param(Failing, {}, id="a destination that fails"),
    pytest.param(Refusing, {}, id="a destination that refuses"),
    pytest.param(Hanging, {"queue_events": 1}, id="a destination that hangs, and a full queue"),
]

NAMES = [
    "a short text",
    "a generator",
    "a list of three chunks",
    "an empty body",
    "1 MiB of bytes",
    "three cookies",
    "an exception before the response",
    "an exception in the middle",
    "Leave in the middle",
    "a request body read in pieces",
    "a request body not read at all",
    "a file in the server's wrapper",
    "a client that leaves after the first chunk",
    "start_response again with exc_info",
    "trailers",
    "a file by its path",
    "send that raises OSError",
    "a call that is cancelled",
    "a websocket",
    "a lifespan with state",
]


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Iterator[apilog.Client]:
    make, options = request.param
    destination = make()
    client = apilog.Client(destination, **{**OPTIONS, **options})
    yield client
    if isinstance(destination, Hanging):
        destination.over.set()
    client.close(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("client", "mounting", "scenario"),
    [
        pytest.param(case.values, mounting, scenario, id=f"{scenario.id} on {mounting}, {case.id}")
        for case in CASES
        for mounting in (RAW_WSGI, RAW_ASGI)
        for scenario in TABLE
        if scenario.id in NAMES and mounting in scenario.mountings
    ],
    indirect=["client"],
)
def test_the_server_sees_the_same(client: apilog.Client, mounting: str, scenario: Scenario) -> None:
    make: Callable[..., Any]
    make, call = (
        (apps_raw_wsgi.make, call_wsgi) if mounting == RAW_WSGI else (apps_raw_asgi.make, call_asgi)
    )
    bare = call(make(None, BEHAVIOURS), scenario)
    wrapped = call(make(client, BEHAVIOURS), scenario)
    assert difference(bare, wrapped) is None


def test_every_name_is_in_the_table() -> None:
    assert set(NAMES) <= {scenario.id for scenario in TABLE}


def test_the_table_is_as_long_as_promised() -> None:
    assert len(TABLE) >= 100

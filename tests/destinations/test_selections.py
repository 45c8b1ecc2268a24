"""Every destination takes the same words for the calls that it is to receive, and keeps to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from systems import SYSTEMS

from apilog import Client, ConfigError, Event
from apilog.destinations import Collector, Console, File, Filter, Memory

PATIENCE = 20.0

Call = Callable[..., None]


class Own:
    """A destination of one's own, as the README shows it."""

    def __init__(self, **selection: Any) -> None:
        self.filter = Filter(**selection)
        self.arrived: list[Event] = []

    def send(self, batch: Any) -> None:
        self.arrived += map(Event.from_json, batch)


@contextmanager
def receiving(
    name: str, place: Path, endpoint: Any, **selection: Any
) -> Iterator[tuple[Any, Callable[[], int]]]:
    """Make the destination called *name*, and a function that counts what arrived there."""
    if name in SYSTEMS:
        system = SYSTEMS[name]
        server = system.serve()
        with server.running():
            yield system.made(server.url, **selection), lambda: system.stored(server)
    elif name == "Collector":
        yield (
            Collector(endpoint.url, **selection),
            lambda: sum(
                len(each.events) for each in endpoint.requests if each.path == "/v1/events/batch"
            ),
        )
    elif name == "File":
        file = place / "events.ndjson"
        yield (
            File(file, **selection),
            lambda: len(file.read_text().splitlines()) if file.exists() else 0,
        )
    elif name == "Console":
        stream = StringIO()
        yield Console(stream, **selection), lambda: len(stream.getvalue().splitlines())
    elif name == "Memory":
        memory = Memory(**selection)
        yield memory, lambda: len(memory.events)
    else:
        own = Own(**selection)
        yield own, lambda: len(own.arrived)


every_destination = pytest.mark.parametrize(
    "name", [*SYSTEMS, "Collector", "File", "Console", "Memory", "one of your own"]
)


@every_destination
@pytest.mark.parametrize(
    ("selection", "arrives", "lost"),
    [
        pytest.param({}, 3, {}, id="without a selection"),
        pytest.param({"only": "/shop/*"}, 2, {"filtered": 1}, id="only"),
        pytest.param({"exclude": ["/shop/2", "GET /health"]}, 1, {"filtered": 2}, id="exclude"),
        pytest.param({"only": lambda event: False}, 0, {"filtered": 3}, id="a function"),
        pytest.param({"sample_rate": 0}, 0, {"sampled_out": 3}, id="no sample at all"),
    ],
)
def test_what_is_selected_arrives_and_the_rest_is_counted(
    name: str,
    selection: dict[str, Any],
    arrives: int,
    lost: dict[str, int],
    call: Call,
    endpoint: Any,
    tmp_path: Path,
) -> None:
    with receiving(name, tmp_path, endpoint, **selection) as (destination, arrived):
        with Client(destination) as client:
            for path in ("/shop/1", "/shop/2", "/health"):
                call(client, path)
            assert client.flush(PATIENCE)
            stats = client.stats()
        assert arrived() == stats.delivered == arrives
        assert stats.dropped == lost
        assert stats.captured == 3


@every_destination
@pytest.mark.parametrize(
    ("selection", "named"),
    [
        pytest.param({"only": "shop"}, "only = 'shop'", id="no condition"),
        pytest.param({"exclude": 500}, "exclude", id="a number"),
        pytest.param({"sample_rate": 1.5}, "sample_rate = 1.5", id="more than all"),
    ],
)
def test_a_selection_that_cannot_work_is_named_at_once(
    name: str, selection: dict[str, Any], named: str, endpoint: Any, tmp_path: Path
) -> None:
    with (
        pytest.raises(ConfigError, match=named),
        receiving(name, tmp_path, endpoint, **selection),
    ):
        pass


@pytest.mark.parametrize("scheme", ["collector", "file", "console", "memory"])
def test_a_url_selects_in_the_same_words(
    scheme: str, call: Call, endpoint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.ndjson"
    address = {"collector": endpoint.url, "file": f"file://{file}"}.get(scheme, f"{scheme}:")
    with Client(f"{address}?only=/shop/*&only=5xx&exclude=/shop/2&sample_rate=1") as client:
        for path in ("/shop/1", "/shop/2", "/health"):
            call(client, path)
        assert client.flush(PATIENCE)
        assert client.stats().delivered == 1
        assert client.stats().dropped == {"filtered": 2}
    if scheme == "console":
        assert capsys.readouterr().out.count("/shop/1") == 1
    if scheme == "file":
        assert json.loads(file.read_text())["request"]["uri"].endswith("/shop/1")


def test_a_subclass_keeps_the_filter_of_its_own(call: Call) -> None:
    class Failures(Memory):
        filter = Filter(only="5xx")

    memory = Failures()
    with Client(memory) as client:
        call(client)
        assert client.flush(PATIENCE)
        assert client.stats().dropped == {"filtered": 1}
    assert not memory.events


def test_a_selection_holds_where_events_wait_on_the_disk(call: Call, tmp_path: Path) -> None:
    memory = Memory(exclude="/health")
    with Client(memory, spool=str(tmp_path / "spool"), durability="request") as client:
        for path in ("/shop/1", "/health"):
            call(client, path)
        assert client.flush(PATIENCE)
        assert client.stats().dropped == {"filtered": 1}
    assert len(memory.events) == 1

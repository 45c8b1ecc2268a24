"""Secrets planted in every place of a call are on no disk: neither waiting nor refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from canary_kit.apps import app_on
from canary_kit.drivers import play
from canary_kit.places import places_on
from canary_kit.removals import masking_off
from canary_kit.scene import FASTAPI, FLASK, RAW_WSGI, Place, planted
from canary_kit.secrets import SEED
from canary_kit.sinks import told
from canary_kit.stage import STAGE
from canary_kit.trial import Outcome

from apilog.exceptions import Rejected, RetryLater

PATIENCE_SECONDS = 30


class Down:
    """An endpoint that takes nothing, so that everything waits."""

    def send(self, batch: Sequence[bytes]) -> None:
        raise RetryLater("down")


class Picky:
    """An endpoint that refuses every other event; if it took none, it would count as closed."""

    def __init__(self) -> None:
        self._turn = 0

    def send(self, batch: Sequence[bytes]) -> None:
        self._turn += len(batch) == 1
        if len(batch) > 1 or self._turn % 2:
            raise Rejected("400")


@pytest.mark.parametrize(
    ("mounting", "durability"),
    [
        (FLASK, "request"),
        (FASTAPI, "worker"),
        pytest.param(FLASK, "worker", marks=pytest.mark.long),
        pytest.param(FASTAPI, "request", marks=pytest.mark.long),
        pytest.param(RAW_WSGI, "worker", marks=pytest.mark.long),
        pytest.param(RAW_WSGI, "request", marks=pytest.mark.long),
    ],
)
def test_no_secret_is_on_disk(mounting: str, durability: str, tmp_path: Path) -> None:
    outcome = spooled(mounting, places_on(mounting)[::6], tmp_path, durability)
    assert outcome.stats.spooled > 0
    assert len(outcome.sinks["the spool"]) > 100 * outcome.stats.spooled
    assert outcome.leaks == {}


def test_no_refused_secret_is_on_disk(tmp_path: Path) -> None:
    places = places_on(FLASK)[::40]
    outcome = spooled(FLASK, places, tmp_path, "request", endpoint=Picky())
    assert outcome.stats.quarantined + outcome.stats.delivered == len(places)
    assert outcome.stats.quarantined >= len(places) // 2
    assert outcome.leaks == {}


def test_without_masking_they_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masking_off(monkeypatch)
    places = places_on(FLASK)[::6]
    outcome = spooled(FLASK, places, tmp_path, "request")
    assert len(outcome.unseen) < len(places) // 10


def spooled(
    mounting: str, places: Sequence[Place], folder: Path, durability: str, endpoint: object = None
) -> Outcome:
    """Play a call for each of *places*, and read every file of the spool."""
    made = [replace(each) for each in planted(places, Random(f"{SEED} {mounting} {durability}"))]
    directory = folder / "spool"
    options = {"spool": str(directory), "durability": durability, "flush_interval": 0.05}
    with told() as said, app_on(mounting, [endpoint or Down()], options) as (app, client):
        for number, each in enumerate(made):
            STAGE.take(number, each)
            play(mounting, app, each.scene, number)
        end = time.monotonic() + PATIENCE_SECONDS
        while client.stats().queued or (endpoint and client.stats().spooled):
            assert time.monotonic() < end, client.stats()
            time.sleep(0.01)
        stats = client.stats()
        files = [each for each in directory.rglob("*") if each.is_file()]
        sinks = {"the spool": b"".join(each.read_bytes() for each in files)}
        sinks |= {
            name: stream.getvalue().encode("utf-8", "replace") for name, stream in said.items()
        }
    return Outcome(made, sinks, stats)

"""A trial: secrets planted in every place of a mounting, and what was found of them outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from apilog import Stats
from apilog.destinations import Collector, Console, File, Moesif
from canary_kit.apps import app_on
from canary_kit.drivers import play
from canary_kit.encodings import DIGEST
from canary_kit.scene import Place, Planted, Scene, planted
from canary_kit.search import Finding, Searcher, by_place
from canary_kit.secrets import SEED
from canary_kit.sinks import recorder, told
from canary_kit.stage import STAGE

PATIENCE_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is special about the calls of a trial: how scenes are changed, which options hold."""

    name: str
    change: Callable[[Scene, str], Scene] = field(default=lambda scene, secret: scene)
    options: Mapping[str, Any] = field(default_factory=dict)


NORMAL = Case(name="a normal call")


@dataclass(frozen=True)
class Outcome:
    """What came of a trial."""

    planted: Sequence[Planted]
    sinks: Mapping[str, bytes]
    stats: Stats

    @property
    def findings(self) -> list[Finding]:
        """Every secret found that must not be outside, each spelling and sink."""
        sessions = {each.place.name for each in self.planted if each.place.is_session}
        return [
            each
            for each in searcher(self.planted).search(self.sinks)
            if each.spelling != DIGEST or each.place not in sessions
        ]

    @property
    def leaks(self) -> dict[str, str]:
        """How the secret of each place was found, for the places whose secret was."""
        return by_place(self.findings)

    @property
    def unseen(self) -> list[str]:
        """The places whose secret was not found."""
        leaks = self.leaks
        return [each.place.name for each in self.planted if each.place.name not in leaks]


def searcher(planted: Iterable[Planted]) -> Searcher:
    """Return a searcher for what was planted."""
    return Searcher({each.place.name: each.secret for each in planted})


def trial(
    mounting: str,
    places: Sequence[Place],
    folder: Path,
    case: Case = NORMAL,
    *,
    salt: str = "",
    further: Sequence[Any] = (),
) -> Outcome:
    """Play a call for each of *places* on *mounting*, and keep every byte that leaves.

    The destinations are real: two endpoints on sockets, a file, a terminal and *further* ones.
    """
    made = [
        replace(each, scene=case.change(each.scene, each.secret))
        for each in planted(places, Random(f"{SEED} {mounting} {case.name} {salt}"))
    ]
    file = folder / "events.ndjson"
    with told() as said, recorder() as moesif, recorder() as collector:
        destinations = [
            Moesif("app-id", base_url=moesif.url),
            Collector(collector.url),
            File(file),
            Console(said["standard output"]),
            *further,
        ]
        with app_on(mounting, destinations, dict(case.options)) as (app, client):
            for number, each in enumerate(made):
                STAGE.take(number, each)
                play(mounting, app, each.scene, number)
            assert client.flush(PATIENCE_SECONDS)
            stats = client.stats()
        sinks = {
            name: stream.getvalue().encode("utf-8", "replace") for name, stream in said.items()
        }
    sinks["Moesif's socket"] = moesif.received
    sinks["the collector's socket"] = collector.received
    sinks["the file"] = file.read_bytes() if file.exists() else b""
    return Outcome(made, sinks, stats)

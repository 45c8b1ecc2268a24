"""Lanes: the ways on which calls, and what is told besides, get to the destinations of a client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apilog.complaints import Complaints
from apilog.config import Config
from apilog.delivery import Destination
from apilog.encoder import Encoder
from apilog.exceptions import ConfigError
from apilog.gated_encoder import gated
from apilog.ledger import Stats
from apilog.pipeline import Pipeline
from apilog.spool_layout import place_of, place_of_updates

_SHARE = 4
"""Updates on a lane of their own may take this part of the room that events have, besides it."""

_BOUNDS = ("batch_size", "flush_interval", "queue_events", "queue_bytes", "shutdown_timeout")


class Lanes:
    """Have one pipeline for each of *destinations*.

    Where updates go another way than events, as the destination's attribute ``updates`` says, they
    have one more: neither waits for the other.

    Raises:
        ConfigError: the spool cannot work here.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        config: Config,
        encoder: Encoder,
        complaints: Complaints,
    ) -> None:
        self._config = config
        self._encoder = encoder
        self._complaints = complaints
        self._shares = len(destinations) > 1
        self.of_calls: list[Pipeline] = []
        self._of_updates: dict[Path, Pipeline] = {}
        self._takers: list[Pipeline] = []
        for number, destination in enumerate(destinations):
            place = place_of(config.spool or "", number)
            lane = self._pipeline(destination, place)
            self.of_calls.append(lane)
            updates = getattr(destination, "updates", None)
            if isinstance(updates, Destination):
                place = place_of_updates(place)
                lane = self._of_updates[place] = self._pipeline(updates, place, share=_SHARE)
            self._takers.append(lane)
        self.all = [*self.of_calls, *self._of_updates.values()]

    def takers(self, kind: str) -> list[Pipeline]:
        """Return those that take updates of *kind*, by its name."""
        return [each for each in self._takers if kind in each.takes]

    def wake(self) -> None:
        """Deliver what earlier processes left; most apps never told of anything but calls."""
        for pipeline in self.of_calls:
            pipeline.wake()
        for place, pipeline in self._of_updates.items():
            if place.is_dir():
                pipeline.wake()

    def stats(self) -> Stats:
        """Return the account of all of them, with the faults that cost nothing."""
        each = [pipeline.stats() for pipeline in self.all]
        dropped: Counter[str] = Counter()
        faults = Counter(self._complaints.counts())
        for stats in each:
            dropped.update(stats.dropped)
            faults.update(stats.faults)
        return Stats(
            captured=sum(stats.captured for stats in each),
            queued=sum(stats.queued for stats in each),
            delivered=sum(stats.delivered for stats in each),
            spooled=sum(stats.spooled for stats in each),
            quarantined=sum(stats.quarantined for stats in each),
            dropped=dict(dropped),
            retries=sum(stats.retries for stats in each),
            adopted=sum(stats.adopted for stats in each),
            faults=dict(faults),
        )

    def _pipeline(self, destination: Destination, place: Path, share: int = 1) -> Pipeline:
        """Return what brings events to *destination*, by way of the disk or not."""
        bounds: dict[str, Any] = {name: getattr(self._config, name) for name in _BOUNDS}
        bounds |= {"queue_bytes": self._config.queue_bytes // share, "shares": self._shares}
        encoder = gated(self._encoder, destination, self._complaints)
        if report_to := getattr(destination, "report_to", None):
            report_to(self._complaints)
        if self._config.spool is None:
            return Pipeline(destination, encoder, self._complaints, **bounds)
        try:
            from apilog.spooled_pipeline import SpooledPipeline
        except ImportError as error:  # Windows, which has no file locks like these
            raise ConfigError(f"spool: needs a POSIX system ({error.name} is missing)") from error
        return SpooledPipeline(
            destination,
            encoder,
            self._complaints,
            directory=place,
            spool_bytes=self._config.spool_bytes // share,
            early=self._config.durability == "request",
            crash_capture=self._config.crash_capture,
            **bounds,
        )

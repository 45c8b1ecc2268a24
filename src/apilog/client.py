"""The client: hooks, encoder and pipelines put together, one for an app."""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from apilog import codec, config, moments
from apilog.capture import Exchange, RequestHead
from apilog.complaints import Complaints
from apilog.config import Config
from apilog.delivery import Destination, Dropped
from apilog.destinations import from_url
from apilog.encoder import Encoder
from apilog.exceptions import ConfigError
from apilog.hooks import NAMES, HookDecorators, Hooks, weight_of
from apilog.ledger import Stats
from apilog.metrics import prometheus
from apilog.pipeline import Pipeline, close_together
from apilog.process import notice_fork
from apilog.switch import Switch

if TYPE_CHECKING:
    from typing_extensions import Self

_BOUNDS = ("batch_size", "flush_interval", "queue_events", "queue_bytes", "shutdown_timeout")

Destinations: TypeAlias = "Destination | str | Sequence[Destination | str]"

taps: list[Callable[[bytes], None]] = []
"""Functions that take every event of every client in the place of its destinations; for tests."""


class Client(HookDecorators):
    """Record calls for *destination*: an object, a URL, or a sequence of them.

    Without one, ``APILOG_DESTINATION`` names it (several, divided by spaces). Options are those of
    `apilog.config.Config`, and every hook by its name. Nothing is connected or started before the
    first call is recorded, so that a destination that is down cannot keep an app from starting.

    Raises:
        ConfigError: a setting is unknown or cannot work; the message names it and the fix.
    """

    def __init__(self, destination: Destinations | None = None, /, **options: Any) -> None:
        hooks = {name: options.pop(name) for name in NAMES if name in options}
        self.config = Config.build(options)
        config.warn_of_unknown(os.environ)
        self._complaints = Complaints()
        self.hooks = Hooks(self._complaints)
        for name, hook in hooks.items():
            if hook is not None:
                self.hooks.set(name, hook)
        self._rate = self.config.sample_rate
        if callable(self._rate):
            self.hooks.set("sample_rate", self._rate)
            self._rate = 1.0
        self._encoder = Encoder(self.config, self._complaints, self.hooks)
        each = _destinations(destination, required=self.config.enabled)
        self._all_pipelines = [
            self._pipeline(one, number, shares=len(each) > 1) for number, one in enumerate(each)
        ]
        self.settles_early = self.config.spool is not None and self.config.durability == "request"
        """Whether an exchange must be submitted before the last byte of its response goes out."""
        self._enabled = self.config.enabled
        self._excluded = self.config.exclude_paths
        self._switch = Switch(self.config.pause_file)
        self.transaction_header = self.config.transaction_header
        self._request_limit = self._limit(self.config.capture_request_body)
        self._response_limit = self._limit(self.config.capture_response_body)

    def _pipeline(self, destination: Destination, number: int, *, shares: bool) -> Pipeline:
        """Return what brings events to *destination*, the so manyth, by way of the disk or not."""
        bounds = {name: getattr(self.config, name) for name in _BOUNDS} | {"shares": shares}
        if self.config.spool is None:
            return Pipeline(destination, self._encoder, self._complaints, **bounds)
        try:
            from apilog.spooled_pipeline import SpooledPipeline
        except ImportError as error:  # Windows, which has no file locks like these
            raise ConfigError(f"spool: needs a POSIX system ({error.name} is missing)") from error
        directory = Path(self.config.spool)
        return SpooledPipeline(
            destination,
            self._encoder,
            self._complaints,
            directory=directory / f"destination-{number + 1}" if number else directory,
            spool_bytes=self.config.spool_bytes,
            early=self.config.durability == "request",
            crash_capture=self.config.crash_capture,
            **bounds,
        )

    @property
    def _pipelines(self) -> list[Pipeline]:
        """Those of this very process."""
        notice_fork()
        return self._all_pipelines

    def set_hook(self, name: str, hook: Callable[..., Any]) -> None:
        """Put *hook* in the place called *name*."""
        self.hooks.set(name, hook)

    def begin(
        self, path: str, source: object, read_head: Callable[[Any], RequestHead]
    ) -> Exchange | None:
        """Return the exchange of a call that begins now, or None for one that is not recorded."""
        if not self._enabled or (self._excluded is not None and self._excluded.fullmatch(path)):
            return None
        if self._switch.is_off or sys.is_finalizing():
            return None
        weight = 1 if self._rate == 1.0 else weight_of(self._rate)
        if not weight:
            for pipeline in self._pipelines:
                pipeline.leave_out("sampled_out")
            return None
        exchange = Exchange(
            source,
            read_head,
            request_limit=self._request_limit,
            response_limit=self._response_limit,
            weight=weight,
        )
        exchange.recorder = self
        if self.transaction_header is not None:
            exchange.transaction_id = moments.unique_id(exchange.started_at)
        if self.settles_early:
            for pipeline in self._pipelines:
                pipeline.begin(exchange)
        return exchange

    def submit(self, exchange: Exchange) -> None:
        """Hand over an exchange that has ended, once; never wait, never raise."""
        if exchange.submitted or sys.is_finalizing():  # then threads are gone, with our locks
            return
        exchange.submitted = True
        exchange.end()
        try:
            if "metadata" in exchange.annotations:  # the app's, which may change it later
                exchange.annotations["metadata"] = codec.dumps(exchange.annotations["metadata"])
            exchange.slim()
        except Exception as error:  # noqa: BLE001 - lost, but in the account
            self._complaints.complain("submit_failed", "an exchange was not taken", error)
            exchange.drop_reason = exchange.drop_reason or "submit_failed"
        if taps:
            self._tap(exchange)
            return
        size = exchange.held  # now: the first worker that encodes it lets go of its bodies
        for pipeline in self._pipelines:
            pipeline.submit(exchange, size)

    def shielded(self, kind: str, what: str) -> AbstractContextManager[None]:
        """Keep a failure of ours from the host application; count it as *kind* and log *what*."""
        return self._complaints.shielded(kind, what)

    def wake(self) -> None:
        """Deliver what earlier processes left, without waiting for the first call of this one."""
        if self._enabled:
            for pipeline in self._pipelines:
                pipeline.wake()

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver what was recorded so far; say whether it was settled within *timeout* seconds.

        Without a timeout, `shutdown_timeout` bounds the wait.
        """
        deadline = time.monotonic() + (self.config.shutdown_timeout if timeout is None else timeout)
        waits = [(each, each.hurry()) for each in self._pipelines]  # all at the same time
        return all([each.wait_until(mark, deadline - time.monotonic()) for each, mark in waits])

    def farewell(self) -> bool:
        """Flush because the server goes; the end of the process then waits no second time.

        Say whether everything was settled within `shutdown_timeout` seconds.
        """
        deadline = time.monotonic() + self.config.shutdown_timeout
        for each in self._pipelines:
            each.leave_by(deadline)
        return self.flush()

    def close(self, timeout: float | None = None) -> bool:
        """Deliver what is left within *timeout* seconds (`shutdown_timeout`), then end for good.

        Say whether everything was settled. The end of the process does the same.
        """
        return close_together(self._pipelines, timeout)

    def stats(self) -> Stats:
        """Return the account of all calls, added up over the destinations.

        At any moment ``captured`` is the sum of queued, delivered, spooled, quarantined and
        dropped; every destination keeps an account of its own, so a call counts once for each.
        """
        each = [pipeline.stats() for pipeline in self._pipelines]
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

    def metrics(self) -> str:
        """Return the account as text for Prometheus, for a page of the app's own to serve."""
        return prometheus(self.stats())

    def pause(self) -> None:
        """Record nothing until `resume`; what was recorded is still delivered."""
        self._switch.is_paused = True

    def resume(self) -> None:
        """Record again after `pause`."""
        self._switch.is_paused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _limit(self, enabled: bool) -> int:
        return self.config.max_body_bytes if enabled else 0

    def _tap(self, exchange: Exchange) -> None:
        try:
            event = self._encoder.encode(exchange)
        except Dropped:
            return
        for tap in taps:
            tap(event)


def _destinations(given: Destinations | None, *, required: bool) -> list[Destination]:
    """Return the destination objects that *given*, or else the environment, names."""
    variable = config.PREFIX + config.DESTINATION.upper()
    if given is None:
        given = os.environ.get(variable, "").split()
    each = list(given) if isinstance(given, (list, tuple)) else [given]
    if not each and required:
        raise ConfigError(
            f"destination is missing: pass one, such as destination='http://127.0.0.1:8090',"
            f" or set {variable}"
        )
    return [_destination(one) for one in each]


def _destination(one: object) -> Destination:
    if isinstance(one, str):
        return from_url(one)
    shown = f"an object of class {type(one).__name__}"  # its repr may hold a key
    if isinstance(one, type):
        shown = f"the class {one.__name__} itself"
    elif inspect.iscoroutinefunction(getattr(one, "send", None)):
        shown += " with an async send"
    elif isinstance(one, Destination) and callable(one.send):
        return one
    raise ConfigError(
        f"destination is {shown}: expected a URL, or an object with a plain method send(batch)"
    )


def client_for(
    client: Client | None, destination: Destinations | None, options: dict[str, Any]
) -> Client:
    """Return *client*, or one for *destination* and *options*; middlewares take either.

    Raises:
        ConfigError: both are given.
    """
    if client is None:
        return Client(destination, **options)
    if destination is not None or options:
        given = ", ".join((["destination"] if destination is not None else []) + sorted(options))
        raise ConfigError(f"client is given, so {given} must be given to Client(...) instead")
    return client

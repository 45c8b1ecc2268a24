"""The client: hooks, encoder and pipelines put together, one for an app."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from apilog import codec, config, moments
from apilog.capture import Exchange, RequestHead
from apilog.complaints import Complaints
from apilog.config import Config
from apilog.delivery import Dropped, Governor
from apilog.destination_choice import Destinations, chosen
from apilog.encoder import Encoder
from apilog.exceptions import ConfigError
from apilog.governance import Governance
from apilog.hooks import NAMES, HookDecorators, Hooks
from apilog.lanes import Lanes
from apilog.ledger import Stats
from apilog.metrics import prometheus
from apilog.pipeline import close_together
from apilog.process import notice_fork
from apilog.profiles import Profiles
from apilog.sampling import weight_of
from apilog.switch import Switch
from apilog.updates import Kind, Update

if TYPE_CHECKING:
    from typing_extensions import Self

taps: list[Callable[[bytes], None]] = []
"""Functions that take every event of every client in the place of its destinations; for tests."""


class Client(HookDecorators, Profiles):
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
        each = chosen(destination, required=self.config.enabled)
        self._known_lanes = Lanes(each, self.config, self._encoder, self._complaints)
        self.settles_early = self.config.spool is not None and self.config.durability == "request"
        """Whether an exchange must be submitted before the last byte of its response goes out."""
        governors = [one for one in each if isinstance(one, Governor) and one.governs]
        self.governance = (
            Governance(governors, self.config, self.hooks, self._complaints) if governors else None
        )
        """Who may answer in the app's place, if anybody may."""
        self._enabled = self.config.enabled
        self._excluded = self.config.exclude_paths
        self._switch = Switch(self.config.pause_file)
        self.transaction_header = self.config.transaction_header
        self._request_limit = self._limit(self.config.capture_request_body)
        self._response_limit = self._limit(self.config.capture_response_body)

    @property
    def _lanes(self) -> Lanes:
        """Those of this very process."""
        notice_fork()
        return self._known_lanes

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
        if not weight and self.governance is None:
            for pipeline in self._lanes.of_calls:
                pipeline.leave_out("sampled_out")
            return None
        exchange = Exchange(
            source,
            read_head,
            request_limit=self._request_limit,
            response_limit=self._response_limit,
            weight=weight or 1,
        )
        exchange.recorder = self
        if not weight:
            exchange.drop_reason = "sampled_out"
        if self.transaction_header is not None:
            exchange.transaction_id = moments.unique_id(exchange.started_at)
        if self.settles_early and weight:
            for pipeline in self._lanes.of_calls:
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
        for pipeline in self._lanes.of_calls:
            pipeline.submit(exchange, size)

    def _tell(self, kind: Kind, one: Mapping[str, Any]) -> bool:
        if not self._enabled or self._switch.is_off:
            return False
        takers = self._lanes.takers(kind.name)
        if not takers:
            raise ValueError("no destination takes them")
        update = Update(self._encoder.update(kind, one))
        for pipeline in () if taps else takers:
            pipeline.submit(update, update.held)
        return True

    def shielded(self, kind: str, what: str) -> AbstractContextManager[None]:
        """Keep a failure of ours from the host application; count it as *kind* and log *what*."""
        return self._complaints.shielded(kind, what)

    def wake(self) -> None:
        """Deliver what earlier processes left, without waiting for the first call of this one."""
        if self._enabled:
            self._lanes.wake()

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver what was recorded so far; say whether it was settled within *timeout* seconds.

        Without a timeout, `shutdown_timeout` bounds the wait.
        """
        deadline = time.monotonic() + (self.config.shutdown_timeout if timeout is None else timeout)
        waits = [(each, each.hurry()) for each in self._lanes.all]  # all at the same time
        return all([each.wait_until(mark, deadline - time.monotonic()) for each, mark in waits])

    def farewell(self) -> bool:
        """Flush because the server goes; the end of the process then waits no second time.

        Say whether everything was settled within `shutdown_timeout` seconds.
        """
        deadline = time.monotonic() + self.config.shutdown_timeout
        for each in self._lanes.all:
            each.leave_by(deadline)
        return self.flush()

    def close(self, timeout: float | None = None) -> bool:
        """Deliver what is left within *timeout* seconds (`shutdown_timeout`), then end for good.

        Say whether everything was settled. The end of the process does the same.
        """
        return close_together(self._lanes.all, timeout)

    def stats(self) -> Stats:
        """Return the account of all calls, added up over the destinations.

        At any moment ``captured`` is the sum of queued, delivered, spooled, quarantined and
        dropped; every destination keeps an account of its own, so a call counts once for each.
        """
        return self._lanes.stats()

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

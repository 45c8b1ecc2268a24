"""Moesif and what speaks its protocol: https://www.moesif.com/docs/api."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from apilog import codec, moments
from apilog.capture import RequestHead
from apilog.codec import JSON
from apilog.delivery import Limits, Refusal
from apilog.destinations._moesif_governance import Governance
from apilog.destinations._moesif_remote import (
    LONGEST,
    MISSING,
    TIMEOUT,
    Refresher,
    RemoteDocument,
)
from apilog.destinations._moesif_sampling import Sampling
from apilog.destinations._selection import Filtered, Selection, Selects
from apilog.destinations._shares import EVENTS, NotTaken, Shares
from apilog.events import Event
from apilog.exceptions import ConfigError, DeliveryError
from apilog.filters import Conditions
from apilog.updates import is_update

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from apilog.complaints import Complaints
    from apilog.destinations._http import Answer

_KEY = re.compile(r"[!-~]+")

_TAKES = frozenset({"users", "companies", "subscriptions", "actions"})

_PIECE = 65_536
"""Bytes that are compressed at once: less costs calls, more costs fresh memory."""


_TELLING = 512
"""Bytes at each end of an event by which it is told from others."""


class Batches:
    """Post events to ``/v1/events/batch``, compressed.

    The transport, and httpx with it, is imported when a destination is made: not with apilog, which
    must load fast, and not at the first event, which may come while the process forks.
    """

    limits = Limits(event_bytes=1_000_000, batch_bytes=12_000_000)
    takes: frozenset[str] = frozenset()
    """Kinds of updates that go to ``/v1/{kind}/batch``."""

    def __init__(self, base_url: str, headers: dict[str, str], *, at_once: bool = True) -> None:
        from apilog.destinations import _http

        self._transport = _http.HttpTransport(
            base_url, headers, outcome=self._outcome, at_once=at_once
        )
        self._verdict = _http.verdict
        self._base_url = base_url

    def send(self, batch: Sequence[bytes]) -> None:
        """Deliver *batch*; events keep their ``transaction_id`` however often they are sent."""
        if any(map(is_update, batch)):
            Shares(batch, self.takes).post(self._post)
        else:
            self._post(EVENTS, batch)

    def _post(self, kind: str, items: Sequence[bytes]) -> None:
        outcome = self._outcome if kind == EVENTS else self._outcome_of_updates
        path = f"/v1/{kind}/batch"
        self._transport.post(path, _array(items), self._marks(items), outcome=outcome)

    def _outcome(self, answer: Answer) -> DeliveryError | None:
        return self._verdict(answer)

    def _outcome_of_updates(self, answer: Answer) -> DeliveryError | None:
        """Tell a server without a place for updates from one with another address."""
        if answer.status in MISSING:
            return NotTaken(f"{answer.status} from {answer.host}: it does not take these updates")
        return self._outcome(answer)

    def _marks(self, batch: Sequence[bytes]) -> Mapping[str, str]:
        """Return the headers that only this batch has."""
        return {}

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self._base_url}>"


class _Updates(Batches):
    """Moesif's places for updates, with a connection of their own; many apps never need it."""

    takes = _TAKES


class Moesif(Batches, Selects):
    """Moesif's collector, or a server that speaks its protocol.

    Besides events it takes users, companies, subscriptions and actions (`Client.update_user` and so
    on).

    Args:
        application_id: the key that Moesif gave the application; it is sent as a header only.
        base_url: where the API lives; a path before ``/v1`` is kept.
        governance: whether Moesif's blocking rules (``/v1/rules``) answer in the app's place. What
            nobody understands, and all that fails, lets the request through.
        remote_sampling: whether the sampling rules of Moesif's dashboard (``/v1/config``) are
            followed; what arrives has a ``weight`` so that sums stay what they would be without.
        only, exclude, sample_rate: as for `apilog.destinations.Filter`.

    Rules are asked for in the background, at most once a minute, once there was a call; until an
    answer is there, everything is sent and nothing is blocked.

    Raises:
        ConfigError: a setting cannot work.
    """

    takes = _TAKES

    def __init__(
        self,
        application_id: str,
        *,
        base_url: str = "https://api.moesif.net",
        governance: bool = False,
        remote_sampling: bool = True,
        only: Conditions = (),
        exclude: Conditions = (),
        sample_rate: float = 1.0,
    ) -> None:
        if not isinstance(application_id, str) or not _KEY.fullmatch(application_id):
            raise ConfigError(
                "application_id: missing, or not printable ASCII without spaces; "
                "copy it from Moesif's settings"
            )
        for name, value in (("governance", governance), ("remote_sampling", remote_sampling)):
            if not isinstance(value, bool):
                raise ConfigError(f"{name} = {value!r}: expected True or False")
        Selects.__init__(self, {"only": only, "exclude": exclude, "sample_rate": sample_rate})
        headers = {"X-Moesif-Application-Id": application_id}
        Batches.__init__(self, base_url, headers)
        self.updates = _Updates(base_url, headers, at_once=False)
        """Takes what is told besides calls, so that trouble with that holds up no event."""
        self._complaints: Complaints | None = None
        self._samples = remote_sampling
        self._config: JSON = None
        self._sampling = Sampling(None, self._faulty)
        self._governance = Governance(None, self._faulty)
        self.governs = governance
        """Whether `refusal` is to be asked before the app is."""
        documents = []
        if remote_sampling or governance:
            documents.append(
                RemoteDocument("/v1/config", "X-Moesif-Config-ETag", self._take_config)
            )
        if governance:
            documents.append(RemoteDocument("/v1/rules", "X-Moesif-Rules-Tag", self._take_rules))
        from apilog.destinations._http import HttpTransport

        aside = HttpTransport(base_url, headers, timeout=TIMEOUT, longest_answer=LONGEST)
        self._documents = documents
        self._refresher = Refresher(aside, documents, self._not_fetched)

    def report_to(self, complaints: Complaints) -> None:
        """Take who is told when something in Moesif's rules is wrong."""
        self._complaints = complaints

    def refresh(self) -> None:
        """Ask for the rules in the background, if it is time; never wait, never raise."""
        self._refresher.refresh()

    @property
    def is_selective(self) -> bool:
        """Whether some calls stay away, for now."""
        return not (self.filter.is_open and self._sampling.is_open)

    def weigh(self, event: Event) -> int | None:
        """Return how many calls *event* stands for, 0 if it was sampled out, None if filtered."""
        weight = super().weigh(event)
        return self._sampling.roll(event) * weight if weight else weight

    def refusal(
        self, head: RequestHead, user_id: str | None, company_id: str | None
    ) -> Refusal | None:
        """Return what Moesif's rules answer in the app's place, or None."""
        if self._governance.is_open:
            return None
        return self._governance.refusal(head, user_id, company_id, self._config)

    def _outcome(self, answer: Answer) -> DeliveryError | None:
        for document in self._documents:
            document.hear(answer.headers)
        return super()._outcome(answer)

    def _take_config(self, config: JSON) -> None:
        if not isinstance(config, dict):
            raise DeliveryError("/v1/config is no object")
        if self._samples:
            self._sampling = Sampling(config, self._faulty)
        self._config = config

    def _take_rules(self, rules: JSON) -> None:
        if not isinstance(rules, list):
            raise DeliveryError("/v1/rules is no list")
        self._governance = Governance(rules, self._faulty)

    def _faulty(self, what: str) -> None:
        if self._complaints is not None:
            self._complaints.complain("faulty_rule", f"a rule of Moesif's is left out: {what}")

    def _not_fetched(self, why: str) -> None:
        if self._complaints is not None:
            what = f"Moesif's rules were not fetched, the old ones stay: {why}"
            self._complaints.complain("config_failed", what)


class Collector(Batches, Filtered):
    """An apilog collector (``apilog serve``).

    Besides events it takes users, companies, subscriptions and actions (`Client.update_user` and so
    on). ``X-Apilog-Batch-Id`` is the same whenever the same events are sent again.

    Args:
        base_url: where it is.
        selection: ``only``, ``exclude`` and ``sample_rate`` as for `apilog.destinations.Filter`.

    Raises:
        ConfigError: a setting cannot work.
    """

    takes = frozenset({"users", "companies", "subscriptions", "actions"})

    def __init__(self, base_url: str, **selection: Unpack[Selection]) -> None:
        Filtered.__init__(self, selection)
        Batches.__init__(self, base_url, {})
        self._sender = (0, "")

    def report(self, account: Mapping[str, object]) -> None:
        """Tell the collector how this process' account stands, so that losses can be seen there."""
        if self._sender[0] != os.getpid():
            self._sender = (os.getpid(), moments.unique_id(time.time()))
        said = {"sender": self._sender[1], **account}
        self._transport.post("/v1/losses", [codec.dumps(said)])

    def _marks(self, batch: Sequence[bytes]) -> Mapping[str, str]:
        digest = blake2b(digest_size=16)
        for event in batch:  # by both ends, where its times and its id stand
            digest.update(b"%d:" % len(event))
            digest.update(event[:_TELLING])
            digest.update(event[-_TELLING:])
        return {"X-Apilog-Batch-Id": digest.hexdigest()}


def _array(batch: Sequence[bytes]) -> Iterator[bytes]:
    """Give *batch* as a JSON array, piece by piece: large batches are never copied as a whole."""
    yield b"["
    waiting: list[bytes] = []
    size = 0
    for event in batch:
        waiting.append(event)
        size += len(event)
        if size > _PIECE:
            yield b",".join(waiting)
            waiting, size = [b""], 0
    yield b",".join(waiting) + b"]"

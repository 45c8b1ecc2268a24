"""The oracle: it gives ids out, hears which were answered, and checks what was delivered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.payload import claim_in, complaint, is_aborted


@dataclass(frozen=True)
class Report:
    """How the ids fared; every set but the first four must be empty where nothing may be lost."""

    claimed: int
    responded: int
    delivered: int
    aborted: int
    """Delivered as calls that did not get to their end."""
    duplicate: int
    """Deliveries over and above the first, with the transaction id of the first: a server that
    de-duplicates keeps one."""
    doubled: frozenset[int]
    """Delivered under two transaction ids: no server can tell that it is one call."""
    spurious: tuple[str, ...]
    """Delivered without having been claimed."""
    corrupted: tuple[str, ...]
    """Delivered with a wrong payload, or as aborted although the client had its whole answer."""
    missing: frozenset[int]
    """Answered and not delivered."""
    silent: frozenset[int]
    """Answered in part and not delivered, not even as aborted."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What the product itself says that it lost, by reason."""


class Oracle:
    """Claim ids, take in what clients and the sink see of them; all of it from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._claimed = 0
        self._doomed: set[int] = set()
        self._begun: set[int] = set()
        self._responded: dict[int, tuple[float, int]] = {}
        self._delivered: dict[int, str] = {}
        self._outstanding: set[int] = set()
        self._aborted: set[int] = set()
        self._duplicates = 0
        self._doubled: set[int] = set()
        self._spurious: list[str] = []
        self._corrupted: list[str] = []

    def claim(self) -> int:
        """Give out the next id."""
        with self._changed:
            self._claimed += 1
            return self._claimed

    def doom(self) -> int:
        """Give out an id whose call will not come to its end; whatever is told of it is right."""
        claim = self.claim()
        with self._changed:
            self._doomed.add(claim)
        return claim

    def begun(self, claim: int) -> None:
        """Take in that the first byte of an answer came: the app has seen the call."""
        with self._changed:
            self._begun.add(claim)

    def responded(self, claim: int, body_is_right: bool = True, process: int = 0) -> None:
        """Take in that the last byte of an answer came, just now, from *process*."""
        now = time.monotonic()
        with self._changed:
            if claim in self._doomed:  # an error page, made by the server
                return
            self._responded[claim] = (now, process)
            if claim not in self._delivered:
                self._outstanding.add(claim)
            if not body_is_right:
                self._corrupted.append(f"claim {claim}: the client's own answer")
            self._changed.notify_all()

    def receive(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take in what was delivered; checking it happens here, before anything is forgotten."""
        judged = [self._judged(event) for event in events]
        with self._changed:
            for claim, transaction, aborted, wrong in judged:
                if claim is None or not 0 < claim <= self._claimed:
                    self._spurious.append(wrong)
                    continue
                if wrong:
                    self._corrupted.append(wrong)
                known = self._delivered.get(claim)
                if known is None:
                    self._delivered[claim] = transaction
                    self._outstanding.discard(claim)
                    if aborted:  # what comes later is a duplicate, and thrown away
                        self._aborted.add(claim)
                elif known == transaction:
                    self._duplicates += 1
                else:
                    self._doubled.add(claim)
            self._changed.notify_all()

    def _judged(self, event: Mapping[str, Any]) -> tuple[int | None, str, bool, str]:
        claim = claim_in(event)
        wrong = str(event.get("request", {}).get("uri"))
        if claim is not None:
            wrong = "" if claim in self._doomed else complaint(event, claim)
        return claim, str(event.get("transaction_id")), is_aborted(event), wrong

    @property
    def answered(self) -> int:
        """How many calls were answered in full."""
        return len(self._responded)

    @property
    def missing(self) -> frozenset[int]:
        """The ids that were answered and not delivered, so far."""
        with self._changed:
            return frozenset(self._outstanding)

    @property
    def outstanding(self) -> int:
        """How many they are."""
        return len(self._outstanding)

    def answer(self, claim: int) -> tuple[float, int]:
        """Return when the last byte of an answer came, on the monotonic clock, and from whom."""
        return self._responded[claim]

    def is_delivered(self, claim: int) -> bool:
        """Say whether *claim* was delivered."""
        return claim in self._delivered

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Say whether *condition* holds within *timeout* seconds."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def report(self, losses: Iterable[Mapping[str, int]] = ()) -> Report:
        """Say how all ids fared up to now; *losses* is what each process reported."""
        dropped: Counter[str] = Counter()
        for each in losses:
            dropped.update(each)
        with self._changed:
            cut_short = self._aborted & self._responded.keys()
            return Report(
                claimed=self._claimed,
                responded=len(self._responded),
                delivered=len(self._delivered),
                aborted=len(self._aborted),
                duplicate=self._duplicates,
                doubled=frozenset(self._doubled),
                spurious=tuple(self._spurious),
                corrupted=(
                    *self._corrupted,
                    *(f"claim {claim}: answered, but told as aborted" for claim in cut_short),
                ),
                missing=frozenset(self._outstanding),
                silent=frozenset(self._begun - self._responded.keys() - self._delivered.keys()),
                dropped=dict(dropped),
            )

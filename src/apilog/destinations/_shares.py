"""The shares of a batch: events and updates travel together, and are posted apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from apilog.exceptions import DeliveryError, Partly, Rejected, RetryLater
from apilog.updates import is_update, parts

EVENTS = "events"

AT_ONCE = 0.0
"""Seconds to wait before a share that was refused among others is offered alone."""

Post: TypeAlias = Callable[[str, Sequence[bytes]], None]
"""Posts items of one kind; returns or raises like `Destination.send`."""


class NotTaken(Rejected):
    """Say that the endpoint has no place for updates of this kind."""


class Shares:
    """Post the items of *batch* kind by kind, and give one verdict that holds for each of them.

    What is refused among other kinds comes again without them, so that a search for the items at
    fault only meets one kind. Updates of a kind that is not *taken* are refused one and all: they
    must not hold up the events.
    """

    def __init__(self, batch: Sequence[bytes], taken: frozenset[str]) -> None:
        self._taken = taken
        self._shares: dict[str, tuple[list[int], list[bytes]]] = {}
        for place, item in enumerate(batch):
            kind, content = parts(item) if is_update(item) else (EVENTS, item)
            places, contents = self._shares.setdefault(kind, ([], []))
            places.append(place)
            contents.append(content)

    def post(self, post: Post) -> None:
        """Post them all, events first.

        Raises:
            RetryLater, Rejected: nothing arrived.
            Partly: something did, or some will never be taken.
        """
        again: dict[int, float | None] = {}
        refused: dict[int, str] = {}
        trouble: DeliveryError | None = None
        is_over, has_arrived = False, False
        for kind in sorted(self._shares, key=lambda kind: kind != EVENTS):
            places, contents = self._shares[kind]
            if is_over:
                again.update(dict.fromkeys(places))
                continue
            try:
                self._post(post, kind, contents)
            except NotTaken as refusal:
                refused.update(dict.fromkeys(places, str(refusal)))
            except RetryLater as later:
                trouble, is_over = later, True
                again.update(dict.fromkeys(places, later.after))
            except Rejected as refusal:
                is_over = refusal.why == "closed"
                trouble = refusal
                again.update(dict.fromkeys(places, None if is_over else AT_ONCE))
            else:
                has_arrived = True
        if trouble is not None and not (has_arrived or refused):
            raise trouble
        if trouble is not None or refused:
            said = trouble or next(iter(refused.values()))
            raise Partly(f"{said}", retry=again, rejected=refused)

    def _post(self, post: Post, kind: str, contents: Sequence[bytes]) -> None:
        if kind != EVENTS and kind not in self._taken:
            raise NotTaken(f"{kind} are not taken here")
        post(kind, contents)

"""The inlet: calls go from many requests into the store through one thread, in groups.

Whoever hands calls in learns when they are on disk. One commit costs about the same for one call
as for hundreds, so everything that waits is committed together.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from apilog.collector.call import Call, Profile, Refusal
from apilog.collector.loads import GROUP_CALLS, Load, Loads
from apilog.collector.store.protocol import Prepared, Store, StoreUnavailable
from apilog.exceptions import ApiLogError

MOST_REFUSALS: Final = 1_000
"""Refusals that wait to be written down; of more, the newest are only counted."""

PATIENCE: Final = 1.0
"""Seconds a request waits for room before it is sent away."""

GATHERED_CALLS: Final = 200
GATHERING: Final = 0.01
"""Calls that are worth a commit, and the seconds that fewer wait for others that are expected."""

logger = logging.getLogger("apilog.collector")


class InletFull(StoreUnavailable):
    """Report that more arrives than is written; the same may be taken a little later."""


class Unstorable(ApiLogError):
    """Report calls that the store cannot take, now or later; all others of theirs are stored."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What has come in since the start."""

    received: int
    """Calls that were handed in."""
    stored: int
    duplicates: int
    """Calls whose id was known."""
    refused: int
    """Requests that were not taken."""


class Inlet:
    """Write calls, profiles and refusals to *store*, which stays the caller's to close."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._loads = Loads()
        self._expected = 0
        self._refusals: deque[Refusal] = deque()
        self._entrants: list[Future[None]] = []
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._is_closed = False
        self._received = self._stored = self._refused = self._known = 0
        self._writer = threading.Thread(target=self._write, name="apilog-inlet", daemon=True)
        self._writer.start()

    def prepare(self, calls: Sequence[Call]) -> list[Prepared]:
        """Do what can be done before the calls are taken; for any thread but the server's own."""
        return self._store.prepare(calls)

    async def take(
        self, calls: Sequence[Call | Prepared], profiles: Sequence[Profile] = ()
    ) -> None:
        """Return once all of it is on disk.

        Raises:
            InletFull, StoreFull, StoreUnavailable: nothing of it is stored for sure.
            Unstorable: some of it never will be.
        """
        await asyncio.wrap_future(self.offer(calls, profiles))

    async def room(self) -> None:
        """Return once there is room for more, so that no body is read in vain.

        Raises:
            InletFull: there is none for `PATIENCE` seconds.
        """
        with self._changed:
            if not self._loads.is_full:
                return
            entry: Future[None] = Future()
            self._entrants.append(entry)
        try:
            await asyncio.wait_for(asyncio.wrap_future(entry), PATIENCE)
        except asyncio.TimeoutError:
            raise _full() from None

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Say that calls are soon handed in: what is there may wait for them, but not for long."""
        with self._changed:
            self._expected += 1
        try:
            yield
        finally:
            with self._changed:
                self._expected -= 1

    def offer(
        self,
        calls: Sequence[Call | Prepared],
        profiles: Sequence[Profile] = (),
        *,
        patience: float = 0.0,
    ) -> Future[None]:
        """Hand in *calls* and *profiles* from any thread; the future tells of their commit.

        Args:
            calls: what to store; what is too much for the queue is let in once it has room.
            profiles: what to store of users, companies and subscriptions.
            patience: seconds to wait for room, in a thread that may wait.

        Raises:
            InletFull: there was none.
            StoreUnavailable: the collector is stopping.
        """
        load = Load(calls, profiles)
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or not self._loads.is_full, patience)
            if self._is_closed:
                raise StoreUnavailable("the collector is stopping")
            if self._loads.is_full:
                raise _full()
            self._received += len(calls)
            self._loads.add(load)
            self._changed.notify_all()
        return load.done

    def refuse(self, refusal: Refusal) -> None:
        """Note what was not taken; it is written down soon, and nobody waits for that."""
        with self._changed:
            self._refused += 1
            if len(self._refusals) < MOST_REFUSALS and not self._is_closed:
                self._refusals.append(refusal)
                self._changed.notify_all()

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call *callback* after each commit that brought something; return what ends that.

        It runs on the writing thread: it must be short, and must not wait.
        """
        with self._changed:
            self._listeners = (*self._listeners, callback)

        def unsubscribe() -> None:
            with self._changed:
                self._listeners = tuple(each for each in self._listeners if each is not callback)

        return unsubscribe

    def counts(self) -> Counts:
        """Return what has come in since the start."""
        with self._changed:
            return Counts(self._received, self._stored, self._known, self._refused)

    def close(self) -> None:
        """Let nothing more in; return once all that was let in is written."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._writer.join()

    def _write(self) -> None:
        """Write until the end, on a thread of its own."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._loads or self._refusals or self._is_closed)
                self._changed.wait_for(self._has_gathered, GATHERING)
                group = self._loads.next_group()
                refusals = list(self._refusals)
                self._refusals.clear()
                if not group and not refusals:
                    return
            if refusals:
                self._write_down(refusals)
            if group:
                self._commit(group)

    def _has_gathered(self) -> bool:
        return not self._expected or self._loads.calls >= GATHERED_CALLS or self._is_closed

    def _commit(self, group: list[Load]) -> None:
        """Store *group* and tell everyone in it."""
        loads = [load for load in group if load.done.set_running_or_notify_cancel()]
        outcomes = self._outcomes(loads)
        with self._changed:
            self._loads.finish(group)
            entrants = [] if self._loads.is_full else self._entrants
            if entrants:
                self._entrants = []
            listeners = self._listeners
            self._changed.notify_all()
        for load, outcome in zip(loads, outcomes, strict=True):
            if outcome is None:
                load.done.set_result(None)
            else:
                load.done.set_exception(outcome)
        for entry in entrants:
            if entry.set_running_or_notify_cancel():
                entry.set_result(None)
        for listener in listeners:
            try:
                listener()
            except Exception:
                logger.exception("apilog: a listener failed; the calls are stored")

    def _outcomes(self, loads: list[Load]) -> list[Exception | None]:
        """Return what became of each load: None if it is on disk."""
        try:
            self._add([call for load in loads for call in load.calls])
            self._describe([profile for load in loads for profile in load.profiles])
        except StoreUnavailable as error:
            return [error] * len(loads)
        except Exception:  # noqa: BLE001 - it is told below, once it is known whose it is
            if len(loads) > 1:  # the fault of one must not be that of all
                return [self._outcomes([load])[0] for load in loads]
            return [self._sifted(loads[0])]
        return [None] * len(loads)

    def _sifted(self, load: Load) -> Exception | None:
        """Store what can be stored of *load*, one by one."""
        bad: Exception | None = None
        parts: list[tuple[str, Callable[[Sequence[Any]], None], Any]] = [
            *(("call", self._add, call) for call in load.calls),
            *(("profile", self._describe, profile) for profile in load.profiles),
        ]
        for kind, store, part in parts:
            try:
                store([part])
            except StoreUnavailable as error:
                return error
            except Exception as error:
                logger.exception("apilog: a %s cannot be stored", kind)
                bad = Unstorable(f"a {kind} cannot be stored ({type(error).__name__})")
        return bad

    def _add(self, calls: Sequence[Prepared]) -> None:
        for start in range(0, len(calls), GROUP_CALLS):
            part = calls[start : start + GROUP_CALLS]
            new = self._store.add(part)
            with self._changed:
                self._stored += new
                self._known += len(part) - new

    def _describe(self, profiles: Sequence[Profile]) -> None:
        if profiles:
            self._store.describe(profiles)

    def _write_down(self, refusals: list[Refusal]) -> None:
        try:
            self._store.refuse(refusals)
        except StoreUnavailable as error:
            logger.warning("apilog: %d refusals are not written down: %s", len(refusals), error)
        except Exception:
            logger.exception("apilog: %d refusals are not written down", len(refusals))


def _full() -> InletFull:
    return InletFull("more arrives than can be written; try again a little later")

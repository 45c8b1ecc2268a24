"""The pipeline with a disk: what is recorded is stored first, masked, and delivered from there."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apilog.capture import Exchange
from apilog.complaints import Complaints
from apilog.delivery import Destination, Dropped, Encoder
from apilog.overflow import Overflow
from apilog.pipeline import Pipeline
from apilog.process import runs_threads
from apilog.shipper import Shipper
from apilog.spool import Spool, SpoolError
from apilog.spool_account import SpoolAccount
from apilog.worker import Worker

GATHER = 0.02
"""Seconds that the worker lets events gather before it stores them: each wake-up has its price."""

SYNC = 0.5
"""Seconds after which what was stored is also safe from a loss of power."""

UNATTENDED = 1.0
"""Seconds until a worker that never ran never will, and between segments left to others."""

NEVER_RAN = "the worker thread never ran; what is stored waits for another process to ship it"

FOREVER = 3600.0


class SpooledPipeline(Pipeline):
    """Bring exchanges to the disk, and from there to one destination.

    One thread encodes and stores, so that an event is on disk within 100 ms of its response even
    while another one, the shipper, waits for the endpoint. With *early*, requests store their
    events themselves, and so they do where no thread runs: then other processes ship, and this one
    does at its end. Where the disk cannot be used, events wait in memory.
    """

    def __init__(
        self,
        destination: Destination,
        encoder: Encoder,
        complaints: Complaints,
        *,
        directory: Path,
        spool_bytes: int,
        early: bool,
        crash_capture: bool,
        **bounds: Any,
    ) -> None:
        self._spool = Spool(
            directory,
            max_bytes=spool_bytes,
            report=lambda what, count: self._account.take_report(what, count),
        )
        self._early = early
        self._notes_begin = early and crash_capture
        self._batch_events: int = bounds["batch_size"]
        self._memory_bytes: int = bounds["queue_bytes"]
        super().__init__(destination, encoder, complaints, **bounds)

    def renew(self) -> None:
        """Begin with nothing: at first, and in a forked child."""
        super().renew()
        self._spool.renew()
        self._account = SpoolAccount(self._spool, self._ledger, self._complaints)
        self._overflow = Overflow(self._memory_bytes)
        self._shipper = Shipper(
            self._spool,
            self._overflow,
            self._courier,
            ledger=self._ledger,
            account=self._account,
            complaints=self._complaints,
            limits=self._limits,
            events=min(self._batch_events, self._limits.batch_events),
            interval=self._flush_interval,
            deadline=lambda: self._deadline,
            deliver=self._deliver,
            tell=self._tell_of_losses,
        )
        self._ships = Worker("apilog-shipper", self._run_shipper, self._complaints)
        self._inside: set[int] = set()
        self._sleeps = self._fresh = self._hurries = False
        self._attended = False
        self._alone = self._spool.write_only = not runs_threads()
        self._unattended_since = float("-inf") if self._alone else None

    def wake(self) -> None:
        """Look for what earlier processes left, before the first call."""
        if not self._ledger.closed:
            self._worker.start()
            self._bell.ring()

    def begin(self, exchange: Exchange) -> None:
        """Note on disk that a call began, so that one that kills the process leaves a trace."""
        if not self._notes_begin or self._is_inside() or self._ledger.closed or self._spool.is_slow:
            return
        self._inside.add(threading.get_ident())
        try:
            ticket = self._spool.start(self._encoder.begun(exchange))
            exchange.tickets = {**exchange.tickets, self: ticket}
        except Dropped:  # it is not for this destination
            pass
        except SpoolError as trouble:
            self._account.complain(trouble)
        except Exception as error:  # noqa: BLE001 - the request must not notice
            self._complaints.complain("begin_failed", "a call that began was not noted", error)
        finally:
            self._inside.discard(threading.get_ident())

    def submit(self, exchange: Exchange, size: int) -> None:
        """Store an exchange that has ended, or have the worker do it; never raise."""
        reason = exchange.drop_reason
        if not (self._early or self._alone) or self._is_inside() or self._ledger.closed:
            super().submit(exchange, size)
        elif reason is not None:
            self._ledger.add_stored(reason)
            self._cancel(exchange)
        elif self._spool.is_slow:  # it has held up somebody: that is enough
            super().submit(exchange, size)
        else:
            self._inside.add(threading.get_ident())
            try:
                self._store_now(exchange, size)
            finally:
                self._inside.discard(threading.get_ident())
            if not self._ledger.closed:
                self._worker.start()
        if self._alone or not self._attended:
            self._attend()
        elif self._sleeps:
            self._bell.ring()

    def _attend(self) -> None:
        """Store on this thread what no worker does: some servers let no thread but theirs run.

        Others ship it, which have threads; the last second before a silence waits for its end.
        """
        now = time.monotonic()
        if self._unattended_since is None:
            self._unattended_since = float("-inf") if self._worker.refused else now
        if now - self._unattended_since < UNATTENDED or self._is_inside():
            return
        self._unattended_since = now
        self._inside.add(threading.get_ident())
        try:
            if not self._alone:
                self._complaints.complain("no_worker", NEVER_RAN)
                self._alone = self._spool.write_only = True
            self._store_all()
            self._spool.roll()
        finally:
            self._inside.discard(threading.get_ident())

    def hurry(self) -> int:
        """Have everything that was submitted so far shipped; return the mark for `wait_until`."""
        self._hurries = True  # first: the worker is about to look
        mark = super().hurry()
        if self._alone:
            self._spool.roll()
        return mark

    def wait_until(self, mark: int, timeout: float) -> bool:
        """Say whether everything before *mark* was settled within *timeout* seconds."""
        return super().wait_until(mark, 0.0 if self._alone else timeout)  # it is not ours to settle

    def _is_inside(self) -> bool:
        """Say whether this thread is at work here already: a finaliser must not wait for itself."""
        return threading.get_ident() in self._inside  # a local of before gevent would be all's

    def _store_now(self, exchange: Exchange, size: int) -> None:
        try:
            event = self._encoder.encode(exchange)
        except Dropped as outcome:
            self._ledger.add_stored(outcome.reason)
            self._cancel(exchange)
            return
        except BaseException as error:  # noqa: BLE001 - the request must not notice
            self._complaints.complain("encode_failed", "an event was not encoded", error)
            self._ledger.add_stored("encode_failed")
            self._cancel(exchange)
            return
        self._ledger.add_stored()  # first: the shipper may be quicker than this thread
        try:
            self._spool.append(event, started=exchange.tickets.get(self))
        except Exception as trouble:  # noqa: BLE001 - the request must not notice
            self._account.complain(trouble)
            self._ledger.take_back()
            super().submit(exchange, size)  # the worker finds it encoded
        else:
            self._fresh = True

    def _cancel(self, exchange: Exchange) -> None:
        if (ticket := exchange.tickets.get(self)) is not None:
            with self._complaints.shielded("spool", "the end of a call was not noted"):
                self._spool.cancel(ticket)

    def _run(self) -> None:
        """Store what comes, until the pipeline closes."""
        self._inside.add(threading.get_ident())
        self._attended = True
        self._alone = self._spool.write_only = not runs_threads()
        synced = time.monotonic()
        try:
            while not self._ledger.closed:
                self._wait_for_work(SYNC if self._fresh or self._overflow else FOREVER)
                if not self._alone:
                    self._ships.start()
                self._store_all()
                if self._fresh and time.monotonic() - synced >= SYNC:
                    self._fresh = False
                    synced = time.monotonic()
                    self._spool.sync()
            self._store_all()
        finally:
            self._shipper.finish()
            if not self._alone:
                self._ships.start()
            if not self._ships.was_started:  # it may not, at the end; while that waits, we run
                self._run_shipper()
            self._inside.discard(threading.get_ident())  # another thread may get this number

    def _wait_for_work(self, seconds: float) -> None:
        self._sleeps = True  # first: what comes after this line rings
        if not self._ledger.waits:
            self._bell.wait(seconds)
        self._sleeps = False
        if not (self._ledger.closed or self._hurries or self._ledger.urgent):
            time.sleep(GATHER)

    def _store_all(self) -> None:
        hurries, self._hurries = self._hurries, False
        with self._complaints.shielded("worker_failed", "the worker failed and goes on"):
            self._store_overflow()
        mark = self._ledger.end_of_queue()
        while taken := self._ledger.take(mark):
            left = len(taken)
            try:
                for exchange, event in list(self._encoded(taken)):
                    left -= 1
                    if event is not None:
                        self._store(event, exchange.tickets.get(self))
            except BaseException as error:  # noqa: BLE001 - the worker must outlive our bugs
                self._complaints.complain("worker_failed", "the worker failed and goes on", error)
                self._ledger.settle(left, "worker_failed")
        self._shipper.hurry(even_few=hurries)

    def _store(self, event: bytes, ticket: int | None) -> None:
        self._ledger.store(1)  # first: the shipper may be quicker than this thread
        try:
            self._spool.append(event, started=ticket)
        except Exception as trouble:  # noqa: BLE001 - what is stored is counted as that already
            reason = self._account.complain(trouble)
            self._ledger.store(-1)
            self._ledger.settle(self._overflow.add(event), reason)
        else:
            self._fresh = True

    def _store_overflow(self) -> None:
        """Bring to the disk what had to wait in memory, once that works again."""
        while (event := self._overflow.oldest()) is not None:
            self._ledger.store(1)
            try:
                self._spool.append(event)
            except Exception:  # noqa: BLE001 - as above, where it is told
                self._ledger.store(-1)
                self._overflow.put_back(event)
                return
            self._fresh = True

    def _keep(self, batch: Sequence[bytes]) -> None:
        for event in reversed(batch):
            self._overflow.put_back(event)

    def _run_shipper(self) -> None:
        self._inside.add(threading.get_ident())
        self._refresh()
        self._shipper.run()
        self._close_destination()
        self._spool.close()
        self._ledger.end()
        self._inside.discard(threading.get_ident())

    def _finish(self, timeout: float) -> None:
        if not self._worker.was_started and (self._ledger.waits or self._spool.pending):
            self._worker.start(patience=timeout)
        if not self._worker.was_started:
            self._store_all()
            self._close_destination()
            self._spool.close()
        elif not self._is_inside() and self._ledger.wait_for_end(timeout):
            self._ships.join(timeout)
        self._abandon()

"""The store in SQLite: one file for each day, in one folder, written by one process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from apilog.collector.call import Call, Profile, Refusal
from apilog.collector.store import removal
from apilog.collector.store.batch import Batch
from apilog.collector.store.database import explained
from apilog.collector.store.days import DayGone, Days, DayWriter
from apilog.collector.store.payloads import Packed, Packer
from apilog.collector.store.protocol import Prepared, Size, StoreFull, StoreUnavailable
from apilog.collector.store.reading import Reading
from apilog.collector.store.retention import Window, expired, refusals, window
from apilog.collector.store.schema import MICROSECONDS_A_DAY, day_of
from apilog.exceptions import ConfigError

LEAST_BYTES: Final = 1_048_576
"""Of ``max_bytes``: an empty day has a tenth of that."""


def now() -> int:
    """Return the time, in microseconds since 1970."""
    return time.time_ns() // 1_000


class SqliteStore(Reading):
    """A store in the files of a folder, which is made if there is none.

    Any number of processes may read it while one writes.

    Args:
        directory: of which nobody else may write; a new one gets mode 0700, files get 0600.
        keep: how old calls may get. A day is removed as a whole, when all of it is too old. Calls
            that arrive older than that, or more than a day ahead of the clock, are kept aside as
            refusals with status 202.
        max_bytes: of all files, or None. The oldest days are removed first; when the newest alone
            has more, `add` raises StoreFull.
        search: whether new days get a text index; without one they are written twice as fast.
        writable: False to read while another process writes.

    Raises:
        ConfigError: the folder cannot be used, or another process writes it, or a file in it is
            not ours or of a newer version.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        keep: timedelta = timedelta(days=7),
        max_bytes: int | None = None,
        search: bool = True,
        writable: bool = True,
        clock: Callable[[], int] = now,
    ) -> None:
        if keep <= timedelta(0):
            raise ConfigError(f"keep must be longer than nothing, not {keep}")
        if max_bytes is not None and max_bytes < LEAST_BYTES:
            raise ConfigError(f"max_bytes must be at least {LEAST_BYTES:,}, not {max_bytes:,}")
        self._keep = keep
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.RLock()
        self._own = threading.local()
        self._is_open = True
        self._writable = writable
        try:
            self._days = Days(Path(directory), writable=writable, search=search)
        except (OSError, sqlite3.Error, StoreUnavailable) as error:
            raise ConfigError(f"the folder {directory} cannot be used: {error}") from error
        super().__init__(self._days)

    def prepare(self, calls: Sequence[Call]) -> list[Prepared]:
        """Pack the calls as their days are packed at present; nothing is stored."""
        packers = {number: self._packer(number) for number in {day_of(each.time) for each in calls}}
        return [Prepared(each, _packed(each, packers[day_of(each.time)])) for each in calls]

    def _packer(self, number: int) -> Packer:
        """Return the packer of this thread for a day."""
        dictionary = self._days.dictionary(number)
        packer: Packer | None = getattr(self._own, "packer", None)
        if packer is None or packer.dictionary is not dictionary:
            self._own.packer = packer = Packer(dictionary)
        return packer

    def add(self, calls: Sequence[Call | Prepared]) -> int:
        """Store all or none, durably; return how many were new: a known id changes nothing.

        An id is looked for in the day of the call and in those beside it.

        Raises:
            StoreFull, StoreUnavailable: nothing was stored.
            ValueError, OverflowError: nothing was stored, as a text is no Unicode, or a number has
                more than 64 bits.
        """
        time = self._clock()
        kept = window(time, self._keep)
        with self._writing("cannot store"):
            prepared = Prepared.each(calls)
            if outside := [each.call for each in prepared if not kept.holds(each.call)]:
                self._days.register.refuse(refusals(outside, kept, time))
            self._make_room(kept)
            return Batch(self._days, time).add([each for each in prepared if kept.holds(each.call)])

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Keep what was not taken: the newest 1,000."""
        with self._writing("cannot keep what was refused"):
            self._days.register.refuse(refusals)

    def refusals(self, limit: int) -> list[Refusal]:
        """Return what was not taken, the newest first."""
        with explained("cannot read what was refused", self._days.directory):
            return self._days.register.refusals(limit)

    def describe(self, profiles: Sequence[Profile]) -> None:
        """Store profiles: top-level fields of a later one replace those of an earlier one."""
        with self._writing("cannot store profiles"):
            self._days.register.describe(profiles)

    def profile(self, kind: str, key: str) -> Profile | None:
        """Return what is known of a user, a company or a subscription."""
        with explained("cannot read profiles", self._days.directory):
            return self._days.register.profile(kind, key)

    def purge(self, *, user: str | None = None, before: int | None = None) -> int:
        """Remove calls, and a user's profile, from the bytes of every file; return how many.

        Either those of a *user*, with what was refused and mentions it, or those that began
        *before* a time in microseconds, with profiles and refusals as old. The store takes
        nothing new while a day is written anew: about 20 seconds for a million calls.

        Raises:
            StoreBusy: they are removed, but not all bytes, as a reader is in the way: ask again.
            ValueError: not exactly one of both is given.
        """
        if (not user) == (before is None):
            raise ValueError("purge either a user, or what is before a time")
        removed = 0
        for number in self._days.numbers():
            with self._writing("cannot purge"):
                if before is not None and (number + 1) * MICROSECONDS_A_DAY <= before:
                    removed += self._removed(number)
                elif user:
                    removed += self._purged(number, removal.OF_USER, user)
                else:
                    removed += self._purged(number, "time < ?", before)
        with self._writing("cannot purge"):
            self._days.register.purge(user=user, before=before)
        return removed

    def retain(self) -> int:
        """Remove what is too old, or too much; return how many calls.

        A purge that was interrupted is finished as well.

        Raises:
            StoreBusy: a reader is in the way of that.
        """
        with self._writing("cannot remove what is old"):
            removed = self._retained(window(self._clock(), self._keep))
            self._days.register.limit()
            for number in self._days.numbers():
                if self._is_unclean(number):
                    self._purged(number, removal.NOTHING, 0)
            return removed

    def size(self) -> Size:
        """Return what is held."""
        calls, times = 0, []
        with explained("cannot read", self._days.directory):
            for number in self._days.numbers():
                with suppress(DayGone), self._days.reading(number) as day:
                    calls += day.db.execute("SELECT calls FROM tally").fetchone()[0]
                    for end in ("min", "max"):
                        times += day.db.execute(f"SELECT {end}(time) FROM call").fetchone()  # noqa: S608
            known = [time for time in times if time is not None]
            held = self._days.bytes()
        return Size(calls, held, min(known, default=None), max(known, default=None))

    def close(self) -> None:
        """Let go of everything, after what is under way."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._days.close()

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        with self._lock, explained(what, self._days.directory):
            if not self._is_open:
                raise StoreUnavailable(f"{what}: the store is closed")
            if not self._writable:
                raise StoreUnavailable(f"{what}: the store was opened for reading only")
            yield

    def _make_room(self, kept: Window) -> None:
        if self._max_bytes is None or self._days.bytes() <= self._max_bytes:
            return
        self._retained(kept)
        self._days.shrink()
        if (held := self._days.bytes()) > self._max_bytes:
            raise StoreFull(
                f"the store may have {self._max_bytes:,} bytes (--max-size), and its newest day"
                f" alone has {held:,}"
            )

    def _retained(self, kept: Window) -> int:
        numbers = self._days.numbers()
        removed = sum(self._removed(number) for number in expired(numbers, kept))
        for number in self._days.numbers()[:-1]:
            if self._max_bytes is None or self._days.bytes() <= self._max_bytes:
                break
            removed += self._removed(number)
        return removed

    def _removed(self, number: int) -> int:
        calls = 0
        with suppress(DayGone, sqlite3.DatabaseError), self._days.reading(number) as day:
            (calls,) = day.db.execute("SELECT calls FROM tally").fetchone()
        try:
            self._days.remove(number)
        except ConfigError:
            return 0  # not one of our files: it is left alone
        return calls

    def _is_unclean(self, number: int) -> bool:
        with suppress(DayGone, sqlite3.DatabaseError), self._days.reading(number) as day:
            return removal.is_unclean(day.db)
        return False

    def _purged(self, number: int, condition: str, value: object) -> int:
        day: DayWriter = self._days.writer(number)
        try:
            return removal.purge(day, condition, value)
        finally:
            # It remembers texts that are gone.
            self._days.abandon(number)


def _packed(call: Call, packer: Packer) -> Packed | None:
    """Return the payload of *call*, or None if it is none: `add` says why."""
    try:
        return packer.packed(call.event, call.text)
    except UnicodeEncodeError:
        return None

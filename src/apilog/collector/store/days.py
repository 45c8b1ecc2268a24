"""The days there are: their files found, lent for reading, opened for writing, removed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from apilog.collector.store import directory as folder
from apilog.collector.store.database import create, recognise, remove
from apilog.collector.store.day import (
    DayGone,
    DayReader,
    DayWriter,
    layout,
    search_is_possible,
)
from apilog.collector.store.protocol import StoreUnavailable
from apilog.collector.store.register import Register
from apilog.collector.store.schema import APPLICATION_ID
from apilog.collector.store.zstd import ZstdDict
from apilog.exceptions import ConfigError

MOST_READERS: Final = 24
"""Connections kept open while nobody reads with them."""

MOST_WRITERS: Final = 2
"""Days kept open for writing between two batches: today, and one that is late."""

LARGEST_WAL: Final = 134_217_728
"""Bytes. A WAL begins anew when nobody reads; where somebody always does, they are waited for."""


class Days:
    """The files of a folder. Readers may come from any thread; writers from one at a time."""

    def __init__(self, directory: Path, *, writable: bool = True, search: bool = True) -> None:
        self.directory = folder.prepared(directory, writable=writable)
        self._search = search and search_is_possible()
        self._idle: list[DayReader] = []
        self._guard = threading.Lock()
        self._is_open = True
        self._writers: dict[int, DayWriter] = {}
        self._lock: int | None = None
        if writable:
            self._lock = folder.locked(directory)
        try:
            if writable:
                folder.tidied(directory)
            for number in self.numbers():
                self._recognised(number)
            self.register = Register(directory / folder.REGISTER, writable=writable)
        except BaseException:
            self._unlock()
            raise

    def numbers(self) -> list[int]:
        """Return the days that have a file, as whole days since 1970, oldest first."""
        numbers = folder.day_numbers(self.directory)
        # A file that another process removed takes up its room for as long as it is open.
        self._let_go(lambda day: day.number not in numbers)
        return numbers

    def bytes(self) -> int:
        """Return how many bytes all files have together."""
        return folder.bytes_held(self.directory)

    @contextmanager
    def reading(self, number: int) -> Iterator[DayReader]:
        """Lend a connection to one day for a block, in which the day does not change.

        Raises:
            DayGone: there is no such day, or no longer.
            StoreUnavailable: the days are closed.
        """
        day = self._borrowed(number)
        try:
            with day.moment():
                yield day
        except BaseException:
            # It may be in any state; the next one is new.
            day.close()
            raise
        self._given_back(day)

    def _borrowed(self, number: int) -> DayReader:
        with self._guard:
            if not self._is_open:
                raise StoreUnavailable("the store is closed")
            for day in reversed(self._idle):
                if day.number == number:
                    self._idle.remove(day)
                    break
            else:
                day = None
        if day is not None:
            if day.is_current():
                return day
            day.close()
        return DayReader(number, folder.day_path(self.directory, number))

    def _given_back(self, day: DayReader) -> None:
        with self._guard:
            self._idle.append(day)
            too_many = len(self._idle) > MOST_READERS or not self._is_open
            surplus = self._idle.pop(0) if too_many else None
        if surplus is not None:
            surplus.close()

    def writer(self, number: int) -> DayWriter:
        """Return the one connection that writes a day; its file is made if there is none.

        Raises:
            StoreUnavailable: there is a file of that name, but not of ours.
        """
        if number not in self._writers:
            self._writers[number] = self._opened(number)
        # The one used last comes last.
        self._writers[number] = writer = self._writers.pop(number)
        return writer

    def _opened(self, number: int) -> DayWriter:
        path = folder.day_path(self.directory, number)
        if not path.exists():
            script = layout(search=self._search, last=self.register.last_of(number))
            create(path, application=APPLICATION_ID, script=script)
        try:
            self._recognised(number)
        except ConfigError as error:
            raise StoreUnavailable(str(error)) from error
        writer = DayWriter(number, path)
        if writer.searchable and not search_is_possible():
            writer.close()
            raise StoreUnavailable(
                f"{path} has a text index, which this Python's SQLite cannot write (no FTS5): use"
                " another Python, or give another folder with --data"
            )
        return writer

    def _recognised(self, number: int) -> None:
        recognise(folder.day_path(self.directory, number), application=APPLICATION_ID)

    def dictionary(self, number: int) -> ZstdDict | None:
        """Return what the day is packed with at present, as far as is known; any thread may ask."""
        writer = self._writers.get(number)
        return None if writer is None else writer.payloads.dictionary

    def rest(self) -> None:
        """Close the days that are no longer written; empty a WAL that readers kept from ending."""
        while len(self._writers) > MOST_WRITERS:
            self.abandon(next(iter(self._writers)))
        for writer in self._writers.values():
            if writer.wal.stat().st_size > LARGEST_WAL:
                writer.checkpoint()

    def shrink(self) -> None:
        """Empty the WALs, as far as nobody reads from them."""
        for writer in self._writers.values():
            writer.checkpoint()

    def abandon(self, number: int) -> None:
        """Close the writer of a day; what it did not commit is not there."""
        if writer := self._writers.pop(number, None):
            writer.close()

    def remove(self, number: int) -> None:
        """Remove a day with all its calls; later ones of that day get higher numbers.

        Raises:
            ConfigError: the file is not one of ours.
        """
        self._recognised(number)
        # On a full disk, or where the file is damaged, it must be possible all the same.
        with suppress(sqlite3.DatabaseError, StoreUnavailable):
            self.register.remember_last(number, self.writer(number).last)
        self.abandon(number)
        self._let_go(lambda day: day.number == number)
        remove(folder.day_path(self.directory, number))

    def _let_go(self, which: Callable[[DayReader], bool]) -> None:
        with self._guard:
            gone = [day for day in self._idle if which(day)]
            self._idle = [day for day in self._idle if day not in gone]
        for day in gone:
            day.close()

    def close(self) -> None:
        """Let go of all files and of the right to write them."""
        with self._guard:
            self._is_open = False
        self._let_go(lambda _: True)
        for number in list(self._writers):
            self.abandon(number)
        self.register.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


__all__ = ["DayGone", "DayReader", "DayWriter", "Days"]

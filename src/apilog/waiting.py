"""The row of exchanges that wait for the worker, and what gives way when there are too many."""

from __future__ import annotations

from collections import deque

from apilog.capture import Exchange

_ERROR = 400
"""Statuses from here on tell of trouble: they are what somebody will look for."""


class Waiting:
    """Exchanges in the order they came, at most *events* of them and about *size* bytes.

    When more come, bodies give way before events, and successes before errors; the oldest first.
    Every exchange has a number, from 0; ``end`` is that of the next one.
    """

    def __init__(self, events: int, size: int, *, shares: bool) -> None:
        self._most_events = events
        self._most_bytes = size
        self._shares = shares
        self._rows = (_Row(), _Row())  # successes, errors
        self.end = 0
        self.bytes = 0
        self.shed = 0
        """How many exchanges lost their bodies."""

    def __len__(self) -> int:
        return len(self._rows[0].entries) + len(self._rows[1].entries)

    @property
    def front(self) -> int:
        """The number of the oldest that waits; `end` if none does."""
        successes, errors = (row.entries for row in self._rows)
        if not successes:
            return errors[0][0] if errors else self.end
        return min(successes[0][0], errors[0][0]) if errors else successes[0][0]

    def put(self, exchange: Exchange, size: int) -> list[Exchange]:
        """Let *exchange*, which holds *size* bytes, wait; return those that have no room now."""
        is_error = (exchange.status or _ERROR) >= _ERROR or exchange.exception is not None
        self._rows[is_error].entries.append((self.end, exchange, size))
        self.end += 1
        self.bytes += size
        evicted: list[Exchange] = []
        while self.bytes > self._most_bytes and self._shed():
            pass
        while len(self) > self._most_events or self.bytes > self._most_bytes:
            row = self._rows[0] if self._rows[0].entries else self._rows[1]
            evicted.append(self._pop(row))
        return evicted

    def take(self, count: int) -> list[Exchange]:
        """Take the oldest exchanges, at most so many."""
        taken: list[Exchange] = []
        successes, errors = self._rows
        while len(taken) < count and (successes.entries or errors.entries):
            has_both = successes.entries and errors.entries
            if has_both:
                row = successes if successes.entries[0][0] < errors.entries[0][0] else errors
            else:
                row = successes if successes.entries else errors
            taken.append(self._pop(row))
        return taken

    def _pop(self, row: _Row) -> Exchange:
        _, exchange, size = row.entries.popleft()
        self.bytes -= size
        row.light = max(0, row.light - 1)
        return exchange

    def _shed(self) -> bool:
        """Take its bodies from the next exchange that has some; say whether there was one."""
        if self._shares:
            return False  # another destination may be reading them
        for row in self._rows:
            while row.light < len(row.entries):
                number, exchange, size = row.entries[row.light]
                freed = exchange.shed()
                row.entries[row.light] = (number, exchange, size - freed)
                row.light += 1
                if freed:
                    self.bytes -= freed
                    self.shed += 1
                    return True
        return False


class _Row:
    """Exchanges with their numbers and sizes; the first ``light`` ones have no bodies any more."""

    __slots__ = ("entries", "light")

    def __init__(self) -> None:
        self.entries: deque[tuple[int, Exchange, int]] = deque()
        self.light = 0

"""The switch that stops recording without a restart: by a call, or by a file."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE = 1.0
"""Seconds between two looks for the file."""


class Switch:
    """Say whether recording is off: because of `is_paused`, or because *file* exists."""

    def __init__(self, file: str | None) -> None:
        self.is_paused = False
        self._file = None if file is None else Path(file)
        self._look_again = 0.0
        self._is_there = False

    @property
    def is_off(self) -> bool:
        """Whether recording is off; asked by every request."""
        if self.is_paused or self._file is None:
            return self.is_paused
        now = time.monotonic()
        if now >= self._look_again:
            self._look_again = now + PATIENCE
            self._is_there = self._file.exists()
        return self._is_there

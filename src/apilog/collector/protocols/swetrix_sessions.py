"""Swetrix's sessions: who sent something in the last half hour, and the ids that it makes."""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections import OrderedDict
from typing import Final

LENGTH: Final = 1_800
"""Seconds after which a session that was silent has ended."""

MOST: Final = 50_000
"""Sessions that are known; of more, the one that was silent longest is forgotten."""


class Sessions:
    """Know sessions by project, address and user agent, as Swetrix does."""

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, float] = OrderedDict()

    def key(self, project: str, ip: str, agent: str) -> str:
        """Return the id of a session: a number of 64 bits, as text."""
        return str(int.from_bytes(self._digest("session", project, ip, agent)[:8], "big"))

    def profile(self, project: str, ip: str, agent: str) -> str:
        """Return the id of an unknown visitor, which changes with the month."""
        month = time.strftime("%Y-%m", time.gmtime())
        number = int.from_bytes(self._digest("profile", project, ip, agent, month)[:8], "big")
        return f"anon_{number}"

    def is_known(self, key: str) -> bool:
        """Say whether the session is under way."""
        with self._lock:
            return time.monotonic() - self._seen.get(key, -LENGTH) < LENGTH

    def see(self, key: str) -> bool:
        """Note a sign of life; return whether it is the first one of the session."""
        with self._lock:
            now = time.monotonic()
            is_first = now - self._seen.get(key, now - LENGTH) >= LENGTH
            self._seen[key] = now
            self._seen.move_to_end(key)
            if len(self._seen) > MOST:
                self._seen.popitem(last=False)
            return is_first

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._secret, "\0".join(parts).encode(errors="replace"), "sha256")

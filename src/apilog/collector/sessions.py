"""Sessions of the viewer: who has logged in, for how long, and who tries too often."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from apilog.collector import tokens

SESSION_SECONDS: Final = 12 * 3600
"""How long a session lasts, whatever is done in it."""

MAX_SESSIONS: Final = 100
"""Sessions at a time; of more, the oldest ends."""

MAX_FAILURES: Final = 10
"""Wrong tokens of one address in `FAILURE_SECONDS`; after them none is looked at."""

FAILURE_SECONDS: Final = 60.0
MAX_ADDRESSES: Final = 1_000


class Sessions:
    """The sessions of one data directory. They outlive a restart, as digests in a file of 0600.

    A digest opens nothing: whoever reads the file cannot make a cookie of it.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._ends = self._kept()

    def begin(self) -> str:
        """Begin a session; return its id, which only the cookie knows."""
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._ends[_digest(session)] = self._clock() + SESSION_SECONDS
            self._keep()
        return session

    def holds(self, session: str) -> bool:
        """Tell whether *session* is one that has begun and not ended."""
        with self._lock:
            end = self._ends.get(_digest(session))
        return end is not None and self._clock() < end

    def end(self, session: str) -> None:
        """End *session*, if there is one."""
        with self._lock:
            if self._ends.pop(_digest(session), None) is not None:
                self._keep()

    def _kept(self) -> OrderedDict[str, float]:
        """Return the sessions of the file; from one that is damaged, none."""
        with suppress(OSError, ValueError, TypeError):
            found = json.loads(self._path.read_bytes())
            if isinstance(found, dict):
                ends = ((str(each), float(found[each])) for each in found)
                limit = self._clock() + SESSION_SECONDS
                return OrderedDict((each, end) for each, end in ends if end <= limit)
        return OrderedDict()

    def _keep(self) -> None:
        """Write the file; where that fails the sessions end with this process, no more."""
        now = self._clock()
        for each in [each for each, end in self._ends.items() if end <= now]:
            del self._ends[each]
        while len(self._ends) > MAX_SESSIONS:
            self._ends.popitem(last=False)
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        with suppress(OSError):
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(self._ends, file)
            beside.replace(self._path)


class Logins:
    """Exchange a token for a session: the one that is kept, or one that works a single time."""

    def __init__(self, token: str, sessions: Sessions) -> None:
        self._token = token
        self._sessions = sessions
        self._lock = threading.Lock()
        self._once: str | None = None

    def one_time_token(self) -> str:
        """Return a new token for one login; the one before it ends."""
        with self._lock:
            self._once = tokens.new_token()
            return self._once

    def session_for(self, claimed: str) -> str | None:
        """Return a new session for a right token, or None."""
        with self._lock:
            once = self._once is not None and tokens.same(claimed, self._once)
            if once:
                self._once = None
        return self._sessions.begin() if once or tokens.same(claimed, self._token) else None


class Failures:
    """Count what each address got wrong lately, so that nobody can guess for long."""

    def __init__(
        self, *, limit: int = MAX_FAILURES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return the seconds that *address* has to wait, 0 if it may try."""
        since, count = self._counts.get(address, (0.0, 0))
        left = since + FAILURE_SECONDS - self._clock()
        return left if count >= self._limit and left > 0 else 0.0

    def add(self, address: str) -> None:
        """Count a failure of *address*."""
        now = self._clock()
        since, count = self._counts.pop(address, (now, 0))
        if now >= since + FAILURE_SECONDS:
            since, count = now, 0
        self._counts[address] = (since, count + 1)
        if len(self._counts) > MAX_ADDRESSES:
            self._counts.popitem(last=False)


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()

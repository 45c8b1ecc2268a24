"""What senders say of their own losses: the last word of each, and the sum."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from typing import Any, Final

from apilog.collector.protocols.refusing import Refused

MAX_SENDERS: Final = 1_000
"""Processes whose account is kept; of more, the one that was silent longest is forgotten."""

MAX_REASONS: Final = 100
LONGEST_NAME: Final = 100
"""Characters of a sender's id and of a reason."""

_COUNTS: Final = ("captured", "delivered", "spooled", "quarantined")


class Senders:
    """Keep the latest account of each sender, in memory: it says anew what it said before."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, said: object) -> None:
        """Take the account of one sender.

        Raises:
            Refused: 400, it is none.
        """
        if not isinstance(said, dict) or not isinstance(said.get("sender"), str):
            raise Refused(400, "an account must be an object with a sender")
        dropped = said.get("dropped", {})
        if not isinstance(dropped, dict) or len(dropped) > MAX_REASONS:
            raise Refused(400, f"dropped must be an object of at most {MAX_REASONS} counts")
        counts = {name: said.get(name, 0) for name in _COUNTS}
        if not all(_is_count(each) for each in (*counts.values(), *dropped.values())):
            raise Refused(400, "an account must hold whole numbers from 0")
        sender = said["sender"][:LONGEST_NAME]
        reasons = {reason[:LONGEST_NAME]: count for reason, count in dropped.items()}
        with self._lock:
            self._accounts[sender] = {**counts, "dropped": reasons}
            self._accounts.move_to_end(sender)
            if len(self._accounts) > MAX_SENDERS:
                self._accounts.popitem(last=False)

    def total(self) -> dict[str, Any]:
        """Return the sum of all accounts: ``senders``, four counts, and ``dropped`` by reason."""
        with self._lock:
            each = list(self._accounts.values())
        dropped: Counter[str] = Counter()
        for account in each:
            dropped.update(account["dropped"])
        sums = {name: sum(account[name] for account in each) for name in _COUNTS}
        return {"senders": len(each), **sums, "dropped": dict(dropped)}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53

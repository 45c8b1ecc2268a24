"""Refusing: what is not taken, with the status it earns and the reason a person will read."""

from __future__ import annotations

import re
import time
from typing import Final

from apilog.collector.call import Refusal
from apilog.exceptions import ApiLogError

KEPT_BYTES: Final = 4_096
"""How much of what was refused is kept."""

_LOOKED_AT: Final = 8 * KEPT_BYTES
"""Bytes that are searched for keys; what is removed there makes room for what follows."""

_KEY: Final = re.compile(
    rb"""(?ix)
    (?<! [a-z0-9_.\-] )
    ( [a-z0-9_.\-]{0,100}
      (?: key | token | secret | passw | authori[sz]ation | cookie | credential )
      [a-z0-9_.\-]{0,100} (?: \[ [^\]]{0,100} \] )? ["']? \s{0,20} [:=] \s{0,20} )
    ( "(?: [^"\\] | \\. )* (?: " | \\? \Z )
    | \[ [^\]]* \]?
    | \{ [^}]* \}?
    | [^\s,;&}\]]+ (?: [ ] [^\s,;&}\]"]+ )*
    )"""
)
"""A field that is named like a key, and all that may be its value, also where it breaks off."""


class Refused(ApiLogError):
    """Report a request that is not taken.

    Args:
        status: what is answered.
        reason: for a person; it never quotes the request.
        content: the request's body, as far as it could be read.
        says: what the protocol's own answer has in it, if it is not just the reason.
    """

    def __init__(
        self, status: int, reason: str, *, content: bytes = b"", says: object = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.content = content
        self.says = says


def noted(source: str, path: str, refused: Refused) -> Refusal:
    """Return *refused* as it is kept: its beginning, without keys."""
    return Refusal(
        time=time.time_ns() // 1_000,
        source=source,
        path=path[:200],
        status=refused.status,
        reason=refused.reason[:500],
        content=without_keys(refused.content),
    )


def without_keys(content: bytes) -> bytes:
    """Return the beginning of *content*, at most `KEPT_BYTES`, without the values of keys."""
    return _KEY.sub(rb"\1[removed]", bytes(content[:_LOOKED_AT]))[:KEPT_BYTES]

"""What was seen from the server's side, and whether two sides saw the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Observation:
    """One call as the server saw it: *log* is everything that happened, in order."""

    log: list[tuple[Any, ...]] = field(default_factory=list)
    received: list[tuple[Any, ...]] = field(default_factory=list)
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    content_type: str = ""
    content_encoding: str = ""

    @property
    def body(self) -> bytes:
        """The body that went out."""
        return b"".join(self.chunks)

    def take_head(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Take the head of the response; a later one replaces it."""
        self.status = status
        self.headers = list(headers)
        found = {name.lower(): value for name, value in headers}
        self.content_type = found.get("content-type", "")
        self.content_encoding = found.get("content-encoding", "")


def difference(bare: Observation, wrapped: Observation) -> str | None:
    """Return where the two sides part, in words; None if they don't."""
    for name in ("log", "received"):
        ours, theirs = getattr(wrapped, name), getattr(bare, name)
        for number, (left, right) in enumerate(zip(theirs, ours, strict=False)):
            if left != right:
                return f"{name} {number}: bare {_short(left)}, wrapped {_short(right)}"
        if len(theirs) != len(ours):
            rest = theirs[len(ours) :] or ours[len(theirs) :]
            side = "bare" if len(theirs) > len(ours) else "wrapped"
            return f"{name}: only {side} has {_short(rest[0])}"
    return None


def _short(entry: object) -> str:
    text = repr(entry)
    return text if len(text) < 300 else f"{text[:150]} ... {text[-140:]}"

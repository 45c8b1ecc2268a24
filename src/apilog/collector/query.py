"""The query: which calls somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass

TEXTS = frozenset("id method route path host user company session ip trace source error".split())
"""Fields that hold text."""

NUMBERS = frozenset({"status", "duration", "request_size", "response_size"})
"""Fields that hold numbers: a status, microseconds, bytes."""


@dataclass(frozen=True, slots=True)
class Exact:
    """The field is this text, letter by letter; "" is where there is none."""

    text: str


@dataclass(frozen=True, slots=True)
class Wild:
    """The field matches this text, in which ``*`` stands for anything, also for nothing.

    The letters a to z match their capitals too: who looks for a part of a text rarely knows which.
    """

    pattern: str


@dataclass(frozen=True, slots=True)
class Between:
    """The number is at least *low* and at most *high*; None: no bound on that side."""

    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such number."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One of *alternatives* holds for *field*, or none of them if it is *negated*."""

    field: str
    """One of `TEXTS` or `NUMBERS`."""
    alternatives: tuple[Exact | Wild | Between | Missing, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of *conditions* holds, or none of them if it is *negated*.

    The filter language makes two of them: a word alone (in the path or in the route), and
    ``is:error``.
    """

    conditions: tuple[Condition, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The bodies hold this phrase: its words in this order, one directly after the other."""

    phrase: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Calls that began from *since* on and before *until*, for which all *conditions* hold.

    Times are microseconds since 1970, UTC; None: no bound.
    """

    conditions: tuple[Condition | Either | Words, ...] = ()
    since: int | None = None
    until: int | None = None

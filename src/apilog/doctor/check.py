"""One thing that was looked at: what was found, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "problem"]

_SEVERITY: tuple[Status, ...] = ("ok", "warning", "problem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A finding. *found* and *fix* are one line each and hold no value of a setting.

    A warning costs events only if something else happens as well; a problem costs them now.
    """

    name: str
    status: Status
    found: str
    fix: str | None = None


def ok(name: str, found: str) -> Check:
    """Return a finding that needs nothing."""
    return Check(name=name, status="ok", found=found)


def warning(name: str, found: str, fix: str) -> Check:
    """Return a finding that may cost events one day."""
    return Check(name=name, status="warning", found=found, fix=fix)


def problem(name: str, found: str, fix: str) -> Check:
    """Return a finding that costs events now."""
    return Check(name=name, status="problem", found=found, fix=fix)


def worst(checks: Iterable[Check]) -> Status:
    """Return the worst status of *checks*."""
    return max((check.status for check in checks), key=_SEVERITY.index, default="ok")

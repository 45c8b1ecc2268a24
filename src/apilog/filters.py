"""Filters: which calls one destination receives, when there are several, or when it costs money."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias
from urllib.parse import urlsplit

from apilog.events import Event
from apilog.exceptions import ConfigError
from apilog.sampling import weight_of

Condition: TypeAlias = "str | Callable[[Event], object]"
"""``"/admin/*"`` or ``"POST /orders"`` (a path or a route; ``*`` stands for anything), ``"5xx"``,
``"404"``, or a function of the event."""

Conditions: TypeAlias = "Condition | Iterable[Condition]"

_PLACE = re.compile(r"(?:(?P<verb>[A-Z]+) )?(?P<path>/.*)", re.DOTALL)
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})")
_EXPECTED = "expected paths such as '/admin/*' or 'POST /orders', statuses such as '5xx', functions"


class Filter:
    """Say which calls a destination receives, and how many calls each of them stands for.

    Args:
        only: where given, calls that fit none of these stay away.
        exclude: calls that fit one of these stay away.
        sample_rate: share of the others, from 0 to 1; what arrives has a ``weight`` so that the
            sum of weights stays what it would be without.

    Raises:
        ConfigError: a condition or the rate cannot work.
    """

    def __init__(
        self, *, only: Conditions = (), exclude: Conditions = (), sample_rate: float = 1.0
    ) -> None:
        self._only = [_test("only", each) for each in _each(only)]
        self._exclude = [_test("exclude", each) for each in _each(exclude)]
        is_rate = isinstance(sample_rate, (int, float)) and not isinstance(sample_rate, bool)
        if not is_rate or not 0 <= sample_rate <= 1:
            raise ConfigError(f"sample_rate = {sample_rate!r}: expected a number from 0 to 1")
        self._rate = sample_rate

    @property
    def is_open(self) -> bool:
        """Whether every call passes."""
        return not (self._only or self._exclude) and self._rate == 1

    def admits(self, event: Event) -> bool:
        """Say whether *event* fits the conditions; raises what a function of the user's raises."""
        if self._only and not any(test(event) for test in self._only):
            return False
        return not any(test(event) for test in self._exclude)

    @property
    def is_selective(self) -> bool:
        """Whether some calls stay away."""
        return not self.is_open

    def weigh(self, event: Event) -> int | None:
        """Return how many calls *event* stands for, 0 if it was sampled out, None if filtered."""
        return self.roll() if self.admits(event) else None

    def roll(self) -> int:
        """Return how many calls the next one stands for; 0 leaves it out."""
        return weight_of(self._rate)


def route_of(event: Event) -> str | None:
    """Return the route template that the app's framework found for *event*, if it has routes."""
    own = event.metadata.get("apilog")
    route = own.get("route") if isinstance(own, dict) else None
    return route if isinstance(route, str) else None


def path_of(event: Event) -> str:
    """Return the path in the address of *event*, percent-encoded."""
    try:
        return urlsplit(event.request.uri).path or "/"
    except ValueError:
        return "/"


def _each(conditions: Conditions) -> list[Condition]:
    if isinstance(conditions, str) or callable(conditions):
        return [conditions]
    try:
        return list(conditions)
    except TypeError:
        raise ConfigError(f"only, exclude: {_EXPECTED}") from None


def _test(name: str, condition: Condition) -> Callable[[Event], object]:
    if callable(condition):
        return condition
    if isinstance(condition, str) and _STATUS.fullmatch(condition):
        return _status_test(condition)
    found = _PLACE.fullmatch(condition) if isinstance(condition, str) else None
    if found is None:
        raise ConfigError(f"{name} = {condition!r}: {_EXPECTED}")
    return _place_test(found["verb"], found["path"])


def _status_test(status: str) -> Callable[[Event], object]:
    digits = status.rstrip("x")

    def fits(event: Event) -> bool:
        return event.response is not None and str(event.response.status).startswith(digits)

    return fits


def _place_test(verb: str | None, glob: str) -> Callable[[Event], object]:
    pattern = re.compile(".*".join(map(re.escape, glob.split("*"))), re.DOTALL)

    def fits(event: Event) -> bool:
        if verb is not None and event.request.verb != verb:
            return False
        route = route_of(event)
        return bool(
            pattern.fullmatch(path_of(event)) or (route is not None and pattern.fullmatch(route))
        )

    return fits

"""Moesif's sampling: how many of which calls it wants, as its dashboard says.

The form is that of https://www.moesif.com/docs/api#get-config, the order of the rules that of
https://www.moesif.com/docs/guides/dynamic-sampling ("Calculation of sampling rules"):

1. The rate of the user (``user_sample_rate``) stands before that of the company
   (``company_sample_rate``).
2. A call that fits rules over its fields (``regex_config``) has the rate of the first of them.
3. Where there is one of each, the smaller one counts.
4. Where there is neither, the rate for all counts (``sample_rate``), or else 100 percent.

A rule that cannot be read is left out, and all others stay in force.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from apilog.codec import JSON
from apilog.destinations._moesif_conditions import Conditions, fields_of_event
from apilog.events import Event
from apilog.sampling import weight_of

_ALL = 100.0
_MOST_RULES = 200

_T = TypeVar("_T")


class Sampling:
    """The rates in force.

    Args:
        config: what Moesif answered, decoded.
        faulty: told about each rule that cannot be read.
    """

    def __init__(self, config: JSON, faulty: Callable[[str], None]) -> None:
        given = config if isinstance(config, dict) else {}
        self._faulty = faulty
        rate = self._read(given.get("sample_rate", _ALL), _percentage, "sample_rate")
        self._rate = _ALL if rate is None else rate
        self._users = self._rates(given, "user_sample_rate")
        self._companies = self._rates(given, "company_sample_rate")
        self._rules = self._rules_of(given.get("regex_config"))

    @property
    def is_open(self) -> bool:
        """Whether every call is wanted, for now."""
        return self._rate == _ALL and not (self._users or self._companies or self._rules)

    def percentage(self, event: Event) -> float:
        """Return how many of a hundred calls like *event* are wanted."""
        whose = self._users.get(event.user_id or "")
        if whose is None:
            whose = self._companies.get(event.company_id or "")
        fields = fields_of_event(event)
        fitting = next((rate for group, rate in self._rules if group.fit(fields)), None)
        known = [rate for rate in (whose, fitting) if rate is not None]
        return min(known, default=self._rate)

    def roll(self, event: Event) -> int:
        """Return how many calls *event* stands for; 0 leaves it out."""
        return weight_of(self.percentage(event) / 100)

    def _rates(self, given: dict[str, JSON], name: str) -> dict[str, float]:
        said = given.get(name)
        if not isinstance(said, dict):
            return {}
        read = {key: self._read(rate, _percentage, name) for key, rate in said.items()}
        return {key: rate for key, rate in read.items() if rate is not None}

    def _rules_of(self, given: JSON) -> list[tuple[Conditions, float]]:
        said = given if isinstance(given, list) else []
        read = [self._read(one, _rule, "regex_config") for one in said[:_MOST_RULES]]
        return [rule for rule in read if rule is not None]

    def _read(self, given: JSON, read: Callable[[JSON], _T], name: str) -> _T | None:
        if given is None:
            return None
        try:
            return read(given)
        except Exception as error:  # noqa: BLE001 - one rule never costs another one
            self._faulty(f"{name}: {error if isinstance(error, ValueError) else 'cannot be read'}")
            return None


def _percentage(given: JSON) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= _ALL:
        raise ValueError("expected a number from 0 to 100")
    return float(given)


def _rule(given: JSON) -> tuple[Conditions, float]:
    if not isinstance(given, dict):
        raise ValueError("expected an object")
    return Conditions(given.get("conditions")), _percentage(given.get("sample_rate"))

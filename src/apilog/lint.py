"""Lint: fields of recorded calls that no rule masks and that look sensitive, with what would."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from apilog import last_gate, shape, suspicions
from apilog.codec import JSON
from apilog.field_paths import FieldPaths, is_path
from apilog.key_rule import compact
from apilog.mask_record import MASK, is_replacement
from apilog.recorded_fields import ANY, Field, fields
from apilog.suspicions import Suspicion

_MOST_FIELDS = 20_000
"""Fields that are watched; others, in files with ever new names, are passed over."""

_MOST_VALUES = 2_000
"""Different values of a field that are told apart."""

_LEAST_EVENTS = 3
"""Events in which a value has to differ before that says anything."""

_GENERIC = frozenset(
    "address content data from id key name number text title to type user value values".split()
)
"""Names that stand for too much to be masked wherever they are."""

_ODD = re.compile(r"[^\w-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A field that looks sensitive: in how many events, why, and which option would mask it."""

    alarm: int
    label: str
    events: int
    reason: str
    option: str
    argument: str


@dataclass(slots=True)
class _Watch:
    """What was seen of one field."""

    root: str
    names: tuple[str, ...]
    events: int = 0
    last: int = -1
    suspected: Counter[Suspicion] = field(default_factory=Counter)
    suspected_last: dict[Suspicion, int] = field(default_factory=dict)
    random: int = 0
    others: int = 0
    sizes: set[int] = field(default_factory=set)
    values: set[int] = field(default_factory=set)
    by_user: dict[str, set[int]] = field(default_factory=dict)

    def suspect(self, suspicion: Suspicion, event: int) -> None:
        if self.suspected_last.get(suspicion) != event:
            self.suspected_last[suspicion] = event
            self.suspected[suspicion] += 1


class Lint:
    """Take events one by one, then tell the findings.

    Values are compared by their hash and go nowhere.
    """

    def __init__(self, *, personal: bool = True) -> None:
        self._personal = personal
        self._watches: dict[tuple[str, tuple[str, ...]], _Watch] = {}
        self._texts: dict[int, list[_Watch]] = {}
        self._masked: set[int] = set()
        self.events = 0

    def take(self, document: Mapping[str, JSON], masked: Iterable[str]) -> None:
        """Take an event, and the values that were *masked* in it."""
        self._masked.update(hash(value) for value in masked if last_gate.is_telling(value))
        user = document.get("user_id")
        for each in fields(document):
            if not _is_masked(each.value):
                self._see(each, str(user) if isinstance(user, (str, int)) else None)
        self.events += 1

    def findings(self) -> list[Finding]:
        """Return what looks sensitive, the most alarming first."""
        found = [finding for watch in self._watches.values() for finding in self._judged(watch)]
        return sorted(found, key=lambda each: (-each.alarm, -each.events, each.label))

    def _see(self, seen: Field, user: str | None) -> None:
        key = seen.root, seen.names
        watch = self._watches.get(key)
        if watch is None:
            if len(self._watches) >= _MOST_FIELDS:
                return
            watch = self._watches[key] = _Watch(*key)
        if watch.last != self.events:
            watch.last = self.events
            watch.events += 1
        name = _name(seen.names)
        by_name = suspicions.of_name(name) if name else None
        if by_name is not None and suspicions.fits(by_name, seen.value):
            watch.suspect(by_name, self.events)
        if isinstance(seen.value, str):
            by_value = suspicions.of_value(seen.value, whole=bool(seen.names))
            if by_value is not None:
                watch.suspect(by_value, self.events)
            self._weigh(watch, seen.value, user)

    def _weigh(self, watch: _Watch, text: str, user: str | None) -> None:
        """Take down how random *text* is, without keeping it."""
        if not watch.names or len(watch.values) >= _MOST_VALUES:
            return
        mark = hash(text)
        watch.values.add(mark)
        if suspicions.is_random(text):
            watch.random += 1
            watch.sizes.add(len(text))
            if user is not None and len(watch.by_user) < _MOST_VALUES:
                watch.by_user.setdefault(user, set()).add(mark)
        else:
            watch.others += 1

    def _judged(self, watch: _Watch) -> Iterator[Finding]:
        """Yield the finding about one field, for the most alarming of its reasons."""
        reasons = [
            (suspicion, events)
            for suspicion, events in watch.suspected.items()
            if self._personal or not suspicion.is_personal
        ]
        if not self._masked.isdisjoint(watch.values):
            reasons.append((Suspicion(90, "a value that is masked elsewhere"), watch.events))
        if (dice := _dice(watch)) is not None:
            reasons.append((dice, watch.events))
        if reasons:
            suspicion, events = max(reasons)
            option, argument = _remedy(watch, suspicion)
            label = Field(watch.root, watch.names, "").label
            yield Finding(suspicion.alarm, label, events, suspicion.text, option, argument)


def _is_masked(value: str | float) -> bool:
    return isinstance(value, str) and (
        MASK in value or is_replacement(value) or shape.text_shape(value) == value
    )


def _name(names: tuple[str, ...]) -> str:
    return next((name for name in reversed(names) if name != ANY), "")


def _dice(watch: _Watch) -> Suspicion | None:
    """Return what is suspicious about values of *watch* that all look random."""
    if not watch.random or watch.others:
        return None
    sizes = sorted(watch.sizes)
    size = f"{sizes[0]} characters" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} characters"
    values = len(watch.values)
    users = watch.by_user
    is_one_per_user = (
        len(users) > 1
        and values == len(users)
        and watch.events > values
        and all(len(each) == 1 for each in users.values())
    )
    in_header = watch.root.endswith(".headers")
    if is_one_per_user and (in_header or not suspicions.is_identifier(_name(watch.names))):
        return Suspicion(70, f"random, {size}, one per user")
    if suspicions.is_identifier(_name(watch.names)):
        return None
    if values >= _LEAST_EVENTS and values == watch.random:
        return Suspicion(60, f"random, {size}, another one in every event")
    return None


def _remedy(watch: _Watch, suspicion: Suspicion) -> tuple[str, str]:
    """Return the option that would mask the field, and what to add to it."""
    if watch.root.endswith(".headers"):
        return "mask_headers", _ODD.sub("-", watch.names[-1])
    if watch.root.endswith(".query"):
        if _name(watch.names):
            return "mask_query", _ODD.sub("-", watch.names[-1])
    elif place := _place(watch.names, generic=not suspicion.text.endswith(" name")):
        return "mask_fields", place
    for text, pattern in suspicions.PATTERNS.items():
        if suspicion.text.startswith(text):
            return "mask_patterns", pattern
    return "", ""


def _place(names: tuple[str, ...], *, generic: bool) -> str:
    """Return the name, or the path where one name says too little, that masks what is there."""
    spelled = [_ODD.sub("-", name) for name in names if name != ANY]
    spelled = [name for name in spelled if compact(name)]
    if not spelled:
        return ""
    last = spelled[-1]
    if len(spelled) > 1 and (last.lower() in _GENERIC or (generic and len(last) < 3)):
        path = f"{spelled[-2]}.{last}"
        return path if _is_good(path) else last
    return last


def _is_good(path: str) -> bool:
    try:
        FieldPaths([path])
    except ValueError:
        return False
    return is_path(path)

"""What a store should answer, told by plain loops over all calls."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from apilog.collector.call import Call
from apilog.collector.query import (
    NUMBERS,
    Between,
    Condition,
    Either,
    Exact,
    Missing,
    Query,
    Wild,
    Words,
)
from apilog.collector.store.protocol import Subject, Value


class Reference:
    """All calls, in the order of arrival."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def add(self, calls: Iterable[Call]) -> None:
        self.calls += calls

    def wanted(self, query: Query) -> list[Call]:
        """Return the calls of a query in the order of arrival."""
        return [
            call
            for call in self.calls
            if (query.since is None or call.time >= query.since)
            and (query.until is None or call.time < query.until)
            and all(holds(condition, call) for condition in query.conditions)
        ]

    def listed(self, query: Query) -> list[str]:
        """Return the ids, the newest first; of the same time, the last to arrive first."""
        numbered = sorted(enumerate(self.wanted(query)), key=lambda each: (each[1].time, each[0]))
        return [call.id for _, call in reversed(numbered)]

    def grouped(
        self, query: Query, key: Callable[[Call], tuple[str, str] | int]
    ) -> dict[tuple[str, str] | int, list[Call]]:
        """Return the calls of a query by *key*."""
        groups = defaultdict(list)
        for call in self.wanted(query):
            groups[key(call)].append(call)
        return dict(groups)

    def values(self, field: str, query: Query, beginning: str, limit: int) -> list[Value]:
        found = (getattr(call, field) for call in self.wanted(query))
        texts = (str(value) for value in found if value not in (None, ""))
        counted = Counter(text for text in texts if text.startswith(beginning))
        ranked = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
        return [Value(*each) for each in ranked[:limit]]

    def subjects(self, field: str, query: Query, limit: int) -> list[Subject]:
        groups = defaultdict(list)
        for call in self.wanted(query):
            groups[getattr(call, field)].append(call)
        groups.pop("", None)
        found = [
            Subject(
                name,
                len(calls),
                sum(1 for call in calls if (call.status or 0) >= 400 or call.error),
                min(call.time for call in calls),
                max(call.time for call in calls),
            )
            for name, calls in groups.items()
        ]
        return sorted(found, key=lambda each: (-each.count, each.id))[:limit]


def clients(calls: Iterable[Call]) -> int:
    return sum(1 for call in calls if call.status is not None and 400 <= call.status <= 499)


def servers(calls: Iterable[Call]) -> int:
    return sum(
        1
        for c in calls
        if (c.status is not None and c.status >= 500) or (c.status is None and c.error)
    )


def quantile(calls: Iterable[Call], part: int) -> int | None:
    """Return the duration with rank ``ceil(n * part / 100)``."""
    known = sorted(call.duration for call in calls if call.duration is not None)
    return known[-(-len(known) * part // 100) - 1] if known else None


def near(found: int | None, exact: int | None) -> bool:
    """Return whether a quantile is within 7 %, or one microsecond."""
    if found is None or exact is None:
        return found is exact
    return abs(found - exact) <= max(1, 0.07 * exact)


def holds(condition: Condition | Either | Words, call: Call) -> bool:
    if isinstance(condition, Words):
        found = follows(words(condition.phrase), words(call.text))
    elif isinstance(condition, Either):
        found = any(holds(each, call) for each in condition.conditions)
    elif condition.field in NUMBERS:
        number: int | None = getattr(call, condition.field)
        found = any(number_is(each, number) for each in condition.alternatives)
    else:
        text: str = getattr(call, condition.field)
        found = any(text_is(each, text) for each in condition.alternatives)
    return found != condition.negated


def number_is(wanted: object, number: int | None) -> bool:
    if isinstance(wanted, Between):
        return (
            number is not None
            and (wanted.low is None or number >= wanted.low)
            and (wanted.high is None or number <= wanted.high)
        )
    return isinstance(wanted, Missing) and number is None


def text_is(wanted: object, text: str) -> bool:
    if isinstance(wanted, Exact):
        return text == wanted.text
    assert isinstance(wanted, Wild)
    return matches(lowered(wanted.pattern), lowered(text))


def lowered(text: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in text)


def matches(pattern: str, text: str) -> bool:
    """Match a text with stars, by the first place where each part fits."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return text.endswith(last)


def words(text: str) -> list[str]:
    bare = (c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return "".join(c.lower() if c.isalnum() else " " for c in bare).split()


def follows(wanted: Sequence[str], found: Sequence[str]) -> bool:
    spans = range(len(found) - len(wanted) + 1)
    return bool(wanted) and any(found[at : at + len(wanted)] == wanted for at in spans)

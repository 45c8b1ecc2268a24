"""The numbers of a filter: statuses, durations and sizes as a person writes them.

A plain number stands for all that begin with it: ``200ms`` is from 200 ms to just below 201 ms, and
``1.5s`` to just below 1.6 s. Bounds are exact: ``>200ms`` begins one microsecond later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from apilog.collector.query import Between, Missing

DURATIONS: Mapping[str, int] = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000}
"""Microseconds; without a unit a duration is in milliseconds."""

SIZES: Mapping[str, int] = {
    "b": 1,
    "kb": 1_000,
    "mb": 1_000_000,
    "gb": 1_000_000_000,
    "kib": 1 << 10,
    "mib": 1 << 20,
}
"""Bytes; without a unit a size is in bytes."""

_STATUS = re.compile(r"([1-9])xx", re.ASCII | re.IGNORECASE)
_ONE = r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([a-zµμ]{0,3})"
_NUMBER = re.compile(rf"(<=|>=|<|>|=)?{_ONE}", re.IGNORECASE)
_SPAN = re.compile(rf"{_ONE}-{_ONE}", re.IGNORECASE)

HINTS: Mapping[str, str] = {
    "status": "5xx, 404, >=400, 400-499, none",
    "duration": ">200ms, <=1.5s, 100ms-1s, none (units: us, ms, s, m)",
    "request_size": ">10kb, <=512, 1kb-2mb, none (units: b, kb, mb, gb, kib, mib)",
}
HINTS = {**HINTS, "response_size": HINTS["request_size"]}


def number(field: str, text: str) -> Between | Missing:
    """Return what *text* asks of the number in *field*.

    Raises:
        ValueError: it is no such number; the message is a sentence that names the fix.
    """
    if text.lower() == "none":
        return Missing()
    of_class = _STATUS.fullmatch(text)
    if field == "status" and of_class is not None:
        return Between(int(of_class[1]) * 100, int(of_class[1]) * 100 + 99)
    span = _SPAN.fullmatch(text)
    if span is not None:
        return _span(field, *span.groups())
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"{_short(text)} is no number here: write {HINTS[field]}")
    return _bounded(field, *found.groups())


def _span(field: str, first: str, unit: str, second: str, unit_after: str) -> Between:
    if bool(unit) != bool(unit_after):
        either = unit or unit_after
        raise ValueError(f"Both need a unit: write {first}{either}-{second}{either}")
    low, high = _Amount(field, first, unit).up, _Amount(field, second, unit_after).down
    if low > high:
        raise ValueError(f"It ends before it begins: write {second}{unit_after}-{first}{unit}")
    return Between(low, high)


def _bounded(field: str, sign: str | None, digits: str, unit: str) -> Between:
    amount = _Amount(field, digits, unit)
    if sign == ">=":
        return Between(amount.up, None)
    if sign == ">":
        return Between(amount.down + 1, None)
    if sign == "<=":
        return Between(None, amount.down)
    if sign == "<":
        if amount.up == 0:
            raise ValueError("Nothing is less than 0: write 0, or none where there is no number")
        return Between(None, amount.up - 1)
    low, high = amount.up, amount.before_next
    if low > high:
        raise ValueError(f"{digits}{unit} is finer than what is kept: write fewer digits")
    return Between(low, high)


class _Amount:
    """A number with its unit: a fraction of whole microseconds or bytes, told without rounding."""

    __slots__ = ("_above", "_below", "_step")

    def __init__(self, field: str, digits: str, unit: str) -> None:
        whole, _, fraction = digits.partition(".")
        self._step = _unit(field, unit)
        self._above = int(whole + fraction)
        self._below: int = 10 ** len(fraction)

    @property
    def down(self) -> int:
        """Return the next whole number that is not above it."""
        return self._above * self._step // self._below

    @property
    def up(self) -> int:
        """Return the next whole number that is not below it."""
        return -(-self._above * self._step // self._below)

    @property
    def before_next(self) -> int:
        """Return the last whole number before that with one more in its last digit."""
        return -(-(self._above + 1) * self._step // self._below) - 1


def _unit(field: str, unit: str) -> int:
    plain = unit.lower().replace("µ", "u").replace("μ", "u")
    if field == "status":
        known: Mapping[str, int] = {"": 1}
    elif field == "duration":
        known = {"": DURATIONS["ms"], **DURATIONS}
    else:
        known = {"": 1, **SIZES}
    if plain not in known:
        raise ValueError(f"{_short(unit)} is no unit of {field}: write {HINTS[field]}")
    return known[plain]


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def number_text(field: str, wanted: Between | Missing) -> str:
    """Return the shortest text that `number` reads as *wanted*."""
    if isinstance(wanted, Missing):
        return "none"
    low, high = wanted.low, wanted.high
    if high is None:
        low = max(low or 0, 0)
        return _shorter(f">={_amount(field, low)}", f">{_amount(field, low - 1)}" if low else None)
    if low is None:
        return _shorter(f"<={_amount(field, high)}", f"<{_amount(field, high + 1)}")
    if field == "status" and low % 100 == 0 and 100 <= low <= 900 and high == low + 99:
        return f"{low // 100}xx"
    for name, step in _units(field):
        if low % step == 0 and high == low + step - 1:
            return f"{low // step}{name}"
    if field == "duration":
        return f"{_amount(field, low)}-{_amount(field, high)}"
    name, step = next(each for each in _units(field) if low % each[1] == high % each[1] == 0)
    return f"{low // step}{name}-{high // step}{name}"


def _shorter(first: str, second: str | None) -> str:
    return first if second is None or len(first) <= len(second) else second


def _amount(field: str, count: int) -> str:
    """Return *count* in the largest unit that gives a whole number."""
    for name, step in _units(field):
        if count % step == 0 and (count or step == 1):
            return f"{count // step}{name}"
    raise AssertionError(field)  # the smallest step is 1


def _units(field: str) -> list[tuple[str, int]]:
    if field == "status":
        return [("", 1)]
    if field == "duration":
        return sorted(DURATIONS.items(), key=lambda unit: -unit[1])
    decimal = [unit for unit in SIZES.items() if not unit[0].endswith("ib")]
    return [*sorted(decimal, key=lambda unit: -unit[1])[:-1], ("", 1)]

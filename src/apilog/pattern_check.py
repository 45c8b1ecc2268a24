"""The user's regular expressions: checked when they are configured, applied with bounds.

Python's engine holds the GIL while it searches: a pattern that backtracks without end hangs the
whole process. So a new pattern is tried on texts that are hard on it, short ones first, and never
on one that the last one's cost says would take long.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from apilog.pattern_attacks import Attack, attacks
from apilog.pattern_cost import QUICK, THOROUGH, Growth, loosened, pumped, walked

WINDOW = 4096
"""Characters that a polynomial pattern sees at once, at most."""

_LEAST_WINDOW = 256
_HOLD = 0.05
"""Seconds that a window may take. A pattern whose least window takes longer counts as exponential.
"""

_PATIENCE = 0.1
"""Seconds of the first round, in which all texts are tried but short ones."""

_TINY, _SHORT = 24, 128
_SHORTLIST = 3
"""Characters of the texts in the first round, and texts in the second one."""

Weakness = Literal["exponential", "polynomial"]


class _Verdict(NamedTuple):
    weakness: Weakness | None
    window: int


def weakness(pattern: re.Pattern[str]) -> Weakness | None:
    """Say how slow *pattern* can get in a hostile text; takes some 0.2 s at most, once a pattern.

    "exponential" stands for whatever would hold the process for long even in a short text (256
    characters): such a pattern must not be used. "polynomial" is fit for `substituted` only.
    """
    return _verdict(pattern).weakness


def substituted(
    pattern: re.Pattern[str],
    replacement: Callable[[re.Match[str]], str],
    text: str,
    *,
    seconds: float,
) -> str:
    """Return *text* with ``replacement(match)`` for every match that is not empty.

    A polynomial pattern sees a window of 4,096 characters at a time (fewer for a steep one), so
    that other threads get their turn. Windows overlap by a quarter: a match that needs more text
    than that can be missed, one that merely goes on is followed to its end.

    Raises:
        TimeoutError: it took more than *seconds*, or a match could not be followed to its end.
        ValueError: *pattern* is exponential.
    """
    verdict = _verdict(pattern)
    if verdict.weakness == "exponential":
        raise ValueError(f"{pattern.pattern!r} can take exponential time")
    matches = (
        _in_windows(pattern, text, verdict.window, time.monotonic() + seconds)
        if verdict.weakness
        else pattern.finditer(text)
    )
    kept: list[str] = []
    begin = 0
    for match in matches:
        if match[0]:
            kept += (text[begin : match.start()], replacement(match))
            begin = match.end()
    return "".join(kept) + text[begin:] if kept else text


def _in_windows(
    pattern: re.Pattern[str], text: str, window: int, deadline: float
) -> Iterator[re.Match[str]]:
    begin, length = 0, len(text)
    while begin < length:
        end = min(begin + window, length)
        sure = end - window // 4 if end < length else length
        following = sure
        for match in pattern.finditer(text, begin, end):
            if match.end() > sure and match.start() > begin:
                following = match.start()  # it may go on: seen again with more text after it
                break
            whole = _followed(pattern, match, window) if match.end() == end else match
            yield whole
            if whole.end() > sure:
                following = whole.end()
                break
        begin = following
        if time.monotonic() > deadline:
            raise TimeoutError(f"{pattern.pattern!r} took too long")


def _followed(pattern: re.Pattern[str], match: re.Match[str], window: int) -> re.Match[str]:
    """Return *match* with the text that it goes on in after the end of its window."""
    begin, end, length = match.start(), match.end(), len(match.string)
    while match.end() == end < length:
        end = min(begin + 2 * (end - begin), length)
        started = time.thread_time()
        longer = pattern.match(match.string, begin, end)
        spent = time.thread_time() - started
        if longer is None or longer.end() < match.end() or (8 * spent > _HOLD and end < length):
            raise TimeoutError(f"{pattern.pattern!r} meets more than {window} characters at once")
        match = longer
    return match


@functools.lru_cache(maxsize=256)
def _verdict(pattern: re.Pattern[str]) -> _Verdict:
    deadline = time.thread_time() + _PATIENCE
    loose = loosened(pattern)
    grown: dict[Attack, Growth] = {}
    led: set[tuple[str, str]] = set()
    tried = attacks(pattern)
    in_doubt = False
    for length, attack in [(length, attack) for length in (_TINY, _SHORT) for attack in tried]:
        way = attack.prefix, attack.suffix
        if length == _TINY and (way not in led or len(attack.pump) > 2):
            led.add(way)
            if all(_hangs(walked(loose, attack, most)) for most in (QUICK, THOROUGH)):
                return _Verdict("exponential", 0)
        growth = pumped(loose, attack, QUICK, length)
        if _hangs(growth) and _hangs(pumped(loose, attack, THOROUGH, _SHORT)):
            return _Verdict("exponential", 0)
        grown[attack] = growth
        if time.thread_time() > deadline:
            in_doubt = True
            break
    ranked = sorted(grown, key=lambda attack: grown[attack].at(WINDOW), reverse=True)
    worst = [pumped(pattern, attack, THOROUGH, WINDOW) for attack in ranked[:_SHORTLIST]]
    window = WINDOW
    while window > _LEAST_WINDOW and any(growth.at(window) > _HOLD for growth in worst):
        window //= 2
    if any(map(_hangs, worst)):
        return _Verdict("exponential", 0)
    steep = any(
        each.at(WINDOW) > (_HOLD / 200 if each.degree > 1.5 else _HOLD / 10) for each in worst
    )
    return _Verdict("polynomial" if steep or in_doubt else None, window)


def _hangs(growth: Growth) -> bool:
    return growth.at(_LEAST_WINDOW) > _HOLD

"""What a text costs a regular expression, and how the cost grows with the text.

Found out by trying, short texts first, and never one that the last one's cost says would take long:
the engine cannot be stopped once it searches.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from apilog.pattern_attacks import Attack

_FLOOR = 1e-6
"""Seconds below which a cost says nothing."""

QUICK, THOROUGH = 0.0005, 0.004
"""Seconds that one text may cost, where many are tried and where one is looked at closely."""

_WORTH_A_THIRD = 0.0001
"""Seconds above which a cost is measured twice, not three times."""

_STEPS = 8
"""Pumps that are tried one by one, before each text is twice the one before."""


class Growth(NamedTuple):
    """What a text cost, and how the cost grows with its length."""

    length: int
    seconds: float
    degree: float

    def at(self, length: int) -> float:
        """Return the seconds that a text of *length* is to be expected to cost."""
        return self.seconds * math.pow(max(1.0, length / self.length), max(1.0, self.degree))


def loosened(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """Return *pattern* without the check that a text is long enough to be tried at all.

    That check hides what comes until it comes all at once.
    """
    end = "\n|(?!)" if pattern.flags & re.VERBOSE else "|(?!)"
    return re.compile(pattern.pattern + end, pattern.flags & ~re.DEBUG)


def walked(pattern: re.Pattern[str], attack: Attack, most: float) -> Growth:
    """Return what *attack* with one pump costs, letter by letter as far as *most* seconds go."""
    lead = attack.prefix + attack.pump
    return _climb(
        pattern, lambda letters: lead[:letters] + attack.suffix, len(lead), len(lead), most
    )


def pumped(pattern: re.Pattern[str], attack: Attack, most: float, length: int) -> Growth:
    """Return what *attack* costs, pump by pump up to *length* as far as *most* seconds go."""
    pumps = max(_STEPS, length // len(attack.pump))
    return _climb(pattern, attack.text, _STEPS, pumps, most)


def _climb(
    pattern: re.Pattern[str],
    text_of: Callable[[int], str],
    steps: int,
    last: int,
    most: float,
) -> Growth:
    """Measure texts number 0 to *last*: *steps* of them one by one, then every second power.

    If the cost grows exponentially, the next one's is known beforehand: n times the text is the
    nth power of the cost. One that would take too long is left out, and all after it.
    """
    seen: list[tuple[int, float]] = []
    number, before, rate = 0, 0, 1.0
    while True:
        text = text_of(number)
        cost = _cost(pattern, text)
        if seen:
            rate = max(1.0, (cost / seen[-1][1]) ** (1 / (number - before)))
        seen.append((max(1, len(text)), cost))
        before = number
        far = math.log(max(1.0, most / cost)) / math.log(max(rate, 1.0001))
        if cost < most / 8:  # a jump that need not go on
            far = max(far, 1)
        number = min(last, number + 1 if number < steps else number * 2, number + int(far))
        if number == before:
            break
    length, cost = seen[-1]
    past = [each for each in seen if each[0] <= 0.7 * length] or seen[:1]
    step = math.log(length / past[-1][0])
    return Growth(length, cost, math.log(cost / past[-1][1]) / step if step else 1.0)


def _cost(pattern: re.Pattern[str], text: str) -> float:
    """Return the seconds of this thread's own time that going through *text* takes, at best."""
    least = math.inf
    for _ in range(3):
        begin = time.thread_time()
        pattern.sub("", text)
        least, before = min(least, time.thread_time() - begin), least
        if before < math.inf and least > _WORTH_A_THIRD:
            break
    return max(least, _FLOOR)

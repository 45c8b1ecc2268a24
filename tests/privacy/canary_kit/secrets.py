"""Fresh secrets, random and unique, of the kinds that places ask for."""

from __future__ import annotations

import os
import string
from collections.abc import Callable
from random import Random
from typing import TypeAlias

SEED = int(os.environ.get("CANARY_SEED", "0")) or int.from_bytes(os.urandom(4), "big") or 1
"""What this run's secrets are made of; `CANARY_SEED` in the environment repeats a run."""

Maker: TypeAlias = "Callable[[Random], str]"
"""What makes a secret. All of it is random: a part that is always the same would be found."""

BASE62 = string.ascii_letters + string.digits


def base62(length: int = 20) -> Maker:
    """Letters and digits, three small ones, capitals and digits at least.

    Fewer are rare, and then what looks random by its shape alone may look like a word.
    """

    def make(random: Random) -> str:
        while True:
            made = "".join(random.choices(BASE62, k=length))
            kinds = (str.islower, str.isupper, str.isdigit)
            if all(sum(map(kind, made)) >= 3 for kind in kinds):
                return made

    return make


RANDOM = base62()
"""What most places get."""


def capitals(length: int) -> Maker:
    """Capitals and digits of base32, as in AWS's key ids."""
    return lambda random: "".join(random.choices(string.ascii_uppercase + "234567", k=length))


def lower_hex(length: int) -> Maker:
    """Hexadecimal digits."""
    return lambda random: "".join(random.choices("0123456789abcdef", k=length))


def whole_number(random: Random) -> str:
    """An integer that a double can hold, and that is no card number."""
    while True:
        made = str(random.randrange(10**14, 9 * 10**15))
        if made[0] in "789" and not luhn(made):
            return made


def card(random: Random) -> str:
    """A Visa or Mastercard number with its check digit."""
    digits = random.choice(("4", "51", "52", "53", "54", "55"))
    digits += "".join(random.choices(string.digits, k=15 - len(digits)))
    return next(digits + last for last in string.digits if luhn(digits + last))


def phrase(random: Random) -> str:
    """Syllables with dashes, which look like any slug."""
    syllables = [a + b for a in "bdfgklmnprstv" for b in "aeiou"]
    return "-".join("".join(random.choices(syllables, k=3)) for _ in range(3))


def luhn(digits: str) -> bool:
    """Say whether the last of *digits* is the check digit of ISO/IEC 7812."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled // 10 + doubled % 10
    return total % 10 == 0

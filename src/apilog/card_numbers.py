"""Payment card numbers: digits with an issuer's prefix, a length that goes with it, a Luhn sum.

Prefixes and lengths: ISO/IEC 7812 and the networks' own tables, as wide as they are in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SHORTEST, LONGEST = 12, 19

SEPARATORS = (
    " \t-._\xa0\xad\u2002\u2003\u2007\u2008\u2009\u200a\u2010\u2011\u2012\u2013\u2014"
    "\u202f\u205f\u2212\u3000"
)
"""What stands between groups of digits; at most three in a row."""

_SHAPE = bytes(
    48 if 48 <= code < 58 else 45 if chr(code) in f"{SEPARATORS}?" else 32 for code in range(256)
)
_CLUSTER = re.compile(rb"0000+(?:-{1,3}0+)*")
"""Digits in groups, the first of four at least: how cards are written, and little else."""

_GROUPS = re.compile("[0-9]+")

_LAYOUTS = frozenset(
    {
        (4, 4, 4, 4),
        (4, 6, 5),
        (4, 6, 4),
        (4, 4, 4, 4, 3),
        (4, 4, 4, 4, 2),
        (4, 4, 4, 4, 1),
        (4, 4, 4, 3),
        (4, 3, 3, 3),
        (4, 4, 4, 1),
        (6, 13),
        (6, 10),
        (6, 6, 4),
        (8, 8),
        (4, 8, 4),
        (4, 12),
        (4, 4, 8),
        (12, 4),
    }
)
_MOST_GROUPS = 5

_PREFIXES: tuple[tuple[int, int, str], ...] = (
    (16, 16, "4 51-55 2221-2720 50 56-58 6 2200-2205 3528-3589 30 36 38 39 81 82"),  # any network
    (16, 16, "8600 9704 9792 9860"),
    (15, 15, "34 37"),
    (14, 14, "300-305 309 36 38 39"),
    (13, 13, "4"),
    (19, 19, "4"),
    (17, 19, "62 6011 644-649 65 3528-3589 2200-2204"),
    (18, 19, "4903 4905 4911 4936 564182 633110 6333 6334 6759 506099-506198 507865-507964"),
    (12, 15, "5018 5020 5038 5893 6304 67"),
    (17, 19, "5018 5020 5038 5893 6304 67"),
)


def _table() -> dict[int, tuple[tuple[str, str], ...]]:
    """Return by length the first and the last of every range of prefixes."""
    table: dict[int, tuple[tuple[str, str], ...]] = {}
    for shortest, longest, prefixes in _PREFIXES:
        ranges = tuple(
            (a, b or a) for a, _, b in (each.partition("-") for each in prefixes.split())
        )
        for length in range(shortest, longest + 1):
            table[length] = table.get(length, ()) + ranges
    return table


_RANGES = _table()
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_FIRST_TWO = frozenset(
    f"{two:02}"
    for ranges in _RANGES.values()
    for first, last in ranges
    for two in range(int(f"{first}0"[:2]), int(f"{last}9"[:2]) + 1)
)
"""A glance at which most numbers are none of a card."""

_BEFORE = re.compile(
    r"(?:(?i:(?:\A|[^a-z0-9])(?:card|cc|pan|visa|amex|mastercard|maestro|number|num|no|nr))"
    r"|\\[nrt]|%[0-9A-Fa-f]{2})\Z"
)
"""What a number may be glued to and is a card's all the same: a label, an escape."""

_NO_CARD_BEFORE = re.compile(r"(?:[A-Za-z0-9]|[0-9]\.|[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-)\Z")
"""Parts of words, of decimals, and of UUIDs."""

_NO_CARD_AFTER = re.compile(r"[A-Za-z0-9]|\.[0-9]")

_LONGEST_BEFORE = 12


def is_card(digits: str) -> bool:
    """Say whether *digits* can be the number of a card."""
    ranges = _RANGES.get(len(digits), ())
    if digits[:2] not in _FIRST_TWO or not ranges:
        return False
    figures = digits.encode()
    total = sum(figures[-1::-2]) + sum(figures[-2::-2].translate(_DOUBLED)) - 48 * len(figures)
    if total % 10 or not any(first <= digits[: len(first)] <= last for first, last in ranges):
        return False
    # Visa's cards of 13 digits are long gone, the barcodes of Germany and Japan are not.
    return len(digits) != 13 or digits[0] != "4" or not _is_barcode_or_phone(digits)


def _is_barcode_or_phone(digits: str) -> bool:
    """Say whether 13 digits are rather a barcode (EAN) or a German mobile phone."""
    checked = sum(map(int, digits[::2])) + 3 * sum(map(int, digits[1::2]))
    return checked % 10 == 0 or digits.startswith(("4915", "4916", "4917"))


def find(text: str, latin: bytes) -> Iterator[tuple[int, int]]:
    """Yield where card numbers stand in *text*; *latin* is the same, a byte for a character."""
    for cluster in _CLUSTER.finditer(latin.translate(_SHAPE)):
        begin, end = cluster.span()
        if end - begin >= SHORTEST:
            if text[max(0, begin - 1) : begin] == "%":
                begin += 2  # the digits of a blank, encoded
            groups = [found.span() for found in _GROUPS.finditer(text, begin, end)]
            yield from _cards(text, groups)


def _cards(text: str, groups: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    sizes = tuple(end - begin for begin, end in groups)
    past = masked = 0
    for first, (begin, _) in enumerate(groups):
        if first < past:
            continue
        if text[begin : begin + 2] not in _FIRST_TWO:
            continue
        for count in range(1, min(_MOST_GROUPS, len(groups) - first) + 1):
            if count == 1:
                if not SHORTEST <= sizes[first] <= LONGEST:
                    continue
            elif sizes[first : first + count] not in _LAYOUTS:
                continue
            end = groups[first + count - 1][1]
            digits = "".join(text[a:b] for a, b in groups[first : first + count])
            if is_card(digits) and _stands_alone(text, masked, begin, end):
                yield begin, end
                past, masked = first + count, end
                break


def _stands_alone(text: str, masked: int, begin: int, end: int) -> bool:
    """Say whether what is between *begin* and *end* is no part of a word, a decimal or a UUID.

    What is before *masked* will be gone, and says nothing.
    """
    before = text[max(masked, begin - _LONGEST_BEFORE) : begin]
    if _NO_CARD_BEFORE.search(before) and not _BEFORE.search(before):
        return False
    return not _NO_CARD_AFTER.match(text, end)

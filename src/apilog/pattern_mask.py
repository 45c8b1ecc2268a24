"""The user's own patterns: masked wherever they match, in any text of an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from apilog import pattern_check
from apilog.mask_record import BodyNotMaskedError, Record

PATIENCE = 1.0
"""Seconds that one pattern may take for one text; what takes longer stays home."""


class Patterns:
    """Regular expressions whose matches are masked; false where there are none."""

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        self._patterns = tuple(patterns)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def rule_of(self, text: str) -> str | None:
        """Return the first rule that finds something in *text*."""
        record = Record()
        self.masked(text, "", record)
        return next((str(note["rule"]) for note in record.notes if isinstance(note, dict)), None)

    def masked(self, text: str, where: str, record: Record) -> str:
        """Return *text* with every match masked.

        Raises:
            BodyNotMaskedError: a pattern takes too long for this text.
        """
        try:
            for number, pattern in enumerate(self._patterns):
                replace = partial(_replaced, where=where, rule=f"pattern:{number}", record=record)
                text = pattern_check.substituted(pattern, replace, text, seconds=PATIENCE)
        except TimeoutError as error:
            raise BodyNotMaskedError("pattern_too_slow") from error
        return text


def _replaced(found: re.Match[str], *, where: str, rule: str, record: Record) -> str:
    return record.replaced(found[0], where, rule) if found[0] else ""

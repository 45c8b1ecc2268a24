"""Our own regular expressions: none may hang on text that somebody else wrote."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import apilog
from apilog.pattern_check import weakness

PATTERNS = {
    f"{module.name}.{name}": value
    for module in pkgutil.iter_modules(apilog.__path__, "apilog.")
    if not module.ispkg and module.name not in ("apilog.cli", "apilog.testing")
    for name, value in vars(importlib.import_module(module.name)).items()
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str)
}


def test_there_are_patterns_to_judge() -> None:
    assert len(PATTERNS) > 50


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_takes_exponential_time(name: str) -> None:
    assert weakness(PATTERNS[name]) != "exponential"

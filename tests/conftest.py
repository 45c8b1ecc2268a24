"""What every test shares."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn

import pytest
from hypothesis import settings

settings.register_profile("apilog", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("apilog")


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], NoReturn]:
    """Skip a test for what is not on this machine; where all has to hold, fail instead."""
    return pytest.fail if os.environ.get("CI") else pytest.skip

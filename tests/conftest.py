"""What every test shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NoReturn

import pytest
from hypothesis import settings

settings.register_profile("apilog", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("apilog")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A script that puts the tests into the background has it so; then nothing that a test starts
    # would end with Control-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], NoReturn]:
    """Skip a test for what is not on this machine; where all has to hold, fail instead."""
    return pytest.fail if os.environ.get("CI") else pytest.skip

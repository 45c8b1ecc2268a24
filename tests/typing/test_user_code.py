"""The types that users see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

USER_CODE = Path(__file__).with_name("user_code.py")
ROOT = USER_CODE.parents[2]


def test_typical_user_code_passes_a_strict_type_checker() -> None:
    pytest.importorskip("mypy", reason="belongs to the linters; `make test` brings it")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(USER_CODE)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": f"src{os.pathsep}integrations"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr

"""Chance of our own: the app may have seeded `random`, and gets its numbers as without us."""

from __future__ import annotations

import random
from collections.abc import Callable

roll: Callable[[], float] = random.SystemRandom().random
"""Return a number from 0.0 on and below 1.0; forked processes roll others."""

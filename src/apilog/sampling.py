"""Sampling: some calls stand for others."""

from __future__ import annotations

from collections.abc import Callable

from apilog import chance


def weight_of(rate: object, dice: Callable[[], float] | None = None) -> int:
    """Roll for a call sampled at *rate*: 0 to leave it out, else how many calls it stands for.

    Where 1 / *rate* is not whole, the weight is rounded up or down by chance, so that the sum of
    weights is unbiased.

    Raises:
        ValueError: *rate* is not a number from 0 to 1.
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ValueError("sample_rate must be a number from 0 to 1")
    if rate == 1:
        return 1
    roll = dice or chance.roll
    if roll() >= rate:
        return 0
    weight = int(1 / rate)
    return weight + (roll() < 1 / rate - weight)

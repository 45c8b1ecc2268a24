"""Tables of measurements, as Markdown: what missed its goal says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MISSED = " **missed**"


def head(first: str, *others: str) -> None:
    """Print the names of the columns: text in the first, numbers in the others."""
    row([first, *others])
    print("|---|" + "---:|" * len(others), flush=True)


def row(cells: Iterable[str]) -> None:
    """Print a row."""
    print(f"| {' | '.join(cells)} |", flush=True)


def at_most(value: float, goal: float, digits: int = 0) -> str:
    """Return *value* with its *goal*, the highest that is good."""
    return f"{value:,.{digits}f} of {goal:,}{MISSED if value > goal else ''}"


def at_least(value: float, goal: float) -> str:
    """Return *value* with its *goal*, the lowest that is good."""
    return f"{value:,.0f} of {goal:,}{MISSED if value < goal else ''}"


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest of *values* that so many percent of them do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]

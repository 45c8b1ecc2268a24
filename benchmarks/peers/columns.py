"""Markdown tables: frameworks and workloads are rows, sides are columns."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from environments import versions
from sides import SIDES


class Table:
    """Figures of one measure.

    Args:
        title: what was measured, and in which unit.
        sides: the columns.
        form: how a figure is written.
        best: which of two figures is better; None where none is.
    """

    def __init__(
        self,
        title: str,
        sides: Sequence[str],
        form: str = "{:,.0f}",
        best: Callable[[float, float], float] | None = None,
    ) -> None:
        self.title, self.sides = title, sides
        self._form, self._best = form, best
        self._rows: dict[str, dict[str, tuple[float, ...]]] = {}

    def put(self, row: str, side: str, *figures: float) -> None:
        """Set what stands in a cell."""
        self._rows.setdefault(row, {})[side] = figures

    def figure(self, row: str, side: str) -> float:
        """Return the first figure of a cell."""
        return self._rows[row][side][0]

    def __str__(self) -> str:
        heads = [SIDES[side].title for side in self.sides]
        lines = [
            f"**{self.title}**",
            "",
            f"| | {' | '.join(heads)} |",
            f"|---|{'---:|' * len(heads)}",
        ]
        for row, cells in self._rows.items():
            texts = [self._form.format(*cells[s]) if s in cells else "-" for s in self.sides]
            lines.append(f"| {row} | {' | '.join(texts)} |")
        return "\n".join([*lines, "", *self._wins()])

    def _wins(self) -> Iterator[str]:
        """Say where a peer is better than apilog, and whether it does the same."""
        if self._best is None or "apilog" not in self.sides:
            return
        better = [
            f"{row}: {SIDES[peer].title}" + ("" if SIDES[peer].response_bodies else " (no bodies)")
            for row in self._rows
            for peer in self.sides
            if SIDES[peer].is_peer
            and self.figure(row, peer)
            == self._best(self.figure(row, peer), self.figure(row, "apilog"))
        ]
        yield f"Better than apilog: {'; '.join(better) or 'no peer'}.\n"


def machine() -> str:
    """Say where and when this was measured."""
    about = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", about, re.MULTILINE)
    cores = len(re.findall(r"^processor\s*:", about, re.MULTILINE))
    processor = model[1] if model else platform.machine()
    today = datetime.now(timezone.utc).date()
    return f"{today}, Python {platform.python_version()}, {cores} cores of {processor}"


def legend(sides: Sequence[str]) -> str:
    """Say what each side captures, and name its version."""
    installed = {side: versions(SIDES[side].environment) for side in sides}
    frameworks = ("fastapi", "starlette", "flask", "django", "uvicorn", "gunicorn")
    lines = [", ".join(f"{name} {installed[sides[0]][name]}" for name in frameworks), ""]
    for side in sides:
        named = [f"{name} {installed[side][name]}" for name in SIDES[side].packages]
        of = f" ({', '.join(named)})" if named else ""
        lines.append(f"- {SIDES[side].title}{of}: {SIDES[side].captures}")
    return "\n".join([*lines, ""])

"""The selection of a destination: which calls it receives."""

from __future__ import annotations

from typing import TypedDict

from apilog.events import Event
from apilog.filters import Conditions, Filter


class Selection(TypedDict, total=False):
    """Which calls a destination receives: the arguments of `apilog.destinations.Filter`."""

    only: Conditions
    exclude: Conditions
    sample_rate: float


class Filtered:
    """A destination that has a ``filter`` if it does not receive every call.

    One that a subclass has is not touched.

    Raises:
        ConfigError: the selection cannot work.
    """

    def __init__(self, selection: Selection) -> None:
        chosen = Filter(**selection)
        if chosen.is_selective:
            self.filter = chosen


class Selects:
    """A destination that is asked which calls it receives, each time."""

    def __init__(self, selection: Selection) -> None:
        self.filter = Filter(**selection)

    @property
    def is_selective(self) -> bool:
        """Whether some calls stay away."""
        return not self.filter.is_open

    def weigh(self, event: Event) -> int | None:
        """Return how many calls *event* stands for, 0 if it was sampled out, None if filtered."""
        return self.filter.roll() if self.filter.admits(event) else None

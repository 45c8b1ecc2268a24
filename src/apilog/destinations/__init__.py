"""Destinations: where events go."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apilog.destinations.collect_event import CollectEvent
    from apilog.destinations.console import Console
    from apilog.destinations.file import File
    from apilog.destinations.logimoni import Logimoni
    from apilog.destinations.memory import Memory
    from apilog.destinations.moesif import Collector, Moesif
    from apilog.destinations.swetrix import Swetrix
    from apilog.destinations.umami import Umami
    from apilog.destinations.urls import from_url
    from apilog.filters import Filter
else:  # to a type checker, __getattr__ would mean that every name exists

    def __getattr__(name: str) -> Any:
        """Import a public name when it is asked for the first time (PEP 562).

        An app has one or two destinations, and need not wait for all the others.
        """
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "CollectEvent",
    "Collector",
    "Console",
    "File",
    "Filter",
    "Logimoni",
    "Memory",
    "Moesif",
    "Swetrix",
    "Umami",
    "from_url",
]

_HOMES = {
    "CollectEvent": "apilog.destinations.collect_event",
    "Collector": "apilog.destinations.moesif",
    "Console": "apilog.destinations.console",
    "File": "apilog.destinations.file",
    "Filter": "apilog.filters",
    "Logimoni": "apilog.destinations.logimoni",
    "Memory": "apilog.destinations.memory",
    "Moesif": "apilog.destinations.moesif",
    "Swetrix": "apilog.destinations.swetrix",
    "Umami": "apilog.destinations.umami",
    "from_url": "apilog.destinations.urls",
}
"""The module that each public name is in."""

"""Destinations: where events go."""

from __future__ import annotations

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

"""Destinations: where events go."""

from __future__ import annotations

from apilog.destinations.console import Console
from apilog.destinations.file import File
from apilog.destinations.memory import Memory
from apilog.destinations.moesif import Collector, Moesif
from apilog.destinations.urls import from_url

__all__ = ["Collector", "Console", "File", "Memory", "Moesif", "from_url"]

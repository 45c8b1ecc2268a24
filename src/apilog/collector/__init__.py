"""A small collector: takes Moesif-style events over HTTP, keeps them in SQLite, shows them.

It needs ``pip install 'apilog[collector]'``. It shares no code with the sender but the error
tree, so that a bug cannot hide in code both sides use: here an event is the JSON that arrived.
"""

from __future__ import annotations

from apilog.collector.app import create_app
from apilog.collector.store import SQLiteStore, Store

__all__ = ["SQLiteStore", "Store", "create_app"]

"""Where calls are kept: the protocol of a store, and the one in SQLite."""

from __future__ import annotations

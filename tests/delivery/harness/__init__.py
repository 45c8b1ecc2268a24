"""Servers that are killed, a sink that misbehaves, and an oracle that knows what must arrive."""

from __future__ import annotations

"""Secrets planted in every place of a call, and the search for them in all that leaves."""

from __future__ import annotations

"""Scenarios, apps, drivers and the judge of the conformance suite."""

from __future__ import annotations

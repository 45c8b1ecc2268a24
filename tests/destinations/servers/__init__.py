"""Servers of the systems that destinations speak to, each as strict as the real one."""

from __future__ import annotations

"""The Django app, which is only needed for its system checks."""

from __future__ import annotations

from django.apps import AppConfig


class ApiLogConfig(AppConfig):
    """Register the checks that ``manage.py check`` runs."""

    name = "apilog_django"
    verbose_name = "apilog"

    def ready(self) -> None:
        """Import the checks, which registers them."""
        from apilog_django import checks  # noqa: F401

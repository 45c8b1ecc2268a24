"""The app as it is."""

from __future__ import annotations

from workloads import django_app, fastapi_app, flask_app

from adapters import Recorded


def recorded(framework: str, url: str) -> Recorded:
    """Return *framework*'s app."""
    if framework == "django":
        return Recorded(app=django_app([]))
    return Recorded(app=fastapi_app() if framework == "fastapi" else flask_app())

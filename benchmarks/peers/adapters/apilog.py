"""The app with apilog as it comes: bodies, and all masking."""

from __future__ import annotations

from workloads import django_app, fastapi_app, flask_app

import apilog
from adapters import Recorded
from apilog.destinations import Collector


def recorded(framework: str, url: str) -> Recorded:
    """Return *framework*'s app with apilog's integration."""
    client = apilog.Client(Collector(url))
    if framework == "django":
        import apilog_django.settings

        apilog_django.settings._client = client  # noqa: SLF001 - its own is made of settings
        app = django_app(["apilog_django.ApiLogMiddleware"])
    elif framework == "flask":
        from apilog_flask import ApiLog

        app = flask_app()
        ApiLog(app, client=client)
    else:
        from apilog_fastapi import ApiLogMiddleware

        app = fastapi_app()
        app.add_middleware(ApiLogMiddleware, client=client)
    return Recorded(app=app, flush=lambda: _flush(client))


def _flush(client: apilog.Client) -> None:
    if not client.flush(30):
        raise SystemExit(f"not delivered in time: {client.stats()}")

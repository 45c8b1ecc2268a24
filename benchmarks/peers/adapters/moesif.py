"""The app with Moesif's middleware as it comes: bodies, nothing masked."""

from __future__ import annotations

from typing import Any

from workloads import django_app

from adapters import Recorded, bare

ID = "a" * 60


def recorded(framework: str, url: str) -> Recorded:
    """Return *framework*'s app with moesifasgi, moesifwsgi or moesifdjango."""
    settings = {"APPLICATION_ID": ID, "BASE_URI": url, "LOG_BODY": True}
    if framework == "django":
        app = django_app(["adapters.moesif_django.Middleware"], MOESIF_MIDDLEWARE=settings)
        from adapters import moesif_django

        return Recorded(app=app, flush=moesif_django.flush)
    app = bare.recorded(framework, url).app
    around = _asgi if framework == "fastapi" else _wsgi
    return Recorded(app=around(app, settings))


def _asgi(app: Any, settings: dict[str, Any]) -> Any:
    from moesifasgi import MoesifMiddleware

    app.add_middleware(MoesifMiddleware, settings=settings)
    return app


def _wsgi(app: Any, settings: dict[str, Any]) -> Any:
    from moesifwsgi import MoesifMiddleware

    app.wsgi_app = MoesifMiddleware(app.wsgi_app, settings)
    return app

"""The app with Apitally, headers and bodies on, and its own masking."""

from __future__ import annotations

import os

import apitally
from apitally.shared import activation
from workloads import django_app

from adapters import Recorded, bare

TOKEN = "apt_" + "a" * 24


def recorded(framework: str, url: str) -> Recorded:
    """Return *framework*'s app with Apitally's set-up."""
    os.environ["APITALLY_OTLP_ENDPOINT"] = url
    app = bare.recorded(framework, url).app
    options = {
        "write_token": TOKEN,
        "capture_request_headers": True,
        "capture_request_body": True,
        "capture_response_body": True,
    }
    if framework == "django":
        from django.conf import settings

        apitally.init(**options, django_include_class_based_views=True)
        app = django_app(settings.MIDDLEWARE)
    else:
        apitally.init(app, **options)
    return Recorded(app=app, flush=_flush)


def _flush() -> None:
    """Run the cycle that its own thread runs each 15 seconds, in the place of that thread."""
    worker = activation.export_worker
    if worker is not None:
        worker.stop()
        worker.run_cycle(None, final=True)

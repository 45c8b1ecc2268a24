"""The app with OpenTelemetry's instrumentation, all headers on; bodies it does not record."""

from __future__ import annotations

import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from workloads import django_app

from adapters import Recorded, bare


def recorded(framework: str, url: str) -> Recorded:
    """Return *framework*'s app, instrumented as the packages' pages show."""
    for side in ("REQUEST", "RESPONSE"):  # read when an instrumentation is imported, or later
        os.environ[f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_{side}"] = ".*"
    exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=Compression.Gzip)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    app = bare.recorded(framework, url).app
    if framework == "django":
        from django.conf import settings
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        DjangoInstrumentor().instrument()
        app = django_app(settings.MIDDLEWARE)
    elif framework == "flask":
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument_app(app)
    else:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(app)
    # A call makes up to four spans here, and its queue holds 2,048.
    return Recorded(app=app, flush=provider.force_flush, burst=200)

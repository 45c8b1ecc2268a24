"""The Django project's addresses under ASGI."""

from __future__ import annotations

from django.urls import re_path

from conformance_kit.apps_django import async_view, only_get

urlpatterns = [re_path("^s/", async_view), re_path("^only-get$", only_get)]

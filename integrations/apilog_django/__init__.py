"""apilog for Django: ``MIDDLEWARE = ["apilog_django.ApiLogMiddleware", ...]``.

With ``"apilog_django"`` in ``INSTALLED_APPS`` as well, ``manage.py check`` explains bad settings.
"""

from __future__ import annotations

from apilog_django.middleware import ApiLogMiddleware
from apilog_django.settings import client

__all__ = ["ApiLogMiddleware", "client"]

"""apilog for Flask: ``ApiLog(app, destination=...)``."""

from __future__ import annotations

from apilog_flask.extension import ApiLog

__all__ = ["ApiLog"]

"""apilog for FastAPI and Starlette: ``app.add_middleware(ApiLogMiddleware, destination=...)``."""

from __future__ import annotations

from apilog_fastapi.middleware import ApiLogMiddleware

__all__ = ["ApiLogMiddleware"]

"""The documents that Moesif's SDKs ask for at their start and each minute: neutral ones."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from apilog.collector.protocols.desk import document

TAG: Final = "apilog-1"
"""The version of both documents; they never change."""

CONFIG: Final[dict[str, Any]] = {
    "sample_rate": 100,
    "user_sample_rate": {},
    "company_sample_rate": {},
    "user_rules": {},
    "company_rules": {},
    "regex_config": [],
}
RULES: Final[list[Any]] = []

TAGS: Final = {"X-Moesif-Config-ETag": TAG, "X-Moesif-Rules-Tag": TAG}
"""Sent with every answer to events: an SDK that knows these versions asks for nothing."""


async def config(request: Request) -> Response:
    """Answer ``GET /v1/config``: everything is to be sent."""
    return _unless_known(request, CONFIG, "X-Moesif-Config-ETag")


async def rules(request: Request) -> Response:
    """Answer ``GET /v1/rules``: nothing is to be blocked."""
    return _unless_known(request, RULES, "X-Moesif-Rules-Tag")


def _unless_known(request: Request, found: Any, header: str) -> Response:
    known = {tag.strip().strip('"') for tag in request.headers.get("if-none-match", "").split(",")}
    if TAG in known:
        return Response(status_code=304, headers={header: TAG})
    return document(found, headers={header: TAG})

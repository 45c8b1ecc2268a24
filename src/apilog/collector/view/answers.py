"""Answers of the viewer's API."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import Response

from apilog.collector.codings import accepted

if TYPE_CHECKING:
    from starlette.requests import Request

WORTH_IT: Final = 4_096
"""Bytes from which on an answer is compressed: a list of 300 calls has 125,000, and then 12,000."""


def answer(request: Request, document: object, status: int = 200) -> Response:
    """Return *document*, which may hold `orjson.Fragment`, as JSON."""
    content, headers = orjson.dumps(document), {"Vary": "Accept-Encoding"}
    coded = len(content) >= WORTH_IT and "gzip" in accepted(
        request.headers.get("accept-encoding", "")
    )
    if coded:
        content, headers["Content-Encoding"] = gzip.compress(content, 1, mtime=0), "gzip"
    return Response(content, status, headers, media_type="application/json")

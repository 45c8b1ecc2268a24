"""What a filter means, or what is wrong with it: asked while it is being typed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.filter_language import described
from apilog.collector.view.answers import answer
from apilog.collector.view.asking import filter_of
from apilog.collector.view.refused import Refused


async def _explained(request: Request) -> Response:
    try:
        query = filter_of(request.query_params)
    except Refused as error:
        return answer(request, {"ok": False, **error.document()})
    conditions = [
        dict(zip(("field", "text", "negated"), described(each), strict=True))
        for each in query.conditions
    ]
    return answer(request, {"ok": True, "conditions": conditions})


def routes() -> list[Route]:
    """Return ``/view/filter``."""
    return [Route("/view/filter", _explained)]

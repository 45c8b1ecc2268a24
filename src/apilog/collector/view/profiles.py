"""What was said of a user, a company or a subscription."""

from __future__ import annotations

from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.documents import milliseconds
from apilog.collector.keys import KEY
from apilog.collector.store.protocol import Store
from apilog.collector.view.answers import answer
from apilog.collector.view.pool import Pool
from apilog.collector.view.refused import Refused

KINDS: Final = frozenset({"user", "company", "subscription"})


def routes(store: Store, pool: Pool) -> list[Route]:
    """Return ``/view/profiles/<kind>/<id>``."""

    async def profile(request: Request) -> Response:
        kind, key = request.path_params["kind"], request.path_params["key"]
        found = await pool.ask(lambda: store.profile(kind, key)) if kind in KINDS else None
        if found is None:
            raise Refused(404, "nothing was said of it")
        return answer(
            request,
            {
                "id": found.id,
                "time": milliseconds(found.time),
                "document": orjson.Fragment(found.document),
            },
        )

    return [Route(f"/view/profiles/{{kind}}/{KEY}", profile)]

"""The list of calls, and one call."""

from __future__ import annotations

from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.documents import row_document
from apilog.collector.keys import KEY
from apilog.collector.query import Query
from apilog.collector.store.protocol import Page, Store
from apilog.collector.view.answers import answer
from apilog.collector.view.asking import natural_of, query_of
from apilog.collector.view.neighbours import neighbours
from apilog.collector.view.pool import Pool
from apilog.collector.view.refused import Refused

MOST_ROWS: Final = 200
ROWS: Final = 100


def routes(store: Store, pool: Pool) -> list[Route]:
    """Return ``/view/calls`` and ``/view/calls/<id>``."""

    async def listed(request: Request) -> Response:
        asked = request.query_params
        query, limit = query_of(asked), natural_of(asked, "limit", ROWS, most=MOST_ROWS)
        place = asked.get("place") or None
        page = await pool.ask(lambda: _page(store, query, limit, place))
        return answer(
            request, {"rows": [row_document(each) for each in page.rows], "next": page.next}
        )

    async def one(request: Request) -> Response:
        key = request.path_params["key"]
        document = await pool.ask(lambda: _whole(store, key))
        return answer(request, document)

    return [Route("/view/calls", listed), Route(f"/view/calls/{KEY}", one)]


def _page(store: Store, query: Query, limit: int, place: str | None) -> Page:
    try:
        return store.page(query, limit=limit, place=place)
    except ValueError as error:  # it came in an address, and somebody may have changed it
        raise Refused(400, "there is no such place in the list") from error


def _whole(store: Store, key: str) -> dict[str, object]:
    found = store.get(key)
    if found is None:
        raise Refused(404, "there is no such call, or no more")
    around = neighbours(store, found.row)
    return {
        "row": row_document(found.row),
        "event": orjson.Fragment(found.event),
        "session": [row_document(each) for each in around.rows],
        "previous": around.previous,
        "next": around.next,
    }

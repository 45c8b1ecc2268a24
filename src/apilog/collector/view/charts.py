"""Numbers over time and by endpoint, values to choose from, and who called."""

from __future__ import annotations

import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.documents import (
    endpoint_document,
    milliseconds,
    point_document,
    subject_document,
)
from apilog.collector.query import NUMBERS, TEXTS, Query
from apilog.collector.store.protocol import Point, Store
from apilog.collector.view.answers import answer
from apilog.collector.view.asking import natural_of, query_of
from apilog.collector.view.pool import Pool
from apilog.collector.view.refused import Refused

STEPS: Final = (
    1_000,
    5_000,
    15_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
    21_600_000,
    86_400_000,
)
"""Milliseconds of a step: 1, 5, 15 seconds; 1, 5, 15 minutes; 1, 6 hours; a day."""

POINTS: Final = 240
"""Most steps of a chart whose step we choose."""

MOST_POINTS: Final = 2_000
MOST_ROWS: Final = 1_000
ROWS: Final = 100
MOST_BEGINNING: Final = 200
SUBJECTS: Final = frozenset({"user", "company", "session"})

_DAY: Final = 86_400_000_000


def routes(store: Store, pool: Pool) -> list[Route]:
    """Return ``/view/series``, ``/view/endpoints``, ``/view/values`` and ``/view/subjects``."""

    async def series(request: Request) -> Response:
        query, step = query_of(request.query_params), _step_of(request)
        return answer(request, await pool.ask(lambda: _series(store, query, step)))

    async def endpoints(request: Request) -> Response:
        query, limit = query_of(request.query_params), _limit_of(request)
        found = await pool.ask(lambda: store.endpoints(query, limit=limit))
        return answer(request, {"endpoints": [endpoint_document(each) for each in found]})

    async def values(request: Request) -> Response:
        asked = request.query_params
        field, query, limit = asked.get("field", ""), query_of(asked), _limit_of(request)
        if field not in TEXTS | NUMBERS:
            raise Refused(400, f"field must be one of: {', '.join(sorted(TEXTS | NUMBERS))}")
        beginning = asked.get("beginning", "")[:MOST_BEGINNING]
        found = await pool.ask(lambda: store.values(field, query, beginning=beginning, limit=limit))
        return answer(
            request, {"values": [{"value": each.value, "count": each.count} for each in found]}
        )

    async def subjects(request: Request) -> Response:
        field = request.path_params["field"]
        if field not in SUBJECTS:
            raise Refused(404, f"there are lists of: {', '.join(sorted(SUBJECTS))}")
        query, limit = query_of(request.query_params), _limit_of(request)
        found = await pool.ask(lambda: store.subjects(field, query, limit=limit))
        return answer(request, {"subjects": [subject_document(each) for each in found]})

    return [
        Route("/view/series", series),
        Route("/view/endpoints", endpoints),
        Route("/view/values", values),
        Route("/view/subjects/{field}", subjects),
    ]


def _limit_of(request: Request) -> int:
    return natural_of(request.query_params, "limit", ROWS, most=MOST_ROWS)


def _step_of(request: Request) -> int | None:
    """Return the step that is asked for, in microseconds."""
    step = natural_of(request.query_params, "step", 0, most=STEPS[-1])
    if step and step not in STEPS:
        raise Refused(400, f"step must be one of {', '.join(map(str, STEPS))} milliseconds")
    return step * 1_000 or None


def _series(store: Store, query: Query, step: int | None) -> dict[str, object]:
    until = time.time_ns() // 1_000 if query.until is None else query.until
    since = _oldest(store, until) if query.since is None else query.since
    if since >= until:
        raise Refused(400, "from must be before to")
    step = step or _fitting(until - since)
    times = range(since - since % step, until, step)
    if len(times) > MOST_POINTS:
        raise Refused(400, f"a chart has at most {MOST_POINTS} steps; choose a longer step")
    # The first step may be a part of one: what was before is in no list of the same time either.
    asked = Query(query.conditions, since, until)
    found = {each.time: each for each in store.series(asked, step=step)}
    points = [found.get(each) or Point(each, 0, 0, 0, None, None, None) for each in times]
    return {
        "step": step // 1_000,
        "from": milliseconds(since),
        "to": milliseconds(until),
        "points": [point_document(each) for each in points],
    }


def _oldest(store: Store, until: int) -> int:
    """Return where a chart of everything begins: at the oldest call, or a day ago."""
    oldest = store.size().oldest
    return until - _DAY if oldest is None or oldest >= until else oldest


def _fitting(span: int) -> int:
    """Return the shortest step that shows *span* in `POINTS` steps, one more for the edges."""
    fitting = (each * 1_000 for each in STEPS if span <= each * 1_000 * (POINTS - 1))
    return next(fitting, STEPS[-1] * 1_000)

"""Removing what must not be kept: of one user, or from before a moment."""

from __future__ import annotations

import math
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apilog.collector.store.protocol import Store
from apilog.collector.view.answers import answer
from apilog.collector.view.asking import small_object
from apilog.collector.view.pool import Pool
from apilog.collector.view.refused import Refused

_LAST: Final = 253_402_300_799_999  # the end of the year 9999, in milliseconds


def routes(store: Store, pool: Pool) -> list[Route]:
    """Return ``/view/purge``."""

    async def purge(request: Request) -> Response:
        user, before = _asked(await small_object(request))
        removed = await pool.ask(lambda: store.purge(user=user, before=before))
        return answer(request, {"removed": removed})

    return [Route("/view/purge", purge, methods=["POST"])]


def _asked(said: dict[str, Any]) -> tuple[str | None, int | None]:
    """Return the user or the moment, in microseconds; exactly one of them must be there."""
    user, before = said.get("user"), said.get("before")
    if said.keys() == {"user"} and isinstance(user, str) and user:
        return user, None
    if (
        said.keys() == {"before"}
        and isinstance(before, (int, float))
        and not isinstance(before, bool)
        and math.isfinite(before)
        and 0 <= before <= _LAST
    ):
        return None, round(before * 1_000)
    raise Refused(400, 'say {"user": "..."} or {"before": milliseconds}, and nothing else')

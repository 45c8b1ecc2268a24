"""Calls as a table: a call a row, without headers and bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Final

from apilog.collector.store.protocol import Row

Cell = str | int | float | None

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)


def iso(microseconds: int) -> str:
    """Return a time as ISO 8601 has it, UTC, with microseconds and ``Z``."""
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


COLUMNS: Final[Mapping[str, Callable[[Row], Cell]]] = {
    "time": lambda row: iso(row.time),
    "received": lambda row: iso(row.received),
    "id": lambda row: row.id,
    "source": lambda row: row.source,
    "method": lambda row: row.method,
    "host": lambda row: row.host,
    "route": lambda row: row.route,
    "path": lambda row: row.path,
    "query": lambda row: row.query,
    "status": lambda row: row.status,
    "duration_ms": lambda row: None if row.duration is None else row.duration / 1_000,
    "user": lambda row: row.user,
    "company": lambda row: row.company,
    "session": lambda row: row.session,
    "ip": lambda row: row.ip,
    "trace": lambda row: row.trace,
    "request_size": lambda row: row.request_size,
    "response_size": lambda row: row.response_size,
    "error": lambda row: row.error,
}
"""What stands in a row, by its heading."""

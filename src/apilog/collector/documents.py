"""The shapes of answers: milliseconds, where the store has microseconds; null, and ""."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apilog.collector.store.protocol import Endpoint, Point, Row, Subject


def milliseconds(microseconds: int | None) -> float | None:
    """Return a time or a duration as the API has it: at most three decimals."""
    return None if microseconds is None else microseconds / 1_000


def row_document(row: Row) -> dict[str, Any]:
    """Return a call as lists show it."""
    return {
        "id": row.id,
        "time": milliseconds(row.time),
        "received": milliseconds(row.received),
        "source": row.source,
        "method": row.method,
        "host": row.host,
        "route": row.route,
        "path": row.path,
        "query": row.query,
        "status": row.status,
        "duration": milliseconds(row.duration),
        "user": row.user,
        "company": row.company,
        "session": row.session,
        "ip": row.ip,
        "trace": row.trace,
        "request_size": row.request_size,
        "response_size": row.response_size,
        "error": row.error,
    }


def point_document(point: Point) -> Mapping[str, Any]:
    """Return a step of a chart."""
    return {"time": milliseconds(point.time), **_numbers(point)}


def endpoint_document(endpoint: Endpoint) -> Mapping[str, Any]:
    """Return what an endpoint did."""
    return {
        "method": endpoint.method,
        "route": endpoint.route,
        **_numbers(endpoint),
        "last": milliseconds(endpoint.last),
    }


def subject_document(subject: Subject) -> Mapping[str, Any]:
    """Return what a user, a company or a session did."""
    return {
        "id": subject.id,
        "count": subject.count,
        "errors": subject.errors,
        "first": milliseconds(subject.first),
        "last": milliseconds(subject.last),
    }


def _numbers(found: Point | Endpoint) -> Mapping[str, Any]:
    return {
        "count": found.count,
        "client_errors": found.client_errors,
        "server_errors": found.server_errors,
        "p50": milliseconds(found.p50),
        "p95": milliseconds(found.p95),
        "p99": milliseconds(found.p99),
    }

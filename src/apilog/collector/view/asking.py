"""Reading the parameters of a question: the filter, the time range, and bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request

from apilog.collector.filter_language import FilterError, parse
from apilog.collector.query import Query
from apilog.collector.view.refused import Refused

MAX_SMALL_BODY: Final = 4_096
"""Bytes of the body of a request that changes something."""

_MILLISECONDS: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,3})[0-9]*)?", re.ASCII)
_LAST: Final = 253_402_300_799_999  # the end of the year 9999, in milliseconds
_NATURAL: Final = re.compile(r"[0-9]{1,15}", re.ASCII)


def filter_of(parameters: Mapping[str, str]) -> Query:
    """Return what the filter ``q`` asks for, at whatever time.

    Raises:
        Refused: it is not in the filter language.
    """
    try:
        return Query(parse(parameters.get("q", "")))
    except FilterError as error:
        raise Refused(400, error.reason, at=error.at) from error


def query_of(parameters: Mapping[str, str]) -> Query:
    """Return what ``q``, ``from`` and ``to`` ask for.

    Raises:
        Refused: one of them cannot be read.
    """
    since, until = time_of(parameters, "from"), time_of(parameters, "to")
    return Query(filter_of(parameters).conditions, since, until)


def time_of(parameters: Mapping[str, str], name: str) -> int | None:
    """Return a parameter of milliseconds since 1970 in microseconds; None if it is not there."""
    text = parameters.get(name, "")
    if not text:
        return None
    match = _MILLISECONDS.fullmatch(text)
    if match is None or int(match[1]) > _LAST:
        raise Refused(400, f"{name} must be a number of milliseconds since 1970")
    return int(match[1]) * 1_000 + int((match[2] or "").ljust(3, "0"))


def natural_of(
    parameters: Mapping[str, str], name: str, default: int, *, least: int = 1, most: int
) -> int:
    """Return a parameter that is a whole number from *least* to *most*."""
    text = parameters.get(name, "")
    if not text:
        return default
    if not _NATURAL.fullmatch(text) or not least <= int(text) <= most:
        raise Refused(400, f"{name} must be a whole number from {least} to {most}")
    return int(text)


async def small_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that is the body of *request*.

    Raises:
        Refused: it is another thing, or over `MAX_SMALL_BODY`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_SMALL_BODY:
            raise Refused(413, f"the body is over {MAX_SMALL_BODY} bytes")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "the body is not JSON") from error
    if not isinstance(found, dict):
        raise Refused(400, "the body must be a JSON object")
    return found

"""What analytics systems are told of calls, and of pages: as calls, and as events of Moesif's.

Our own destinations tell such systems of an API call by its measures (``method``, ``route``,
``status``, ``duration_ms``, ``transaction_id`` and so on, flat and by these names); other clients
tell of pages and of events, which become calls with a method of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from apilog.collector.call import Call
from apilog.collector.protocols import moments, texts
from apilog.collector.protocols.event_call import MAX_SEARCHED, encoded_within

_VERB: Final = re.compile(r"[A-Za-z][A-Za-z-]{0,19}")


@dataclass(slots=True, kw_only=True)
class Told:
    """What a system was told, in common words; "" and None are for what was not said."""

    source: str
    kind: str
    """What it is if it is no API call: ``VIEW``, ``EVENT``, ``ERROR``."""
    name: str
    """Of the event, or where a page is."""
    received: Any
    """What came, without keys; it is kept whole."""
    time: int
    id: str = ""
    measures: Mapping[str, Any] = field(default_factory=dict)
    host: str = ""
    path: str = ""
    query: str = ""
    user: str = ""
    session: str = ""
    ip: str = ""
    agent: str = ""
    error: str = ""
    text: str = ""
    """What a search is to find besides what was received."""


def call_of(told: Told) -> Call:
    """Return what was *told* as a call.

    Raises:
        Refused: 400, it is nested too deep; 413, it is too large.
    """
    is_call = is_api_call(told.measures)
    measures = told.measures if is_call else {}
    duration = texts.measure(measures.get("duration_ms"))
    call = Call(
        id=told.id or moments.unique_id(told.time),
        time=told.time,
        source=told.source,
        method=texts.clean(measures["method"]).upper() if is_call else told.kind,
        host=texts.clean(told.host, 255).lower(),
        route=texts.clean(measures.get("route")) or texts.clean(told.name),
        path=texts.clean(told.path),
        query=texts.clean(told.query),
        status=_status(measures.get("status")),
        duration=None if duration is None else round(duration * 1_000),
        user=texts.identifier(told.user),
        company=texts.identifier(measures.get("company_id")),
        session=texts.identifier(measures.get("session") if is_call else told.session),
        ip=texts.clean(told.ip, 64),
        trace="",
        request_size=_whole(measures.get("request_size")),
        response_size=_whole(measures.get("response_size")),
        error=_error(measures) or texts.clean(told.error, 200),
        event=b"",
    )
    event = _event(call, told, measures)
    found = texts.clean(orjson.dumps(told.received).decode(), MAX_SEARCHED)
    text = "\n".join(filter(None, (told.text, found)))
    return replace(call, event=encoded_within(event, "an event of "), text=text)


def is_api_call(measures: Mapping[str, Any]) -> bool:
    """Say whether *measures* are those that our destinations tell of a call."""
    method, route = measures.get("method"), measures.get("route")
    return (
        isinstance(method, str)
        and _VERB.fullmatch(method) is not None
        and isinstance(route, str)
        and ("status" in measures or "status_class" in measures)
    )


def identity(measures: Mapping[str, Any]) -> str:
    """Return the id of the call that *measures* tell of; "" if they have none."""
    return texts.identifier(measures.get("transaction_id"))


def _event(call: Call, told: Told, measures: Mapping[str, Any]) -> dict[str, Any]:
    """Return *call* in the words of Moesif's event API."""
    place = f"{call.path}?{call.query}" if call.query else call.path
    own = {
        "route": call.route,
        "duration_ms": None if call.duration is None else call.duration / 1_000,
        "request_size": call.request_size,
        "response_size": call.response_size,
        "exception": call.error if call.error != "aborted" else None,
        "aborted": True if call.error == "aborted" else None,
    }
    request = {
        "time": moments.iso(call.time),
        "uri": f"http://{call.host}{place}" if call.host else place or "/",
        "verb": call.method,
        "headers": {"User-Agent": texts.clean(told.agent)} if told.agent else {},
        "ip_address": call.ip or None,
        "api_version": measures.get("api_version"),
    }
    event: dict[str, Any] = {"request": _without_none(request)}
    if call.status is not None:
        ended = call.time + (call.duration or 0)
        event["response"] = {"time": moments.iso(ended), "status": call.status, "headers": {}}
    event |= {
        "user_id": call.user or None,
        "company_id": call.company or None,
        "session_token": call.session or None,
        "weight": _whole(measures.get("weight")),
        "transaction_id": call.id,
        "metadata": {"apilog": _without_none(own), "received": told.received},
    }
    return _without_none(event)


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _status(value: Any) -> int | None:
    """Return the status; texts count, because Swetrix stores nothing else."""
    status = _whole(value)
    return status if status is not None and 0 < status < 1_000 else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        value = int(value) if value.isdecimal() and len(value) <= 15 else None
    return texts.natural(value)


def _error(measures: Mapping[str, Any]) -> str:
    exception = texts.clean(measures.get("exception"), 200)
    return exception or ("aborted" if measures.get("aborted") in (True, "true") else "")

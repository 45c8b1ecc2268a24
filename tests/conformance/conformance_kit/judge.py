"""What the event of a call has to say, worked out from what the bare app was seen to do."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import apilog
from conformance_kit.observation import Observation
from conformance_kit.scenario import (
    DJANGO,
    DJANGO_ASGI,
    FASTAPI,
    FLASK,
    HOST,
    RAW,
    Read,
    Scenario,
    SendFile,
)

ROUTES: Mapping[str, str | None] = {
    **dict.fromkeys(RAW, None),
    **dict.fromkeys((FLASK, FASTAPI), "/s/{rest}"),
    **dict.fromkeys(DJANGO, "/s/"),
}
"""The template of the one route that scenarios go through."""

LIMIT = 262_144
"""The default bound of a body."""


def complaint(
    event: apilog.Event,
    scenario: Scenario,
    seen: Observation,
    mounting: str,
    *,
    passed_over: frozenset[str] = frozenset(),
) -> str:
    """Return what is wrong with *event*, empty if nothing is; *passed_over* names what to skip."""
    return "; ".join(
        f"{name}: expected {expected!r}, the event has {found!r}"
        for name, expected, found in _points(event, scenario, seen, mounting)
        if expected != found and name not in passed_over
    )[:2000]


def _points(
    event: apilog.Event, scenario: Scenario, seen: Observation, mounting: str
) -> list[tuple[str, Any, Any]]:
    own: Any = event.metadata["apilog"]
    said = _said(scenario, mounting)
    request, response = scenario.request, event.response
    status = said.get("status", seen.status)
    path = said.get("uri", request.root + request.path)
    uri = f"http://{HOST}{path}" + (f"?{request.query}" if request.query else "")
    points = [
        ("verb", request.verb, event.request.verb),
        ("uri", uri, event.request.uri),
        ("status", status, response.status if response else None),
        ("aborted", said.get("aborted"), own.get("aborted")),
        ("exception", said.get("exception"), own.get("exception")),
        ("a duration", True, 0 <= own.get("duration_ms", -1) < said.get("milliseconds", 60_000)),
    ]
    sent, told = _comparable(scenario.headers), _comparable(event.request.headers.items())
    points.append(("request headers", sent, {name: told.get(name) for name in sent}))
    if request.path.startswith("/s/"):
        points.append(("route", said.get("route", ROUTES[mounting]), own.get("route")))
    told = {name: value for name, value in event.metadata.items() if name != "apilog"}
    points.append(("metadata", said.get("metadata", {}), told))
    if response is not None and "status" not in said:
        points.append(("response headers", _lines_of(seen.headers), _lines_in(response.headers)))
    if "request" in said:
        points.append(("request body", said["request"], _request_told(event)))
    elif not request.body:
        points.append(("request body", (None, None), _request_told(event)))
    elif isinstance(scenario.does, Read) and request.length is None:
        expected = _whole(request.body, _header(scenario, "content-type"), said.get("decoded"))
        points.append(("request body", expected, _request_told(event)))
        points.append(("request size", len(request.body), own.get("request_size")))
    if response is None or ("response" not in said and isinstance(scenario.does, SendFile)):
        return points
    if "response" in said:
        expected = said["response"]
    elif seen.content_encoding:
        return points
    elif said.get("cut", said.get("aborted", False)):
        expected = _cut(seen.body, seen.content_type)
    else:
        expected = _whole(seen.body, seen.content_type, None)
    found = (response.body, own.get("response_body_omitted"))
    points.append(("response body", expected, found))
    if found[1] != "file":
        size = said.get("response_size", len(seen.body))
        points.append(("response size", size, own.get("response_size", 0)))
        pieces = sum(1 for chunk in seen.chunks if chunk)
        if mounting != DJANGO_ASGI or len(seen.body) < LIMIT // 4:  # Django cuts long bodies itself
            points.append(("chunks", said.get("chunks", max(pieces, 1)), own.get("chunks", 1)))
    return points


def _said(scenario: Scenario, mounting: str) -> dict[str, Any]:
    said = {name: value for name, value in scenario.event.items() if not isinstance(name, tuple)}
    for names, values in scenario.event.items():
        if isinstance(names, tuple) and mounting in names:
            said.update(values)
    return said


def _comparable(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return header lines joined by name, without those that are masked.

    WSGI knows no underscores, and its servers join with or without a space.
    """
    lines: dict[str, str] = {}
    for name, value in headers:
        key = name.lower().replace("_", "-")
        if value and key not in ("authorization", "cookie"):
            lines[key] = f"{lines[key]},{value}" if key in lines else value.replace(", ", ",")
    return lines


def _lines_of(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Return what an event has to say of header lines; of cookies only how many there are."""
    names = {name.lower() for name, _ in headers}
    lines = {
        name: ", ".join(value for key, value in headers if key.lower() == name) for name in names
    }
    cookies = sum(1 for name, _ in headers if name.lower() == "set-cookie")
    return lines | ({"set-cookie": f"{cookies} cookies"} if cookies else {})


def _lines_in(headers: Mapping[str, str]) -> dict[str, str]:
    lines = {name.lower(): value for name, value in headers.items()}
    if "set-cookie" in lines:
        lines["set-cookie"] = f"{len(lines['set-cookie'].splitlines())} cookies"
    return lines


def _request_told(event: apilog.Event) -> tuple[Any, Any]:
    own: Any = event.metadata["apilog"]
    return event.request.body, own.get("request_body_omitted")


def _header(scenario: Scenario, name: str) -> str:
    return next((value for key, value in scenario.headers if key.lower() == name), "")


def _whole(body: bytes, content_type: str, decoded: bytes | None) -> tuple[Any, Any]:
    """Return what an event carries of a body that was seen from end to end."""
    body = body if decoded is None else decoded
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return None, None
    if len(body) > LIMIT:
        return None, "over_limit"
    if kind.endswith("json") and "ndjson" not in kind:
        return json.loads(body), None
    if kind.startswith("text/") or "ndjson" in kind or "urlencoded" in kind:
        with suppress(UnicodeDecodeError):
            return body.decode(), None
    return base64.b64encode(body).decode(), None


def _cut(body: bytes, content_type: str) -> tuple[Any, Any]:
    """Return what an event carries of a body that was not seen to its end: whole lines of text."""
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return None, None
    lines = body[: body.rfind(b"\n") + 1] if kind in ("text/plain", "text/event-stream") else b""
    return lines.decode() or None, "incomplete"

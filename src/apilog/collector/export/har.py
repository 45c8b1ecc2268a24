"""HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/: what browsers and proxies read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import orjson

from apilog._version import __version__
from apilog.collector.export.har_body import Body, body_of
from apilog.collector.export.table import iso
from apilog.collector.store.protocol import Whole

_HEAD: Final = (
    b'{"log":{"version":"1.2","creator":{"name":"apilog","version":'
    + orjson.dumps(__version__)
    + b'},"pages":[],"entries":['
)
_UNKNOWN: Final = -1
"""A size that nobody knows; the specification's own word."""

_MOST_PARAMETERS: Final = 1_000
_VERSION: Final = "HTTP/1.1"
"""Events do not say it, and the specification wants one."""


def har(calls: Iterable[Whole]) -> Iterator[bytes]:
    """Yield a HAR file in pieces, one a call."""
    yield _HEAD
    comma = b""
    for call in calls:
        yield comma + orjson.dumps(entry(call))
        comma = b",\n"
    yield b"]}}\n"


def entry(call: Whole) -> dict[str, Any]:
    """Return a call as an entry; an answer that never came has the status 0, as in browsers."""
    event = orjson.loads(call.event)
    own = _object(_object(event.get("metadata")).get("apilog"))
    request, response = _object(event.get("request")), _object(event.get("response"))
    total = (call.row.duration or 0) / 1_000
    found: dict[str, Any] = {
        "startedDateTime": iso(call.row.time),
        "time": total,
        "request": _request(call, request, own),
        "response": _response(call, response, own),
        "cache": {},
        "timings": _timings(total, own.get("ttfb_ms")),
        "_transaction_id": call.row.id,
    }
    identity = {"_route": call.row.route, "_user": call.row.user, "_company": call.row.company}
    found.update((name, value) for name, value in identity.items() if value)
    notes = [f"error: {call.row.error}"] if call.row.error else []
    notes += [] if response else ["there was no response"]
    if notes:
        found["comment"] = "; ".join(notes)
    return found


def _request(call: Whole, request: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    url = _url(call, request)
    headers = _headers(request)
    media_type = _media_type(headers)
    body = body_of(request, media_type)
    found = {
        "method": call.row.method,
        "url": url,
        "httpVersion": _VERSION,
        "cookies": [],
        "headers": headers,
        "queryString": _parameters(url),
        "headersSize": _UNKNOWN,
        "bodySize": _size(call.row.request_size, body),
    }
    left_out = own.get("request_body_omitted")
    if body is not None:
        data: dict[str, Any] = {"mimeType": media_type, "params": [], "text": body.text}
        if body.is_base64:  # not in the specification, and yet what readers know from content
            data |= {"encoding": "base64", "comment": "the text is base64"}
        found["postData"] = data
    elif left_out:
        found["postData"] = {"mimeType": media_type, "params": [], "text": "", **_note(left_out)}
    return found


def _response(call: Whole, response: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    headers = _headers(response)
    body = body_of(response, _media_type(headers))
    size = _size(call.row.response_size, body)
    content: dict[str, Any] = {"size": max(size, 0), "mimeType": _media_type(headers)}
    if body is not None:
        content["text"] = body.text
        content |= {"encoding": "base64"} if body.is_base64 else {}
    elif own.get("response_body_omitted"):
        content |= _note(own["response_body_omitted"])
    status = call.row.status or 0
    return {
        "status": status,
        "statusText": _phrase(status),
        "httpVersion": _VERSION,
        "cookies": [],
        "headers": headers,
        "content": content,
        "redirectURL": next(
            (each["value"] for each in headers if each["name"].lower() == "location"), ""
        ),
        "headersSize": _UNKNOWN,
        "bodySize": size,
    }


def _note(reason: object) -> dict[str, str]:
    return {"comment": f"the body was left out: {reason}", "_apilogLeftOut": str(reason)}


def _timings(total: float, ttfb: object) -> dict[str, float]:
    """Return parts that add up to *total*, milliseconds, as the specification wants them."""
    known = isinstance(ttfb, (int, float)) and not isinstance(ttfb, bool) and 0 <= ttfb <= total
    wait = float(ttfb) if known and isinstance(ttfb, (int, float)) else total
    return {"send": 0, "wait": wait, "receive": round(total - wait, 3)}


def _url(call: Whole, request: dict[str, Any]) -> str:
    """Return an absolute address, which the specification wants and not every protocol has."""
    uri = request.get("uri")
    if isinstance(uri, str) and "://" in uri:
        return uri
    path = quote(call.row.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{call.row.query}" if call.row.query else ""
    return f"http://{call.row.host or 'unknown.invalid'}{path}{query}"


def _headers(message: dict[str, Any]) -> list[dict[str, str]]:
    headers = _object(message.get("headers"))
    return [
        {"name": name, "value": value if isinstance(value, str) else orjson.dumps(value).decode()}
        for name, value in headers.items()
    ]


def _parameters(url: str) -> list[dict[str, str]]:
    try:
        found = parse_qsl(urlsplit(url).query, True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:  # too many, or an address in brackets that is none
        return []
    return [{"name": name, "value": value} for name, value in found]


def _media_type(headers: list[dict[str, str]]) -> str:
    found = (each["value"] for each in headers if each["name"].lower() == "content-type")
    return next(found, "")


def _size(known: int | None, body: Body | None) -> int:
    if known is not None:
        return known
    return _UNKNOWN if body is None else body.size


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

"""Umami as strict as it is: 3.1.0, 3.3.1, and ``next``, which is in development after that.

Answers follow those of real servers. What PostgreSQL refuses costs a 500, after the event's row is
stored: those rows are in `halves`.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

from servers import web_address
from servers.plain import Asked, Reply, Server
from servers.robots import is_robot

WEBSITE = "c8861a92-8899-418e-af74-c8bab41c9766"
DOMAIN = "shop.test"
VERSIONS = ("3.1.0", "3.3.1", "next")

_UUID = re.compile(
    r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|0{8}-(0{4}-){3}0{12}"
    r"|f{8}-(f{4}-){3}f{12}"
)
_TEXTS = {
    "hostname": 100, "language": 35, "screen": 11, "name": 50, "tag": 50, "title": None, "ip": None,
    "userAgent": None, "id": None, "browser": None, "os": None, "device": None, "url": None,
    "referrer": None,
}  # fmt: skip
_TEXTS_NEXT = {"hostname": 253, "title": 500, "ip": 64, "userAgent": 512, "id": 50, "browser": 20,
               "os": 20, "device": 20, "url": 2000, "referrer": 2000}  # fmt: skip
_TIMES = {"lcp": 60_000, "inp": 60_000, "fcp": 60_000, "ttfb": 60_000, "cls": 100}
_COLUMNS = {"id": 50, "browser": 20, "os": 20, "device": 20}
_CAMPAIGN = {
    "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "gclid", "fbclid",
    "msclkid", "ttclid", "li_fat_id", "twclid",
}  # fmt: skip
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?(Z|\+[0-9]{2}:[0-9]{2})?"
)


class Refused(Exception):
    """An item that is not taken."""

    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(status)
        self.reply = Reply(status, {"error": {"status": status, **error}})


def invalid(field: str, problem: str) -> Refused:
    properties = {"payload": {"errors": [], "properties": {field: {"errors": [problem]}}}}
    return Refused(400, message="Bad request", code="bad-request", errors=[], properties=properties)


def failed(problem: str) -> Refused:
    """Return what Umami answers when its database refuses."""
    cause = {"name": "PrismaClientUnknownRequestError", "message": problem, "stack": "at ..."}
    return Refused(500, message="Server error", code="server-error", errorObject=cause)


class Umami(Server):
    """One Umami with one website."""

    def __init__(
        self, version: str = "3.1.0", *, items_a_window: int | None = None, window: float = 60.0
    ) -> None:
        super().__init__()
        assert version in VERSIONS
        self.version = version
        self.websites = {WEBSITE: DOMAIN}
        self.stored: list[dict[str, Any]] = []
        """Items that are stored whole."""
        self.halves: list[dict[str, Any]] = []
        """Items that the database refused."""
        self.bots: list[dict[str, Any]] = []
        """Items that were turned away without a word."""
        self.ignored_ips: set[str] = set()
        self.most_items = {"3.1.0": 1_000_000, "3.3.1": 500, "next": 20}[version]
        self.too_many = 0
        """Requests that were answered with 429."""
        self._limit = items_a_window or (1_200 if version == "next" else None)
        self._window = window
        self._items = 0
        self._until = 0.0
        self.trouble: Refused | None = None
        """What every item fares, if it is set."""

    @property
    def is_next(self) -> bool:
        return self.version == "next"

    def answer(self, asked: Asked) -> Reply:
        if asked.path in ("/api/send/", "/api/batch/"):
            return Reply(308, headers={"Location": asked.path.rstrip("/")})
        if asked.path not in ("/api/send", "/api/batch"):
            return Reply(404, body=b"<!DOCTYPE html>")
        if asked.verb != "POST":
            return Reply(204 if asked.verb == "OPTIONS" else 405)
        try:
            said = json.loads(asked.body.decode(errors="replace"), parse_constant=_no_constant)
        except ValueError:
            return Refused(400, message="Bad request", code="bad-request").reply
        if asked.path == "/api/batch":
            return self._batch(asked, said)
        if self.is_next and len(asked.body) > 128 * 1024:
            return Reply(413, {"error": {"status": 413, "message": "Payload too large"}})
        return self._too_many(1) or self._reply(asked, said)

    def _too_many(self, items: int) -> Reply | None:
        """Count *items*, all of one address; refuse them if its limit is used up."""
        if self._limit is None:
            return None
        if time.monotonic() >= self._until:
            self._until = time.monotonic() + self._window
            self._items = 0
        self._items += items
        if self._items <= self._limit:
            return None
        self.too_many += 1
        problem = {"message": "Too many requests", "code": "too-many-requests", "status": 429}
        left = max(1, math.ceil(self._until - time.monotonic()))
        return Reply(429, {"error": problem}, {"Retry-After": str(left)})

    def _batch(self, asked: Asked, said: Any) -> Reply:
        limit = 10_485_760 if not self.is_next else 1_048_576
        if len(asked.body) > limit:
            return Reply(413, {"error": {"status": 413, "message": "Payload too large"}})
        if not isinstance(said, list) or not all(isinstance(item, dict) for item in said):
            problem = "Invalid input: expected array"
            return Refused(400, message="Bad request", code="bad-request", errors=[problem]).reply
        if len(said) > self.most_items or (self.is_next and not said):
            problem = f"Too big: expected array to have <={self.most_items} items"
            return Refused(400, message="Bad request", code="bad-request", errors=[problem]).reply
        if (refusal := self._too_many(len(said))) is not None:
            return refusal
        details = []
        cache = None
        for index, item in enumerate(said):
            reply = self._reply(asked, item)
            if reply.status >= 300:
                details.append({"index": index, "response": reply.document})
            elif cache is None and reply.document:
                cache = reply.document.get("cache")
        answer = {
            "size": len(said),
            "processed": len(said) - len(details),
            "errors": len(details),
            "details": details,
        }
        return Reply(200, answer if cache is None else {**answer, "cache": cache})

    def _reply(self, asked: Asked, item: Any) -> Reply:
        try:
            return self._take(asked, item)
        except Refused as refused:
            return refused.reply

    def _take(self, asked: Asked, item: Any) -> Reply:
        if self.trouble is not None:
            raise self.trouble
        if not isinstance(item, dict) or item.get("type") not in (
            "event",
            "identify",
            "performance",
        ):
            raise Refused(400, message="Bad request", code="bad-request", errors=["type"])
        payload = item.get("payload")
        if not isinstance(payload, dict):
            raise invalid("payload", "Invalid input: expected object")
        self._check(payload)
        if payload["website"] not in self.websites:
            missing = "Tracking source not found." if self.is_next else "Website not found."
            raise Refused(400, message=missing, code="bad-request")
        if self.is_next:
            self._check_host(payload)
        agent = payload.get("userAgent") or asked.headers.get("user-agent", "")
        if is_robot(agent):
            self.bots.append(item)
            return Reply(200, {"beep": "boop"})
        if (payload.get("ip") or "127.0.0.1") in self.ignored_ips:
            if self.is_next:
                return Reply(204)
            raise Refused(403, message="Forbidden", code="forbidden")
        self._store(item, payload)
        said = {"cache": "e30.e30.e30"}
        return Reply(
            200, said if self.is_next else {**said, "sessionId": WEBSITE, "visitId": WEBSITE}
        )

    def _check(self, payload: dict[str, Any]) -> None:
        """Do what the schema does."""
        sources = [payload[name] for name in ("website", "link", "pixel") if name in payload]
        if len(sources) != 1 or not isinstance(payload.get("website"), str):
            raise invalid("website", "Exactly one of website, link, or pixel must be provided")
        if not _UUID.fullmatch(payload["website"]):
            raise invalid("website", "Invalid UUID")
        for name, limit in {**_TEXTS, **(_TEXTS_NEXT if self.is_next else {})}.items():
            if name not in payload:
                continue
            value = payload[name]
            if not isinstance(value, str):
                raise invalid(name, "Invalid input: expected string")
            if limit is not None and units(value) > limit:
                raise invalid(name, f"Too big: expected string to have <={limit} characters")
        for name in ("url", "referrer"):
            if name in payload:
                self._check_address(name, payload[name])
        for name, most in _TIMES.items():
            value = payload.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value > most:
                raise invalid(name, f"Invalid input: expected number <={most}")
        if "timestamp" in payload:
            self._check_time(payload["timestamp"])
        if "data" in payload and not isinstance(payload["data"], dict):
            raise invalid("data", "Invalid input: expected object")
        if self.is_next:
            for name in ("name", "tag"):
                if re.match(r"[=+\-@\x00-\x1f\x7f]", payload.get(name, "")):
                    raise invalid(
                        name, "Value must not start with =, +, -, @ or a control character"
                    )
            data = payload.get("data", {})
            problem = next(chain(data_problems(data), stored_data_problems(data)), None)
            if problem:
                raise invalid("data", problem)

    def _check_address(self, name: str, value: str) -> None:
        try:
            found = web_address.parsed(value)
        except ValueError:
            raise invalid(name, "Invalid URL") from None
        if self.is_next and (len(found.path) > 500 or len(found.query) > 500 or found.user):
            raise invalid(name, "Too big: expected path and query to have <=500 characters")

    def _check_time(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
            raise invalid("timestamp", "Invalid input: expected int")
        if self.is_next and not -30 * 86_400 <= value - time.time() <= 300:
            raise invalid("timestamp", "Timestamp is out of range")

    def _check_host(self, payload: dict[str, Any]) -> None:
        given = payload.get("hostname", "")
        if given.lower().removeprefix("www.") != self.websites[payload["website"]]:
            raise invalid("hostname", "Hostname does not match the website's domain")

    def _store(self, item: dict[str, Any], payload: dict[str, Any]) -> None:
        """Do what PostgreSQL does, the event's own row first."""
        try:
            base = payload.get("hostname") or "localhost"
            web_address.parsed("/", base)
            found = web_address.parsed(payload.get("url", "/"), base)
        except ValueError as error:
            raise failed(str(error)) from None
        columns = {
            "path": web_address.decoded(found.path)[:500],
            "title": web_address.decoded_component(payload.get("title", ""))[:500],
            **{name: payload.get(name, "") for name in ("name", "tag", "language", "screen", "id")},
        }
        for name, value in columns.items():
            if "\0" in value:
                raise failed(f"{name}: invalid byte sequence for encoding UTF8: 0x00")
            if units(value) > _COLUMNS.get(name, 500):
                raise failed(f"{name}: value too long for type character varying")
        for name, value in parse_qsl(found.query, keep_blank_values=True):
            if name in _CAMPAIGN and ((units(value) > 255 and not self.is_next) or "\0" in value):
                raise failed(f"{name}: value too long for type character varying(255)")
        for problem in stored_data_problems(payload.get("data", {})):
            self.halves.append(item)
            raise failed(problem)
        self.stored.append(item)


def units(text: str) -> int:
    """Return how long JavaScript finds *text*."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def stored_data_problems(value: dict[str, Any], above: str = "") -> Iterator[str]:
    """Give what PostgreSQL refuses in data."""
    for name, each in value.items():
        key = f"{above}.{name}" if above else name
        if units(key) > 500 or "\0" in key:
            yield "data_key: value too long, or NUL"
        if isinstance(each, dict):
            yield from stored_data_problems(each, key)
        elif isinstance(each, list) or each is None:
            if units(json.dumps(each, ensure_ascii=False)) > 500 or "\\u0000" in json.dumps(each):
                yield "string_value: value too long, or NUL"
        elif isinstance(each, str):
            if units(each) > 500 or "\0" in each:
                yield "string_value: value too long, or NUL"
            if _DATE.fullmatch(each) and not is_date(each):
                yield "RangeError: Invalid time value"
        elif not isinstance(each, bool) and abs(each) >= 10**15:
            yield "number_value: numeric field overflow"


def keys_in_all(value: Any) -> int:
    """Count the keys of *value* and of all objects in it."""
    if isinstance(value, dict):
        return len(value) + sum(map(keys_in_all, value.values()))
    return sum(map(keys_in_all, value)) if isinstance(value, list) else 0


def data_problems(value: Any, depth: int = 1) -> Iterator[str]:
    """Give what the newest schema refuses in data."""
    if depth == 1 and keys_in_all(value) > 100:
        yield "too many keys in all"
    if isinstance(value, dict):
        if len(value) > 50 or depth > 5:
            yield "too many keys, or too deep"
        for name, each in value.items():
            if units(name) > 90:
                yield "a key is too long"
            yield from data_problems(each, depth + 1)
    elif isinstance(value, list):
        if len(value) > 50:
            yield "an array is too long"
        for each in value:
            yield from data_problems(each, depth + 1)
    elif isinstance(value, str) and units(value) > 500:
        yield "a string is too long"
    elif isinstance(value, (int, float)) and abs(value) > 999_999_999_999_999:
        yield "a number is too large"


def is_date(text: str) -> bool:
    """Say whether ``new Date(text)`` is one."""
    try:
        datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=timezone.utc)
    except ValueError:
        return False
    return True


def _no_constant(name: str) -> Any:
    raise ValueError(name)

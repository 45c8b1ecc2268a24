"""An event collection API, as https://docs.conscent.ai/events-api-docs has it, and stricter."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from servers.plain import Asked, Reply, Server

EVENT_TYPES = frozenset(
    {"PING", "CLICK", "EXIT", "VIEW", "PURCHASE", "TRANSACTION", "REGISTRATION", "VALIDATION"}
)
LARGEST_BODY = 1_048_576


class CollectEvent(Server):
    """Takes what *event_types* has; None for any."""

    def __init__(
        self,
        event_types: frozenset[str] | None = None,
        *,
        requests_a_window: int | None = None,
        window: float = 1.0,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        super().__init__()
        self.event_types = event_types
        self.stored: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        """The headers object of each batch, under either spelling."""
        self.too_many = 0
        """Requests that were answered with 429."""
        self.largest_body = largest_body
        self._limit = requests_a_window
        self._window = window
        self._used = 0
        self._reset = 0.0

    def answer(self, asked: Asked) -> Reply:
        if asked.path != "/collect/event":
            return _error(404, f"Cannot {asked.verb} it")
        if asked.verb != "POST":
            return _error(405, "Method Not Allowed")
        limits = self._count()
        if limits is not None and limits["X-RateLimit-Remaining"] == "-1":
            self.too_many += 1
            limits["X-RateLimit-Remaining"] = "0"
            return Reply(429, {"message": "Too Many Requests", "statusCode": 429}, limits)
        reply = self._take(asked)
        return Reply(reply.status, reply.document, limits or {})

    def _count(self) -> dict[str, str] | None:
        if self._limit is None:
            return None
        if time.time() >= self._reset:
            self._reset = float(math.ceil(time.time() + self._window))
            self._used = 0
        self._used += 1
        return {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(max(-1, self._limit - self._used)),
            "X-RateLimit-Reset": f"{self._reset:.0f}",
        }

    def _take(self, asked: Asked) -> Reply:
        if len(asked.body) > self.largest_body:
            return _error(413, "request entity too large")
        if asked.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _error(400, "messageBody should not be empty")
        try:
            said = json.loads(asked.body.decode(), parse_constant=_no_constant)
        except ValueError:
            return _error(400, "Unexpected token in JSON")
        events = said.get("messageBody") if isinstance(said, dict) else None
        if not isinstance(events, list) or not events or len(said) > 2:
            return _error(400, "messageBody should not be empty")
        headers = said.get("messageHeaders", said.get("messageheader", {}))
        if not isinstance(headers, dict):
            return _error(400, "messageHeaders must be an object")
        for event in events:
            problem = self._problem(event)
            if problem:
                return _error(400, problem)
        self.stored += events
        self.headers.append(headers)
        return Reply(201, [{"headers": {}, "value": '{"pingId": "uuid"}'} for _ in events])

    def _problem(self, event: Any) -> str:
        if not isinstance(event, dict) or not isinstance(event.get("eventType"), str):
            return "invalid event type"
        if self.event_types is not None and event["eventType"] not in self.event_types:
            return "invalid event type"
        if "\\u0000" in json.dumps(event):
            return "invalid text"
        for value in event.values():
            if isinstance(value, (dict, list)) or value is None:
                return "properties must be primitives"
            if isinstance(value, (int, float)) and abs(value) >= 10**15:
                return "numbers must be safe"
            if isinstance(value, str) and (len(value) > 1_000 or not _is_text(value)):
                return "texts must be shorter than or equal to 1000 characters"
        return "too many properties" if len(event) > 100 else ""


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"error": "Bad Request", "message": message, "statusCode": status})


def _is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _no_constant(name: str) -> Any:
    raise ValueError(name)

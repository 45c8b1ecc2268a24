"""Moesif's collector API v1, as strict as its documents and its own clients let one see."""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from servers.plain import PATIENCE, Asked, Reply, Server

SHORTEST_KEY = 50
MEBIBYTE = 1_048_576
BATCH_BYTES = {"events": 50 * MEBIBYTE, "actions": 15 * MEBIBYTE}
"""Bytes of a batch at most, uncompressed; 12 MB where nothing else is said."""
EVENT_BYTES = MEBIBYTE
OLDEST = timedelta(days=30)
STATUSES = {"active", "cancelled", "paused", "trialing", "pending", "draft", "future"}
_TEXTS_OF_ALL = ("user_id", "company_id", "subscription_id", "session_token")
IDS = {"users": "user_id", "companies": "company_id", "subscriptions": "subscription_id"}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class Refused(Exception):
    """What is wrong with a request."""


class Moesif(Server):
    """Remember events once by their id, and what is told of users, companies and subscriptions."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.actions: list[dict[str, Any]] = []
        self.profiles: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in IDS}
        self.duplicates = 0
        self.refusals: list[str] = []
        self.posts: Counter[str] = Counter()
        self.missing: set[str] = set()
        """Paths that this server does not have."""
        self.failing: dict[str, Reply] = {}
        """What is answered to requests for a path instead."""
        self.gates: dict[str, threading.Event] = {}
        """Until it is set, nobody gets an answer to requests for that path."""
        self.held: Counter[str] = Counter()
        """How many of them there were, by path."""
        self.config: Any = {}
        self.config_tag: str | None = "config-1"
        self.rules: Any = []
        self.rules_tag: str | None = "rules-1"
        self.config_gate = threading.Event()
        """Until it is set, nobody gets an answer to ``/v1/config``."""
        self.config_gate.set()
        self.rules_gate = threading.Event()
        """The same for ``/v1/rules``."""
        self.rules_gate.set()
        self.config_asked: list[str | None] = []
        """``If-None-Match`` of each request for the configuration."""
        self.rules_asked: list[str | None] = []
        self.checks_age = True
        self._changed = threading.Condition()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition*, about what was asked, holds."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), dict(self.posts)

    def handle(self, asked: Asked) -> Reply:
        if asked.verb == "GET" and asked.path == "/v1/config":
            with self._changed:
                self.config_asked.append(asked.headers.get("if-none-match"))
                self._changed.notify_all()
            assert self.config_gate.wait(PATIENCE)
        if asked.verb == "GET" and asked.path == "/v1/rules":
            with self._changed:
                self.rules_asked.append(asked.headers.get("if-none-match"))
                self._changed.notify_all()
            assert self.rules_gate.wait(PATIENCE)
        gate = self.gates.get(asked.path)
        if gate is not None:
            with self._changed:
                self.held[asked.path] += 1
                self._changed.notify_all()
            gate.wait(PATIENCE)
        reply = super().handle(asked)
        with self._changed:
            self._changed.notify_all()
        return reply

    def answer(self, asked: Asked) -> Reply:
        if len(asked.headers.get("x-moesif-application-id", "")) < SHORTEST_KEY:
            return Reply(401, {"error": "Unauthorized"})
        if asked.path in self.missing:
            return Reply(404)
        self.posts[asked.path] += asked.verb == "POST"
        if asked.path in self.failing:
            return self.failing[asked.path]
        if asked.verb == "GET":
            return self._document(asked)
        try:
            self._take(asked)
        except Refused as refusal:
            self.refusals.append(f"{asked.path}: {refusal}")
            return Reply(400, {"error": str(refusal)})
        return Reply(201, headers=self._tags())

    def _tags(self) -> dict[str, str]:
        tags = {"X-Moesif-Config-ETag": self.config_tag, "X-Moesif-Rules-Tag": self.rules_tag}
        return {name: tag for name, tag in tags.items() if tag is not None}

    def _document(self, asked: Asked) -> Reply:
        known = asked.headers.get("if-none-match")
        if asked.path == "/v1/config":
            document, tag, name = self.config, self.config_tag, "X-Moesif-Config-ETag"
        elif asked.path == "/v1/rules":
            document, tag, name = self.rules, self.rules_tag, "X-Moesif-Rules-Tag"
        else:
            return Reply(404)
        headers = {} if tag is None else {name: tag}
        if tag is not None and tag == known:
            return Reply(304, headers=headers)
        if isinstance(document, bytes):
            return Reply(200, headers=headers, body=document)
        return Reply(200, document, headers)

    def _take(self, asked: Asked) -> None:
        found = re.fullmatch(
            r"/v1/(events|actions|users|companies|subscriptions)(/batch)?", asked.path
        )
        if asked.verb != "POST" or found is None:
            raise Refused("no such place")
        if asked.headers.get("content-type", "").split(";")[0] != "application/json":
            raise Refused("Content-Type")
        kind, is_batch = found[1], found[2] is not None
        text = _inflated(asked)
        if len(text) > BATCH_BYTES.get(kind, 12_000_000):
            raise Refused("batch too large")
        try:
            document = json.loads(text, parse_constant=_no_constant)
        except ValueError as error:
            raise Refused("not JSON") from error
        if isinstance(document, list) is not is_batch:
            raise Refused("an array is for batches")
        items = document if is_batch else [document]
        checks = {"events": self._check_event, "actions": _check_action}
        for item in items:
            checks.get(kind, _check_profile(kind))(item)
        for item in items:
            self._keep(kind, item)

    def _check_event(self, event: Any) -> None:
        _object(event, "event")
        if len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()) > EVENT_BYTES:
            raise Refused("event too large")
        request = _object(event.get("request"), "request")
        self._check_time(request.get("time"), "request.time")
        _uri(request.get("uri"), "request.uri")
        _text(request.get("verb"), "request.verb")
        _headers(request.get("headers"), "request.headers")
        _body(request, "request")
        response = event.get("response")
        if response is not None:
            _object(response, "response")
            self._check_time(response.get("time"), "response.time")
            if type(response.get("status")) is not int:
                raise Refused("response.status")
            _headers(response.get("headers"), "response.headers")
            _body(response, "response")
        for name in (*_TEXTS_OF_ALL, "blocked_by", "tags", "action_name", "trace_id"):
            _optional_text(event.get(name), name)
        for name in ("api_version", "ip_address"):
            _optional_text(request.get(name), f"request.{name}")
        if event.get("span") is not None:
            _object(event["span"], "span")
        if event.get("metadata") is not None:
            _object(event["metadata"], "metadata")
        if event.get("direction") not in (None, "Incoming", "Outgoing", "Internal"):
            raise Refused("direction")
        weight = event.get("weight", 1)
        if weight is not None and (type(weight) is not int or weight < 1):
            raise Refused("weight")
        _identity(event)

    def _check_time(self, value: Any, name: str) -> None:
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            raise Refused(name)
        try:
            moment = datetime.fromisoformat(value[:19]).replace(tzinfo=timezone.utc)
        except ValueError as error:
            raise Refused(name) from error
        if self.checks_age and datetime.now(timezone.utc) - moment > OLDEST:
            raise Refused(f"{name}: too old")

    def _keep(self, kind: str, item: dict[str, Any]) -> None:
        if kind in IDS:
            known = self.profiles[kind].setdefault(item[IDS[kind]], {})
            _merge(known, item)
            return
        kept = self.events if kind == "events" else self.actions
        identity = item.get("transaction_id")
        if identity is not None and any(each.get("transaction_id") == identity for each in kept):
            self.duplicates += 1
        else:
            kept.append(item)


def _inflated(asked: Asked) -> bytes:
    encoding = asked.headers.get("content-encoding")
    if encoding is None:
        return asked.body
    if encoding != "gzip":
        raise Refused("Content-Encoding")
    try:
        return gzip.decompress(asked.body)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused("not gzip") from error


def _check_profile(kind: str) -> Callable[[Any], None]:
    def check(profile: Any) -> None:
        _object(profile, kind)
        _text(profile.get(IDS[kind]), IDS[kind])
        _optional_text(profile.get("company_id"), "company_id")
        for name in ("user_agent_string", "session_token", "ip_address", "company_domain"):
            _optional_text(profile.get(name), name)
        _moments(profile, "modified_time")
        for name in ("metadata", "campaign"):
            if profile.get(name) is not None:
                _object(profile[name], name)
        if kind == "subscriptions":
            _text(profile.get("company_id"), "company_id")
            if profile.get("status") not in STATUSES:
                raise Refused("status")
            _moments(profile, "current_period_start", "current_period_end")
            _items(profile.get("items"))

    return check


def _check_action(action: Any) -> None:
    _object(action, "action")
    _text(action.get("action_name"), "action_name")
    request = _object(action.get("request"), "request")
    _uri(request.get("uri"), "request.uri")
    _moments(request, "time")
    for name in ("ip_address", "user_agent_string"):
        _optional_text(request.get(name), f"request.{name}")
    for name in _TEXTS_OF_ALL:
        _optional_text(action.get(name), name)
    if action.get("metadata") is not None:
        _object(action["metadata"], "metadata")
    _identity(action)


def _identity(item: Mapping[str, Any]) -> None:
    identity = item.get("transaction_id")
    if identity is not None and not (isinstance(identity, str) and _UUID.fullmatch(identity)):
        raise Refused("transaction_id")


def _moments(item: Mapping[str, Any], *names: str) -> None:
    for name in names:
        moment = item.get(name)
        if moment is not None and not (isinstance(moment, str) and _TIME.fullmatch(moment)):
            raise Refused(name)


def _items(items: Any) -> None:
    for each in [] if items is None else items if isinstance(items, list) else [None]:
        _text(_object(each, "items").get("plan_id"), "items.plan_id")


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{name}: no object")
    return value


def _text(value: Any, name: str) -> None:
    if not isinstance(value, str) or not value:
        raise Refused(name)


def _optional_text(value: Any, name: str) -> None:
    if value is not None and not isinstance(value, str):
        raise Refused(name)


def _uri(value: Any, name: str) -> None:
    _text(value, name)
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise Refused(name) from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Refused(f"{name}: not absolute")
    if len(parse_qsl(parts.query, keep_blank_values=True)) > 500:
        raise Refused(f"{name}: too many parameters")


def _headers(value: Any, name: str) -> None:
    headers: Mapping[Any, Any] = _object(value, name)
    if not all(isinstance(each, str) for each in headers.values()):
        raise Refused(f"{name}: not a map of strings")


def _body(message: Mapping[str, Any], name: str) -> None:
    encoding = message.get("transfer_encoding")
    if encoding not in (None, "", "json", "base64"):
        raise Refused(f"{name}.transfer_encoding")
    if encoding == "base64":
        try:
            base64.b64decode(message.get("body", ""), validate=True)
        except (ValueError, TypeError) as error:
            raise Refused(f"{name}.body: not base64") from error


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _merge(known: dict[str, Any], news: Mapping[str, Any]) -> None:
    for name, value in news.items():
        if isinstance(value, dict) and isinstance(known.get(name), dict):
            _merge(known[name], value)
        else:
            known[name] = value

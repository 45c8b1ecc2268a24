"""Swetrix as strict as it is: the community edition, and what the cloud adds.

It takes one call a request, and stores nothing of what it finds to be a robot's: that it answers
with success, too.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any
from urllib.parse import unquote

from servers.plain import Asked, Reply, Server
from servers.robots import is_robot

PROJECT = "aUn1quEid-3x"

_PROJECT_ID = re.compile(r"(?!.*--)[a-zA-Z0-9-]{12}")
_BODY = 100 * 1024
_FIVE_MINUTES = 300_000
_PERF = ("dns", "tls", "conn", "response", "render", "dom_load", "page_load", "ttfb")
_MANNERS = ("accept", "accept-language", "accept-encoding")
_PROBES = re.compile(r"(?i)/wp-|/\.env|/\.git|\.php$|/etc/passwd")
_SPAM = re.compile(r"(?i)semalt|buttons-for-website|free-share")
_LOCALE = re.compile(r"[A-Za-z]{2,4}([_-][A-Za-z]{4})?([_-]([A-Za-z]{2}|[0-9]{3}))?")
_TEXTS = ("pg", "lc", "tz", "ref", "so", "me", "ca", "te", "co")
_PATHS = {"/log": "pageview", "/log/custom": "custom", "/log/error": "error", "/log/hb": "beat"}

ROBOT = {"message": "Bot traffic detected, request is ignored"}


class Refused(Exception):
    """A call that is not taken."""

    def __init__(self, status: int, message: Any, error: str = "Bad Request") -> None:
        super().__init__(status)
        self.reply = Reply(status, {"message": message, "error": error, "statusCode": status})


class Swetrix(Server):
    """One Swetrix with one project."""

    def __init__(self) -> None:
        super().__init__()
        self.projects = {PROJECT}
        self.stored: list[tuple[str, dict[str, Any]]] = []
        """What is stored: what it is (``custom``, ``pageview``, ``error``), and its body."""
        self.robots: list[dict[str, Any]] = []
        """What was turned away without a word."""
        self.beats: list[dict[str, Any]] = []
        self.sessions: set[str] = set()
        self.is_strict = True
        self.is_disabled = False
        self.is_suspended = False
        self.blocked_addresses: set[str] = set()
        self.origins: set[str] = set()
        self.poison: str | None = None
        """The text in a body over which the server fails."""
        self.slow_down: Reply | None = None
        """The answer to everything, if it is set."""

    def stored_as(self, what: str) -> list[dict[str, Any]]:
        return [body for kind, body in list(self.stored) if kind == what]

    def answer(self, asked: Asked) -> Reply:
        if self.slow_down is not None:
            return self.slow_down
        what = _PATHS.get(asked.path.removeprefix("/v1").rstrip("/"))
        if what is None or asked.verb != "POST":
            return Reply(404, {"message": f"Cannot {asked.verb} {asked.path}", "statusCode": 404})
        try:
            body = _body(asked)
            if self.poison is not None and self.poison in json.dumps(body):
                raise Refused(500, "Internal server error", "")
            return self._take(what, body, asked)
        except Refused as refused:
            return refused.reply

    def _take(self, what: str, body: dict[str, Any], asked: Asked) -> Reply:
        problems = _problems(what, body)
        if problems:
            raise Refused(400, problems)
        if body["pid"] not in self.projects:
            raise Refused(404, "The project does not exist", "Not Found")
        if self.is_suspended:
            raise Refused(402, "The account is suspended", "Payment Required")
        address = asked.headers.get("x-forwarded-for", "127.0.0.1").split(",")[0].strip()
        if address in self.blocked_addresses:
            raise Refused(400, "Incoming analytics is disabled for this IP address")
        if self.is_disabled:
            raise Refused(400, "Incoming analytics is disabled for this project")
        if "origin" in asked.headers and asked.headers["origin"] not in self.origins:
            raise Refused(400, "This origin is prohibited by the project's origins policy")
        if self._is_robot(body, asked):
            self.robots.append(body)
            return Reply(201, ROBOT)
        if isinstance(body.get("pg", ""), (int, float)):
            raise Refused(500, "Internal server error", "")
        session = str(body.get("profileId") or f"{address} {asked.headers.get('user-agent')}")
        if what == "beat":
            if session not in self.sessions:
                raise Refused(403, "The Heartbeat request is invalid", "Forbidden")
            self.beats.append(body)
            return Reply(201, {})
        if what == "pageview" and body.get("unique") and session in self.sessions:
            raise Refused(403, "The event was not saved because it was not unique", "Forbidden")
        self.sessions.add(session)
        self.stored.append((what, body))
        return Reply(201, {})

    def _is_robot(self, body: dict[str, Any], asked: Asked) -> bool:
        agent = asked.headers.get("user-agent", "")
        if is_robot(agent):
            return True
        if not self.is_strict:
            return False
        missing = sum(1 for name in _MANNERS if not asked.headers.get(name))
        probed = _PROBES.search(unquote(str(body.get("pg", ""))))
        return missing >= 2 or bool(probed or _SPAM.search(str(body.get("ref", ""))))


def _body(asked: Asked) -> dict[str, Any]:
    content = asked.body
    encoding = asked.headers.get("content-encoding", "identity")
    if encoding in ("gzip", "deflate"):
        content = zlib.decompress(content, 47)
    elif encoding != "identity":
        raise Refused(415, f'unsupported content encoding "{encoding}"', "Unsupported Media Type")
    if len(content) > _BODY:
        raise Refused(413, "request entity too large", "")
    if asked.headers.get("content-type", "").partition(";")[0] != "application/json":
        return {}
    try:
        body = json.loads(content.decode(), parse_constant=_no_constant)
    except ValueError as error:
        raise Refused(400, f"{error}") from None
    return body if isinstance(body, dict) else {}


def _problems(what: str, body: dict[str, Any]) -> list[str]:
    """Give what the checks of all fields find."""
    found: list[str] = []
    if not isinstance(body.get("pid"), str) or not _PROJECT_ID.fullmatch(body["pid"]):
        found.append("The provided Project ID (pid) is incorrect")
    if what == "beat":
        return found
    texts: dict[str, int | None] = dict.fromkeys(_TEXTS)
    texts |= {"profileId": 256, "qs": 2_048}
    if what == "pageview":
        del texts["pg"]  # a number gets through the checks, and fails behind them
    if what == "custom":
        texts["ev"] = 256
        if not body.get("ev"):
            found.append("ev should not be empty")
    if what == "error":
        texts |= {"name": 200, "message": 2_000, "filename": 1_000, "stackTrace": 7_500}
        del texts["qs"]
        found += [
            f"{name} must be a number"
            for name in ("lineno", "colno")
            if not isinstance(body.get(name, 0), (int, float))
        ]
        if not body.get("name"):
            found.append("name should not be empty")
    for name, limit in texts.items():
        if body.get(name) is None:
            continue
        if not isinstance(body[name], str):
            found.append(f"{name} must be a string")
        elif limit is not None and units(body[name]) > limit:
            found.append(f"{name} must be shorter than or equal to {limit} characters")
    return found + _problems_of_meta(body.get("meta"))


def _problems_of_meta(meta: Any) -> list[str]:
    if meta is None:
        return []
    if not isinstance(meta, dict):
        return ["meta must be an object"]
    found = []
    if len(meta) > 100:
        found.append("Metadata object can't have more than 100 keys")
    if any(isinstance(value, (dict, list)) for value in meta.values()):
        found.append("All of metadata object values must be primitive JSON values")
    if sum(units(key) + units(as_text(value)) for key, value in meta.items()) > 2_000:
        found.append("Metadata object can't have keys and values with total length more than 2000")
    return found


def as_text(value: Any) -> str:
    """Return *value* as JavaScript's ``String`` would, or longer."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 10**21):
        return f"{float(value):.17g}"
    return json.dumps(value)


def kept_perf(body: dict[str, Any]) -> dict[str, int] | None:
    """Return the times that Swetrix stores of a pageview, or None if it leaves them out."""
    perf = body.get("perf")
    if not isinstance(perf, dict) or not all(
        isinstance(perf.get(name), (int, float)) and 0 <= perf[name] <= _FIVE_MINUTES
        for name in _PERF
    ):
        return None
    return {name: round(perf[name]) for name in _PERF}


def kept_locale(body: dict[str, Any]) -> str | None:
    """Return the language that Swetrix stores, or None if it drops it."""
    locale = body.get("lc")
    return locale if isinstance(locale, str) and _LOCALE.fullmatch(locale) else None


def units(text: str) -> int:
    """Return how long JavaScript finds *text*."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _no_constant(name: str) -> Any:
    raise ValueError(f"Unexpected token {name}")

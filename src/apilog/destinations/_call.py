"""A call as an analytics service is told of it: its name and its measures, never its contents."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timezone
from urllib.parse import SplitResult, unquote, urlsplit

from apilog.codec import JSON
from apilog.events import Event
from apilog.filters import path_of, route_of

_NUMBER = re.compile(r"[0-9]+")
_IDENTIFIER = re.compile(
    r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"  # UUID
    r"|(?=.*[0-9])[0-9a-fA-F]{16,}"
    r"|(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_-]{20,}"
    r"|[0-7][0-9A-HJKMNP-TV-Z]{25}"  # ULID
)
_MACHINE = r"(?:x86_64|i[3-6]86|amd64|aarch64|armv[0-9][a-z]?)"
_DEVICE = (
    r"(?:Pixel |Nexus |Redmi |Redmi Note |POCO |SAMSUNG )?(?![^;)]*[A-Z]{5})"  # codes, no words
    r"[A-Z]{0,4}(?:-[A-Z]{0,2})?[0-9][0-9A-Z-]{0,14}(?: Pro| Plus| Ultra| XL)?"
    r"(?: Build/[A-Z]{1,4}[0-9][0-9A-Z.]{1,30})?"
)
_SYSTEM = (
    r"(?:Windows NT [0-9.]{1,5}|Win64|x64|WOW64|Macintosh|Intel Mac OS X [0-9._]{1,9}|X11|Ubuntu"
    rf"|Fedora|(?:Linux|FreeBSD|OpenBSD|NetBSD) {_MACHINE}|CrOS {_MACHINE} [0-9.]{{1,15}}|Linux|U|K"
    r"|Android [0-9.]{1,7}|Mobile|Tablet|wv|iPhone|iPad|iPod touch"
    r"|CPU (?:iPhone )?OS [0-9_]{1,9} like Mac OS X|[a-z]{2}(?:-[A-Za-z]{2})?|rv:[0-9.]{1,9}"
    rf"|{_DEVICE})"
)
_BROWSER = re.compile(
    rf"Mozilla/5\.0 \({_SYSTEM}(?:; {_SYSTEM}){{0,8}}\)"
    r" (?:AppleWebKit/[0-9.]+ \(KHTML, like Gecko\)|Gecko/[0-9.]+)"
    r"(?: (?:Chrome|Chromium|CriOS|Edg|EdgA|EdgiOS|Firefox|FxiOS|OPR|OPT|Safari"
    r"|SamsungBrowser|Version|Vivaldi|YaBrowser)/[0-9.]{1,30}"
    r"| Mobile(?:/[0-9]{2,3}[A-Z][0-9]{1,5}[a-z]?)?){1,8}"
)
"""Browsers by their own words, and systems by theirs: services take all others for robots, and turn
one that stands in a batch with others away without a sign."""

_ROBOT = re.compile(
    r"(?i)bot|scan|grab|feed|rss|news|node|java|perl|url|http|daum|dlc|ort|24x7|[.]com"
)
"""Words of robots that may still stand in the name of a device."""


class Call:
    """Read one event the way analytics services see calls.

    Raises:
        ValueError: *text* is no event.
    """

    def __init__(self, text: bytes) -> None:
        try:
            self.event = Event.from_json(text)
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError("not an event") from error
        own = self.event.metadata.get("apilog")
        self._own: dict[str, JSON] = own if isinstance(own, dict) else {}

    @property
    def verb(self) -> str:
        """The method: ``GET``."""
        return self.event.request.verb

    @property
    def path(self) -> str:
        """The path, percent-encoded, without the query."""
        return path_of(self.event)

    @property
    def query(self) -> str:
        """The masked query, without its question mark."""
        return self._address.query

    @property
    def host(self) -> str:
        """The host that was called, without its port."""
        return self._address.hostname or ""

    @property
    def place(self) -> str:
        """The route template, or where there is none the path with ``{id}`` for identifiers."""
        return route_of(self.event) or "/".join(map(_generic, self.path.split("/")))

    @property
    def name(self) -> str:
        """What calls of a kind have in common: ``GET /items/{id}``."""
        return f"{self.verb} {self.place}"

    @property
    def status(self) -> int:
        """The status; 0 if there was no answer."""
        return 0 if self.event.response is None else self.event.response.status

    @property
    def status_class(self) -> str:
        """``2xx``, or ``none`` if there was no answer."""
        return f"{self.status // 100}xx" if self.status else "none"

    @property
    def duration_ms(self) -> float | None:
        """Milliseconds until the last byte of the answer."""
        return _measure(self._own.get("duration_ms"))

    @property
    def exception(self) -> str | None:
        """The class of the exception that ended the call."""
        name = self._own.get("exception")
        return name if isinstance(name, str) else None

    @property
    def ttfb_ms(self) -> float | None:
        """Milliseconds until the first byte of the answer."""
        return _measure(self._own.get("ttfb_ms"))

    @property
    def is_aborted(self) -> bool:
        """Whether the client left before the end."""
        return self._own.get("aborted") is True

    @property
    def moment(self) -> datetime:
        """When it began, with its zone; now, if it does not say so."""
        try:
            moment = datetime.fromisoformat(self.event.request.time.replace("Z", "+00:00"))
        except ValueError:
            return datetime.now(timezone.utc)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    @property
    def agent(self) -> str:
        """The ``User-Agent`` of the client."""
        for name, value in self.event.request.headers.items():
            if name.lower() == "user-agent":
                return str(value)
        return ""

    @property
    def browser(self) -> str:
        """The ``User-Agent`` if it is a person's browser, else nothing."""
        agent = self.agent
        return agent if _BROWSER.fullmatch(agent) and not _ROBOT.search(agent) else ""

    @property
    def session(self) -> str | None:
        """A pseudonym of the session's token; the token itself goes nowhere."""
        token = self.event.session_token
        return None if token is None else hashlib.sha256(token.encode()).hexdigest()[:32]

    @property
    def _address(self) -> SplitResult:
        """The address that was called; an empty one where a client's ``Host`` spoiled it."""
        try:
            return urlsplit(self.event.request.uri)
        except ValueError:
            return urlsplit("")

    def measures(self) -> dict[str, JSON]:
        """Return what is told of every call, each only where it applies."""
        found: dict[str, JSON] = {
            "method": self.verb,
            "route": self.place,
            "status": self.status or None,
            "status_class": self.status_class,
            "duration_ms": self.duration_ms,
            "request_size": self._own.get("request_size"),
            "response_size": self._own.get("response_size"),
            "exception": self.exception,
            "aborted": self._own.get("aborted"),
            "api_version": self.event.request.api_version,
            "company_id": self.event.company_id,
            "session": self.session,
            "weight": self.event.weight if self.event.weight != 1 else None,
            "transaction_id": self.event.transaction_id,
        }
        return {name: value for name, value in found.items() if value is not None}


def _measure(value: JSON) -> float | None:
    """Return *value* if it is a number that something can have taken."""
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e15 else None


def _generic(segment: str) -> str:
    """Return *segment* of a path, or ``{id}`` if it tells one thing from others of its kind."""
    plain = unquote(segment)
    return "{id}" if _NUMBER.fullmatch(plain) or _IDENTIFIER.fullmatch(plain) else segment

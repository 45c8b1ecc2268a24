"""The words in which a scenario is told: a request, what the app does, what the client does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

RAW_WSGI, FLASK, DJANGO_WSGI = WSGI = ("raw WSGI", "Flask", "Django WSGI")
RAW_ASGI, FASTAPI, DJANGO_ASGI = ASGI = ("raw ASGI", "FastAPI", "Django ASGI")
ALL = WSGI + ASGI
RAW = (RAW_WSGI, RAW_ASGI)
DJANGO = (DJANGO_WSGI, DJANGO_ASGI)

SERVERS: Mapping[str, tuple[str, ...]] = {"uvicorn": ASGI, "gunicorn": WSGI, "wsgiref": WSGI}

HOST = "shop.test"

Headers = tuple[tuple[str, str], ...]


class Trouble(Exception):
    """An error of the app."""


class Stop(BaseException):
    """An error of the app that is no Exception."""


class Leave(SystemExit):
    """The app asks the process to end."""


class Interrupt(KeyboardInterrupt):
    """Somebody pressed a key."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; *path* is percent-encoded, *root* is what the app is mounted under."""

    verb: str = "GET"
    path: str = "/s/things"
    query: str = ""
    headers: Headers = ()
    body: bytes = b""
    chunked: bool = False
    piece: int = 65_536
    length: str | None = None
    root: str = ""
    version: str = "1.1"

    @property
    def pieces(self) -> list[bytes]:
        """The body as it arrives."""
        return [self.body[at : at + self.piece] for at in range(0, len(self.body), self.piece)]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The app answers with a body that it has at hand."""

    body: bytes = b"hello"
    status: int = 200
    headers: Headers = ()
    content_type: str | None = "text/plain; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The app answers with a body that it makes piece by piece.

    *fails_at* is the number of the chunk in whose place *error* is raised.
    """

    chunks: tuple[bytes, ...] = (b"one ", b"two ", b"three")
    form: str = "generator"
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Headers = ()
    fails_at: int | None = None
    error: type[BaseException] = Trouble
    pause: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Fail:
    """The app raises before it answers."""

    error: type[BaseException] = Trouble


@dataclass(frozen=True, kw_only=True)
class Read:
    """The app reads the request body in one way, and answers with a digest of what it got."""

    how: str = "all"


@dataclass(frozen=True, kw_only=True)
class SendFile:
    """The app answers with a file of *size* bytes, by the framework's own way to send one."""

    size: int = 100_000


@dataclass(frozen=True, kw_only=True)
class Native:
    """The app does something that only its own protocol has a word for."""

    wsgi: Callable[..., Any] | None = None
    asgi: Callable[..., Any] | None = None


Behaviour = Answer | Stream | Fail | Read | SendFile | Native


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """The client leaves after *after* pieces of the body; *how* is how ASGI apps learn of it."""

    after: int = 1
    how: str = "disconnect"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One row of the table.

    *not_on* and *not_over* name mountings and servers on which the row makes no sense, with the
    reason. *event* is what the event says besides what follows from the answer itself.
    """

    id: str
    does: Behaviour
    request: Request = field(default_factory=Request)
    client: Leaves | None = None
    on: tuple[str, ...] = ALL
    not_on: Mapping[str, str] = field(default_factory=dict)
    over: tuple[str, ...] = tuple(SERVERS)
    not_over: Mapping[str, str] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)
    lint: bool = True
    file_wrapper: str = "class"
    extensions: tuple[str, ...] = ()
    scope: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mountings(self) -> list[str]:
        """The mountings that the row applies to."""
        return [each for each in self.on if each not in self.not_on]

    @property
    def servers(self) -> list[str]:
        """The servers that the row applies to."""
        return [each for each in self.over if each not in self.not_over]

    @property
    def headers(self) -> Headers:
        """The request's header lines, without those of the connection."""
        lines = [("Host", HOST), ("X-Scenario", self.id.replace(" ", "-"))]
        body = self.request.body
        if self.request.length is not None:
            lines.append(("Content-Length", self.request.length))
        elif body and not self.request.chunked:
            lines.append(("Content-Length", str(len(body))))
        return (*lines, *self.request.headers)


def reason(status: int) -> str:
    """Return the phrase for *status*."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Odd"

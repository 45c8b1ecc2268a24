"""A scene: one call with a secret in it, and what the app does in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from canary_kit.secrets import RANDOM, Maker

Headers: TypeAlias = "tuple[tuple[str, str], ...]"

FLASK, DJANGO_WSGI, DJANGO_ASGI, FASTAPI = "Flask", "Django", "Django under ASGI", "FastAPI"
RAW_WSGI, RAW_ASGI = "bare WSGI", "bare ASGI"

FRAMEWORKS = (FLASK, DJANGO_WSGI, DJANGO_ASGI, FASTAPI)
MOUNTINGS = (*FRAMEWORKS, RAW_WSGI, RAW_ASGI)
ASGI = frozenset({DJANGO_ASGI, FASTAPI, RAW_ASGI})

NUMBER = "X-Scene"
"""Header with the number of a scene, by which hooks on the worker thread know it."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a client sends and what the app does about it."""

    verb: str = "POST"
    path: str = "/stage"
    query: str = ""
    headers: Headers = ()
    pieces: tuple[bytes, ...] = ()
    status: int = 200
    response_headers: Headers = ()
    response_pieces: tuple[bytes, ...] = (b"ok",)
    error: str | None = None
    """Message of the exception that the app raises instead of an answer."""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    """What hooks answer, by their names."""
    client_leaves: bool = False
    """The client is gone before the last piece, of the request if it has several."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place of a call where a secret may stand, and how it gets there."""

    name: str
    plant: Callable[[str], Scene]
    secret: Maker = RANDOM
    mountings: Sequence[str] = MOUNTINGS
    is_session: bool = False
    """It is a session's token, of which a digest may leave, so that calls can be joined."""


@dataclass(frozen=True)
class Planted:
    """A place, the secret that was put there, and the call it is in."""

    place: Place
    secret: str
    scene: Scene


def planted(places: Sequence[Place], random: Random) -> list[Planted]:
    """Plant a fresh secret in each of *places*."""
    made = []
    for place in places:
        secret = place.secret(random)
        made.append(Planted(place, secret, place.plant(secret)))
    return made

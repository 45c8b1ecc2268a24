"""Umami's sessions and visits, and the token by which a client proves that it has one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson

LENGTH: Final = 1_800
"""Seconds after which a visit is a new one."""

_HEAD: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit of a session, with the token for it."""

    session: str
    visit: str
    cache: str


class Visits:
    """Tell visits apart as Umami does: by source, address, user agent and id."""

    def __init__(self) -> None:
        self._secret = os.urandom(32)

    def of(self, source: str, ip: str, agent: str, known: str, token: str) -> Visit:
        """Return the visit of a client.

        Args:
            source: the website, link or pixel.
            ip: the client's address.
            agent: its user agent.
            known: the id that the app gave it, or "".
            token: ``x-umami-cache``; one that is not ours counts for nothing.
        """
        now = time.time()
        month, hour = time.strftime("%Y-%m", time.gmtime(now)), int(now // 3_600)
        claims = self._claims(token)
        session = str(claims.get("sessionId") or self._uuid(source, ip, agent, known, month))
        visit, began = claims.get("visitId"), claims.get("iat", 0)
        if not visit or now - began > LENGTH:
            visit, began = self._uuid(session, str(hour)), int(now)
        said = {"websiteId": source, "sessionId": session, "visitId": visit, "iat": began}
        return Visit(session, str(visit), self._signed(said))

    def _uuid(self, *parts: str) -> str:
        digest = hmac.digest(self._secret, "\0".join(parts).encode(errors="replace"), "sha256")
        return str(uuid.UUID(bytes=digest[:16], version=5))

    def _claims(self, token: str) -> dict[str, Any]:
        """Return what *token* says if it is ours, else nothing."""
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(head.encode()), signature.encode()):
            return {}
        claims = orjson.loads(_decoded(head.rpartition(".")[2]))
        return claims if isinstance(claims, dict) else {}

    def _signed(self, claims: dict[str, Any]) -> str:
        head = _HEAD + b"." + base64.urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=")
        return (head + b"." + self._signature(head)).decode()

    def _signature(self, head: bytes) -> bytes:
        digest = hmac.digest(self._secret, head, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
